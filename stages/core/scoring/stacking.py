"""Stacking: a ridge regression on the predictions of several runs, learnt on validation.

Each output is the mean of the runs plus what a ridge regression on all their outputs for the task adds to it
(Wolpert, "Stacked Generalization", 1992; Breiman, "Stacked Regressions", 1996). Its penalty is the one whose
score is best on inner folds by speaker; the largest adds next to nothing, so that stacking cannot fall far
below the mean. The same bits on every processor.
"""

from collections.abc import Mapping

import numpy as np

from stages.core.arithmetic.linear import ridge
from stages.core.arithmetic.products import matmul
from stages.core.config.tasks import Task
from stages.core.metrics.metric import METRICS

PENALTIES = np.array([1e9, 1e5, 3e4, 1e4, 3e3, 1e3, 300.0, 100.0, 30.0, 10.0])
"""What is tried, for inputs of unit variance; of equals the first."""
FOLDS = 5


def stacked(
    task: Task,
    truth: np.ndarray,
    members: Mapping[str, np.ndarray],
    rows: np.ndarray,
    speakers: np.ndarray,
) -> np.ndarray:
    """The stacked prediction of all clips.

    Args:
        task: decides the score.
        truth: targets of n clips, as :func:`stages.core.dataset.labels.targets_of` gives them.
        members: run → its predictions [n, outputs].
        rows: bool [n], the labelled clips of the validation split.
        speakers: text [n].

    Returns:
        float64 [n, outputs]; of a classification scores, the highest of which is the class. The mean of the
        members if validation has fewer than two speakers.
    """
    runs = list(members.values())
    mean = sum(runs[1:], runs[0]) / len(runs)
    fold = _folds(speakers[rows])
    if fold.max() < 1:
        return mean
    inputs = _standardized(np.concatenate(runs, axis=1), rows)
    known, x, base = truth[rows], inputs[rows], mean[rows]
    targets, weights = known, np.ones(len(known))
    if task.kind == "classification":
        counts = np.bincount(known, minlength=mean.shape[1])
        weights, targets = (
            len(known) / (np.count_nonzero(counts) * counts[known]),
            np.eye(mean.shape[1])[known],
        )
    held_out = np.empty((len(PENALTIES), *base.shape))
    for number in range(fold.max() + 1):
        inner, outer = fold != number, fold == number
        fits = ridge(x[inner], targets[inner] - base[inner], weights[inner], PENALTIES)
        for at, (slopes, start) in enumerate(fits):
            held_out[at, outer] = base[outer] + matmul(x[outer], slopes) + start
    metric = METRICS[task.score]
    best = metric.best({at: metric.compute(known, values) for at, values in enumerate(held_out)})
    [(slopes, start)] = ridge(x, targets - base, weights, PENALTIES[[best or 0]])
    return mean + matmul(inputs, slopes) + start


def _folds(speakers: np.ndarray) -> np.ndarray:
    """The inner fold of each clip, 0 to at most ``FOLDS`` − 1: int [n]."""
    names, number = np.unique(speakers, return_inverse=True)
    return np.random.default_rng(FOLDS).permutation(len(names))[number] % min(FOLDS, len(names))


def _standardized(values: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Columns with zero mean and unit variance over some rows; a column that is constant there becomes 0."""
    known = values[rows]
    mean, deviation = known.mean(axis=0), known.std(axis=0)
    varies = known.max(axis=0) > known.min(axis=0)
    return np.divide(values - mean, deviation, out=np.zeros_like(values), where=varies & (deviation > 0))
