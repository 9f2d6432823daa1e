"""Training one network: the paper's loop (section 3.3), plain and on any device.

Batches, Adam, at most so many epochs, early stopping on validation, and the best epoch's weights in the
end. This loop is the definition: :mod:`stages.core.fast` (compiled steps) and :mod:`stages.core.stacked` (all
seeds at once, a graph on a GPU) do the same faster and are tested against it.
"""

import copy
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy.special import xlogy
from torch import Tensor

from stages.core.losses import Weighting, task_loss
from stages.core.network import Network, activated, dropout_masks
from stages.core.options import Architecture, Recipe
from stages.core.scores import mae, mean_ccc, uar
from stages.core.tasks import Task

Losses = Callable[[Mapping[str, Tensor], Mapping[str, Tensor]], dict[str, Tensor]]
Batch = tuple[Tensor, dict[str, Tensor]]
"""Inputs [n, d], and task → targets, of some clips."""

_DRAWING = threading.Lock()  # torch's layers draw their first weights from the one generator of the process


@dataclass(frozen=True)
class Examples:
    """Scaled inputs of n clips with the targets of each task (see :func:`stages.core.tasks.targets_of`)."""

    inputs: np.ndarray
    targets: Mapping[str, np.ndarray]

    def __len__(self) -> int:
        return len(self.inputs)


@dataclass(frozen=True)
class Problem:
    """All that the networks of a run share.

    Attributes:
        tasks: the tasks, in order.
        outputs: task → number of outputs.
        train: what is learnt from; regression targets on the scale of the loss.
        validation: what early stopping watches; the same scale.
        scales: task → (mean, sd) of its linear targets: label = mean + sd × target.
    """

    tasks: Mapping[str, Task]
    outputs: Mapping[str, int]
    train: Examples
    validation: Examples
    scales: Mapping[str, tuple[float, float]]

    def only(self, names: list[str]) -> "Problem":
        """The same clips with some of the tasks."""
        pick = {name: self.tasks[name] for name in names}
        return Problem(
            pick,
            {name: self.outputs[name] for name in names},
            Examples(self.train.inputs, {name: self.train.targets[name] for name in names}),
            Examples(self.validation.inputs, {name: self.validation.targets[name] for name in names}),
            {name: self.scales[name] for name in names},
        )


@dataclass(frozen=True)
class Fitted:
    """A trained network: the best epoch's weights, and how it got there.

    Attributes:
        weights: name → array, as :class:`stages.core.network.Network` names them.
        curves: rows with epoch, split, task, loss, share, score.
        best_epoch: counted from 1.
        epochs: how many were trained.
    """

    weights: Mapping[str, np.ndarray]
    curves: list[dict[str, Any]]
    best_epoch: int
    epochs: int


def start(problem: Problem, architecture: Architecture, recipe: Recipe, seed: int) -> Network:
    """A network with its first weights, drawn from the seed alone; linear outputs may start at a mean."""
    with _DRAWING, torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = Network(problem.train.inputs.shape[1], problem.outputs, architecture)
    for name, task in problem.tasks.items():
        if recipe.output_bias == "mean" and task.kind == "regression" and task.output == "linear":
            mean = np.nan_to_num(np.nanmean(problem.train.targets[name], axis=0))
            with torch.no_grad():
                network.get_parameter(f"heads.{name}.{2 * len(architecture.head)}.bias").copy_(
                    torch.from_numpy(mean)
                )
    return network


