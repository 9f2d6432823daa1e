"""The networks, a linear model and the naive predictor as one: a mean whose weights validation chooses.

On a small corpus a network may be worse than a linear model, or than a constant. Each replicate of a
bootstrap over the speakers of the validation split picks the weights that are best on it, for classes by
their cross entropy; the mean of the picks counts. With few clips the picks differ, so that the weights stay
near their middle; with many they agree on the best. (Bagging: Breiman, "Bagging Predictors", 1996; convex
stacking: Breiman, "Stacked Regressions", 1996.)
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from stages.core.config.tasks import Task
from stages.core.dataset.labels import labelled
from stages.core.metrics.metric import METRICS
from stages.core.networks.calibration import logarithms, match

REPLICATES = 40
STEPS = 10
"""Shares are picked in tenths."""
_ENOUGH = 1e-9  # a mix must gain more than rounding


@dataclass(frozen=True)
class Blend:
    """What a task's prediction is a mean of.

    Attributes:
        shares: of the networks, of the linear model and, if ``center`` says it, of the naive predictor.
        temperature: of the linear model (:class:`stages.core.networks.linear.Linear`).
        center: what the naive predictor says, per output on the scale of the loss; empty: it takes no part.
    """

    shares: tuple[float, ...]
    temperature: float = 1.0
    center: tuple[float, ...] = ()

    def mean(self, network: np.ndarray, linear: np.ndarray) -> np.ndarray:
        """The prediction float32 [n, outputs] of the members' [n, outputs], each value rounded once."""
        mixed = self.shares[0] * network.astype(np.float64) + self.shares[1] * linear
        if self.center:
            mixed = mixed + self.shares[2] * np.array(self.center)
        return mixed.astype(np.float32)


def best_constant(task: Task, truth: np.ndarray) -> np.ndarray:
    """The constant with the smallest error on the training split: its median, or its mean for squared errors.

    >>> best_constant(Task("regression", ("Age",), "mae"), np.array([[1.0], [2.0], [6.0], [np.nan]]))
    array([2.])
    """
    return np.nanmedian(truth, axis=0) if task.score == "mae" else np.nanmean(truth, axis=0)


def chosen_shares(
    task: Task,
    truth: np.ndarray,
    members: Sequence[np.ndarray],
    speakers: np.ndarray,
    spread_of: np.ndarray | None = None,
) -> tuple[float, ...]:
    """The share of each member that does best on validation, as a mean over replicates.

    Args:
        task: decides the score.
        truth: targets of n clips, as :func:`stages.core.dataset.labels.targets_of` gives them.
        members: two or three predictions [n, outputs]; the first two are models, a third the naive predictor.
        speakers: text [n].
        spread_of: targets of the training split, if mixed predictions will get their mean and deviation.

    Returns:
        Shares that add up to 1; halves of the two models if no replicate has a score.
    """
    known = labelled(truth)
    truth = truth[known]
    mixes = list(_mixes(len(members)))
    candidates = []
    for shares in mixes:
        mixed = sum(share / STEPS * member[known] for share, member in zip(shares, members, strict=True))
        candidates.append(mixed if spread_of is None else match(mixed, spread_of).mapped(mixed))
    picks = []
    for rows in _replicates(speakers[known]):
        losses = np.array([_loss(task, truth[rows], values[rows]) for values in candidates])
        if not np.isnan(losses).all():  # of mixes that are equal but for rounding, the first
            picks.append(mixes[int(np.flatnonzero(losses < np.nanmin(losses) + _ENOUGH)[0])])
    if not picks:
        return (0.5, 0.5, 0.0)[: len(members)]
    return tuple(sum(shares) / (STEPS * len(picks)) for shares in zip(*picks, strict=True))


def _loss(task: Task, truth: np.ndarray, prediction: np.ndarray) -> float:
    """The error, or the negative coefficient; of classes the cross entropy, as a mean over them.

    The recalls of few clips are too coarse to tell two mixes apart; their probabilities are not.
    """
    if task.kind == "regression":
        metric = METRICS[task.score]
        return metric.gain(metric.compute(truth, prediction), 0.0)
    surprise = -logarithms(prediction[np.arange(len(truth)), truth])
    clips = np.bincount(truth)
    return float(np.mean(np.bincount(truth, surprise)[clips > 0] / clips[clips > 0]))


def _mixes(members: int) -> Iterator[tuple[int, ...]]:
    """All shares of two or three members, in steps; those of equal models first, so that they win a tie."""
    for naive in range(STEPS + 1 if members == 3 else 1):
        left = STEPS - naive
        for network in sorted(range(left + 1), key=lambda share: abs(2 * share - left)):
            yield (network, left - network, naive)[:members]


def _replicates(speakers: np.ndarray) -> Iterator[np.ndarray]:
    """Rows of as many speakers as there are, drawn with replacement, and of each as many of its clips."""
    names, number = np.unique(speakers, return_inverse=True)
    rows_of = [np.flatnonzero(number == speaker) for speaker in range(len(names))]
    rng = np.random.default_rng(REPLICATES)
    for _ in range(REPLICATES if len(names) else 0):
        groups = [rows_of[speaker] for speaker in rng.integers(0, len(names), len(names))]
        yield np.concatenate([group[rng.integers(0, len(group), len(group))] for group in groups])
