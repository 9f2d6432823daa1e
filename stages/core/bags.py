"""Bags of audio words: how often the frames of a clip fall to each word (Schmitt & Schuller 2017).

Each frame counts its ``a`` nearest words once. Nearest is by squared Euclidean distance in float32,
summed in column order, ties to the lower index: openXBOW's rule, kept to the bit. Computing all distances
in that order takes several times as long as a matrix product, so a matrix product comes first:

    |x − w|² = |x|² − 2 (x · w − |w|² / 2)

The a nearest words are those with the a largest brackets (their closeness), unless the a-th and the next
lie closer together than the rounding errors of both ways; only then, and for those few words, are the
exact sums computed.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numba import njit
from threadpoolctl import threadpool_limits

from stages.core.codebooks import Codebook
from stages.core.frames import Descriptors

Normalization = Literal["none", "frames", "sum", "norm"]

# Frames a matrix product takes: their scores should stay in the processor's cache.
BLOCK = 256
UNIT = 2.0**-24
TINY = 2.0**-120


@dataclass(frozen=True)
class Counts:
    """What a batch of frames adds up to.

    Attributes:
        bags: int32 [clips, bins], how often each word was counted.
        frames: int64 [clips], the frames of each clip.
        error: sum over frames and groups of the squared distance to the nearest word.
    """

    bags: np.ndarray
    frames: np.ndarray
    error: float


class Assigner:
    """Counts audio words; holds what a codebook's words need for it, and is safe to share among threads."""

    def __init__(self, codebook: Codebook, groups: Sequence[np.ndarray]) -> None:
        self.codebook = codebook
        self.groups = groups
        # One more column, against a column of ones in the frames, makes the product the closeness.
        self._columns = [
            np.column_stack([words, -(words.astype(np.float64) ** 2).sum(axis=1) / 2])
            .astype(np.float32)
            .T.copy()
            for words in codebook.words
        ]

    def count(self, frames: np.ndarray, lengths: np.ndarray) -> Counts:
        """Count the words of consecutive clips.

        Args:
            frames: float32 [n, columns], finite, as extracted (not standardized).
            lengths: int64 [clips], how many of the n frames each clip has; they sum to n.
        """
        codebook = self.codebook
        bags = np.zeros((len(lengths), codebook.bins), np.int32)
        owner = np.repeat(np.arange(len(lengths)), lengths)
        error, first = 0.0, 0
        for group, words, columns in zip(self.groups, codebook.words, self._columns, strict=True):
            part = np.ones((len(frames), len(group) + 1), np.float32)
            part[:, :-1] = codebook.standardize(frames, group)
            own = bags[:, first : first + len(words)]
            products = np.empty((BLOCK, len(words)), np.float32)
            for start in range(0, len(part), BLOCK):
                block = part[start : start + BLOCK]
                closeness = np.matmul(block, columns, out=products[: len(block)])
                error += _count(
                    block, words, closeness, closeness.max(axis=1), owner[start:], codebook.assignments, own
                )
            first += len(words)
        return Counts(bags, np.asarray(lengths, np.int64), error)


def count_clips(descriptors: Descriptors, assigner: Assigner, threads: int) -> Iterator[Counts]:
    """Count the words of all clips, batch by batch; memory does not grow with their number.

    Frames that are not finite are left out.

    Args:
        descriptors: the frames.
        assigner: counts them.
        threads: how many batches are worked on at once.

    Yields:
        Counts of clips that follow one another, each clip once and whole.
    """
    ends = np.cumsum(descriptors.lengths)

    def count(row: int, frames: np.ndarray) -> Counts:
        first, last = np.searchsorted(ends, [row, row + len(frames) - 1], side="right")
        stops = np.minimum(ends[first : last + 1] - row, len(frames))
        finite = np.isfinite(frames).all(axis=1)
        lengths = np.diff(np.cumsum(np.r_[0, finite])[np.r_[0, stops]])
        return assigner.count(frames[finite], lengths)

    def results() -> Iterator[tuple[int, Counts]]:
        waiting: deque[tuple[int, Future[Counts]]] = deque()
        row = 0
        for frames in descriptors.batches():
            waiting.append((row + len(frames), pool.submit(count, row, frames)))
            row += len(frames)
            if len(waiting) > threads:
                end, future = waiting.popleft()
                yield end, future.result()
        for end, future in waiting:
            yield end, future.result()

    # The products of one batch are too small to share between BLAS threads.
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(threads) as pool:
        rest: Counts | None = None
        for end, counts in results():
            if rest is not None:
                counts.bags[0] += rest.bags[0]
                counts.frames[0] += rest.frames[0]
            whole = len(counts.frames) - int(ends[np.searchsorted(ends, end)] != end)
            rest = (
                Counts(counts.bags[whole:], counts.frames[whole:], 0.0)
                if whole < len(counts.frames)
                else None
            )
            yield Counts(counts.bags[:whole], counts.frames[:whole], counts.error)


