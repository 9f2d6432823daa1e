"""Model selection by hand: which epoch is kept, when training ends, and what the curves say."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from stages.core.config.training import TrainingConfig
from stages.core.networks.data import MultiTaskData, SplitData
from stages.core.networks.stopping import EarlyStopping, EpochLosses, TrainingResult
from tests.core.networks.test_training import TASKS

# Validation is neither training nor the same for two tasks, so that no mistaken split or task agrees.
TRAIN = SplitData(
    np.zeros((3, 1), np.float32),
    {
        "emotion": np.array([[0.1, 0.9], [0.5, 0.2], [0.9, 0.4]]),
        "country": np.array([0, 1, 2]),
        "age": np.array([[1.0], [2.0], [6.0]]),
    },
)
VALIDATION = SplitData(
    np.zeros((4, 1), np.float32),
    {
        "emotion": np.array([[0.0, 0.0], [1.0, 1.0], [0.0, 1.0], [1.0, 0.0]]),
        "country": np.array([0, 0, 1, -1]),
        "age": np.array([[2.0], [4.0], [np.nan], [10.0]]),
    },
)
DATA = MultiTaskData(
    TASKS,
    {"emotion": 2, "country": 3, "age": 1},
    TRAIN,
    VALIDATION,
    {"emotion": (0.0, 1.0), "country": (0.0, 1.0), "age": (30.0, 10.0)},
)
PREDICTIONS = {
    "emotion": VALIDATION.targets["emotion"] * 0.5 + 0.25,  # CCC: 2 · 0.5 / (1 + 0.25) = 0.8
    "country": np.eye(3)[[0, 1, 1, 2]],  # recalls 1/2 and 1
    "age": np.array([[2.0], [4.0], [0.0], [4.0]]),  # errors 0, 0, 6
}
SCORES = {"emotion": 0.8, "country": 0.75, "age": 20.0}  # years: 6 / 3 × 10
NAIVE_AGE = 10 * (1 + 1 + 7) / 3  # the training mean is 3; that of validation would give 10 * 9.33 / 3
SKILL = (0.8 + 0.75 + (1 - 20.0 / NAIVE_AGE)) / 3


def epoch(value: float) -> EpochLosses:
    return EpochLosses(dict.fromkeys(TASKS, value), {"emotion": value, "country": 2 * value, "age": value})


def run(
    monitor: Any,
    losses: Sequence[float],
    predictions: Sequence[Mapping[str, np.ndarray]] | None = None,
    data: MultiTaskData = DATA,
    **changes: Any,
) -> TrainingResult:
    """Tell it of epochs until it stops; the weights of an epoch are its number."""
    stopping = EarlyStopping(data, replace(TrainingConfig(monitor=monitor), **changes))
    for number, loss in enumerate(losses, 1):
        if stopping.goes_on:
            told = PREDICTIONS if predictions is None else predictions[number - 1]
            stopping.end_epoch(
                epoch(100 - loss),
                epoch(loss),
                {name: told[name] for name in data.tasks},
                lambda epoch=number: {"w": np.array(epoch)},  # type: ignore[misc]
            )
    return stopping.result()


def test_scores_are_those_of_validation_in_label_units() -> None:
    curves = run("loss", [1.0], epochs=1).curves
    found = {row["task"]: row["score"] for row in curves if row["split"] == "validation"}
    assert found == pytest.approx({**SCORES, "total": None})
    assert all(row["score"] is None for row in curves if row["split"] == "train")


def test_a_coefficient_has_no_unit() -> None:
    scaled = replace(DATA, scales={**DATA.scales, "emotion": (1.0, 10.0), "country": (0.0, 3.0)})
    curves = run("loss", [1.0], data=scaled, epochs=1).curves
    found = {row["task"]: row["score"] for row in curves if row["split"] == "validation"}
    assert found == pytest.approx({**SCORES, "total": None})


def test_the_skill_is_the_mean_of_scores_and_of_the_error_that_is_saved() -> None:
    stopping = EarlyStopping(DATA, TrainingConfig(monitor="score"))
    assert stopping._skill(SCORES) == pytest.approx(SKILL, rel=1e-12)
    assert stopping._skill({"age": NAIVE_AGE}) == pytest.approx(0, abs=1e-12)
    assert stopping._skill({"age": 0.0}) == 1.0
    assert stopping._skill({"country": 0.75}) == 0.75
    assert stopping._skill({"country": 0.75, "emotion": math.nan}) == 0.75
    assert stopping._skill({"emotion": math.nan}) == -np.inf


def test_a_task_that_the_naive_predictor_solves_does_not_count() -> None:
    solved = SplitData(VALIDATION.inputs, {**VALIDATION.targets, "age": np.full((4, 1), 3.0)})
    stopping = EarlyStopping(replace(DATA, validation=solved), TrainingConfig(monitor="score"))
    assert stopping._skill(SCORES) == pytest.approx((0.8 + 0.75) / 2)


def test_the_best_epoch_is_kept_and_patience_ends_it() -> None:
    result = run("loss", [5, 4, 3, 3, 6, 1], patience=2)
    assert (result.best_epoch, result.epochs, int(result.weights["w"])) == (3, 5, 3)
    result = run("loss", [5, 4, 3, 3, 6, 1], patience=3)
    assert (result.best_epoch, result.epochs, int(result.weights["w"])) == (6, 6, 6)
    result = run("loss", [5, 4, 3, 2, 1], epochs=2)
    assert (result.best_epoch, result.epochs) == (2, 2)


def test_the_loss_that_is_watched_is_the_total_of_the_shares() -> None:
    def told(emotion: float, age: float, share: float) -> EpochLosses:
        return EpochLosses({"emotion": emotion, "age": age}, {"emotion": emotion, "age": share * age})

    data = DATA.only(["emotion", "age"])
    stopping = EarlyStopping(data, TrainingConfig())
    predictions = {name: PREDICTIONS[name] for name in data.tasks}
    for number, validation in enumerate([told(2, 3, 0.1), told(3, 1, 0.1)], 1):
        weights = {"w": np.array(number)}
        stopping.end_epoch(told(1, 1, 1), validation, predictions, lambda kept=weights: kept)  # type: ignore[misc]
    assert stopping.result().best_epoch == 1
    rows = {(row["epoch"], row["split"], row["task"]): row for row in stopping.result().curves}
    assert rows[1, "validation", "total"]["loss"] == pytest.approx(2.3)
    assert rows[1, "validation", "age"]["loss"] == 3
    assert rows[1, "validation", "age"]["share"] == pytest.approx(0.3 / 2.3)
    assert rows[1, "train", "total"]["loss"] == 2
    assert rows[1, "train", "emotion"]["share"] == 0.5


def test_a_score_may_be_watched_instead() -> None:
    worse = {**PREDICTIONS, "country": np.eye(3)[[1, 1, 0, 2]]}
    result = run("score", [1, 2, 0.5], [worse, PREDICTIONS, worse])
    assert (result.best_epoch, result.epochs) == (2, 3)


def test_weights_are_kept_even_if_all_is_nan() -> None:
    result = run("loss", [math.nan, math.nan, math.nan], patience=2)
    assert (result.best_epoch, result.epochs, int(result.weights["w"])) == (1, 3, 1)
    result = run("loss", [math.nan, 7.0, 8.0])
    assert result.best_epoch == 2


def test_curves_of_one_task_have_no_total_and_shares_of_nothing_are_nothing() -> None:
    stopping = EarlyStopping(DATA.only(["age"]), TrainingConfig())
    stopping.end_epoch(
        EpochLosses({"age": 3.0}, {"age": 0.0}),
        EpochLosses({"age": 5.0}, {"age": 1.5}),
        {"age": PREDICTIONS["age"]},
        dict,
    )
    assert stopping.result().curves == [
        {"epoch": 1, "split": "train", "task": "age", "loss": 3.0, "share": 0.0, "score": None},
        {"epoch": 1, "split": "validation", "task": "age", "loss": 5.0, "share": 1.0, "score": 20.0},
    ]


def test_each_row_of_the_curves() -> None:
    rows = run("loss", [2.0, 4.0], epochs=2).curves
    found = [(row["epoch"], row["split"], row["task"], row["loss"], row["share"]) for row in rows]
    expected = []
    for number, losses in ((1, (98.0, 2.0)), (2, (96.0, 4.0))):
        for split, loss in zip(("train", "validation"), losses, strict=True):
            shares = zip(TASKS, (0.25, 0.5, 0.25), strict=True)
            expected += [(number, split, task, loss, share) for task, share in shares]
            expected.append((number, split, "total", 4 * loss, 1.0))
    assert found == expected


def test_every_error_is_in_label_units() -> None:
    tasks = {**TASKS, "age": replace(TASKS["age"], score="rmse")}
    curves = run("loss", [1.0], data=replace(DATA, tasks=tasks), epochs=1).curves
    (score,) = (row["score"] for row in curves if (row["split"], row["task"]) == ("validation", "age"))
    assert score == pytest.approx(10 * math.sqrt(36 / 3))
