"""The best linear model beside the networks: ridge regression, its penalty chosen on validation.

With few clips it is hard to beat. It reads as many features as the networks. Classes are targets of −1 and 1
and weigh alike where ``class_weights`` asks for any balance; their scores become probabilities by a softmax
whose temperature has the smallest cross entropy on validation. Training and prediction have the same bits on
every processor.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from stages.core.arithmetic.linear import ridge
from stages.core.arithmetic.products import matmul
from stages.core.config.tasks import Task
from stages.core.config.training import TrainingConfig
from stages.core.dataset.labels import labelled
from stages.core.metrics.metric import METRICS
from stages.core.networks.calibration import match, matched, softmax, temperature
from stages.core.networks.data import MultiTaskData
from stages.core.networks.selection import select
from stages.core.networks.weighting import balanced_weights

PENALTIES = np.array([10.0, 30.0, 100.0, 300.0, 1e3, 3e3, 1e4, 3e4, 1e5])
"""What is tried, for inputs of unit variance."""


@dataclass(frozen=True)
class Linear:
    """A linear model of one task.

    Attributes:
        columns: int64 [k], the inputs that it reads.
        weight: float32 [k, outputs].
        bias: float32 [outputs].
        temperature: what the scores of classes are divided by before the softmax; of a regression 1.
    """

    columns: np.ndarray
    weight: np.ndarray
    bias: np.ndarray
    temperature: float = 1.0

    def predict(self, inputs: np.ndarray, task: Task) -> np.ndarray:
        """Inputs float32 [n, d] → [n, outputs]: probabilities, or numbers on the scale of the loss."""
        scores = self.scores(inputs)
        return softmax(scores / self.temperature) if task.kind == "classification" else scores

    def scores(self, inputs: np.ndarray) -> np.ndarray:
        """Inputs float32 [n, d] → float64 [n, outputs], before a softmax."""
        return matmul(inputs[:, self.columns], self.weight) + self.bias


def fit_linear(
    data: MultiTaskData, name: str, config: TrainingConfig, blocks: Mapping[str, slice]
) -> Linear | None:
    """The linear model of a task with the penalty whose score on validation is best.

    Args:
        data: inputs and targets.
        name: the task.
        config: how many features it reads, and whether predictions are matched to the spread of the labels.
        blocks: feature set → its columns.

    Returns:
        None if validation has no score to choose by.
    """
    task, outputs = data.tasks[name], data.outputs[name]
    reduced, kept = select(data.only([name]), config.columns, blocks)
    columns = np.arange(data.train.inputs.shape[1]) if kept is None else kept
    truth = data.train.targets[name]
    known = labelled(truth)
    targets, weights = truth[known], np.ones(known.sum())
    if task.kind == "classification":
        if config.class_weights != "none":
            weights = balanced_weights(data, name)[targets]
        targets = 2.0 * np.eye(outputs)[targets] - 1.0
    unseen = data.validation.targets[name]
    metric, scores, models = METRICS[task.score], {}, {}
    for penalty, (weight, bias) in enumerate(ridge(reduced.train.inputs[known], targets, weights, PENALTIES)):
        models[penalty] = Linear(columns, weight.astype(np.float32), bias.astype(np.float32))
        found = models[penalty].scores(data.validation.inputs)
        if matched(task, config):
            found = match(found, truth).mapped(found)
        scores[penalty] = metric.compute(unseen, found)
    best = metric.best(scores)
    if best is None:
        return None
    model = models[best]
    if task.kind == "regression":
        return model
    return replace(model, temperature=temperature(model.scores(data.validation.inputs)[None], unseen))
