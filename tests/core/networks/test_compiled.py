"""The compiled steps against the plain loop, which is their definition."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from stages.core.config.training import Architecture, TrainingConfig
from stages.core.networks import compiled
from stages.core.networks.data import MultiTaskData, SplitData
from stages.core.networks.stopping import TrainingResult
from stages.core.networks.training import train_network
from tests.core.networks.test_training import JOINT, PROBLEM, examples

DROPPED = replace(JOINT, dropout=0.5, input_dropout=0.2)
STEPS_200 = replace(PROBLEM, train=examples(1600, 3))
ARCHITECTURES = {
    "stl": Architecture(joint=False, trunk=(128, 64)),
    "mtl1": Architecture(joint=True, trunk=(64,), head=(32,)),
    "mtl2": Architecture(joint=True, trunk=(128, 64), head=(32,)),
    "mtl3": Architecture(joint=True, trunk=(256, 128, 64), head=(32,)),
}


def both(
    problem: MultiTaskData, architecture: Architecture, config: TrainingConfig
) -> tuple[TrainingResult, TrainingResult]:
    """The plain loop's network and the compiled one, in float64."""
    plain = train_network(problem, architecture, config, 1, dtype=torch.float64)
    return plain, compiled.train_network(problem, architecture, config, 1, np.float64)


def furthest(plain: TrainingResult, quick: TrainingResult) -> float:
    """Largest distance of two weights, relative to the largest weight of its layer."""
    assert plain.weights.keys() == quick.weights.keys()
    return max(
        np.abs(values - quick.weights[name]).max() / np.abs(values).max()
        for name, values in plain.weights.items()
    )


def same_course(
    plain: TrainingResult, other: TrainingResult, weights: float, losses: float, scores: float
) -> None:
    """The same epochs, and weights, losses and scores within these relative distances."""
    assert furthest(plain, other) < weights
    assert (plain.best_epoch, plain.epochs) == (other.best_epoch, other.epochs)
    for expected, found in zip(plain.curves, other.curves, strict=True):
        assert found["loss"] == pytest.approx(expected["loss"], rel=losses)
        assert found["share"] == pytest.approx(expected["share"], rel=losses)
        assert (found["score"] or 0.0) == pytest.approx(
            expected["score"] or 0.0, rel=scores, abs=scores / 100
        )


def partly_labelled() -> MultiTaskData:
    """Most clips without some labels, so that there are batches without any of a task."""
    targets = {name: values.copy() for name, values in PROBLEM.train.targets.items()}
    rng = np.random.default_rng(0)
    targets["age"][rng.random(300) < 0.95] = np.nan
    targets["emotion"][rng.random(300) < 0.5] = np.nan
    targets["country"][rng.random(300) < 0.95] = -1
    return replace(PROBLEM, train=SplitData(PROBLEM.train.inputs, targets))


@pytest.mark.parametrize("dropout", [0.0, 0.5])
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_the_same_weights_after_200_steps(name: str, dropout: float) -> None:
    problem = STEPS_200 if ARCHITECTURES[name].joint else STEPS_200.only(["emotion"])
    architecture = replace(ARCHITECTURES[name], dropout=dropout, input_dropout=dropout / 3)
    plain, quick = both(problem, architecture, TrainingConfig(epochs=1))
    assert furthest(plain, quick) < 1e-10


