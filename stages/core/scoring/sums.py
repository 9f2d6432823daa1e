"""Scores as functions of sums over clips: the sums of each speaker are all that a bootstrap needs.

Each metric of :data:`stages.core.metrics.metric.METRICS` is computed here a second time, from sums that can
be added over speakers. Sums have the shape [speakers, terms, parts]: a part is a column of a regression or a
class, the first term counts its labelled clips.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

# A truth whose variance is this small a part of its mean square is constant but for rounding.
_CONSTANT = 1e-9


def speaker_sums(
    score: str, truth: np.ndarray, prediction: np.ndarray, speaker: np.ndarray, speakers: int
) -> np.ndarray:
    """What a score needs to know of each speaker.

    Args:
        score: name of a metric.
        truth: float [n, columns], NaN where unlabelled; of a classification int [n], −1 where unlabelled.
        prediction: float [n, columns]; of a classification probabilities [n, classes].
        speaker: int [n], 0 to ``speakers`` − 1.
        speakers: number of speakers.

    Returns:
        float64 [speakers, terms, parts].
    """
    terms = _SCORES[score].terms(truth, prediction)
    sums = np.empty((speakers, *terms.shape[:2]))
    for term, of_parts in enumerate(terms):
        for part, values in enumerate(of_parts):
            sums[:, term, part] = np.bincount(speaker, values, speakers)
    return sums


def part_scores(score: str, sums: np.ndarray) -> np.ndarray:
    """Sums [..., terms, parts] over any clips → score of each part [..., parts]; NaN where undefined."""
    return _SCORES[score].of_sums(sums)


def score_of_sums(score: str, sums: np.ndarray) -> np.ndarray:
    """Sums [..., terms, parts] → score [...]: the mean over the parts that have one, NaN if none has.

    Equal to the metric's ``compute``; for ``mae`` where a clip has all its columns or none.
    """
    return mean_of_defined(part_scores(score, sums))


def mean_of_defined(parts: np.ndarray) -> np.ndarray:
    """Mean over the last axis of what is not NaN."""
    known = ~np.isnan(parts)
    count = known.sum(axis=-1)
    total = np.where(known, parts, 0.0).sum(axis=-1)
    return np.divide(total, count, out=np.full(np.shape(total), np.nan), where=count > 0)


@dataclass(frozen=True)
class _Score:
    """Clips → terms [terms, parts, n]; sums of terms over clips [..., terms, parts] → scores [..., parts]."""

    terms: Callable[[np.ndarray, np.ndarray], np.ndarray]
    of_sums: Callable[[np.ndarray], np.ndarray]


def _ccc_terms(truth: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    """Clips, x, y, xy, x² and (truth − prediction)², where x and y are truth and prediction, centred.

    Lin's denominator is the sum of squared differences plus twice the numerator's covariance, so that truth
    and prediction may each be centred, which keeps the products small beside their precision.
    """
    known = ~np.isnan(truth)
    truth, prediction = np.where(known, truth, 0.0), np.where(known, prediction, 0.0)
    clips = np.maximum(known.sum(axis=0), 1)
    x = np.where(known, truth - truth.sum(axis=0) / clips, 0.0)
    y = np.where(known, prediction - prediction.sum(axis=0) / clips, 0.0)
    return np.stack([term.T for term in (known, x, y, x * y, x * x, (truth - prediction) ** 2)])


def _ccc_of_sums(sums: np.ndarray) -> np.ndarray:
    clips, x, y, xy, xx, squared = np.moveaxis(sums, -2, 0)
    count = np.maximum(clips, 1)
    covariance, variance = xy - x * y / count, xx - x * x / count
    defined = variance > _CONSTANT * xx
    return np.divide(
        2 * covariance, squared + 2 * covariance, out=np.full(clips.shape, np.nan), where=defined
    )


def _error_terms(truth: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    known = ~np.isnan(truth)
    errors = np.abs(np.where(known, truth, 0.0) - np.where(known, prediction, 0.0))
    return np.stack([known.T, errors.T])


def _hit_terms(truth: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    of_class = np.arange(prediction.shape[1])[:, None] == truth
    return np.stack([of_class, of_class & (prediction.argmax(axis=1) == truth)]).astype(np.float64)


def _mean_of_sums(sums: np.ndarray) -> np.ndarray:
    clips, total = np.moveaxis(sums, -2, 0)
    return np.divide(total, clips, out=np.full(clips.shape, np.nan), where=clips > 0)


_SCORES: Mapping[str, _Score] = {
    "ccc": _Score(_ccc_terms, _ccc_of_sums),
    "mae": _Score(_error_terms, _mean_of_sums),
    "uar": _Score(_hit_terms, _mean_of_sums),
}
