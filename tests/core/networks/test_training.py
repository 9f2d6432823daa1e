from dataclasses import replace

import numpy as np
import pytest
import torch

from stages.core.config.tasks import Task
from stages.core.config.training import Architecture, TrainingConfig
from stages.core.networks.data import MultiTaskData, SplitData
from stages.core.networks.draws import order_of_clips
from stages.core.networks.losses import task_loss
from stages.core.networks.network import Network
from stages.core.networks.training import start, train_network

TASKS = {
    "emotion": Task("regression", ("Awe", "Fear"), "ccc", scale="row-max", output="sigmoid"),
    "country": Task("classification", ("Country",), "uar"),
    "age": Task("regression", ("Age",), "mae"),
}
JOINT = Architecture(joint=True, trunk=(16, 8), head=(6,))


def examples(number: int, seed: int) -> SplitData:
    rng = np.random.default_rng(seed)
    inputs = rng.normal(size=(number, 12)).astype(np.float32)
    emotion = 1 / (1 + np.exp(-2 * inputs[:, :2] - 0.3 * rng.normal(size=(number, 2))))
    country = np.argmax(inputs[:, 2:5] + 0.3 * rng.normal(size=(number, 3)), axis=1)
    age = 30 + 5 * inputs[:, 5:6] + rng.normal(size=(number, 1))
    return SplitData(
        inputs, {"emotion": emotion.astype(np.float64), "country": country, "age": age.astype(np.float64)}
    )


PROBLEM = MultiTaskData(
    TASKS,
    {"emotion": 2, "country": 3, "age": 1},
    examples(300, 1),
    examples(120, 2),
    dict.fromkeys(TASKS, (0.0, 1.0)),
)


def last(fitted, task: str, split: str = "validation") -> dict:
    return [row for row in fitted.curves if row["task"] == task and row["split"] == split][-1]


def test_it_learns_each_task() -> None:
    config = TrainingConfig(epochs=40, patience=40, learning_rate=0.005, loss_weighting="relative")
    fitted = train_network(PROBLEM, JOINT, config, 1)
    assert last(fitted, "emotion")["score"] > 0.5
    assert last(fitted, "country")["score"] > 0.6
    assert last(fitted, "age")["score"] < 3


def test_the_same_seed_gives_the_same_bits_whatever_was_trained_before() -> None:
    first = train_network(PROBLEM, JOINT, TrainingConfig(epochs=2), 1)
    train_network(PROBLEM.only(["age"]), replace(JOINT, joint=False), TrainingConfig(epochs=1), 7)
    torch.rand(3)
    second = train_network(PROBLEM, JOINT, TrainingConfig(epochs=2), 1)
    other = train_network(PROBLEM, JOINT, TrainingConfig(epochs=2), 2)
    assert all(np.array_equal(first.weights[name], second.weights[name]) for name in first.weights)
    assert not all(np.array_equal(first.weights[name], other.weights[name]) for name in first.weights)


def test_the_steps_are_adam_on_the_sum_of_the_losses() -> None:
    """A loop written out by hand, in float64, ends at the same weights."""
    config = TrainingConfig(epochs=1)
    fitted = train_network(PROBLEM, JOINT, config, 3, dtype=torch.float64)
    network = start(PROBLEM, JOINT, 3).double()
    adam = torch.optim.Adam(network.parameters(), lr=1e-3)
    order = torch.from_numpy(order_of_clips(300, 3, 0))
    inputs = torch.from_numpy(PROBLEM.train.inputs).double()
    emotion, country, age = (torch.from_numpy(PROBLEM.train.targets[name]) for name in TASKS)
    for rows in order.split(8):
        outputs = network(inputs[rows])
        loss = ((torch.sigmoid(outputs["emotion"]) - emotion[rows]) ** 2).mean(dim=0).mean()
        loss = loss - torch.log_softmax(outputs["country"], 1)[range(len(rows)), country[rows]].mean()
        loss = loss + ((outputs["age"] - age[rows]) ** 2).mean()
        adam.zero_grad()
        loss.backward()
        adam.step()
    for name, values in network.arrays().items():
        np.testing.assert_allclose(fitted.weights[name], values, rtol=1e-9, atol=1e-12)