@pytest.mark.parametrize("architecture", [JOINT, DROPPED], ids=["plain", "dropout"])
@pytest.mark.parametrize(
    "changes",
    [
        {"optimizer": "adamw", "weight_decay": 0.1},
        {"weight_decay": 0.1},
        {"loss_weighting": "relative"},
        {"loss_weighting": "uncertainty"},
        {
            "loss_weighting": "uncertainty",
            "regression_loss": "score",
            "optimizer": "adamw",
            "weight_decay": 0.1,
        },
        {"loss_weighting": {"age": 0.01}},
        {"class_weights": "balanced", "label_smoothing": 0.1},
        {"label_smoothing": 0.1},
        {"class_weights": "batches", "loss_weighting": "relative"},
        {"class_weights": "logits", "label_smoothing": 0.1},
        {"class_weights": "focal", "loss_weighting": "relative"},
        {"class_weights": "focal", "label_smoothing": 0.1},
        {"regression_loss": "score"},
        {"regression_loss": "score", "batch_size": 32, "class_weights": "balanced"},
        {"monitor": "score"},
        {"batch_size": 1},
        {"batch_size": 7},
        {"batch_size": 19},
        {"batch_size": 1000},
        {"learning_rate": 0.01},
    ],
)
def test_every_option_is_the_plain_loops(changes: dict[str, Any], architecture: Architecture) -> None:
    """200 steps, however large the batches are."""
    config = replace(TrainingConfig(), **changes)
    steps = -(-len(PROBLEM.train) // config.batch_size)
    plain, quick = both(PROBLEM, architecture, replace(config, epochs=-(-200 // steps), patience=1000))
    same_course(plain, quick, weights=1e-10, losses=1e-10, scores=1e-6)


@pytest.mark.parametrize("inputs", [1, 7, 8, 17])
def test_any_number_of_features(inputs: int) -> None:
    def cut(part: SplitData) -> SplitData:
        return SplitData(np.resize(part.inputs, (len(part), inputs)).astype(np.float32), part.targets)

    problem = replace(PROBLEM, train=cut(PROBLEM.train), validation=cut(PROBLEM.validation))
    assert furthest(*both(problem, JOINT, TrainingConfig(epochs=2))) < 1e-10


@pytest.mark.parametrize(
    "changes",
    [
        {"batch_size": 4},
        {"class_weights": "balanced"},
        {"class_weights": "batches"},
        {"class_weights": "logits"},
        {"class_weights": "focal"},
        {"batch_size": 4, "regression_loss": "score", "label_smoothing": 0.1},
        {"batch_size": 4, "loss_weighting": "uncertainty"},
    ],
)
def test_unlabelled_clips_and_batches_without_a_label(changes: dict[str, Any]) -> None:
    assert furthest(*both(partly_labelled(), JOINT, replace(TrainingConfig(epochs=3), **changes))) < 1e-10


def test_float32_stops_at_the_same_epoch_with_the_same_scores() -> None:
    config = TrainingConfig(epochs=20, patience=2, learning_rate=0.005)
    plain = train_network(PROBLEM, JOINT, config, 1)
    quick = compiled.train_network(PROBLEM, JOINT, config, 1)
    assert (plain.best_epoch, plain.epochs) == (quick.best_epoch, quick.epochs)
    for expected, found in zip(plain.curves, quick.curves, strict=True):
        assert (found["score"] or 0.0) == pytest.approx(expected["score"] or 0.0, abs=5e-4)


def test_threads_change_no_bit() -> None:
    config = TrainingConfig(epochs=2)

    def weights(threads: int) -> list[bytes]:
        with ThreadPoolExecutor(threads) as pool:
            fitted = pool.map(lambda seed: compiled.train_network(PROBLEM, JOINT, config, seed), range(4))
            return [b"".join(values.tobytes() for values in one.weights.values()) for one in fitted]

    assert weights(1) == weights(2)


def test_a_diverging_network_says_so_instead_of_looking_sound() -> None:
    config = TrainingConfig(epochs=2, learning_rate=1e38)
    fitted = compiled.train_network(PROBLEM, JOINT, config, 1)
    assert np.isnan(fitted.curves[0]["loss"])


def test_tasks_of_other_scores_are_learnt_alike() -> None:
    scores = {"emotion": "pearson", "country": "f1", "age": "rmse"}
    tasks = {name: replace(task, score=scores[name]) for name, task in PROBLEM.tasks.items()}
    config = TrainingConfig(epochs=2, regression_loss="score", monitor="score", loss_weighting="relative")
    plain, quick = both(replace(PROBLEM, tasks=tasks), JOINT, config)
    same_course(plain, quick, 1e-8, 1e-8, 1e-8)
    assert all(
        np.isfinite(row["score"])
        for row in quick.curves
        if row["split"] == "validation" and row["task"] in scores
    )
