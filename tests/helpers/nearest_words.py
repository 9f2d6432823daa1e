"""The assignment of frames to words without any shortcut, to compare with."""

from collections.abc import Sequence

import numpy as np

from stages.core.bags.codebook import Codebook

BLOCK = 256


def nearest_words(frames: np.ndarray, codebook: Codebook, groups: Sequence[np.ndarray]) -> np.ndarray:
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
