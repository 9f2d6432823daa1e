"""The choice of audio words: openXBOW's random, random++, k-means and k-means++.

The words of ``random`` and ``random++`` are frames of the training data, drawn with the generator of
``java.util.Random``; the same seed and the same frames give the very words that openXBOW 1.3.1 gives.
``random++`` is the seeding of k-means++ (Arthur & Vassilvitskii 2007) without a later update. The
k-means methods go on from such a start with Lloyd's iterations.

Distances that decide are computed as openXBOW computes them: differences rounded to float32, squares
and sums in float64, in column order. A fast float32 sum and the triangle inequality first rule out the
frames that a new word cannot be nearer to; both leave a margin above their rounding error.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import numpy as np
from numba import get_num_threads, prange, set_num_threads

from stages.core.bags.kernels import LARGEST
from stages.core.runtime.compiling import compiled
from stages.core.runtime.console import progress
from stages.core.runtime.errors import OptionError

Method = Literal["random++", "random", "kmeans", "kmeans++"]

NEAR = 1e-4
ITERATIONS = 500
BLOCK = 1024
MARGIN = 1 + 1e-4
# Threads meet after each word; with fewer frames each, they would wait more than work.
FRAMES_PER_THREAD = 100_000


class JavaRandom:
    """The 48-bit linear congruential generator of ``java.util.Random``.

    >>> generator = JavaRandom(10)
    >>> [generator.integer(100) for _ in range(3)], round(generator.double(), 6)
    ([13, 80, 93], 0.412913)
    """

    def __init__(self, seed: int) -> None:
        self._state = (seed ^ 0x5DEECE66D) & (2**48 - 1)

    def _bits(self, count: int) -> int:
        self._state = (self._state * 0x5DEECE66D + 0xB) & (2**48 - 1)
        return self._state >> (48 - count)

    def integer(self, bound: int) -> int:
        """``nextInt(bound)``: uniform over 0 … bound − 1, for bounds up to 2³¹ − 1."""
        if bound & -bound == bound:
            return (bound * self._bits(31)) >> 31
        while True:
            drawn = self._bits(31)
            rest = drawn % bound
            if drawn - rest + bound - 1 < 2**31:
                return rest

    def double(self) -> float:
        """``nextDouble()``: uniform over [0, 1), 53 bits."""
        return ((self._bits(26) << 27) + self._bits(27)) * 2.0**-53


def learn(frames: np.ndarray, size: int, method: Method, seed: int) -> np.ndarray:
    """Choose the audio words of one codebook.

    Args:
        frames: float32 [n, d], rows contiguous, finite.
        size: number of words.
        method: ``random++``, ``random``, ``kmeans`` (from ``random``) or ``kmeans++`` (from ``random++``).
        seed: seed of the generator.

    Returns:
        float32 [size, d].

    Raises:
        OptionError: if there are not enough different frames, or the method takes means of values too large.
    """
    if size > len(frames):
        raise OptionError("size", f"is {size}, but there are only {len(frames)} training frames; lower it")
    largest = float(np.abs(frames).max(initial=0))
    if method.startswith("kmeans") and largest**2 * frames.shape[1] > LARGEST:
        raise OptionError("method", f"cannot be {method}: values reach {largest:.0e}; take random++")
    plus = method.endswith("++")
    words = frames[(plus_plus_seeding if plus else random_frames)(frames, size, seed)]
    return lloyd(frames, words) if method.startswith("kmeans") else words


def random_frames(frames: np.ndarray, size: int, seed: int) -> np.ndarray:
    """Indices of frames drawn at random, none within ``NEAR`` of an earlier one in all columns.

    openXBOW keeps the frames in a list, draws among the first of them and swaps the drawn one towards
    the end. How far towards the end depends on the number of words found, not on the number of draws; this is
    reproduced here. It therefore gives up early where many frames are alike, as in silence.

    Returns:
        int64 [size].

    Raises:
        OptionError: if the draws end before there are enough words.
    """
    generator, order, count = JavaRandom(seed), np.arange(len(frames)), len(frames)
    words = np.empty((size, frames.shape[1]))
    chosen: list[int] = []
    for draw in range(count):
        index = generator.integer(count - draw)
        frame = order[index]
        candidate = frames[frame].astype(np.float64)
        near = np.abs(words[: len(chosen)] - candidate) < NEAR
        if not near.all(axis=1).any():
            words[len(chosen)] = candidate
            chosen.append(frame)
            if len(chosen) == size:
                return np.array(chosen)
        back = count - len(chosen) - 1
        order[index], order[back] = order[back], order[index]
    raise OptionError(
        "method",
        f"random drew only {len(chosen)} different frames where {size} words are wanted; "
        "lower size or set method to random++",
    )


def plus_plus_seeding(frames: np.ndarray, size: int, seed: int) -> np.ndarray:
    """Indices of frames drawn in proportion to the squared distance to the nearest word so far.

    Returns:
        int64 [size].

    Raises:
        OptionError: if every frame is a word before there are enough.
    """
    generator = JavaRandom(seed)
    chosen = np.empty(size, np.int64)
    chosen[0] = generator.integer(len(frames))
    distances = np.full(len(frames), np.inf)
    nearest = np.zeros(len(frames), np.int32)
    threads = min(get_num_threads(), 1 + len(frames) // FRAMES_PER_THREAD)
    for word in progress(range(1, size), size - 1, "word"):
        latest = frames[chosen[word - 1]]
        between = _between(frames, chosen[: word - 1], latest)
        with _threads(threads):
            _update(frames, latest, between, distances, nearest)
        chosen[word] = _draw(distances, generator.double())
        if distances[chosen[word]] == 0 and not distances.any():
            raise OptionError(
                "size",
                f"is {size}, but only {word} of the training frames differ; lower it or add training clips",
            )
    return chosen


def lloyd(frames: np.ndarray, words: np.ndarray) -> np.ndarray:
    """Lloyd's iterations, until no frame changes its word or ``ITERATIONS`` are done.

    The nearest word comes from a matrix product, the mean from float32 sums in frame order. A word
    without frames stays where it is.
    """
    words, labels = words.copy(), np.full(len(frames), -1, np.int64)
    for _ in progress(range(ITERATIONS), ITERATIONS, "iteration"):
        before, labels = labels, closest(frames, words)
        if np.array_equal(before, labels):
            break
        sums, counts = _sums(frames, labels, len(words))
        used = counts > 0
        words[used] = sums[used] / counts[used, None].astype(np.float32)
    return words


def closest(frames: np.ndarray, words: np.ndarray) -> np.ndarray:
    """Index of the nearest word of each frame, within float32 rounding: int64 [n]."""
    half = (words.astype(np.float64) ** 2).sum(axis=1).astype(np.float32) / 2
    labels = np.empty(len(frames), np.int64)
    for start in range(0, len(frames), BLOCK):
        product = frames[start : start + BLOCK] @ words.T
        product -= half
        labels[start : start + BLOCK] = product.argmax(axis=1)
    return labels


@contextmanager
def _threads(number: int) -> Iterator[None]:
    before = get_num_threads()
    set_num_threads(number)
    try:
        yield
    finally:
        set_num_threads(before)


def _between(frames: np.ndarray, chosen: np.ndarray, word: np.ndarray) -> np.ndarray:
    """Squared distances from the chosen words to one more, float64 [words]."""
    return ((frames[chosen].astype(np.float64) - word) ** 2).sum(axis=1)


@compiled(fastmath=True)
def _roughly(frame: np.ndarray, word: np.ndarray) -> np.float32:
    total = np.float32(0)
    for column in range(len(word)):
        difference = frame[column] - word[column]
        total += difference * difference
    return total


@compiled()
def _squared(frame: np.ndarray, word: np.ndarray) -> float:
    total = 0.0
    for column in range(len(word)):
        difference = np.float64(np.float32(frame[column] - word[column]))
        total += difference * difference
    return total


@compiled(parallel=True, nogil=True)
def _update(
    frames: np.ndarray, word: np.ndarray, between: np.ndarray, distances: np.ndarray, nearest: np.ndarray
) -> None:
    """Let a new word take the frames that it is nearer to than all words before."""
    index = len(between)
    for frame in prange(len(frames)):
        distance = distances[frame]
        if distance == 0 or (index > 0 and between[nearest[frame]] > 4 * MARGIN * distance):
            continue
        rough = _roughly(frames[frame], word)
        if rough > MARGIN * distance and rough < np.inf:
            continue
        exact = _squared(frames[frame], word)
        if exact < distance:
            distances[frame] = exact
            nearest[frame] = index


@compiled(nogil=True)
def _draw(distances: np.ndarray, share: float) -> int:
    """First frame whose cumulative share of the distances exceeds ``share``; the last one's is 1."""
    total = 0.0
    for distance in distances:
        total += distance
    last, cumulative = len(distances) - 1, 0.0
    if total > 0:
        for frame in range(last):
            cumulative += distances[frame] / total
            if cumulative > share:
                return frame
    return last


@compiled(nogil=True)
def _sums(frames: np.ndarray, labels: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    sums, counts = np.zeros((size, frames.shape[1]), np.float32), np.zeros(size, np.int64)
    for frame in range(len(frames)):
        counts[labels[frame]] += 1
        sums[labels[frame]] += frames[frame]
    return sums, counts
