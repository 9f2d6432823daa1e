"""Losses of the tasks (paper, section 3.3) and how several are weighed against each other."""

from collections.abc import Callable, Mapping

import numpy as np
import torch
from scipy.special import xlogy
from torch import Tensor, nn
from torch.nn import functional

from stages.core.config.tasks import Task
from stages.core.config.training import TrainingConfig
from stages.core.metrics.formulas import mae
from stages.core.networks.data import MultiTaskData
from stages.core.networks.network import activated

Losses = Callable[[Mapping[str, Tensor], Mapping[str, Tensor]], dict[str, Tensor]]

TEMPERATURE = 2.0


def task_loss(task: Task, output: Tensor, target: Tensor, weights: Tensor, recipe: TrainingConfig) -> Tensor:
    """Loss of one task over the labelled clips of a batch.

    Cross entropy; of a regression the mean squared error over columns and clips or, with ``regression_loss:
    score``, what it is judged by: the mean absolute error, or 1 − CCC within the batch, mean over the columns
    whose labels vary in it. No clip is picked by its values, so that a GPU can record the step.

    Args:
        task: the task.
        output: float [n, outputs], before sigmoid or softmax.
        target: float [n, columns], NaN unlabelled; or int64 [n], −1 unlabelled.
        weights: float [outputs], of the classes.
        recipe: names the loss, and the label smoothing of a classification.

    Returns:
        A scalar; 0 if no clip is labelled, or no label varies where CCC is asked for.
    """
    if task.kind == "classification":
        total = (weights[target.clamp(min=0)] * (target >= 0)).sum()
        smoothing = recipe.label_smoothing
        loss = functional.cross_entropy(
            output, target, weights, ignore_index=-1, reduction="sum", label_smoothing=smoothing
        )
        return loss / torch.where(total > 0, total, 1)
    labelled = ~target[:, :1].isnan()
    known = labelled.to(output.dtype)
    clips = known.sum().clamp(min=1)
    estimate, truth = activated(task, output), target.nan_to_num()
    errors = (estimate - truth) * known
    if recipe.regression_loss == "squared":
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

    ``equal`` adds them, as the paper does. Fixed numbers weigh them, where there are several.
    ``relative`` divides each by the loss of always predicting the mean, or the frequencies of the classes, so
    that all begin near 1. ``uncertainty`` learns a log variance s a task: exp(−s) L + s, half of that for
    squared errors (Kendall et al., 2018).
    ``dynamic`` weighs a task by how slowly it improved over the last two epochs (Liu et al., 2019).

    Args:
        tasks: the tasks.
        recipe: names the kind.
        naive: task → the loss of the naive predictor on the training split.
    """

    weights: Tensor

    def __init__(self, tasks: Mapping[str, Task], recipe: TrainingConfig, naive: Mapping[str, float]) -> None:
        super().__init__()
        self._kind = recipe.loss_weighting
        fixed = self._kind if isinstance(self._kind, dict) and len(tasks) > 1 else {}
        if self._kind == "relative":
            fixed = {name: 1 / loss for name, loss in naive.items()}
        weights = [float(fixed.get(name, 1.0)) for name in tasks]
        self.register_buffer("weights", torch.tensor(weights, dtype=torch.float64))
        squared = recipe.regression_loss == "squared"
        self._factors = {
            name: 0.5 if squared and task.kind == "regression" else 1.0 for name, task in tasks.items()
        }
        self._history: list[dict[str, float]] = []
        learnt = tasks if self._kind == "uncertainty" else {}
        self.log_variance = nn.ParameterDict({name: nn.Parameter(torch.zeros(())) for name in learnt})

    def forward(self, losses: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Task → its loss → what it contributes to the total."""
        if self._kind == "uncertainty":
            return {
                name: self._factors[name]
                * (torch.exp(-self.log_variance[name]) * loss + self.log_variance[name])
                for name, loss in losses.items()
            }
        return {
            name: weight * loss for weight, (name, loss) in zip(self.weights, losses.items(), strict=True)
        }

    def end_epoch(self, losses: Mapping[str, float]) -> None:
        """Tell the mean training losses of an epoch; only ``dynamic`` heeds them."""
        self._history.append(dict(losses))
        if self._kind != "dynamic" or len(self._history) < 2:
            return
        before, last = self._history[-2:]
        ratios = torch.tensor([last[name] / max(before[name], 1e-12) for name in last])
        self.weights.copy_(len(ratios) * torch.softmax(ratios / TEMPERATURE, dim=0))


def total_of(shares: Mapping[str, Tensor]) -> Tensor:
    """The loss that is minimized: the sum of what the tasks contribute."""
    return torch.stack(list(shares.values())).sum()


def naive_losses(problem: MultiTaskData, recipe: TrainingConfig) -> dict[str, float]:
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


def class_weights_of(problem: MultiTaskData, recipe: TrainingConfig) -> dict[str, np.ndarray]:
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


def losses_of(problem: MultiTaskData, recipe: TrainingConfig, device: str, dtype: torch.dtype) -> Losses:
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
