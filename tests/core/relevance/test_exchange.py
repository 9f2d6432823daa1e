"""Speakers change places as a whole."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.core.relevance.exchange import exchanged


@given(st.lists(st.integers(1, 6), min_size=2, max_size=8), st.integers(0, 1000))
def test_a_speaker_takes_the_rows_of_one_other_speaker(counts: list[int], seed: int) -> None:
    speaker = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(counts)), counts))
    taken = exchanged(speaker, np.random.default_rng(seed))
    donors = {int(who): set(speaker[taken[speaker == who]].tolist()) for who in np.unique(speaker)}
    assert all(len(found) == 1 and found != {who} for who, found in donors.items())
    assert len(set.union(*donors.values())) == len(counts)
    for who, (donor,) in donors.items():
        rows = taken[speaker == who]
        assert len(set(rows.tolist())) == min(counts[who], counts[donor])


def test_equal_blocks_make_a_permutation() -> None:
    speaker = np.repeat(np.arange(5), 4)
    assert sorted(exchanged(speaker, np.random.default_rng(1)).tolist()) == list(range(20))


def test_ring_and_orders_are_random() -> None:
    """Each speaker gets each other as a donor, and of a donor's clips each may come first."""
    speaker = np.repeat(np.arange(4), 3)
    rng = np.random.default_rng(2)
    taken = np.stack([exchanged(speaker, rng) for _ in range(300)])
    for clip in range(12):
        others = [other for other in range(12) if speaker[other] != speaker[clip]]
        counts = np.bincount(taken[:, clip], minlength=12)
        assert np.flatnonzero(counts).tolist() == others
        assert counts[others] == pytest.approx(np.full(9, 300 / 9), abs=25)


def test_who_has_more_clips_takes_those_of_the_donor_again() -> None:
    speaker = np.array([1, 0, 1, 1, 1, 0, 1])
    taken = exchanged(speaker, np.random.default_rng(1))
    assert sorted(taken[speaker == 1].tolist()) in ([1, 1, 1, 5, 5], [1, 1, 5, 5, 5])
    assert taken[speaker == 1].tolist() in ([1, 5, 1, 5, 1], [5, 1, 5, 1, 5])
    assert len(set(taken[speaker == 0].tolist()) & {0, 2, 3, 4, 6}) == 2
