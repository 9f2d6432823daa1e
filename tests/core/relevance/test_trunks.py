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


def test_outputs_and_gradients_of_a_network_that_reads_some_features() -> None:
    """Without hidden layers in its heads, of two tasks; against torch."""
    rng = np.random.default_rng(4)
    outputs, read = {"age": 1, "country": 3}, np.array([4, 1, 2])
    architecture = Architecture(joint=True, trunk=(8, 4))
    torch.manual_seed(2)
    network = Network(3, outputs, architecture).double()
    for values in network.trunk.parameters():  # scales and shifts, too, differ from where they start
        values.data += 0.1 * torch.randn(values.shape).double()
    weights = {f"n/{name}": values.astype(np.float32) for name, values in network.arrays().items()}
    network.load_arrays({name.removeprefix("n/"): values.astype(float) for name, values in weights.items()})
    summary = NetworkSummary("n", 1, ["age", "country"], 1, 1, {})
    tasks = {name: TASKS[name] for name in outputs}
    config = TrainingConfig(seeds=(1,), class_weights="focal")
    description = ModelDescription(
        "r", "f", "m", {}, list("abcde"), tasks, outputs, {}, {}, architecture, config, {}, [summary], {}
    )
    model = Model(description, {**weights, "n/columns": read}, Scaling("standard", np.zeros((4, 5))))
    inputs = rng.normal(size=(6, 5)).astype(np.float32)
    trunk = Trunk(model, summary)
    hidden = torch.from_numpy(inputs[:, read]).double()
    for layer in network.trunk:
        hidden = layer(hidden)
    np.testing.assert_allclose(trunk.outputs(inputs), hidden.detach().numpy(), rtol=1e-6, atol=1e-9)
    targets = {"age": rng.normal(size=(6, 1)), "country": np.array([0, 1, -1, 2, 2, 0])}
    clips = SplitData(inputs, targets)
    data = MultiTaskData(tasks, outputs, clips, clips, dict.fromkeys(tasks, (0.0, 1.0)))
    found = trunk.gradients(inputs, labels_of(data, clips, config))
    as_tensors = {name: torch.from_numpy(values) for name, values in targets.items()}
    for task in tasks:
        network.zero_grad()
        losses = losses_of(data, config, "cpu", torch.float64)(
            network(torch.from_numpy(inputs[:, read]).double()), as_tensors
        )
        losses[task].backward()
        expected = [values.grad.numpy() for values in network.trunk.parameters()]
        for index, (of_layer, sums, scale, shift) in enumerate(found[task]):
            for values, theirs in zip(
                (sums.T @ of_layer, sums.sum(axis=0), scale, shift), expected[4 * index :], strict=False
            ):
                np.testing.assert_allclose(values, theirs, rtol=1e-4, atol=1e-7)
    nothing = trunk.gradients(
        inputs, labels_of(data, clips, config)._replace(targets=np.full((6, 2), np.nan))
    )
    assert np.isnan(cosine(nothing["age"], found["country"]))
    assert cosine(found["age"], found["age"]) == pytest.approx(1)


def test_alignment_of_what_never_changes_is_nothing() -> None:
    values = np.array([[1.0, 2.0], [3.0, 5.0], [4.0, 1.0]])
    assert alignment(np.ones((3, 2)), values) == alignment(values, np.ones((3, 2))) == 0.0
    first, second = np.array([[1.0], [2.0], [6.0]]), np.array([[3.0, 0.0], [1.0, 2.0], [2.0, 7.0]])
    grams = [values - values.mean(axis=0) for values in (first, second)]
    one, other = (centred @ centred.T for centred in grams)
    expected = (one * other).sum() / np.sqrt((one**2).sum() * (other**2).sum())
    assert alignment(first, second) == pytest.approx(expected, rel=1e-12)
