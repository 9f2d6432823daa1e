"""How the losses of several tasks are weighted against each other, and classes within a task."""

from collections.abc import Mapping

import numpy as np

from stages.core.arithmetic.elementary import exp, log
from stages.core.config.tasks import Task
from stages.core.config.training import TrainingConfig
from stages.core.metrics.formulas import mae
from stages.core.metrics.naive import naive_prediction
from stages.core.networks.data import MultiTaskData


def naive_losses(data: MultiTaskData, config: TrainingConfig) -> dict[str, float]:
    """Task → its training loss if the mean, or the shares of the classes, were always predicted."""
    losses = {}
    for name, task in data.tasks.items():
        truth = data.train.targets[name]
        naive = naive_prediction(truth, data.outputs[name])
        if task.kind == "classification":
            occurring = naive[naive > 0]
            surprise = -occurring * log(occurring)
            focus = (1 - occurring) ** 2 if config.class_weights == "focal" else 1.0
            losses[name] = float((surprise * focus).sum())
        elif _squared(task, config):
            losses[name] = float(np.nanmean((truth - naive) ** 2, axis=0).mean())
        else:  # a constant has no concordance
            losses[name] = mae(truth, np.zeros_like(truth) + naive) if task.score_loss == "absolute" else 1.0
    return {name: loss or 1.0 for name, loss in losses.items()}


def _squared(task: Task, config: TrainingConfig) -> bool:
    """Whether the loss of a regression is the squared error."""
    return config.regression_loss == "squared" or task.score_loss == "squared"


def class_weights_of(data: MultiTaskData, config: TrainingConfig) -> dict[str, np.ndarray]:
    """Task → a weight for each output: 1, or with ``balanced`` those of :func:`balanced_weights`."""
    weights = {name: np.ones(outputs) for name, outputs in data.outputs.items()}
    for name, task in data.tasks.items():
        if task.kind == "classification" and config.class_weights == "balanced":
            weights[name] = balanced_weights(data, name)
    return weights


def balanced_weights(data: MultiTaskData, task: str) -> np.ndarray:
    """A weight for each class, with which all count the same in training: float64 [classes].

    Clips / (classes × clips of the class), as in scikit-learn.
    """
    counts = _counts(data, task)
    return counts.sum() / (len(counts) * np.maximum(counts, 1))


def logit_offsets_of(data: MultiTaskData, config: TrainingConfig) -> dict[str, np.ndarray]:
    """Task → what its loss adds to each output: with ``logits`` the log of the class's share in training.

    A network that is trained so predicts as if all classes were equally frequent
    (Menon et al., 2021, eq. 10). Otherwise nothing is added.
    """
    offsets = {name: np.zeros(outputs) for name, outputs in data.outputs.items()}
    for name, task in data.tasks.items():
        if task.kind == "classification" and config.class_weights == "logits":
            counts = np.maximum(_counts(data, name), 1)
            offsets[name] = log(counts / counts.sum())
    return offsets


def sampling_weights_of(data: MultiTaskData, config: TrainingConfig) -> np.ndarray | None:
    """How often an epoch takes each training clip, on average: float64 [n], of mean 1; None: each once.

    With ``batches``, the mean over the classification tasks of clips / (classes × clips of the class), and 1
    for a clip without a label.
    """
    tasks = [name for name, task in data.tasks.items() if task.kind == "classification"]
    if config.class_weights != "batches" or not tasks:
        return None
    weights = np.zeros(len(data.train))
    for name in tasks:
        truth, counts = data.train.targets[name], _counts(data, name)
        balanced = counts.sum() / (np.count_nonzero(counts) * np.maximum(counts, 1))
        weights += np.where(truth >= 0, balanced[truth], 1.0) / len(tasks)
    return weights


def _counts(data: MultiTaskData, task: str) -> np.ndarray:
    """Training clips of each class."""
    truth = data.train.targets[task]
    return np.bincount(truth[truth >= 0], minlength=data.outputs[task])


def factors_of(data: MultiTaskData, config: TrainingConfig) -> np.ndarray:
    """The factor of each task's loss in the total: float64 [tasks].

    ``equal`` adds the losses, as the paper does. A dictionary gives fixed weights where there are several
    tasks. ``relative`` divides each by the loss of the naive predictor, so that all start near 1.
    ``uncertainty`` learns one log variance s per task, exp(−s) L + s, half of that for squared errors
    (Kendall et al., 2018); its factor is that half.
    """
    weighting = config.loss_weighting
    if weighting == "relative":
        return np.array([1 / loss for loss in naive_losses(data, config).values()])
    if weighting == "uncertainty":
        halved = [task.kind == "regression" and _squared(task, config) for task in data.tasks.values()]
        return np.where(halved, 0.5, 1.0)
    fixed = weighting if isinstance(weighting, dict) and len(data.tasks) > 1 else {}
    return np.array([float(fixed.get(name, 1.0)) for name in data.tasks])


def shares_of(
    losses: Mapping[str, float], factors: np.ndarray, log_variances: np.ndarray | None
) -> dict[str, float]:
    """Task → what its loss contributes to the total, where log variances are learnt, or not (None)."""
    values = np.array(list(losses.values()))
    if log_variances is not None:
        values = exp(-log_variances) * values + log_variances
    return dict(zip(losses, (factors * values).tolist(), strict=True))
