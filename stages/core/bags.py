"""Bags of audio words: how often the frames of a clip fall to each word (Schmitt & Schuller 2017).

Each frame counts its ``a`` nearest words once. Nearest is by squared Euclidean distance in float32,
summed in column order, ties to the lower index: openXBOW's rule, kept to the bit. Computing all distances
in that order takes three to five times as long as a matrix product, so a matrix product comes first:

    |x − w|² / 2 = |x|² / 2 + (|w|² / 2 − x · w) = |x|² / 2 + score

The a nearest words are those with the a lowest scores, unless the a-th and the next are closer than the
rounding error of both ways; only for those few words are the exact sums computed.
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
        self.words = [np.ascontiguousarray(words) for words in codebook.words]
        self.halves = [
            (words.astype(np.float64) ** 2).sum(axis=1).astype(np.float32) / 2 for words in self.words
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
        frames = codebook.standardize(frames)
        error, first = 0.0, 0
        for columns, words, halves in zip(self.groups, self.words, self.halves, strict=True):
            part = np.ascontiguousarray(frames[:, columns])
            bins = bags[:, first : first + len(words)]
            for start in range(0, len(part), BLOCK):
                block = part[start : start + BLOCK]
                products = block @ words.T
                error += _count(
                    block, words, halves, products, owner[start:], np.int32(codebook.assignments), bins
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


@njit(cache=True, nogil=True, error_model="numpy")
def _count(
    frames: np.ndarray,
    words: np.ndarray,
    halves: np.ndarray,
    products: np.ndarray,
    owner: np.ndarray,
    assignments: np.int32,
    bags: np.ndarray,
) -> float:
    """Add each frame's nearest words to its clip's bag; return the sum of squared distances."""
    size = len(halves)
    error = 0.0
    for frame in range(len(frames)):
        scores = products[frame]
        lowest, total, square = _score(frames[frame], halves, scores)
        error += np.maximum(0.0, 2.0 * lowest + square)
        bag = bags[owner[frame]]

        # Between these two lies the threshold that lets `assignments` words pass.
        low, high = lowest, total / np.float32(size)
        if _below(scores, high) < assignments:
            high = np.max(scores)
        margin = _margin(square, high, frames.shape[1])
        while True:
            middle = low + (high - low) * np.float32(0.5)
            passed = _below(scores, middle)
            if passed == assignments:
                low = high = middle
                break
            if passed < assignments:
                low = middle
            else:
                high = middle
            if high - low <= margin:
                break
        margin = _margin(square, high, frames.shape[1])
        sure, open_ = np.float32(low - margin), np.float32(high + margin)
        certain = _below(scores, sure)
        if certain == assignments or _below(scores, open_) == assignments:
            limit = sure if certain == assignments else open_
            for word in range(size):
                bag[word] += scores[word] <= limit
        else:
            _settle(frames[frame], words, scores, sure, open_, assignments - certain, bag)
    return error


@njit(cache=True, nogil=True, fastmath=True)
def _score(frame: np.ndarray, halves: np.ndarray, scores: np.ndarray) -> tuple[np.float32, np.float32, float]:
    """Turn products into scores; return the lowest, their sum and the frame's squared length."""
    lowest, total, square = np.float32(np.inf), np.float32(0), 0.0
    for word in range(len(halves)):
        score = halves[word] - scores[word]
        scores[word] = score
        lowest = min(lowest, score)
        total += score
    for value in frame:
        square += np.float64(value) * np.float64(value)
    return lowest, total, square


@njit(cache=True, nogil=True)
def _below(scores: np.ndarray, limit: np.float32) -> np.int32:
    count = np.int32(0)
    for score in scores:
        count += np.int32(score <= limit)
    return count


@njit(cache=True, nogil=True)
def _margin(square: float, score: np.float32, columns: int) -> float:
    """How far the scores of two words may differ and still change places in openXBOW's order.

    With d = |x − w|: the matrix product errs by at most γ|x||w|, the word's half square and its sum by a
    few roundings of |w|², openXBOW's sum by γ d² / 2, where γ = columns · 2⁻²⁴ and |w| ≤ |x| + d; twice
    that for two words, and room for the terms of second order.
    """
    length = np.sqrt(square)
    distance = np.sqrt(np.maximum(0.0, square + 2.0 * score))
    reach = length + distance
    gamma = (columns + 4) * UNIT
    return (
        2.02 * (gamma * length * reach + gamma * distance * distance / 2 + 3 * UNIT * reach * reach) + 1e-37
    )


@njit(cache=True, nogil=True)
def _settle(
    frame: np.ndarray,
    words: np.ndarray,
    scores: np.ndarray,
    sure: np.float32,
    open_: np.float32,
    wanted: np.int32,
    bag: np.ndarray,
) -> None:
    """Count the words that surely are among the nearest, and the nearest of the others by exact sums."""
    undecided = np.empty(_below(scores, open_) - _below(scores, sure), np.int64)
    distances = np.empty(len(undecided), np.float32)
    found = 0
    for word in range(len(scores)):
        if scores[word] <= sure:
            bag[word] += 1
        elif scores[word] <= open_:
            total = np.float32(0)
            for column in range(len(frame)):
                difference = frame[column] - words[word, column]
                total += difference * difference
            undecided[found], distances[found] = word, total
            found += 1
    for word in undecided[np.argsort(distances, kind="mergesort")[:wanted]]:
        bag[word] += 1


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
    found, frames = [], codebook.standardize(frames)
    for columns, words in zip(groups, codebook.words, strict=True):
        part = frames[:, columns]
        order = np.empty((len(part), codebook.assignments), np.int64)
        for start in range(0, len(part), BLOCK):
            distances = np.zeros((len(part[start : start + BLOCK]), len(words)), np.float32)
            for frame, word in zip(part[start : start + BLOCK].T, words.T, strict=True):
                distances += (frame[:, None] - word) ** 2
            order[start : start + BLOCK] = distances.argsort(axis=1, kind="stable")[:, : codebook.assignments]
        found.append(order)
    return np.concatenate(found, axis=1)
