"""Early stopping on the validation split (paper, section 3.3) and the learning curves."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from stages.core.config.training import TrainingConfig
from stages.core.metrics.formulas import mae, mean_ccc, uar
from stages.core.networks.data import Batch, MultiTaskData
from stages.core.networks.losses import Losses, Weighting
from stages.core.networks.network import Network, activated


@dataclass(frozen=True)
class TrainingResult:
    """A trained network: the best epoch's weights, and how it got there.

    Attributes:
        weights: name → array, as :class:`stages.core.networks.network.Network` names them.
        curves: rows with epoch, split, task, loss, share, score.
        best_epoch: counted from 1.
        epochs: how many were trained.
    """

    weights: Mapping[str, np.ndarray]
    curves: list[dict[str, Any]]
    best_epoch: int
    epochs: int


class EarlyStopping:
    """Early stopping: watches validation, keeps the best epoch's weights and the learning curves.

    Args:
        problem: tasks and clips.
        recipe: what must improve, and for how long it is waited.
        validation: inputs and targets of validation, where the network is.
    """

    def __init__(self, problem: MultiTaskData, recipe: TrainingConfig, validation: Batch) -> None:
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

    def fitted(self) -> TrainingResult:
        """What came of it."""
        weights = {name: value.cpu().numpy() for name, value in self._weights.items()}
        return TrainingResult(weights, self._curves, self._best_epoch, self._epoch)

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
