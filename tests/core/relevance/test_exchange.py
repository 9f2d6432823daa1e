"""Speakers change places as a whole."""

import numpy as np
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
