"""Predictions on the scale of the labels, learnt on the validation split.

The mean prediction of several networks varies less than the labels, which the CCC punishes. A linear map per
column gives the predictions of the validation split the mean and the standard deviation of the training
labels; classes get one temperature. One map serves all seeds of a run: it is linear, so that it is also that
of their mean. A task judged by its absolute error stays as it is: spread costs it.
Temperature: Guo et al., "On Calibration of Modern Neural Networks", ICML 2017.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from stages.core.arithmetic.elementary import exp, log
from stages.core.config.tasks import Task

TEMPERATURES = 2.0 ** (np.arange(-32, 65) / 16)
"""What is tried: 1/4 to 16 in steps of 4.4 %."""


@dataclass(frozen=True)
class Calibration:
    """How a task's predictions are brought to the scale of the labels.

    Attributes:
        factor: per column of a regression; prediction → offset + factor × prediction.
        offset: per column.
        temperature: what a classification's logits are divided by.
    """

    factor: tuple[float, ...] = ()
    offset: tuple[float, ...] = ()
    temperature: float = 1.0

    def mapped(self, predictions: np.ndarray) -> np.ndarray:
        """float32 [n, outputs] → float32 [n, outputs], each value rounded once; as it is without a factor."""
        if not self.factor:
            return predictions
        mapped = predictions.astype(np.float64) * np.array(self.factor) + np.array(self.offset)
        return mapped.astype(np.float32)


def match(predictions: np.ndarray, labels: np.ndarray) -> Calibration:
    """The map that gives predictions the mean and the standard deviation of labels.

    A column that is constant in the predictions is shifted alone.

    Args:
        predictions: [n, columns] of the validation split, mean over the seeds.
        labels: [m, columns] of the training split; rows of NaN count nothing.

    >>> match(np.array([[1.0], [3.0]]), np.array([[10.0], [30.0]]))
    Calibration(factor=(10.0,), offset=(0.0,), temperature=1.0)
    """
    have_mean, have_sd = _moments(predictions)
    want_mean, want_sd = _moments(labels[~np.isnan(labels).any(axis=1)])
    factor = np.divide(want_sd, have_sd, out=np.ones_like(have_sd), where=have_sd > 0)
    return Calibration(tuple(factor.tolist()), tuple((want_mean - factor * have_mean).tolist()))


def _moments(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of each column (0 if constant), the same bits on every processor."""
    rows = values.astype(np.float64)
    mean = rows.cumsum(axis=0)[-1] / len(rows)  # cumsum adds row by row; sum may not
    sd = np.sqrt(((rows - mean) ** 2).cumsum(axis=0)[-1] / len(rows))
    return mean, np.where(rows.max(axis=0) > rows.min(axis=0), sd, 0.0)


def temperature(logits: np.ndarray, classes: np.ndarray) -> float:
    """The temperature whose probabilities have the smallest cross entropy.

    Args:
        logits: [seeds, n, classes] of the validation split; the probabilities are averaged over the seeds.
        classes: int [n], −1 unlabelled.

    Returns:
        One of ``TEMPERATURES``: as these are few, no processor's rounding decides. 1 without labels.
    """
    known = classes >= 0
    if not known.any():
        return 1.0
    rows = logits[:, known].astype(np.float64)
    rows -= rows.max(axis=2, keepdims=True)
    chosen = (slice(None), np.arange(known.sum()), classes[known])
    losses = []
    for value in TEMPERATURES:
        exponents = exp(rows / value)
        shares = (exponents[chosen] / exponents.sum(axis=2)).mean(axis=0)
        losses.append(-log(np.maximum(shares, 1e-300)).mean())
    return float(TEMPERATURES[int(np.argmin(np.round(losses, 9)))])


def calibrate(
    tasks: Mapping[str, Task],
    predictions: Mapping[str, np.ndarray],
    train: Mapping[str, np.ndarray],
    validation: Mapping[str, np.ndarray],
) -> dict[str, Calibration]:
    """Calibrations of the tasks that are judged by CCC or UAR.

    Args:
        tasks: task → its declaration.
        predictions: task → float32 [seeds, n, outputs] of the validation split.
        train: task → targets of the training split, in the units of the predictions.
        validation: task → targets of the validation split.
    """
    found = {}
    for name, task in tasks.items():
        if not predictions[name].shape[1]:
            continue
        if task.kind == "classification":
            logits = log(np.maximum(predictions[name].astype(np.float64), 1e-38))
            found[name] = Calibration(temperature=temperature(logits, validation[name]))
        elif task.score == "ccc":
            found[name] = match(predictions[name].mean(axis=0, dtype=np.float64), train[name])
    return found
