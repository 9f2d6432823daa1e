"""Stacking on predictions of which it is known what is to be learnt."""

import numpy as np
import pytest

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
