"""Stacking on predictions of which it is known what is to be learnt."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from stages.core.config.tasks import Task
from stages.core.metrics.formulas import mae, mean_ccc, uar
from stages.core.scoring.stacking import stacked

MOOD = Task("regression", ("Joy", "Fear"), "ccc")
AGE = Task("regression", ("Age",), "mae")
KIND = Task("classification", ("Kind",), "uar")
ROWS = np.arange(400) < 200  # validation; the others are test
SPEAKERS = np.array([f"s{number // 5}" for number in range(400)])


def test_one_emotion_tells_of_another() -> None:
    rng = np.random.default_rng(1)
    truth = rng.normal(size=(400, 2))
    swapped = truth[:, ::-1] + rng.normal(0, 0.3, (400, 2))  # each column predicts the other
    noise = rng.normal(size=(400, 2))
    found = stacked(MOOD, truth, {"swapped": swapped, "noise": noise}, ROWS, SPEAKERS)
    assert mean_ccc(truth[~ROWS], (swapped + noise)[~ROWS] / 2) < 0.3
    assert mean_ccc(truth[~ROWS], found[~ROWS]) > 0.8


def test_where_nothing_is_to_be_learnt_it_stays_near_the_mean() -> None:
    rng = np.random.default_rng(2)
    truth = rng.normal(30, 8, (400, 1))
    members = {str(seed): truth + rng.normal(0, 3, (400, 1)) for seed in range(3)}
    mean = sum(members.values()) / 3
    found = stacked(AGE, truth, members, ROWS, SPEAKERS)
    assert mae(truth[~ROWS], found[~ROWS]) < 1.05 * mae(truth[~ROWS], mean[~ROWS])


def test_classes_weigh_the_same() -> None:
    rng = np.random.default_rng(3)
    truth = (rng.uniform(size=400) < 0.15).astype(np.int64)
    knows = np.clip(0.15 + 0.2 * (truth - 0.15) + rng.normal(0, 0.07, 400), 0, 1)  # never above one half
    members = {"one": np.column_stack([1 - knows, knows]), "two": np.full((400, 2), 0.5)}
    found = stacked(KIND, truth, members, ROWS, SPEAKERS)
    assert uar(truth[~ROWS], members["one"][~ROWS].argmax(axis=1), 2) < 0.6
    assert uar(truth[~ROWS], found[~ROWS].argmax(axis=1), 2) > 0.85


@pytest.mark.parametrize("speakers", [1, 2])
def test_one_speaker_teaches_nothing(speakers: int) -> None:
    rng = np.random.default_rng(4)
    truth = rng.normal(size=(400, 1))
    members = {"one": truth * 3, "two": truth * 5}
    found = stacked(AGE, truth, members, ROWS, np.array([f"s{number % speakers}" for number in range(400)]))
    error = mae(truth, found)
    assert error == mae(truth, truth * 4) if speakers == 1 else error < 0.5


def standardized(values: np.ndarray) -> np.ndarray:
    """In the units of the validation clips."""
    return (values - values[ROWS].mean(axis=0)) / values[ROWS].std(axis=0)


def test_it_adds_ridge_regression_to_the_mean(monkeypatch: pytest.MonkeyPatch) -> None:
    """Validation and test have other moments, so that it is seen whose are used."""
    monkeypatch.setattr("stages.core.scoring.stacking.PENALTIES", np.array([50.0]))
    rng = np.random.default_rng(5)
    shift = np.where(ROWS, 0.0, 3.0)[:, None]
    truth = rng.normal(size=(400, 2)) + shift
    members = {name: truth * (1 + shift) + rng.normal(size=(400, 2)) for name in ("one", "two")}
    mean = (members["one"] + members["two"]) / 2
    x = standardized(np.concatenate(list(members.values()), axis=1))
    expected = mean + Ridge(50.0).fit(x[ROWS], (truth - mean)[ROWS]).predict(x)
    np.testing.assert_allclose(stacked(MOOD, truth, members, ROWS, SPEAKERS), expected, rtol=1e-7, atol=1e-9)


def test_classes_that_occur_weigh_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of three classes validation has two: 40 clips of the one weigh as much as 160 of the other."""
    monkeypatch.setattr("stages.core.scoring.stacking.PENALTIES", np.array([50.0]))
    rng = np.random.default_rng(6)
    truth = np.where(np.arange(400) % 5 == 0, 2, 0)
    members = {name: rng.dirichlet(np.ones(3), 400) for name in ("one", "two")}
    mean = (members["one"] + members["two"]) / 2
    x = standardized(np.concatenate(list(members.values()), axis=1))
    weights = np.where(truth[ROWS] == 2, 200 / (2 * 40), 200 / (2 * 160))
    theirs = Ridge(50.0).fit(x[ROWS], np.eye(3)[truth[ROWS]] - mean[ROWS], sample_weight=weights)
    found = stacked(KIND, truth, members, ROWS, SPEAKERS)
    np.testing.assert_allclose(found, mean + theirs.predict(x), rtol=1e-7, atol=1e-9)


def test_what_tells_the_speakers_apart_alone_is_not_learnt() -> None:
    """All clips of a speaker are alike, so that a small penalty is best for speakers who are known."""
    rng = np.random.default_rng(7)
    truth = np.repeat(rng.normal(30, 8, (80, 1)), 5, axis=0)
    members = {str(run): np.repeat(rng.normal(30, 8, (80, 1)), 5, axis=0) for run in range(30)}
    found = stacked(AGE, truth, members, ROWS, SPEAKERS)
    change = found - sum(members.values()) / 30
    x = standardized(np.concatenate(list(members.values()), axis=1))
    mean = sum(members.values())[ROWS] / 30
    overfit = Ridge(10.0).fit(x[ROWS], truth[ROWS] - mean)
    level = (truth[ROWS] - mean).mean()
    assert np.std(change) < 0.3 * np.std(overfit.predict(x[ROWS])) and abs(change.mean() - level) < 1