def test_stopping_waits_for_patience_and_restores_the_best_epoch() -> None:
    noise = replace(
        PROBLEM.train,
        targets={**PROBLEM.train.targets, "age": np.random.default_rng(0).normal(30, 5, (300, 1))},
    )
    problem = replace(PROBLEM, train=noise).only(["age"])
    fitted = train_network(problem, JOINT, TrainingConfig(epochs=20, patience=2, learning_rate=0.02), 1)
    assert fitted.epochs == fitted.best_epoch + 2 < 20
    losses = [row["loss"] for row in fitted.curves if row["split"] == "validation"]
    assert np.argmin(losses) == fitted.best_epoch - 1
    network = Network(12, {"age": 1}, JOINT)
    network.load_arrays(fitted.weights)
    output = network.eval()(torch.from_numpy(problem.validation.inputs))["age"]
    truth = torch.from_numpy(problem.validation.targets["age"]).float()
    loss = task_loss(TASKS["age"], output, truth, torch.ones(1), TrainingConfig())
    assert loss.item() == pytest.approx(min(losses), rel=1e-5)


def test_unlabelled_clips_train_nothing() -> None:
    hidden = np.arange(300) % 3 == 0
    targets = {name: values.copy() for name, values in PROBLEM.train.targets.items()}
    targets["age"][hidden] = np.nan
    targets["country"][hidden] = -1
    problem = replace(PROBLEM, train=SplitData(PROBLEM.train.inputs, targets))
    fitted = train_network(problem, JOINT, TrainingConfig(epochs=3), 1)
    assert all(np.isfinite(values).all() for values in fitted.weights.values())
    output = torch.randn(4, 1, requires_grad=True)
    task_loss(TASKS["age"], output, torch.full((4, 1), torch.nan), torch.ones(1), TrainingConfig()).backward()
    assert output.grad is not None
    assert output.grad.abs().sum() == 0


@pytest.mark.parametrize(
    "changes",
    [
        {"optimizer": "adamw", "weight_decay": 0.1},
        {"loss_weighting": "uncertainty"},
        {"loss_weighting": "relative"},
        {"loss_weighting": {"age": 0.01}},
        {"class_weights": "balanced"},
        {"label_smoothing": 0.1},
        {"monitor": "score"},
    ],
)
def test_each_option_changes_the_outcome_and_stays_finite(changes: dict) -> None:
    plain = train_network(PROBLEM, JOINT, TrainingConfig(epochs=3), 1)
    fitted = train_network(PROBLEM, JOINT, replace(TrainingConfig(epochs=3), **changes), 1)
    assert all(np.isfinite(values).all() for values in fitted.weights.values())
    if changes != {"monitor": "score"}:
        assert any(not np.array_equal(plain.weights[name], fitted.weights[name]) for name in plain.weights)


def test_dropout_is_off_when_validating() -> None:
    dropped = replace(JOINT, dropout=0.5, input_dropout=0.2)
    first, second = (train_network(PROBLEM, dropped, TrainingConfig(epochs=2), 1) for _ in range(2))
    assert first.curves == second.curves


def test_a_task_that_the_naive_predictor_solves_does_not_judge_epochs() -> None:
    """Ages of validation that are all the training mean cannot be predicted better."""
    constant = replace(PROBLEM.train, targets={"age": np.full((300, 1), 30.0)})
    problem = replace(PROBLEM.only(["age"]), train=constant, validation=constant)
    fitted = train_network(problem, JOINT, TrainingConfig(epochs=4, patience=2, monitor="score"), 1)
    assert (fitted.best_epoch, fitted.epochs) == (1, 3)
