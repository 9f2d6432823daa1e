"""Losses of the tasks (paper, section 3.3) and their total, in torch."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from stages.core.config.tasks import Task
from stages.core.config.training import TrainingConfig
from stages.core.networks.data import MultiTaskData
from stages.core.networks.network import activated
from stages.core.networks.weighting import class_weights_of, factors_of, logit_offsets_of

Losses = Callable[[Mapping[str, Tensor], Mapping[str, Tensor]], dict[str, Tensor]]


def task_loss(
    task: Task,
    output: Tensor,
    target: Tensor,
    weights: Tensor,
    config: TrainingConfig,
    offsets: Tensor | float = 0.0,
) -> Tensor:
    """Loss of one task over the labelled clips of a batch.

    Cross entropy, of adjusted logits or focal where the options ask for it; of a regression the mean squared
    error over columns and clips or, with ``regression_loss: score``, what it is judged by: the mean absolute
    error, or 1 − CCC within the batch, mean over the columns whose labels vary in it. No clip is picked by
    its values, so that a GPU can record the step.

    Args:
        task: the task.
        output: float [n, outputs], before sigmoid or softmax.
        target: float [n, columns], NaN unlabelled; or int64 [n], −1 unlabelled.
        weights: float [outputs], of the classes.
        config: names the loss, and the label smoothing of a classification.
        offsets: float [outputs], added to the logits of a classification.

    Returns:
        A scalar; 0 if no clip is labelled, or no label varies where CCC is asked for.
    """
    if task.kind == "classification":
        total = (weights[target.clamp(min=0)] * (target >= 0)).sum()
        smoothing = config.label_smoothing
        output = output + offsets
        if config.class_weights == "focal":
            return _focal(output, target, smoothing) / torch.where(total > 0, total, 1)
        loss = functional.cross_entropy(
            output, target, weights, ignore_index=-1, reduction="sum", label_smoothing=smoothing
        )
        return loss / torch.where(total > 0, total, 1)
    labelled = ~target[:, :1].isnan()
    known = labelled.to(output.dtype)
    clips = known.sum().clamp(min=1)
    estimate, truth = activated(task, output), target.nan_to_num()
    errors = (estimate - truth) * known
    if config.regression_loss == "squared" or task.score_loss == "squared":
        return errors.square().sum() / (clips * target.shape[1])
    if task.score_loss == "absolute":
        return errors.abs().sum() / (clips * target.shape[1])
    varies = truth.where(labelled, -torch.inf).amax(dim=0) > truth.where(labelled, torch.inf).amin(dim=0)
    x, y = ((values - (values * known).sum(dim=0) / clips) * known for values in (truth, estimate))
    bias = errors.sum(dim=0) / clips
    spread = (x.square() + y.square()).sum(dim=0) + clips * bias.square()
    concordance = 2 * (x * y).sum(dim=0) / spread.where(varies, 1)
    return ((1 - concordance) * varies).sum() / varies.sum().clamp(min=1)


def _focal(output: Tensor, target: Tensor, smoothing: float) -> Tensor:
    """Sum over clips of the focal loss: cross entropy where a class of probability p counts (1 − p)².

    Lin et al., 2017, eq. 4, with γ = 2; for smoothed labels the sum over the classes.
    """
    surprise = -functional.log_softmax(output, dim=1)
    known = (target >= 0).to(output.dtype)[:, None]
    own = functional.one_hot(target.clamp(min=0), output.shape[1]).to(output.dtype)
    wanted = known * ((1 - smoothing) * own + smoothing / output.shape[1])
    return (wanted * (1 - torch.exp(-surprise)).square() * surprise).sum()


class Weighting(nn.Module):
    """The total of the tasks' losses (see :func:`factors_of`); ``forward`` gives what each contributes to it.

    Args:
        data: tasks and clips.
        config: names the kind.
    """

    factors: Tensor

    def __init__(self, data: MultiTaskData, config: TrainingConfig) -> None:
        super().__init__()
        self.register_buffer("factors", torch.from_numpy(factors_of(data, config)))
        learnt = config.loss_weighting == "uncertainty"
        self.log_variances = nn.Parameter(torch.zeros(len(data.tasks))) if learnt else None

    def forward(self, losses: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Task → its loss → what it contributes to the total."""
        values = torch.stack(list(losses.values()))
        if self.log_variances is not None:
            values = torch.exp(-self.log_variances) * values + self.log_variances
        return dict(zip(losses, self.factors * values, strict=True))


def total_of(shares: Mapping[str, Tensor]) -> Tensor:
    """The loss that is minimized: the sum of what the tasks contribute."""
    return torch.stack(list(shares.values())).sum()


def losses_of(data: MultiTaskData, config: TrainingConfig, device: str, dtype: torch.dtype) -> Losses:
    """The function from outputs and targets of some clips to the loss of each task."""
    weights, offsets = (
        {name: torch.from_numpy(values).to(device, dtype) for name, values in found.items()}
        for found in (class_weights_of(data, config), logit_offsets_of(data, config))
    )

    def losses(outputs: Mapping[str, Tensor], targets: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {
            name: task_loss(task, outputs[name], targets[name], weights[name], config, offsets[name])
            for name, task in data.tasks.items()
        }

    return losses
