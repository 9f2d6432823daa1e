"""Early stopping on the validation split (paper, section 3.3) and the learning curves."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from stages.core.config.training import TrainingConfig
from stages.core.metrics.metric import METRICS
from stages.core.metrics.naive import naive_prediction
from stages.core.networks.data import MultiTaskData

Weights = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class TrainingResult:
    """A trained network: the best epoch's weights, and how it got there.

    Attributes:
        weights: name → array (see :func:`stages.core.networks.description.parameter_shapes`).
        curves: rows with epoch, split, task, loss, share, score.
        best_epoch: counted from 1.
        epochs: how many were trained.
    """

    weights: Weights
    curves: list[dict[str, Any]]
    best_epoch: int
    epochs: int


@dataclass(frozen=True)
class EpochLosses:
    """Losses of a split in one epoch: task → loss, and task → what it contributes to the total."""

    losses: Mapping[str, float]
    shares: Mapping[str, float]


class EarlyStopping:
    """Early stopping: watches validation, keeps the best epoch's weights and the learning curves.

    Args:
        data: tasks and clips.
        config: what must improve, and how many epochs to wait for it.
    """

    def __init__(self, data: MultiTaskData, config: TrainingConfig) -> None:
        self._data = data
        self._config = config
        self._curves: list[dict[str, Any]] = []
        self._best = -np.inf
        self._best_epoch = 0
        self._epoch = 0
        self.tasks = data.tasks
        self._weights: Weights = {}
        self.goes_on = True

    def end_epoch(
        self,
        train: EpochLosses,
        validation: EpochLosses,
        predictions: Mapping[str, np.ndarray],
        weights: Callable[[], Weights],
    ) -> None:
        """Judge the network as it is after one more epoch.

        Args:
            train: means over the training clips during the epoch.
            validation: of the validation split after it.
            predictions: task → [n, outputs] of the validation split: probabilities, ratings or numbers.
            weights: gives a copy of the network's weights.
        """
        self._epoch += 1
        scores = {name: self._score(name, values) for name, values in predictions.items()}
        self._record("train", train, {})
        self._record("validation", validation, scores)
        reached = -sum(validation.shares.values()) if self._config.monitor == "loss" else self._skill(scores)
        if reached > self._best or self._epoch == 1:  # so that there are weights even if all is NaN
            self._best, self._best_epoch = np.nan_to_num(reached, nan=-np.inf), self._epoch
            self._weights = weights()
        waited = self._epoch - self._best_epoch
        self.goes_on = self._epoch < self._config.epochs and waited < self._config.patience

    def result(self) -> TrainingResult:
        """The best epoch's weights and the learning curves."""
        return TrainingResult(self._weights, self._curves, self._best_epoch, self._epoch)

    def _score(self, name: str, prediction: np.ndarray) -> float:
        """Score of a task on validation, errors in label units."""
        metric = METRICS[self._data.tasks[name].score]
        score = metric.compute(self._data.validation.targets[name], prediction)
        return score * self._data.scales[name][1] if metric.in_label_units else score

    def _skill(self, scores: Mapping[str, float]) -> float:
        """Mean over tasks of the score, or of the share of the naive predictor's error that is saved.

        A task that the naive predictor solves does not count.
        """
        gains = []
        for name, score in scores.items():
            metric, naive = METRICS[self._data.tasks[name].score], np.nan
            if not metric.higher_is_better:
                prediction = naive_prediction(self._data.train.targets[name], self._data.outputs[name])
                clips = len(self._data.validation)
                naive = self._score(name, np.broadcast_to(prediction, (clips, len(prediction))))
            gains.append(metric.skill(score, naive))
        defined = [gain for gain in gains if not np.isnan(gain)]
        return float(np.mean(defined)) if defined else -np.inf

    def _record(self, split: str, epoch: EpochLosses, scores: Mapping[str, float]) -> None:
        total = sum(epoch.shares.values())
        for name, loss in epoch.losses.items():
            share = epoch.shares[name] / total if total else 0.0
            row = {"epoch": self._epoch, "split": split, "task": name, "loss": loss, "share": share}
            self._curves.append({**row, "score": scores.get(name)})
        if len(epoch.losses) > 1:
            row = {"epoch": self._epoch, "split": split, "task": "total", "loss": total, "share": 1.0}
            self._curves.append({**row, "score": None})
