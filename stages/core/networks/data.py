"""What the networks of a run learn from: scaled inputs and targets of the training and validation splits."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from stages.core.config.tasks import Task
from stages.core.config.training import TrainingConfig

Batch = tuple[Tensor, dict[str, Tensor]]
"""Inputs [n, d], and task → targets, of some clips."""


@dataclass(frozen=True)
class SplitData:
    """Scaled inputs of n clips and the targets of each task (see ``targets_of``)."""

    inputs: np.ndarray
    targets: Mapping[str, np.ndarray]

    def __len__(self) -> int:
        return len(self.inputs)


@dataclass(frozen=True)
class MultiTaskData:
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
    train: SplitData
    validation: SplitData
    scales: Mapping[str, tuple[float, float]]

    def only(self, names: list[str]) -> "MultiTaskData":
        """The same clips with some of the tasks."""
        pick = {name: self.tasks[name] for name in names}
        return MultiTaskData(
            pick,
            {name: self.outputs[name] for name in names},
            SplitData(self.train.inputs, {name: self.train.targets[name] for name in names}),
            SplitData(self.validation.inputs, {name: self.validation.targets[name] for name in names}),
            {name: self.scales[name] for name in names},
        )


def batch_of(problem: MultiTaskData, recipe: TrainingConfig) -> int:
    """Clips of a full batch: never more than there are, since loops make room for them."""
    return min(recipe.batch_size, len(problem.train))


def on_device(examples: SplitData, device: str, dtype: torch.dtype) -> Batch:
    """Inputs and targets of all clips as tensors; targets of a classification are int64."""
    targets = {
        name: torch.from_numpy(values).to(device, torch.int64 if values.ndim == 1 else dtype)
        for name, values in examples.targets.items()
    }
    return torch.from_numpy(examples.inputs).to(device, dtype), targets
