"""Losses of the tasks (paper, section 3.3) and how they are weighted against each other."""

from collections.abc import Callable, Mapping

import numpy as np
import torch
from scipy.special import xlogy
from torch import Tensor, nn
from torch.nn import functional

from stages.core.config.tasks import Task
from stages.core.config.training import TrainingConfig
from stages.core.metrics.formulas import mae
from stages.core.metrics.naive import naive_prediction
from stages.core.networks.data import MultiTaskData
from stages.core.networks.network import activated

Losses = Callable[[Mapping[str, Tensor], Mapping[str, Tensor]], dict[str, Tensor]]
_PREFIX = "of "  # goes before a task's name, which may be that of a method of torch.nn.ParameterDict


def task_loss(task: Task, output: Tensor, target: Tensor, weights: Tensor, config: TrainingConfig) -> Tensor:
    """Loss of one task over the labelled clips of a batch.

    Cross entropy; of a regression the mean squared error over columns and clips or, with ``regression_loss:
    score``, what it is judged by: the mean absolute error, or 1 − CCC within the batch, mean over the columns
    whose labels vary in it. No clip is picked by its values, so that a GPU can record the step.

    Args:
        task: the task.
        output: float [n, outputs], before sigmoid or softmax.
        target: float [n, columns], NaN unlabelled; or int64 [n], −1 unlabelled.
        weights: float [outputs], of the classes.
        config: names the loss, and the label smoothing of a classification.

    Returns:
        A scalar; 0 if no clip is labelled, or no label varies where CCC is asked for.
    """
    if task.kind == "classification":
        total = (weights[target.clamp(min=0)] * (target >= 0)).sum()
        smoothing = config.label_smoothing
        loss = functional.cross_entropy(
            output, target, weights, ignore_index=-1, reduction="sum", label_smoothing=smoothing
        )
        return loss / torch.where(total > 0, total, 1)
    labelled = ~target[:, :1].isnan()
    known = labelled.to(output.dtype)
    clips = known.sum().clamp(min=1)
    estimate, truth = activated(task, output), target.nan_to_num()
    errors = (estimate - truth) * known
    if config.regression_loss == "squared":
        return errors.square().sum() / (clips * target.shape[1])
    if task.score == "mae":
        return errors.abs().sum() / (clips * target.shape[1])
    varies = truth.where(labelled, -torch.inf).amax(dim=0) > truth.where(labelled, torch.inf).amin(dim=0)
    x, y = ((values - (values * known).sum(dim=0) / clips) * known for values in (truth, estimate))
    bias = errors.sum(dim=0) / clips
    spread = (x.square() + y.square()).sum(dim=0) + clips * bias.square()
    concordance = 2 * (x * y).sum(dim=0) / spread.where(varies, 1)
    return ((1 - concordance) * varies).sum() / varies.sum().clamp(min=1)


class Weighting(nn.Module):
    """The total of the tasks' losses; ``forward`` gives what each task contributes to it.

    ``equal`` adds them, as the paper does. A dictionary gives fixed weights where there are several tasks.
    ``relative`` divides each by the loss of always predicting the mean, or the frequencies of the classes, so
    that all start near 1. ``uncertainty`` learns one log variance s per task: exp(−s) L + s, half of that for
    squared errors (Kendall et al., 2018).

    Args:
        tasks: the tasks.
        config: names the kind.
        naive: task → the loss of the naive predictor on the training split.
    """

    weights: Tensor

    def __init__(self, tasks: Mapping[str, Task], config: TrainingConfig, naive: Mapping[str, float]) -> None:
        super().__init__()
        self._kind = config.loss_weighting
        fixed = self._kind if isinstance(self._kind, dict) and len(tasks) > 1 else {}
        if self._kind == "relative":
            fixed = {name: 1 / loss for name, loss in naive.items()}
        weights = [float(fixed.get(name, 1.0)) for name in tasks]
        self.register_buffer("weights", torch.tensor(weights, dtype=torch.float64))
        squared = config.regression_loss == "squared"
        self._factors = {
            name: 0.5 if squared and task.kind == "regression" else 1.0 for name, task in tasks.items()
        }
        learnt = tasks if self._kind == "uncertainty" else {}
        self.log_variance = nn.ParameterDict(
            {_PREFIX + name: nn.Parameter(torch.zeros(())) for name in learnt}
        )

    def forward(self, losses: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Task → its loss → what it contributes to the total."""
        if self._kind == "uncertainty":
            return {
                name: self._factors[name]
                * (torch.exp(-self.log_variance[_PREFIX + name]) * loss + self.log_variance[_PREFIX + name])
                for name, loss in losses.items()
            }
        return {
            name: weight * loss for weight, (name, loss) in zip(self.weights, losses.items(), strict=True)
        }


def total_of(shares: Mapping[str, Tensor]) -> Tensor:
    """The loss that is minimized: the sum of what the tasks contribute."""
    return torch.stack(list(shares.values())).sum()


def naive_losses(data: MultiTaskData, config: TrainingConfig) -> dict[str, float]:
    """Task → its training loss if the mean, or the frequencies of the classes, were always predicted."""
    losses = {}
    for name, task in data.tasks.items():
        truth = data.train.targets[name]
        naive = naive_prediction(truth, data.outputs[name])
        if task.kind == "classification":
            losses[name] = float(-xlogy(naive, naive).sum())
        elif config.regression_loss == "squared":
            losses[name] = float(np.nanmean((truth - naive) ** 2, axis=0).mean())
        else:  # a constant has no concordance
            losses[name] = mae(truth, np.zeros_like(truth) + naive) if task.score == "mae" else 1.0
    return {name: loss or 1.0 for name, loss in losses.items()}


def class_weights_of(data: MultiTaskData, config: TrainingConfig) -> dict[str, np.ndarray]:
    """Task → a weight for each output.

    With ``balanced`` those of classes are clips / (classes × clips of the class), as in scikit-learn.
    """
    weights = {name: np.ones(number) for name, number in data.outputs.items()}
    for name, task in data.tasks.items():
        if task.kind == "classification" and config.class_weights == "balanced":
            truth = data.train.targets[name]
            counts = np.bincount(truth[truth >= 0], minlength=data.outputs[name])
            weights[name] = counts.sum() / (len(counts) * np.maximum(counts, 1))
    return weights


def losses_of(data: MultiTaskData, config: TrainingConfig, device: str, dtype: torch.dtype) -> Losses:
    """The function from outputs and targets of some clips to the loss of each task."""
    weights = {
        name: torch.from_numpy(values).to(device, dtype)
        for name, values in class_weights_of(data, config).items()
    }

    def losses(outputs: Mapping[str, Tensor], targets: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {
            name: task_loss(task, outputs[name], targets[name], weights[name], config)
            for name, task in data.tasks.items()
        }

    return losses
