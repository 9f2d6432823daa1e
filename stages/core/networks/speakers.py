"""Features in the units of their speaker.

Each feature minus the mean over the speaker's clips, divided by their standard deviation; the labels of these
clips are not looked at. With few clips both are shrunk to those of all speakers: of n clips the mean counts
n / (n + 5), and so does the variance. A speaker with one clip hardly changes. Where this is used, a
recording's prediction depends on which other recordings are of the same speaker: another setting than the
usual one, in which nothing is known of a speaker.
"""

from collections.abc import Iterator, Sequence

import numpy as np

Speakers = Sequence[str] | np.ndarray
"""Who is heard in each of n clips."""
PRIOR = 5
"""Clips that the mean and the variance of all speakers count for."""
_BLOCK = 256


def in_speaker_units(inputs: np.ndarray, speakers: Speakers, out: np.ndarray | None = None) -> np.ndarray:
    """Centre and scale the clips of each speaker.

    Args:
        inputs: float32 [n, d], scaled to zero mean and unit variance over all speakers.
        speakers: who is heard in each of the n clips.
        out: what takes the result; it may be ``inputs``. None: a new array.

    Returns:
        float32 [n, d]. A clip's values depend on the clips of its speaker, not on their order, and on no
        others; the bits are the same on every processor.

    >>> in_speaker_units(np.array([[1.0], [1.0], [9.0]], np.float32), ["a", "a", "b"]).round(2)
    array([[0.85],
           [0.85],
           [8.22]], dtype=float32)
    """
    result = np.empty(inputs.shape, np.float32) if out is None else out
    names, number = np.unique(np.asarray(speakers, object).astype(str), return_inverse=True)
    order = np.argsort(number, kind="stable")
    ends = np.cumsum(np.bincount(number, minlength=len(names)))
    for rows in np.split(order, ends[:-1]):
        share = len(rows) / (len(rows) + PRIOR)
        for first in range(0, inputs.shape[1], _BLOCK):
            block = inputs[rows, first : first + _BLOCK].astype(np.float64)
            # Sorted, since the rounding of a sum depends on the order of what is added.
            mean = np.sort(block, axis=0).cumsum(axis=0)[-1] / len(rows)
            variance = np.sort((block - mean) ** 2, axis=0).cumsum(axis=0)[-1] / len(rows)
            deviation = np.sqrt(share * variance + (1 - share))
            result[rows, first : first + _BLOCK] = (block - share * mean) / deviation
    return result


def whole_speakers(speakers: Speakers, size: int) -> Iterator[np.ndarray]:
    """Rows of all clips in blocks of ``size`` or more (the last may have fewer) that part no speaker's clips.

    >>> [rows.tolist() for rows in whole_speakers(["a", "b", "a", "c"], 2)]
    [[0, 2], [1, 3]]
    """
    names = np.asarray(speakers, object).astype(str)
    order = np.argsort(names, kind="stable")
    ends = np.flatnonzero(np.r_[names[order][1:] != names[order][:-1], True]) + 1
    first = 0
    for end in ends.tolist():
        if end - first >= size or end == len(order):
            yield order[first:end]
            first = end
