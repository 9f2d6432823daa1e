"""The losses and their gradients in compiled code, as :mod:`stages.core.networks.losses` defines them."""

from typing import Any, NamedTuple

import numpy as np

from stages.core.arithmetic.scalars import scalar_exp, scalar_log
from stages.core.networks.lanes import ZERO, kernel
from stages.core.networks.layout import (
    ACTIVATION,
    CLASS,
    CONCORDANCE,
    CROSS_ENTROPY,
    FOCAL,
    LOSS,
    SIGMOID,
    SQUARED,
    TARGET,
    UNITS,
)


class Labels(NamedTuple):
    """Targets float64 [n, columns] of all tasks side by side, weights of all classes, offsets of their logits
    in the loss, label smoothing.

    A class is given by its index. Without a label there is NaN, or −1 for a class.
    """

    targets: np.ndarray
    class_weights: np.ndarray
    offsets: np.ndarray
    smoothing: float


@kernel
def loss_of(
    task: np.ndarray,
    outputs: tuple,
    clips: np.ndarray,
    labels: Labels,
    multiplier: float,
    grads: np.ndarray,
) -> float:
    """A task's loss on some clips; its gradient, times ``multiplier``, goes to ``grads``.

    Args:
        task: a row of the table of tasks.
        outputs: vector that holds the outputs, where they begin, elements from one clip to the next.
        clips: rows of the labels.
        labels: targets, class weights and label smoothing.
        multiplier: of the gradient.
        grads: a vector like that of the outputs.
    """
    if task[LOSS] == CROSS_ENTROPY or task[LOSS] == FOCAL:
        return _cross_entropy(task, outputs, clips, labels, multiplier, grads)
    if task[LOSS] == CONCORDANCE:
        return _concordance(task, outputs, clips, labels.targets, multiplier, grads)
    loss, total = 0.0, _known(task, clips, labels.targets) * task[UNITS]
    vector, start, stride = outputs
    for row in range(len(clips)):
        if np.isnan(labels.targets[clips[row], task[TARGET]]):
            continue
        for unit in range(task[UNITS]):
            at = start + row * stride + unit
            value, slope = estimate_of(task, vector[at])
            error = value - labels.targets[clips[row], task[TARGET] + unit]
            if task[LOSS] == SQUARED:
                loss += error * error / total
                grads[at] = multiplier * 2 * error * slope / total
            else:
                sign = 1.0 if error > 0 else (-1.0 if error < 0 else 0.0)
                loss += abs(error) / total
                grads[at] = multiplier * sign * slope / total
    return loss


@kernel
def _known(task: np.ndarray, clips: np.ndarray, targets: np.ndarray) -> int:
    """How many of the clips have labels for a regression."""
    known = 0
    for row in range(len(clips)):
        if not np.isnan(targets[clips[row], task[TARGET]]):
            known += 1
    return known


@kernel
def estimate_of(task: np.ndarray, output: float) -> tuple[float, float]:
    """What a regression makes of an output, and the derivative of that."""
    value: Any = np.float64(output)
    if task[ACTIVATION] == SIGMOID:
        value = 1 / (1 + scalar_exp(-value))
        return value, value * (1 - value)
    return value, 1.0


@kernel
def _varies(clips: np.ndarray, targets: np.ndarray, column: int) -> bool:
    """Whether a column has two different labels among the clips."""
    first = np.nan
    for row in range(len(clips)):
        value = targets[clips[row], column]
        if not np.isnan(value):
            if value != first and not np.isnan(first):
                return True
            first = value
    return False


