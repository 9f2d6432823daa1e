"""The assignment of frames to words without any shortcut, to compare with."""

from collections.abc import Sequence

import numpy as np

from stages.core.bags.codebook import Codebook

BLOCK = 256


def nearest_words(frames: np.ndarray, codebook: Codebook, groups: Sequence[np.ndarray]) -> np.ndarray:
    """The words that each frame counts, nearest first, as openXBOW's ``-oi`` lists them.

    All distances are summed in column order, without the matrix product: exact, and slow.

    Returns:
        int64 [n, assignments of all groups], indices within each group.
    """
    found = []
    for group, words, counting in zip(groups, codebook.words, codebook.counting, strict=True):
        part = codebook.scaled(frames, group)
        order = np.empty((len(part), counting.assignments), np.int64)
        for start in range(0, len(part), BLOCK):
            distances = np.zeros((len(part[start : start + BLOCK]), len(words)), np.float32)
            for frame, word in zip(part[start : start + BLOCK].T, words.T, strict=True):
                distances += (frame[:, None] - word) ** 2
            nearest = distances.argsort(axis=1, kind="stable")
            order[start : start + BLOCK] = nearest[:, : counting.assignments]
        found.append(order)
    return np.concatenate(found, axis=1)