def fit(
    problem: Problem,
    architecture: Architecture,
    recipe: Recipe,
    seed: int,
    device: str = "cpu",
    dtype: torch.dtype = torch.float32,
) -> Fitted:
    """Train one network.

    Args:
        problem: tasks and clips.
        architecture: the network.
        recipe: how to train.
        seed: decides the first weights, the order of clips and the dropout.
        device: ``cpu`` or ``cuda``.
        dtype: of weights and inputs.
    """
    torch.set_num_threads(1)  # The products are small: threads would cost more than they bring, and bits.
    network = start(problem, architecture, recipe, seed).to(device, dtype)
    weighting = Weighting(problem.tasks, recipe, naive_losses(problem, recipe)).to(device, dtype)
    optimizer = optimizer_of([*network.parameters(), *weighting.parameters()], recipe, device)
    inputs, targets = on_device(problem.train, device, dtype)
    losses_by_task = losses_of(problem, recipe, device, dtype)
    stopping = Stopping(problem, recipe, on_device(problem.validation, device, dtype))
    orders, chance = order_of_clips(len(inputs), seed), torch.Generator(device).manual_seed(seed)
    size = batch_of(problem, recipe)
    while stopping.goes_on:
        sums = dict.fromkeys(problem.tasks, 0.0)
        for batch in next(orders).split(size):
            rows = batch.to(device)
            masks = dropout_masks(inputs.shape[1], architecture, size, chance, dtype)
            outputs = network(inputs[rows], [mask[: len(rows)] for mask in masks])
            losses = losses_by_task(outputs, {name: values[rows] for name, values in targets.items()})
            optimizer.zero_grad()
            total_of(weighting(losses)).backward()
            optimizer.step()
            for name, loss in losses.items():
                sums[name] += float(loss.detach()) * len(rows)
        means = {name: value / len(inputs) for name, value in sums.items()}
        weighting.end_epoch(means)
        stopping.end_epoch(means, network, weighting, losses_by_task)
    return stopping.fitted()


class Stopping:
    """Early stopping: watches validation, keeps the best epoch's weights and the learning curves.

    Args:
        problem: tasks and clips.
        recipe: what must improve, and for how long it is waited.
        validation: inputs and targets of validation, where the network is.
    """

    def __init__(self, problem: Problem, recipe: Recipe, validation: Batch) -> None:
        self._problem = problem
        self._recipe = recipe
        self._inputs, self._targets = validation
        self._curves: list[dict[str, Any]] = []
        self._best = -np.inf
        self._best_epoch = 0
        self._epoch = 0
        self._weights: dict[str, Tensor] = {}
        self.goes_on = True

    def end_epoch(
        self,
        train_losses: Mapping[str, float],
        network: Network,
        weighting: Weighting,
        losses_by_task: Losses,
    ) -> None:
        """Judge the network as it is after one more epoch."""
        self._epoch += 1
        with torch.no_grad():
            outputs = network(self._inputs)
            losses = losses_by_task(outputs, self._targets)
            shares = {name: float(value) for name, value in weighting(losses).items()}
            as_tensors = {name: self._inputs.new_tensor(value) for name, value in train_losses.items()}
            train_shares = {name: float(value) for name, value in weighting(as_tensors).items()}
        scores = {name: self._score(name, outputs[name]) for name in self._problem.tasks}
        self._record("train", train_losses, train_shares, {})
        self._record("validation", {name: float(value) for name, value in losses.items()}, shares, scores)
        reached = -sum(shares.values()) if self._recipe.monitor == "loss" else self._skill(scores)
        if reached > self._best or self._epoch == 1:  # so that there are weights even if all is NaN
            self._best, self._best_epoch = np.nan_to_num(reached, nan=-np.inf), self._epoch
            self._weights = copy.deepcopy(network.state_dict())
        waited = self._epoch - self._best_epoch
        self.goes_on = self._epoch < self._recipe.epochs and waited < self._recipe.patience

    def fitted(self) -> Fitted:
        """What came of it."""
        weights = {name: value.cpu().numpy() for name, value in self._weights.items()}
        return Fitted(weights, self._curves, self._best_epoch, self._epoch)

    def _score(self, name: str, output: Tensor) -> float:
        task, truth = self._problem.tasks[name], self._problem.validation.targets[name]
        values = activated(task, output).cpu().numpy()
        if task.kind == "classification":
            return uar(truth, values.argmax(axis=1), self._problem.outputs[name])
        return (
            mean_ccc(truth, values)
            if task.score == "ccc"
            else mae(truth, values) * self._problem.scales[name][1]
        )

    def _skill(self, scores: Mapping[str, float]) -> float:
        """Mean over tasks of CCC, UAR, or the part of the naive mean absolute error that is saved.

        A task whose labels are all what the naive predictor says has no part in it.
        """
        gains = []
        for name, score in scores.items():
            if self._problem.tasks[name].score == "mae":
                truth = self._problem.validation.targets[name]
                mean = np.nanmean(self._problem.train.targets[name], axis=0)
                naive = mae(truth, np.zeros_like(truth) + mean) * self._problem.scales[name][1]
                gains.append(1 - score / naive if naive else np.nan)
            else:
                gains.append(score)
        defined = [gain for gain in gains if not np.isnan(gain)]
        return float(np.mean(defined)) if defined else -np.inf

    def _record(
        self,
        split: str,
        losses: Mapping[str, float],
        shares: Mapping[str, float],
        scores: Mapping[str, float],
    ) -> None:
        total = sum(shares.values())
        for name, loss in losses.items():
            share = shares[name] / total if total else 0.0
            row = {"epoch": self._epoch, "split": split, "task": name, "loss": loss, "share": share}
            self._curves.append({**row, "score": scores.get(name)})
        if len(losses) > 1:
            row = {"epoch": self._epoch, "split": split, "task": "total", "loss": total, "share": 1.0}
            self._curves.append({**row, "score": None})