@kernel
def _concordance(
    task: np.ndarray,
    outputs: tuple,
    clips: np.ndarray,
    targets: np.ndarray,
    multiplier: float,
    grads: np.ndarray,
) -> float:
    """1 − CCC on the clips, mean over the columns whose labels vary among them; 0 if none does."""
    vector, start, stride = outputs
    known = _known(task, clips, targets)
    truth, estimate, slope = np.empty(known), np.empty(known), np.empty(known)
    at = np.empty(known, np.int64)
    loss, varying = 0.0, 0
    for unit in range(task[UNITS]):
        if _varies(clips, targets, task[TARGET] + unit):
            varying += 1
    for unit in range(task[UNITS]):
        if not _varies(clips, targets, task[TARGET] + unit):
            continue
        index, mean_truth, mean_estimate = 0, 0.0, 0.0
        for row in range(len(clips)):
            value = targets[clips[row], task[TARGET] + unit]
            if not np.isnan(value):
                at[index], truth[index] = start + row * stride + unit, value
                estimate[index], slope[index] = estimate_of(task, vector[at[index]])
                mean_truth += value / known
                mean_estimate += estimate[index] / known
                index += 1
        bias = mean_estimate - mean_truth
        together, spread = 0.0, known * bias * bias
        for clip in range(known):
            x, y = truth[clip] - mean_truth, estimate[clip] - mean_estimate
            together += 2 * x * y
            spread += x * x + y * y
        loss += (1 - together / spread) / varying
        for clip in range(known):
            x, y = truth[clip] - mean_truth, estimate[clip] - mean_estimate
            rise = (2 * x - together / spread * 2 * (y + bias)) / spread
            grads[at[clip]] = -multiplier * rise * slope[clip] / varying
    return loss


@kernel
def _cross_entropy(
    task: np.ndarray,
    outputs: tuple,
    clips: np.ndarray,
    labels: Labels,
    multiplier: float,
    grads: np.ndarray,
) -> float:
    """Cross entropy with weights of classes and smoothed labels, over the weight of the labelled clips.

    Where it is focal, a class of probability p counts (1 − p)² (see :mod:`stages.core.networks.losses`).
    """
    vector, start, stride = outputs
    classes, weights = task[UNITS], labels.class_weights[task[CLASS] :]
    offsets = labels.offsets[task[CLASS] :]
    even = labels.smoothing / task[UNITS]
    loss, total, balance = 0.0, 0.0, 0.0
    for row in range(len(clips)):
        truth = int(labels.targets[clips[row], task[TARGET]])
        if truth >= 0:
            total += weights[truth]
    for unit in range(classes):
        balance += weights[unit]
    logits, exponents = np.empty(classes), np.empty(classes)
    for row in range(len(clips)):
        truth, at = int(labels.targets[clips[row], task[TARGET]]), start + row * stride
        if truth < 0:
            continue
        own = (1 - labels.smoothing) * weights[truth]
        for unit in range(classes):
            logits[unit] = vector[at + unit] + offsets[unit]
        highest = highest_of(logits, ZERO, classes)
        summed = 0.0
        for unit in range(classes):
            exponents[unit] = scalar_exp(logits[unit] - highest)
            summed += exponents[unit]
        surprise = scalar_log(summed) if summed < np.inf else np.nan
        if task[LOSS] == FOCAL:
            pull = 0.0
            for unit in range(classes):
                wanted = even * weights[unit] + (own if unit == truth else 0.0)
                share, logarithm = exponents[unit] / summed, logits[unit] - highest - surprise
                rest = 1 - share
                loss -= wanted * rest * rest * logarithm / total
                logits[unit] = wanted * (2 * share * rest * logarithm - rest * rest)
                pull += logits[unit]
            for unit in range(classes):
                grads[at + unit] = multiplier * (logits[unit] - exponents[unit] / summed * pull) / total
            continue
        for unit in range(classes):
            wanted = even * weights[unit] + (own if unit == truth else 0.0)
            loss -= wanted * (logits[unit] - highest - surprise) / total
            grads[at + unit] = (
                multiplier * ((own + even * balance) * exponents[unit] / summed - wanted) / total
            )
    return loss


@kernel
def highest_of(vector: np.ndarray, start: int, count: int) -> float:
    """The largest of ``count`` elements of a vector, from ``start`` on."""
    highest = np.float64(vector[start])
    for index in range(start + 1, start + count):
        if vector[index] > highest:
            highest = np.float64(vector[index])
    return highest
