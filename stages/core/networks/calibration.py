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
from stages.core.config.training import TrainingConfig

STEPS = 16
"""Temperatures that are tried between one and its double: steps of 4.4 %."""
COLDEST, HOTTEST = -10 * STEPS, 4 * STEPS
"""The lowest, 1/1024, and the highest, 16, in these steps."""
SMALLEST = 1e-38
"""The smallest probability that has a logarithm here."""


@dataclass(frozen=True)
class Calibration:
    """How a task's predictions are brought to the scale of the labels.

    Attributes:
        factor: per column of a regression; prediction → offset + factor × prediction.
        offset: per column.
        temperature: what the logarithms of a classification's probabilities are divided by.
    """

    factor: tuple[float, ...] = ()
    offset: tuple[float, ...] = ()
    temperature: float = 1.0

    def mapped(self, predictions: np.ndarray) -> np.ndarray:
        """float32 [n, outputs] → float32 [n, outputs], each value rounded once; as it is without a change."""
        if self.factor:
            mapped = predictions.astype(np.float64) * np.array(self.factor) + np.array(self.offset)
        elif self.temperature != 1:
            mapped = softmax(logarithms(predictions) / self.temperature)
        else:
            return predictions
        return mapped.astype(np.float32)


def softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities [..., classes] of logits, the same bits on every processor.

    >>> softmax(np.array([[0.0, 0.0]]))
    array([[0.5, 0.5]])
    """
    odds = exp(logits - logits.max(axis=-1, keepdims=True))
    return odds / odds.sum(axis=-1, keepdims=True)


def logarithms(probabilities: np.ndarray) -> np.ndarray:
    """Logits of probabilities [..., classes]; those that float32 rounds to 0 count as its smallest."""
    return log(np.maximum(probabilities.astype(np.float64), SMALLEST))


def matched(task: Task, config: TrainingConfig) -> bool:
    """Whether predictions of a task are matched to the spread of its labels."""
    return config.calibration == "match" and task.score == "ccc"


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
        2 to the power of a multiple of 1/16: few values, so that no processor's rounding decides; 1 without
        labels.
    """
    known = classes >= 0
    if not known.any():
        return 1.0
    rows, chosen = logits[:, known].astype(np.float64), (slice(None), np.arange(known.sum()), classes[known])

    def loss(step: int) -> float:
        shares = softmax(rows / _degrees(step))[chosen].mean(axis=0)
        return float(np.round(-log(np.maximum(shares, 1e-300)).mean(), 9))

    near = min(range(COLDEST, HOTTEST + 1, STEPS), key=loss)
    around = range(max(COLDEST, near - STEPS), min(HOTTEST, near + STEPS) + 1)
    return _degrees(min(around, key=loss))


def _degrees(step: int) -> float:
    """2 to the power of step / STEPS, rounded, as the last bit of a power depends on the processor."""
    return round(2.0 ** (step / STEPS), 9)


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
            value = temperature(logarithms(predictions[name]), validation[name])
            found[name] = Calibration(temperature=value)
        elif task.score == "ccc":
            found[name] = match(predictions[name].mean(axis=0, dtype=np.float64), train[name])
    return found
