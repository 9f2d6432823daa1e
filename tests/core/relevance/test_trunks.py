"""Gradients of the shared layers against torch, and the likeness of representations."""

import numpy as np
import pytest
import torch

from stages.core.config.tasks import Task
from stages.core.config.training import Architecture, TrainingConfig
from stages.core.networks.compiled import labels_of
from stages.core.networks.data import MultiTaskData, SplitData
from stages.core.networks.description import ModelDescription, NetworkSummary
from stages.core.networks.losses import losses_of
from stages.core.networks.model import Model
from stages.core.networks.network import Network
from stages.core.networks.scaling import Scaling
from stages.core.relevance.trunks import Trunk, alignment, cosine

TASKS = {
    "emotion": Task("regression", ("Awe", "Fear"), "ccc", output="sigmoid"),
    "country": Task("classification", ("Country",), "uar"),
    "age": Task("regression", ("Age",), "mae"),
}
OUTPUTS = {"emotion": 2, "country": 3, "age": 1}
ARCHITECTURE = Architecture(joint=True, trunk=(8, 4), head=(4,))


@pytest.mark.parametrize("loss", ["squared", "score"])
def test_gradients_are_those_of_torch(loss: str) -> None:
    rng = np.random.default_rng(1)
    inputs = rng.normal(size=(8, 5)).astype(np.float32)
    targets = {
        "emotion": rng.random((8, 2)),
        "country": rng.integers(0, 3, 8),
        "age": rng.normal(size=(8, 1)),
    }
    targets["emotion"][0] = np.nan
    clips = SplitData(inputs, targets)
    config = TrainingConfig(seeds=(1,), regression_loss=loss)
    data = MultiTaskData(TASKS, OUTPUTS, clips, clips, dict.fromkeys(TASKS, (0.0, 1.0)))
    torch.manual_seed(1)
    network = Network(5, OUTPUTS, ARCHITECTURE).double()
    summary = NetworkSummary("seed1", 1, list(TASKS), 1, 1, {})
    description = ModelDescription(
        "r", "f", "m", {}, list("abcde"), TASKS, OUTPUTS, {}, {}, ARCHITECTURE, config, {}, [summary], {}
    )
    weights = {f"seed1/{name}": values.astype(np.float32) for name, values in network.arrays().items()}
    network.load_arrays({name: values.astype(np.float64) for name, values in network.arrays().items()})
    trunk = Trunk(Model(description, weights, Scaling("standard", np.zeros((4, 5)))), summary)
    found = trunk.gradients(inputs, labels_of(data, clips, config))

    as_tensors = {name: torch.from_numpy(values) for name, values in targets.items()}
    of_torch = {}
    for task in TASKS:
        network.zero_grad()
        outputs = network(torch.from_numpy(inputs).double())
        losses_of(data, config, "cpu", torch.float64)(outputs, as_tensors)[task].backward()
        shared = [values.grad.numpy().copy() for values in network.trunk.parameters()]
        of_torch[task] = np.concatenate([values.ravel() for values in shared])
        for index, (read, sums, scale, shift) in enumerate(found[task]):
            for values, expected in zip(
                (sums.T @ read, sums.sum(0), scale, shift), shared[4 * index :], strict=False
            ):
                assert values == pytest.approx(expected, rel=1e-4, abs=1e-6)
    for first, second in (("emotion", "age"), ("country", "age"), ("emotion", "country")):
        x, y = of_torch[first], of_torch[second]
        expected = x @ y / np.sqrt((x @ x) * (y @ y))
        assert cosine(found[first], found[second]) == pytest.approx(expected, abs=1e-4)


def test_alignment_ignores_rotation_and_scale_and_tells_strangers() -> None:
    rng = np.random.default_rng(2)
    values = rng.normal(size=(200, 4))
    rotation = np.linalg.qr(rng.normal(size=(4, 4)))[0]
    assert alignment(values, 3 * values @ rotation + 1) == pytest.approx(1)
    assert alignment(values, rng.normal(size=(200, 4))) < 0.1