def batch_of(problem: Problem, recipe: Recipe) -> int:
    """Clips of a full batch: never more than there are, since loops make room for them."""
    return min(recipe.batch_size, len(problem.train))


def order_of_clips(number: int, seed: int) -> Iterator[Tensor]:
    """A new order of the training clips for each epoch, from the seed alone."""
    generator = torch.Generator().manual_seed(seed)
    while True:
        yield torch.randperm(number, generator=generator)


def optimizer_of(parameters: list[Tensor], recipe: Recipe, device: str) -> torch.optim.Optimizer:
    """Adam (Kingma and Ba, 2015) or AdamW (Loshchilov and Hutter, 2019), as few kernels."""
    kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[recipe.optimizer]
    return kind(
        parameters,
        lr=recipe.learning_rate,
        weight_decay=recipe.weight_decay,
        fused=device in {"cpu", "cuda"},
        capturable=device == "cuda",
    )


def total_of(shares: Mapping[str, Tensor]) -> Tensor:
    """The loss that is minimized: the sum of what the tasks contribute."""
    return torch.stack(list(shares.values())).sum()


def on_device(examples: Examples, device: str, dtype: torch.dtype) -> Batch:
    """Inputs and targets of all clips as tensors; targets of a classification are int64."""
    targets = {
        name: torch.from_numpy(values).to(device, torch.int64 if values.ndim == 1 else dtype)
        for name, values in examples.targets.items()
    }
    return torch.from_numpy(examples.inputs).to(device, dtype), targets


def naive_losses(problem: Problem, recipe: Recipe) -> dict[str, float]:
    """Task → its training loss if the mean, or the frequencies of the classes, were always predicted."""
    losses = {}
    for name, task in problem.tasks.items():
        truth = problem.train.targets[name]
        if task.kind == "classification":
            counts = np.bincount(truth[truth >= 0], minlength=problem.outputs[name])
            shares = counts / max(1, counts.sum())
            losses[name] = float(-xlogy(shares, shares).sum())
        elif recipe.regression_loss == "squared":
            losses[name] = float(np.nanvar(truth, axis=0).mean())
        else:  # a constant has no concordance
            naive = np.full_like(truth, 0.0) + np.nanmean(truth, axis=0)
            losses[name] = mae(truth, naive) if task.score == "mae" else 1.0
    return {name: loss or 1.0 for name, loss in losses.items()}


def class_weights_of(problem: Problem, recipe: Recipe) -> dict[str, np.ndarray]:
    """Task → a weight for each output.

    With ``balanced`` those of classes are clips / (classes × clips of the class), as in scikit-learn.
    """
    weights = {name: np.ones(number) for name, number in problem.outputs.items()}
    for name, task in problem.tasks.items():
        if task.kind == "classification" and recipe.class_weights == "balanced":
            truth = problem.train.targets[name]
            counts = np.bincount(truth[truth >= 0], minlength=problem.outputs[name])
            weights[name] = counts.sum() / (len(counts) * np.maximum(counts, 1))
    return weights


def losses_of(problem: Problem, recipe: Recipe, device: str, dtype: torch.dtype) -> Losses:
    """The function from outputs and targets of some clips to the loss of each task."""
    weights = {
        name: torch.from_numpy(values).to(device, dtype)
        for name, values in class_weights_of(problem, recipe).items()
    }

    def losses(outputs: Mapping[str, Tensor], targets: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {
            name: task_loss(task, outputs[name], targets[name], weights[name], recipe)
            for name, task in problem.tasks.items()
        }

    return losses