@njit(cache=True, nogil=True)
def _count(
    frames: np.ndarray,
    words: np.ndarray,
    closeness: np.ndarray,
    highest: np.ndarray,
    owner: np.ndarray,
    wanted: int,
    bags: np.ndarray,
) -> float:
    """Count the nearest words of some frames.

    Args:
        frames: float32 [n, d + 1], standardized, a column of ones at the end.
        words: float32 [words, d].
        closeness: float32 [n, words], x · w − |w|² / 2 by the matrix product.
        highest: float32 [n], the largest closeness of each frame.
        owner: int64 [n], the row of ``bags`` that a frame counts for.
        wanted: how many words a frame counts.
        bags: int32 [clips, words], added to.

    Returns:
        The sum of the squared distances to the nearest word.
    """
    error = 0.0
    for frame in range(len(frames)):
        own, bag = closeness[frame], bags[owner[frame]]
        square = _square(frames[frame]) - 1.0
        error += np.maximum(0.0, square - 2.0 * highest[frame])
        # Halve the interval that holds a threshold which `wanted` words pass.
        low, high = _mean(own), highest[frame]
        if _passing(own, low) < wanted:
            low = np.min(own)
        margin = _margin(square, low, words.shape[1])
        while high - low > margin:
            middle = low + (high - low) * np.float32(0.5)
            passed = _passing(own, middle)
            if passed == wanted:
                low = high = middle
            elif passed > wanted:
                low = middle
                margin = _margin(square, low, words.shape[1])
            else:
                high = middle
        certain, possible = np.float32(high + margin), np.float32(low - margin)
        if _passing(own, possible) == wanted:
            for word in range(len(own)):
                bag[word] += own[word] >= possible
        else:
            _settle(frames[frame], words, own, certain, possible, wanted, bag)
    return error


@njit(cache=True, nogil=True, fastmath=True)
def _square(values: np.ndarray) -> float:
    total = 0.0
    for column in range(len(values)):
        total += np.float64(values[column]) * np.float64(values[column])
    return total


@njit(cache=True, nogil=True, fastmath=True)
def _mean(values: np.ndarray) -> np.float32:
    total = np.float32(0)
    for word in range(len(values)):
        total += values[word]
    return np.float32(total / np.float32(len(values)))


@njit(cache=True, nogil=True, fastmath=True)
def _passing(closeness: np.ndarray, threshold: np.float32) -> np.float32:
    """How many words are at least so close; counted in float32, which the compiler turns into vectors."""
    count = np.float32(0)
    for word in range(len(closeness)):
        count += np.float32(1) if closeness[word] >= threshold else np.float32(0)
    return count


@njit(cache=True, nogil=True)
def _margin(square: float, closeness: np.float32, columns: int) -> float:
    """How far apart two words may seem and still change places in openXBOW's order.

    With x a frame, w a word and d = |x − w|: the matrix product errs by at most γ (|x||w| + |w|²/2),
    openXBOW's sum by γ d² in |x − w|², where γ = (columns + 4) · 2⁻²⁴ and |w| ≤ |x| + d. That holds for
    each of two words; 2 % are room for terms of second order.
    """
    length = np.sqrt(np.maximum(0.0, square))
    distance = np.sqrt(np.maximum(0.0, square - 2.0 * closeness))
    reach = length + distance
    gamma = (columns + 4) * UNIT
    return 2.04 * gamma * (length * reach + reach * reach / 2 + distance * distance / 2) + TINY


