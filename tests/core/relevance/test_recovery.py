"""The families' true weights, from correlations and shares that are given."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from stages.core.config.data import SynthesisOptions
from stages.core.relevance import recovery


def test_a_weight_is_what_the_family_alone_tells_of_what_goes_with_the_label(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shares = {None: [0.8, 0.5], "pitch": [0.3, 0.5], "timing": [0.7, 0.6]}
    kernels: Any = SimpleNamespace(share_without=lambda family, *_: np.array(shares[family]))
    goes_with = {"Age": np.array([0.5, 0.1]), "Joy": np.array([0.0, 1.0])}
    monkeypatch.setattr(recovery, "correlations_with_labels", lambda: goes_with)
    found = recovery.generator_weights(["pitch", "timing"], kernels, np.zeros((1, 2)), np.zeros((1, 2)))
    # Of the first quantity pitch alone tells .5 and timing .1; of the second nothing is told by one alone.
    assert found == pytest.approx(
        {("Age", "pitch"): 0.25, ("Joy", "pitch"): 0, ("Age", "timing"): 0.05, ("Joy", "timing"): 0}
    )


def test_labels_go_with_the_quantities_that_the_generator_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recovery, "SPEAKERS", 200)
    found = recovery.correlations_with_labels()
    values = np.array(list(found.values()))
    assert values.shape == (len(recovery.EMOTIONS) + 4 + 1, 13)
    assert (values >= 0).all() and (values <= 1).all()
    assert values.max() > 0.2


def test_only_what_was_measured_is_ranked() -> None:
    weights = {("Age", "a"): 0.1, ("Age", "b"): 0.3, ("Age", "c"): 0.2, ("Age", "d"): 9.0}
    found = {("Age", "a"): 1.0, ("Age", "b"): 2.0, ("Age", "c"): 3.0, ("Age", "d"): None, ("Joy", "a"): 9.0}
    assert recovery.recovery(found, weights) == 0.5


def test_quantities_of_clips_follow_their_ids() -> None:
    options = SynthesisOptions(speakers=4, clips_per_speaker=2, seed=1)
    _, clips = recovery.plan(options)
    ids = [clip.file_id for clip in clips]
    forwards, backwards = (recovery.quantities_of(options, order) for order in (ids, ids[::-1]))
    np.testing.assert_array_equal(forwards, backwards[::-1])
    assert forwards.shape == (len(ids), 13)
    assert (forwards[:, 12] == [recovery.plan(options)[0][clip.speaker].tract for clip in clips]).all()
