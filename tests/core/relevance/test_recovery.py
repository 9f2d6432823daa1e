"""The families' true weights, from correlations and shares that are given."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from stages.core.config.data import SynthesisOptions
from stages.core.relevance import recovery
from stages.core.synthetic.corpus import clip_units


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
    for row, clip in zip(forwards, clips, strict=True):
        units = clip_units(clip, recovery.plan(options)[0][clip.speaker], seed=1)
        np.testing.assert_array_equal(row[:11], units)
    pitches = [recovery.plan(options)[0][clip.speaker].pitch for clip in clips]
    np.testing.assert_allclose(forwards[:, 11], np.log(pitches), rtol=1e-12)
    assert (forwards[:, 12] == [recovery.plan(options)[0][clip.speaker].tract for clip in clips]).all()


def test_what_the_generator_says_of_a_label_is_its_squared_correlation(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Speakers of two countries whose ages and pitches are given; both clips of a speaker count."""
    monkeypatch.setattr(recovery, "SPEAKERS", 4)
    monkeypatch.setattr(recovery, "countries_of", lambda _: ["Chad", "Peru", "Peru", "Chad"])
    ages, drawn = iter([20.0, 25.0, 31.0, 38.0]), np.random.default_rng(1)
    made: list[Any] = []

    def speaker(country: str, rng: np.random.Generator) -> Any:
        age = next(ages)
        made.append(SimpleNamespace(country=country, age=age, pitch=100 + 5 * age, tract=float(rng.random())))
        return made[-1]

    units, felt = drawn.normal(size=(8, 11)), drawn.random(size=(8, 10))
    monkeypatch.setattr(recovery, "make_speaker", speaker)
    of_clips, feelings = iter(units), iter(felt)
    monkeypatch.setattr(recovery, "draw_emotions", lambda _: next(feelings))
    monkeypatch.setattr(recovery, "units_of", lambda *_: next(of_clips))
    monkeypatch.setattr(recovery, "rate_emotions", lambda values, _: values**2)
    found = recovery.correlations_with_labels()
    of = np.repeat(np.arange(4), 2)
    quantities = np.c_[units, np.log([made[one].pitch for one in of]), [made[one].tract for one in of]]
    assert made[0].tract == np.random.default_rng([0, 0]).random()
    assert made[3].tract == np.random.default_rng([0, 3]).random()
    labels = {name: felt[:, place] ** 2 for place, name in enumerate(recovery.EMOTIONS)}
    labels |= {name: np.array([made[one].country == name for one in of], float) for name in ("Chad", "Peru")}
    labels["Age"] = np.array([made[one].age for one in of])
    assert list(found) == list(labels)
    for name, label in labels.items():
        expected = [np.corrcoef(label, quantities[:, column])[0, 1] ** 2 for column in range(13)]
        np.testing.assert_allclose(found[name], expected, rtol=1e-9, atol=1e-12)


def test_weights_are_never_below_nothing_and_of_the_clips_that_are_given(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    learnt, seen = np.full((2, 2), 3.0), np.full((5, 2), 4.0)

    def share(family: str | None, *given: np.ndarray) -> np.ndarray:
        assert given[0] is learnt and given[1] is seen
        return np.array([0.5, 0.5] if family is None else [0.7, 0.1])

    kernels: Any = SimpleNamespace(share_without=share)
    monkeypatch.setattr(recovery, "correlations_with_labels", lambda: {"Age": np.array([0.5, 0.25])})
    found = recovery.generator_weights(["pitch"], kernels, learnt, seen)
    assert found == pytest.approx({("Age", "pitch"): 0.25 * 0.4})


def test_ranks_of_what_never_changes_agree_with_nothing() -> None:
    assert recovery.rank_correlation([1, 1, 1], [1, 2, 3]) == 0
    assert recovery.rank_correlation([3, 1, 2], [-3, -1, -2]) == -1
    assert recovery.rank_correlation([1, 2, 2, 3], [10, 20, 30, 40]) == pytest.approx(4.5 / np.sqrt(4.5 * 5))