@njit(cache=True, nogil=True)
def _settle(
    frame: np.ndarray,
    words: np.ndarray,
    closeness: np.ndarray,
    certain: np.float32,
    possible: np.float32,
    wanted: int,
    bag: np.ndarray,
) -> None:
    """Count the words that surely are among the nearest, then the nearest of the possible by exact sums."""
    open_words = np.empty(len(words), np.int64)
    distances = np.empty(len(words), np.float32)
    found = 0
    for word in range(len(words)):
        if closeness[word] > certain:
            bag[word] += 1
            wanted -= 1
        elif closeness[word] >= possible:
            total = np.float32(0)
            for column in range(words.shape[1]):
                difference = frame[column] - words[word, column]
                total += difference * difference
            open_words[found], distances[found] = word, total
            found += 1
    # A stable sort leaves ties to the lower index.
    for place in np.argsort(distances[:found], kind="mergesort")[:wanted]:
        bag[open_words[place]] += 1


def finish(counts: Counts, codebook: Codebook, normalization: Normalization) -> np.ndarray:
    """Turn counts into bags, as openXBOW does: logarithm, inverse document frequency, normalization.

    The logarithm is computed in float64 and stored as float32. Normalization scales by bins / f, with
    f the number of frames, the sum of the bag or its Euclidean norm (``-norm`` 1, 2 and 3).

    Returns:
        float32 [clips, bins]; a clip without frames has a bag of zeros.
    """
    bags = counts.bags.astype(np.float32)
    if codebook.log:
        bags = np.log10(counts.bags + 1.0).astype(np.float32)
    if codebook.idf is not None:
        bags *= codebook.idf
    if normalization == "none":
        return bags
    divisor = counts.frames.astype(np.float32) if normalization == "frames" else _length(bags, normalization)
    scaled = bags * np.float32(codebook.bins)
    return np.divide(scaled, divisor[:, None], out=np.zeros_like(bags), where=divisor[:, None] > 0)


def _length(bags: np.ndarray, normalization: Normalization) -> np.ndarray:
    """Sum or Euclidean norm of each bag, rounded to float32 after each bin: float32 [clips]."""
    total = np.zeros(len(bags), np.float32)
    power = 1 if normalization == "sum" else 2
    for bin_ in bags.T.astype(np.float64):
        total = (total + bin_**power).astype(np.float32)
    return total if power == 1 else np.sqrt(total)


def idf(document_counts: np.ndarray, documents: int) -> np.ndarray:
    """Factor of each word: log10(clips / clips that have it), 1 where no clip has it; float32 [bins]."""
    factors = np.ones(len(document_counts), np.float32)
    used = document_counts > 0
    factors[used] = np.log10(
        (np.float32(documents) / document_counts[used].astype(np.float32)).astype(np.float64)
    )
    return factors


def nearest(frames: np.ndarray, codebook: Codebook, groups: Sequence[np.ndarray]) -> np.ndarray:
    """The words that each frame counts, nearest first, as openXBOW's ``-oi`` lists them.

    All distances are summed in column order, without the matrix product: exact, and slow.

    Returns:
        int64 [n, groups × assignments], indices within each group.
    """
    found = []
    for group, words in zip(groups, codebook.words, strict=True):
        part = codebook.standardize(frames, group)
        order = np.empty((len(part), codebook.assignments), np.int64)
        for start in range(0, len(part), BLOCK):
            distances = np.zeros((len(part[start : start + BLOCK]), len(words)), np.float32)
            for frame, word in zip(part[start : start + BLOCK].T, words.T, strict=True):
                distances += (frame[:, None] - word) ** 2
            order[start : start + BLOCK] = distances.argsort(axis=1, kind="stable")[:, : codebook.assignments]
        found.append(order)
    return np.concatenate(found, axis=1)
