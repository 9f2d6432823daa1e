"""All seeds at once against the plain loop, which is their definition."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from stages.core.config.training import Architecture, TrainingConfig
from stages.core.networks import vmapped
from stages.core.networks.data import MultiTaskData
from stages.core.networks.losses import Weighting
from stages.core.networks.training import start, train_network
from tests.core.networks.test_compiled import ARCHITECTURES, STEPS_200, furthest, partly_labelled, same_course
from tests.core.networks.test_training import JOINT, PROBLEM

SEEDS = (3, 1)
DROPPED = replace(JOINT, dropout=0.5, input_dropout=0.2)


def follows(problem: MultiTaskData, architecture: Architecture, config: TrainingConfig) -> None:
    """Every seed ends at the plain loop's weights and scores, in float64."""
    config = replace(config, seeds=SEEDS)
    together = vmapped.train_networks(problem, architecture, config, dtype=torch.float64)
    for seed, found in zip(SEEDS, together, strict=True):
        plain = train_network(problem, architecture, config, seed, dtype=torch.float64)
        same_course(plain, found, weights=1e-10, losses=1e-10, scores=1e-6)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_the_same_weights_after_200_steps(name: str) -> None:
    problem = STEPS_200 if ARCHITECTURES[name].joint else STEPS_200.only(["emotion"])
    follows(problem, ARCHITECTURES[name], TrainingConfig(epochs=1))


@pytest.mark.parametrize("architecture", [JOINT, DROPPED], ids=["plain", "dropout"])
@pytest.mark.parametrize(
    "changes",
    [
        {"optimizer": "adamw", "weight_decay": 0.1},
        {"loss_weighting": "uncertainty"},
        {"loss_weighting": "relative", "regression_loss": "score"},
        {"class_weights": "balanced", "label_smoothing": 0.1},
        {"class_weights": "batches"},
        {"class_weights": "logits"},
        {"class_weights": "focal", "label_smoothing": 0.1},
        {"monitor": "score"},
        {"batch_size": 7},
        {"batch_size": 1000},
    ],
)
def test_every_option_is_the_plain_loops(changes: dict[str, Any], architecture: Architecture) -> None:
    follows(PROBLEM, architecture, replace(TrainingConfig(epochs=3), **changes))


@pytest.mark.parametrize("kind", ["squared", "score"])
def test_unlabelled_clips_and_batches_without_a_label(kind: Any) -> None:
    config = TrainingConfig(epochs=3, batch_size=4, regression_loss=kind, class_weights="balanced")
    follows(partly_labelled(), JOINT, config)


def test_each_network_stops_by_itself() -> None:
    noise = replace(
        PROBLEM.train,
        targets={**PROBLEM.train.targets, "age": np.random.default_rng(0).normal(30, 5, (300, 1))},
    )
    problem = replace(PROBLEM, train=noise).only(["age"])
    config = TrainingConfig(epochs=20, patience=2, learning_rate=0.02, seeds=tuple(range(5)))
    epochs = [fitted.epochs for fitted in vmapped.train_networks(problem, JOINT, config)]
    assert len(set(epochs)) > 1
    assert epochs == [train_network(problem, JOINT, config, seed).epochs for seed in config.seeds]


def stack_of(config: TrainingConfig, device: str) -> vmapped.Stack:
    networks = [start(PROBLEM, DROPPED, seed).to(device) for seed in config.seeds]
    weightings = [Weighting(PROBLEM, config).to(device, torch.float32) for _ in networks]
    return vmapped.Stack(PROBLEM, DROPPED, config, networks, weightings, device, torch.float32)


@pytest.mark.parametrize("weighting", ["equal", "uncertainty"])
def test_a_step_asks_for_no_value_so_that_a_graph_can_hold_it(weighting: Any) -> None:
    """Network, losses and sums of tensors without values, of which any branch is an error.

    (Adam is not the one of a GPU here: on such tensors it counts its steps on the processor.)
    """
    stack = stack_of(TrainingConfig(loss_weighting=weighting, label_smoothing=0.1, seeds=SEEDS), "meta")
    stack.step()
    with pytest.raises(RuntimeError, match="meta"):
        list(stack.end_epoch())


class Recorder:
    """Stands in for streams and graphs of CUDA; what is recorded is run."""

    def __init__(self, *_: object) -> None: ...

    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None: ...

    def wait_stream(self, _: object) -> None: ...

    def replay(self) -> str:
        return "replayed"


def test_recording_a_graph_leaves_no_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("Stream", "stream", "current_stream", "graph", "CUDAGraph"):
        monkeypatch.setattr(torch.cuda, name, Recorder)
    stack = stack_of(TrainingConfig(loss_weighting="uncertainty", seeds=SEEDS), "cpu")
    before = [values.detach().clone() for values in stack.changed()]
    assert vmapped.recorded(stack)() == "replayed"
    weights, moments = stack.changed()[: len(before)], stack.changed()[len(before) :]
    assert all(torch.equal(values, first) for values, first in zip(weights, before, strict=True))
    assert moments
    assert not any(values.any() for values in moments)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("architecture", [JOINT, DROPPED], ids=["plain", "dropout"])
def test_on_a_gpu_the_graph_follows_the_plain_loop(architecture: Architecture) -> None:
    config = TrainingConfig(epochs=2, seeds=SEEDS)
    together = vmapped.train_networks(PROBLEM, architecture, config, "cuda", torch.float64)
    for seed, found in zip(SEEDS, together, strict=True):
        assert (
            furthest(train_network(PROBLEM, architecture, config, seed, "cuda", torch.float64), found) < 1e-8
        )
