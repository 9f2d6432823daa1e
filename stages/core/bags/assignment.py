"""The assignment of frames to audio words: openXBOW's, at the speed of a matrix product.

Each frame counts its ``a`` nearest words once. Nearest is by squared Euclidean distance in float32,
summed in column order, ties to the lower index: openXBOW's rule, kept to the bit. Computing all distances
in that order takes several times as long as a matrix product, so a matrix product comes first:

    |x − w|² = |x|² − 2 (x · w − |w|² / 2)

The a nearest words are those with the a largest brackets (their closeness), unless the a-th and the next
lie closer together than the rounding errors of both ways; only then, and for those few words, are the
exact sums computed.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit

from stages.core.bags.codebook import Codebook

# Frames per matrix product: their closeness to all words should stay in the processor's cache.
BLOCK = 256
Number = Any
FirstCounter = Callable[[np.ndarray, np.ndarray, np.ndarray, int, np.ndarray], tuple[float, np.ndarray]]
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
    """Counts audio words; holds what a codebook's words need for it, and is safe to share among threads.

    Args:
        codebook: the words, how many a frame counts, the statistics that standardize frames.
        groups: the columns of each group of words.
        gpu: counts the frames that are beyond doubt and returns their error and which frames are left (see
            :class:`stages.core.bags.gpu.GpuCounter`); None: the processor counts all. The counts are equal.
    """

    def __init__(
        self, codebook: Codebook, groups: Sequence[np.ndarray], gpu: FirstCounter | None = None
    ) -> None:
        self.codebook = codebook
        self.groups = groups
        self._gpu = gpu
        # One more column, against a column of ones in the frames, makes the product the closeness.
        halves = [-(words.astype(np.float64) ** 2).sum(axis=1) / 2 for words in codebook.words]
        self._columns = [
            np.column_stack(pair).astype(np.float32).T.copy()
            for pair in zip(codebook.words, halves, strict=True)
        ]

    def count(self, frames: np.ndarray, lengths: np.ndarray) -> Counts:
        """Count the words of consecutive clips.

        Args:
            frames: float32 [n, columns], finite, as extracted (not standardized).
            lengths: int64 [clips], how many of the n frames each clip has; they sum to n.
        """
        bags = np.zeros((len(lengths), self.codebook.bins), np.int32)
        owner = np.repeat(np.arange(len(lengths)), lengths)
        error, first = 0.0, 0
        for index, group in enumerate(self.groups):
            part = np.ones((len(frames), len(group) + 1), np.float32)
            part[:, :-1] = self.codebook.standardize(frames, group)
            own = bags[:, first : first + len(self.codebook.words[index])]
            if self._gpu is None:
                error += self._count_exactly(index, part, owner, own)
            else:
                settled, left = self._gpu(part, self._columns[index], owner, self.codebook.assignments, own)
                error += settled + self._count_exactly(index, part[left], owner[left], own)
            first += own.shape[1]
        return Counts(bags, np.asarray(lengths, np.int64), error)

    def _count_exactly(self, index: int, frames: np.ndarray, owner: np.ndarray, bags: np.ndarray) -> float:
        words, columns = self.codebook.words[index], self._columns[index]
        products = np.empty((BLOCK, len(words)), np.float32)
        error = 0.0
        for start in range(0, len(frames), BLOCK):
            block = frames[start : start + BLOCK]
            closeness = np.matmul(block, columns, out=products[: len(block)])
            highest = closeness.max(axis=1)
            error += _count(block, words, closeness, highest, owner[start:], self.codebook.assignments, bags)
        return error


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
        square = _square(frames[frame, : words.shape[1]])
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


@njit(inline="always", fastmath=True)
def _square(values: np.ndarray) -> float:
    total = 0.0
    for column in range(len(values)):
        total += np.float64(values[column]) * np.float64(values[column])
    return total


@njit(inline="always", fastmath=True)
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


def margin_of(square: Number, closeness: Number, columns: int) -> Number:
    """How far apart two words may seem and still change places in openXBOW's order.

    With x a frame, w a word and d = |x − w|: the matrix product errs by at most γ (|x||w| + |w|²/2),
    openXBOW's sum by γ d² in |x − w|², where γ = (columns + 4) · 2⁻²⁴ and |w| ≤ |x| + d. That holds for
    each of two words; 2 % are room for terms of second order.

    Args:
        square: |x|², numbers or tensors.
        closeness: of the farther word.
        columns: length of x.
    """
    length, distance = abs(square) ** 0.5, abs(square - 2.0 * closeness) ** 0.5
    reach = length + distance
    gamma = (columns + 4) * UNIT
    return 2.04 * gamma * (length * reach + reach * reach / 2 + distance * distance / 2) + TINY


_margin = njit(cache=True, nogil=True)(margin_of)


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
    for rank in np.argsort(distances[:found], kind="mergesort")[:wanted]:
        bag[open_words[rank]] += 1
