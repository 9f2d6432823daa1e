"""Naive losses, weights of classes and weights of tasks, computed by hand."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from stages.core.config.tasks import Task
from stages.core.config.training import TrainingConfig
from stages.core.networks.data import MultiTaskData, SplitData
from stages.core.networks.weighting import (
    class_weights_of,
    factors_of,
    logit_offsets_of,
    naive_losses,
    sampling_weights_of,
    shares_of,
)
from tests.core.networks.test_training import TASKS

NOTHING = np.nan
TRAIN = SplitData(
    np.zeros((5, 1), np.float32),
    {
        "emotion": np.array([[0.0, 0.1], [1.0, 0.1], [0.0, 0.5], [1.0, 0.5], [NOTHING, NOTHING]]),
        "country": np.array([0, 0, 0, 1, -1]),
        "age": np.array([[10.0], [20.0], [NOTHING], [60.0], [NOTHING]]),
    },
)
# Other numbers than in training, so that a mistaken split is seen.
VALIDATION = SplitData(
    np.zeros((2, 1), np.float32),
    {
        "emotion": np.array([[0.3, 0.9], [0.2, 0.1]]),
        "country": np.array([2, 2]),
        "age": np.array([[1.0], [2.0]]),
    },
)
OUTPUTS = {"emotion": 2, "country": 3, "age": 1}
DATA = MultiTaskData(TASKS, OUTPUTS, TRAIN, VALIDATION, dict.fromkeys(TASKS, (0.0, 1.0)))
ENTROPY = -(0.75 * math.log(0.75) + 0.25 * math.log(0.25))


@pytest.mark.parametrize(
    ("kind", "emotion", "age"),
    [("squared", (0.25 + 0.04) / 2, (20**2 + 10**2 + 30**2) / 3), ("score", 1.0, 20.0)],
)
def test_losses_of_the_naive_predictor(kind: Any, emotion: float, age: float) -> None:
    losses = naive_losses(DATA, TrainingConfig(regression_loss=kind))
    assert losses == pytest.approx({"emotion": emotion, "country": ENTROPY, "age": age}, rel=1e-12)


def test_a_naive_predictor_that_is_always_right_divides_nothing() -> None:
    constant = replace(TRAIN, targets={**TRAIN.targets, "age": np.full((5, 1), 7.0)})
    config = TrainingConfig(loss_weighting="relative")
    assert naive_losses(replace(DATA, train=constant), config)["age"] == 1.0
    assert np.isfinite(factors_of(replace(DATA, train=constant), config)).all()


def test_balanced_classes_weigh_the_same_in_training() -> None:
    weights = class_weights_of(DATA, TrainingConfig(class_weights="balanced"))
    assert weights["country"] == pytest.approx([4 / (3 * 3), 4 / (3 * 1), 4 / 3])
    assert weights["emotion"].tolist() == [1, 1]
    assert weights["age"].tolist() == [1]
    assert class_weights_of(DATA, TrainingConfig())["country"].tolist() == [1, 1, 1]


def test_the_shares_of_classes_shift_logits_and_draw_clips() -> None:
    offsets = logit_offsets_of(DATA, TrainingConfig(class_weights="logits"))
    assert offsets["country"] == pytest.approx(
        np.log([3 / 5, 1 / 5, 1 / 5])
    )  # a class without clips counts once
    assert offsets["age"].tolist() == [0]
    assert logit_offsets_of(DATA, TrainingConfig())["country"].tolist() == [0, 0, 0]
    weights = sampling_weights_of(DATA, TrainingConfig(class_weights="batches"))
    truth = DATA.train.targets["country"]
    assert weights is not None
    assert weights[truth == 0] == pytest.approx(4 / (2 * 3))
    assert weights[truth == 1] == pytest.approx(4 / 2)
    assert weights[truth == -1] == pytest.approx(1)
    assert sampling_weights_of(DATA, TrainingConfig()) is None
    assert sampling_weights_of(DATA.only(["age"]), TrainingConfig(class_weights="batches")) is None


def test_clips_are_drawn_for_the_mean_of_the_tasks() -> None:
    """Of the country 3 clips of one class, 1 of another; of the kind 1 and 4."""
    kinds = {"country": DATA.train.targets["country"], "kind": np.array([1, 0, 1, 1, 1])}
    tasks = {"country": TASKS["country"], "kind": Task("classification", ("Kind",), "uar")}
    train = replace(TRAIN, targets=kinds)
    data = replace(DATA, tasks=tasks, outputs={"country": 3, "kind": 2}, train=train)
    weights = sampling_weights_of(data, TrainingConfig(class_weights="batches"))
    country, kind = [2 / 3, 2 / 3, 2 / 3, 2, 1], [5 / 8, 5 / 2, 5 / 8, 5 / 8, 5 / 8]
    assert weights == pytest.approx(np.mean([country, kind], axis=0))


def test_the_naive_predictors_focal_loss() -> None:
    losses = naive_losses(DATA, TrainingConfig(class_weights="focal"))
    shares = [3 / 4, 1 / 4]
    expected = -sum(share * (1 - share) ** 2 * math.log(share) for share in shares)
    assert losses["country"] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("changes", "factors"),
    [
        ({}, [1, 1, 1]),
        ({"loss_weighting": {"age": 0.25, "emotion": 2}}, [2, 1, 0.25]),
        ({"loss_weighting": "relative"}, [1 / 0.145, 1 / ENTROPY, 3 / 1400]),
        ({"loss_weighting": "uncertainty"}, [0.5, 1, 0.5]),
        ({"loss_weighting": "uncertainty", "regression_loss": "score"}, [1, 1, 1]),
    ],
)
def test_factors_of_the_losses(changes: dict[str, Any], factors: list[float]) -> None:
    assert factors_of(DATA, TrainingConfig(**changes)) == pytest.approx(factors, rel=1e-12)


def test_learnt_weights_halve_what_is_trained_by_the_squared_error() -> None:
    """RMSE has the squared error as its loss, whatever is asked for; a correlation has its own."""
    scores = {"emotion": "pearson", "country": "f1", "age": "rmse"}
    tasks = {name: replace(task, score=scores[name]) for name, task in TASKS.items()}
    data, own = (
        replace(DATA, tasks=tasks),
        TrainingConfig(loss_weighting="uncertainty", regression_loss="score"),
    )
    assert factors_of(data, own).tolist() == [1, 1, 0.5]
    assert factors_of(data, replace(own, regression_loss="squared")).tolist() == [0.5, 1, 0.5]
    relative = factors_of(data, replace(own, loss_weighting="relative"))
    assert relative == pytest.approx([1, 1 / ENTROPY, 3 / 1400], rel=1e-12)


def test_what_losses_contribute() -> None:
    losses, factors = {"emotion": 2.0, "age": 3.0}, np.array([0.5, 4.0])
    assert shares_of(losses, factors, None) == {"emotion": 1.0, "age": 12.0}
    learnt = shares_of(losses, factors, np.array([math.log(4), -1.0]))
    expected = {"emotion": 0.5 * (2 / 4 + math.log(4)), "age": 4 * (3 * math.e - 1)}
    assert learnt == pytest.approx(expected, rel=1e-12)
