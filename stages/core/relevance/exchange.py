"""Whose rows a clip takes when the features of a family, or the labels, are exchanged between speakers."""

import numpy as np


def exchanged(speaker: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """For each of n clips, the clip whose row it takes: int64 [n].

    Whole speakers change places, since the clips of a speaker are not independent: a speaker takes the rows
    of one other speaker, in random order, from the start again where that one has fewer clips. With as many
    clips for each speaker this is the permutation of whole blocks and within blocks of Winkler et al. (2015,
    *Multi-level block permutation*, NeuroImage 123). A ring in random order leaves no speaker in place.

    Args:
        speaker: int [n], 0 to speakers − 1.
        rng: draws ring and orders.

    >>> exchanged(np.array([0, 0, 1, 1]), np.random.default_rng(1))
    array([2, 3, 0, 1])
    """
    ring = rng.permutation(int(speaker.max()) + 1)
    donor = np.empty_like(ring)
    donor[ring] = np.roll(ring, 1)
    order = rng.permutation(len(speaker))
    by_speaker = order[np.argsort(speaker[order], kind="stable")]
    counts = np.bincount(speaker, minlength=len(ring))
    starts = np.cumsum(counts) - counts
    places = np.argsort(speaker, kind="stable")
    number = np.arange(len(speaker)) - np.repeat(starts, counts)
    of = speaker[places]
    taken = np.empty(len(speaker), np.int64)
    taken[places] = by_speaker[starts[donor[of]] + number % counts[donor[of]]]
    return taken
