"""Losses of the tasks (paper, section 3.3) and how several are weighed against each other."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from stages.core.network import activated
from stages.core.options import Recipe
from stages.core.tasks import Task

TEMPERATURE = 2.0


def task_loss(task: Task, output: Tensor, target: Tensor, weights: Tensor | None, smoothing: float) -> Tensor:
    """Mean squared error over columns and clips, or cross entropy; unlabelled clips count nothing.

    Args:
        task: the task.
        output: float [n, outputs], before sigmoid or softmax.
        target: float [n, columns], NaN unlabelled; or int64 [n], −1 unlabelled.
        weights: float [classes], or None for equal weights.
        smoothing: label smoothing of a classification.

    Returns:
        A scalar; 0 if no clip is labelled.
    """
    if task.kind == "classification":
        if not (target >= 0).any():
            return output.sum() * 0.0
        return functional.cross_entropy(output, target, weights, ignore_index=-1, label_smoothing=smoothing)
    known = ~torch.isnan(target[:, 0])
    if not known.any():
        return output.sum() * 0.0
    return functional.mse_loss(activated(task, output)[known], target[known])


class Weighting(nn.Module):
    """The total of the tasks' losses.

    ``equal`` adds them, as the paper does. Fixed numbers weigh them. ``relative`` divides each by the loss of
    always predicting the mean, or the frequencies of the classes, so that all begin near 1. ``uncertainty``
    learns a log variance s a task: exp(−s) L + s for cross entropy, half of that for squared errors
    (Kendall et al., 2018). ``dynamic`` weighs a task by how slowly it improved over the last two epochs
    (Liu et al., 2019).

    Args:
        tasks: the tasks.
        recipe: names the kind.
        naive: task → the loss of the naive predictor on the training split.
    """

    def __init__(self, tasks: Mapping[str, Task], recipe: Recipe, naive: Mapping[str, float]) -> None:
        super().__init__()
        self._kind = recipe.loss_weighting
        fixed = self._kind if isinstance(self._kind, dict) else {}
        if self._kind == "relative":
            fixed = {name: 1 / loss for name, loss in naive.items()}
        self._weights = {name: float(fixed.get(name, 1.0)) for name in tasks}
        self._halved = {name: 0.5 if task.kind == "regression" else 1.0 for name, task in tasks.items()}
        self._history: list[dict[str, float]] = []
        learnt = tasks if self._kind == "uncertainty" else {}
        self.log_variance = nn.ParameterDict({name: nn.Parameter(torch.zeros(())) for name in learnt})

    def shares(self, losses: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """What each task contributes to the total."""
        if self._kind == "uncertainty":
            return {
                name: self._halved[name]
                * (torch.exp(-self.log_variance[name]) * loss + self.log_variance[name])
                for name, loss in losses.items()
            }
        return {name: self._weights[name] * loss for name, loss in losses.items()}

    def end_epoch(self, losses: Mapping[str, float]) -> None:
        """Tell the mean training losses of an epoch; only ``dynamic`` heeds them."""
        self._history.append(dict(losses))
        if self._kind != "dynamic" or len(self._history) < 2:
            return
        before, last = self._history[-2:]
        ratios = torch.tensor([last[name] / max(before[name], 1e-12) for name in self._weights])
        weights = len(ratios) * torch.softmax(ratios / TEMPERATURE, dim=0)
        self._weights = dict(zip(self._weights, weights.tolist(), strict=True))
