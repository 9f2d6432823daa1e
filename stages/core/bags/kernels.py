"""Compiled loops of the assignment: nearest words from a matrix product, exact where it does not decide."""

import math
from typing import Any

import numpy as np
from numba import njit

from stages.core.runtime.compiling import compiled

Number = Any
UNIT = 2.0**-24
TINY = 2.0**-120
LARGEST = 1e36
"""Squared length of frames and words up to which no sum of their product overflows in float32."""


@compiled(nogil=True)
def count_words(
    frames: np.ndarray,
    words: np.ndarray,
    closeness: np.ndarray,
    highest: np.ndarray,
    owner: np.ndarray,
    wanted: int,
    bags: np.ndarray,
    largest: float,
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
        largest: squared length of a frame above which its closeness may be no number; it is written over.

    Returns:
        The sum of the squared distances to the nearest word.
    """
    error = 0.0
    for frame in range(len(frames)):
        own, bag = closeness[frame], bags[owner[frame]]
        square = _square(frames[frame, : words.shape[1]])
        if not square <= largest:
            own[:] = 0
            error += _nearest(frames[frame], words)
            _settle(frames[frame], words, own, np.float32(1), np.float32(-1), wanted, bag)
            continue
        error += np.maximum(0.0, square - 2.0 * highest[frame])
        certain, possible = _bounds(own, highest[frame], square, words.shape[1], wanted)
        if _passing(own, possible) == wanted:
            for word in range(len(own)):
                bag[word] += own[word] >= possible
        else:
            _settle(frames[frame], words, own, certain, possible, wanted, bag)
    return error


@compiled(nogil=True)
def _bounds(
    closeness: np.ndarray, highest: np.float32, square: float, columns: int, wanted: int
) -> tuple[np.float32, np.float32]:
    """Above the first, words surely are among the ``wanted`` nearest; below the second, surely not.

    Halves the interval that holds a threshold which ``wanted`` words pass.
    """
    low, high = _mean(closeness), highest
    if _passing(closeness, low) < wanted:
        low = np.min(closeness)
    margin = _margin(square, low, columns)
    while high - low > margin:
        middle = low + (high - low) * np.float32(0.5)
        passed = _passing(closeness, middle)
        if passed == wanted:
            low = high = middle
        elif passed > wanted:
            low = middle
            margin = _margin(square, low, columns)
        else:
            high = middle
    return np.float32(high + margin), np.float32(low - margin)


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


@compiled(nogil=True, fastmath=True)
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


_margin = compiled(nogil=True)(margin_of)


@compiled(nogil=True)
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
            open_words[found], distances[found] = word, _distance(frame, words[word])
            found += 1
    # A stable sort leaves ties to the lower index.
    for place in np.argsort(distances[:found], kind="mergesort")[:wanted]:
        bag[open_words[place]] += 1


@compiled(nogil=True)
def rank_words(
    frames: np.ndarray,
    words: np.ndarray,
    closeness: np.ndarray,
    highest: np.ndarray,
    gaussian: np.float32,
    off: np.float32,
    ranked: np.ndarray,
    weights: np.ndarray,
    largest: float,
) -> float:
    """The nearest words of some frames in order, and what they count.

    Args:
        frames: float32 [n, d + 1], scaled, a column of ones at the end.
        words: float32 [words, d].
        closeness: float32 [n, words], x · w − |w|² / 2 by the matrix product.
        highest: float32 [n], the largest closeness of each frame.
        gaussian: standard deviation of the weights; 0: all weights are 1.
        off: distance above which the weight is 0; 0: none is.
        ranked: int32 [n, assignments], written.
        weights: float32 [n, assignments], written.
        largest: as for :func:`count_words`.

    Returns:
        The sum of the squared distances to the nearest word.
    """
    error, wanted = 0.0, ranked.shape[1]
    spread = np.float32(np.float32(2) * gaussian) * gaussian
    open_words = np.empty(len(words), np.int64)
    distances = np.empty(len(words), np.float32)
    for frame in range(len(frames)):
        square = _square(frames[frame, : words.shape[1]])
        possible = np.float32(-1)
        if square <= largest:
            _, possible = _bounds(closeness[frame], highest[frame], square, words.shape[1], wanted)
        else:
            closeness[frame] = 0
        found = 0
        for word in range(len(words)):
            if closeness[frame, word] >= possible:
                open_words[found], distances[found] = word, _distance(frames[frame], words[word])
                found += 1
        # A stable sort leaves ties to the lower index.
        order = np.argsort(distances[:found], kind="mergesort")
        error += np.float64(distances[order[0]])
        for place in range(wanted):
            distance = distances[order[place]]
            weight = np.float32(1)
            if gaussian > 0:
                weight = np.float32(math.exp(np.float64(np.float32(-distance / spread))))
            if off > 0 and math.sqrt(np.float64(distance)) > np.float64(off):
                weight = np.float32(0)
            ranked[frame, place], weights[frame, place] = open_words[order[place]], weight
    return error


@compiled(nogil=True)
def _distance(frame: np.ndarray, word: np.ndarray) -> np.float32:
    """Squared distance, summed in float32 and column order."""
    total = np.float32(0)
    for column in range(len(word)):
        difference = frame[column] - word[column]
        total += difference * difference
    return total


@compiled(nogil=True)
def _nearest(frame: np.ndarray, words: np.ndarray) -> float:
    """Squared distance to the nearest word, in float64."""
    least = np.inf
    for word in range(len(words)):
        total = 0.0
        for column in range(words.shape[1]):
            difference = np.float64(frame[column]) - np.float64(words[word, column])
            total += difference * difference
        least = min(least, total)
    return least


@compiled(nogil=True)
def tally(bags: np.ndarray, owner: np.ndarray, bins: np.ndarray, weights: np.ndarray) -> None:
    """Add what frames count to the bags of their clips, frame after frame in float32, as openXBOW does.

    Args:
        bags: float32 [clips, bins], added to.
        owner: int64 [n], the row of ``bags`` that a frame counts for.
        bins: int [n, assignments], the bins that each frame counts.
        weights: float32, like ``bins``.
    """
    for frame in range(len(owner)):
        for place in range(bins.shape[1]):
            bags[owner[frame], bins[frame, place]] += weights[frame, place]
