"""How sure a score is: a bootstrap over speakers, since clips of one speaker are not independent.

A replicate draws as many speakers as there are, with replacement, and adds their sums
(:mod:`stages.core.scoring.sums`) as often as they were drawn, which gives the score of the drawn clips
exactly (Efron & Tibshirani, *An Introduction to the Bootstrap*, 1993, chapters 8 and 13). All draws are of
integers and all sums are exact, so that results have the same bits on every processor.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from stages.core.metrics.metric import METRICS
from stages.core.scoring.sums import part_scores, score_of_sums

RESOLVED = 10
"""Replicates on one side of zero from which on their share is the p-value."""

_BLOCK = 16_000_000  # draws as int64 or float64 at a time: 128 MB


@dataclass(frozen=True)
class Estimate:
    """A score with its interval, NaN where it is not defined, and the same for each part.

    Attributes:
        value: the score.
        low: lower end of the interval; NaN if fewer than two speakers are labelled.
        high: upper end.
        parts: [parts, 3] value, low and high of each column of a regression, or of each class's recall.
        clips: [parts] labelled clips of each part.
    """

    value: float
    low: float
    high: float
    parts: np.ndarray
    clips: np.ndarray


@dataclass(frozen=True)
class Difference:
    """How much better the candidate is than the baseline, with interval and two-sided p-value."""

    value: float
    low: float
    high: float
    p: float


def draws(items: int, replicates: int, rng: np.random.Generator) -> np.ndarray:
    """How often each replicate draws each of some items: uint8 [replicates, items], rows sum to ``items``.

    An item is drawn once on average, and more than 255 times with a probability below 1/256!, about 10⁻⁵⁰⁷.

    >>> draws(3, 2, np.random.default_rng(1)).sum(axis=1).tolist()
    [3, 3]
    """
    counts = np.empty((replicates, items), np.uint8)
    for block in _blocks(counts):
        chosen = rng.integers(0, items, block.shape)
        chosen += items * np.arange(len(block))[:, None]
        block[:] = np.bincount(chosen.ravel(), minlength=block.size).reshape(block.shape)
    return counts


def estimate(
    score: str, sums: np.ndarray, drawn: np.ndarray, confidence: float, rng: np.random.Generator
) -> Estimate:
    """The mean score over seeds with its percentile interval over speakers and seeds.

    Args:
        score: name of a metric.
        sums: [seeds, speakers, terms, parts] of :func:`stages.core.scoring.sums.speaker_sums`.
        drawn: [replicates, speakers] of :func:`draws`.
        confidence: for example 0.95.
        rng: draws the seeds.
    """
    parts = part_scores(score, sums.sum(axis=1))
    replicates = _replicates(sums, drawn)
    share = _shares(len(sums), len(drawn), rng)
    labelled = sums[0, :, 0] > 0
    enough = labelled.sum(axis=0) >= 2
    of_parts = _bounded(score, interval(_over_seeds(part_scores(score, replicates), share), confidence))
    ends = [np.where(enough, end, np.nan) for end in of_parts]
    totals = score_of_sums(score, replicates)
    low, high = _bounded(score, interval(_over_seeds(totals, share), confidence))
    known = labelled.any(axis=1).sum() >= 2
    return Estimate(
        value=float(score_of_sums(score, sums.sum(axis=1)).mean()),
        low=float(low) if known else float("nan"),
        high=float(high) if known else float("nan"),
        parts=np.stack([parts.mean(axis=0), *ends], axis=1),
        clips=sums[0, :, 0].sum(axis=0).astype(np.int64),
    )


def joint(
    scores: Sequence[str],
    sums: Sequence[np.ndarray],
    combined: Callable[[Sequence[float]], float],
    drawn: np.ndarray,
    confidence: float,
    rng: np.random.Generator,
) -> tuple[float, float, float]:
    """One score made of the mean scores over seeds of several tasks, with its percentile interval.

    A replicate draws the same speakers and the same seeds for all tasks.

    Args:
        scores: the metric of each task.
        sums: of each task [seeds, speakers, terms, parts]; seeds and speakers are the same.
        combined: the scores of all tasks → one score.
        drawn: [replicates, speakers] of :func:`draws`.
        confidence: for example 0.95.
        rng: draws the seeds.

    Returns:
        Value, low and high; low and high are NaN if a task has fewer than two labelled speakers.
    """
    share = _shares(len(sums[0]), len(drawn), rng)
    means = [
        float(score_of_sums(score, of_task.sum(axis=1)).mean())
        for score, of_task in zip(scores, sums, strict=True)
    ]
    replicates = [
        _over_seeds(score_of_sums(score, _replicates(of_task, drawn)), share)
        for score, of_task in zip(scores, sums, strict=True)
    ]
    labelled = [(of_task[0, :, 0] > 0).any(axis=1).sum() for of_task in sums]
    if min(labelled) < 2:
        return combined(means), float("nan"), float("nan")
    low, high = interval(np.array([combined(of_all) for of_all in zip(*replicates, strict=True)]), confidence)
    return combined(means), float(low), float(high)


def replicate(sums: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    """Sums [speakers, …] → the sums of each replicate [replicates, …]."""
    flat = on_grid(sums).reshape(len(sums), -1)
    parts = [block.astype(np.float64) @ flat for block in _blocks(drawn)]
    return np.concatenate([np.empty((0, flat.shape[1])), *parts]).reshape(len(drawn), *sums.shape[1:])


def _blocks(counts: np.ndarray) -> Iterator[np.ndarray]:
    """Rows of a matrix [n, columns], views of at most ``_BLOCK`` values or of one row."""
    rows = max(1, _BLOCK // max(1, counts.shape[1]))
    return (counts[first : first + rows] for first in range(0, len(counts), rows))


def on_grid(sums: np.ndarray) -> np.ndarray:
    """Sums [speakers, …] rounded so that adding them as often as there are speakers is exact in any order.

    Each term and part gets a grid of its own, a power of two, on which no total needs more than 52 bits.
    The error is at most 2⁻⁴⁰ of the largest sum for up to 2,000 speakers.
    """
    bits = 52 - len(sums).bit_length()
    _, exponent = np.frexp(np.abs(sums).max(axis=0, initial=0.0))
    return np.ldexp(np.rint(np.ldexp(sums, bits - exponent)), exponent - bits)


def interval(replicates: np.ndarray, confidence: float) -> tuple[np.ndarray, np.ndarray]:
    """Percentile interval over the first axis, of the replicates that are defined; NaN if none is.

    >>> [float(end) for end in interval(np.arange(101.0), 0.5)]
    [25.0, 75.0]
    """
    tail = (1 - confidence) / 2
    undefined = np.isnan(replicates).all(axis=0)
    low, high = np.nanquantile(np.where(undefined, 0.0, replicates), [tail, 1 - tail], axis=0)
    return np.where(undefined, np.nan, low), np.where(undefined, np.nan, high)


def difference(
    score: str,
    baseline: np.ndarray,
    candidate: np.ndarray,
    drawn: np.ndarray,
    confidence: float,
    rng: np.random.Generator,
) -> Difference:
    """How much better the candidate does on the same clips, as seeds and speakers vary.

    The value is the difference of the mean scores over seeds. A replicate draws speakers, the same for
    both models, and seeds, for each model its own. Three seeds say little about seeds: where they vary as
    much as speakers do and two models are equal, p falls below 0.05 in more than 5 of 100 comparisons (in
    simulations 11 to 15); ten seeds are enough.

    Args:
        score: name of a metric.
        baseline: [seeds, speakers, terms, parts], the sums of each seed; speakers as in ``candidate``.
        candidate: [seeds, speakers, terms, parts]; the number of seeds may differ.
        drawn: [replicates, speakers].
        confidence: for example 0.95.
        rng: draws the seeds.

    Returns:
        Positive where the candidate is better, for errors too; p is that of :func:`two_sided_p`. NaN where a
        score is not defined.
    """
    metric = METRICS[score]
    means = [float(score_of_sums(score, sums.sum(axis=1)).mean()) for sums in (baseline, candidate)]
    value, sign = metric.gain(*means), metric.gain(0, 1)
    replicates = [
        _over_seeds(score_of_sums(score, _replicates(sums, drawn)), _shares(len(sums), len(drawn), rng))
        for sums in (baseline, candidate)
    ]
    gains = sign * (replicates[1] - replicates[0])
    gains = gains[~np.isnan(gains)]
    if np.isnan(value) or not len(gains) or drawn.shape[1] < 2:
        return Difference(value, *[float("nan")] * 3)
    low, high = interval(gains, confidence)
    return Difference(value, float(low), float(high), two_sided_p(value, gains, drawn.shape[1]))


def two_sided_p(value: float, gains: np.ndarray, speakers: int) -> float:
    """p-value of a difference: twice the smaller share of its replicates on one side of zero.

    Fewer than ten replicates on that side say little about p (Knijnenburg and others, "Fewer permutations,
    more accurate P-values", Bioinformatics, 2009), and of 1,000 no share falls below 0.002, which a
    correction for 25 comparisons takes to 0.05. Then p is that of Student's t: the difference over the
    standard deviation of its replicates, with ``speakers`` − 1 degrees of freedom. It is at most the share of
    ten replicates.

    Args:
        value: the difference.
        gains: [n] its replicates, none of them NaN.
        speakers: number of speakers that are drawn, two or more.

    >>> two_sided_p(0.0, np.arange(-50.0, 51.0), 20)
    1.0
    >>> round(two_sided_p(4.0, np.array([3.0, 4.0, 5.0] * 100), 20), 6)
    0.0001
    """
    share = 2 / (len(gains) + 1)
    beyond = 1 + min((gains <= 0).sum(), (gains >= 0).sum())
    spread = gains.std()
    if beyond > RESOLVED or spread == 0:
        return float(min(1.0, share * beyond))
    from scipy.special import stdtr  # 0.2 s; most stages need none

    tail = 2 * stdtr(speakers - 1, -abs(value) / spread)
    return float(min(1.0, share * RESOLVED, tail))


def corrected(p_values: Sequence[float]) -> list[float]:
    """p-values corrected for their number by the step-down method of Holm (1979).

    >>> corrected([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    order = np.argsort(p_values, kind="stable")
    remaining = len(p_values) - np.arange(len(p_values))
    result = np.empty(len(p_values))
    result[order] = np.minimum(np.maximum.accumulate(np.asarray(p_values)[order] * remaining), 1.0)
    return [float(value) for value in result]


def _replicates(sums: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    """The sums of each replicate and seed: [replicates, seeds, terms, parts]."""
    return replicate(np.moveaxis(sums, 0, 1), drawn)


def _bounded(score: str, ends: tuple[np.ndarray, np.ndarray]) -> list[np.ndarray]:
    """Ends of an interval, within what the metric can take: the correction for few seeds may pass it."""
    return [np.clip(end, *METRICS[score].bounds) for end in ends]


def _shares(seeds: int, replicates: int, rng: np.random.Generator) -> np.ndarray:
    """How large a part of each replicate's draws each seed makes up: [replicates, seeds]."""
    return draws(seeds, replicates, rng) / seeds


def _over_seeds(scores: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Scores [replicates, seeds, …] → their mean over the drawn seeds [replicates, …].

    Few seeds drawn with replacement vary less than seeds do, by (k − 1) / k, which a factor on their
    deviations corrects.
    """
    seeds = scores.shape[1]
    share = share.reshape(*share.shape, *[1] * (scores.ndim - 2))
    mean = scores.mean(axis=1)
    return mean + np.sqrt(seeds / max(seeds - 1, 1)) * ((share * scores).sum(axis=1) - mean)
