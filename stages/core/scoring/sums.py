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

    Of the accuracy, the mean over clips. Equal to the metric's ``compute``; for ``mae`` where a clip has all
    its columns or none.
    """
    return _SCORES[score].total(sums)


def mean_of_defined(parts: np.ndarray) -> np.ndarray:
    """Mean over the last axis of what is not NaN."""
    known = ~np.isnan(parts)
    count = known.sum(axis=-1)
    total = np.where(known, parts, 0.0).sum(axis=-1)
    return np.divide(total, count, out=np.full(np.shape(total), np.nan), where=count > 0)


@dataclass(frozen=True)
class _Score:
    """Clips → terms [terms, parts, n]; sums of terms over clips [..., terms, parts] → scores [..., parts].

    Where the whole score is not the mean of those of the parts, ``of_all`` gives it: sums → [...].
    """

    terms: Callable[[np.ndarray, np.ndarray], np.ndarray]
    of_sums: Callable[[np.ndarray], np.ndarray]
    of_all: Callable[[np.ndarray], np.ndarray] | None = None

    def total(self, sums: np.ndarray) -> np.ndarray:
        """Sums [..., terms, parts] → the score of all parts together [...]."""
        return mean_of_defined(self.of_sums(sums)) if self.of_all is None else self.of_all(sums)


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


def _pearson_terms(truth: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    """Clips, x, y, xy, x² and y², where x and y are truth and prediction, centred."""
    clips, x, y, xy, xx, _ = _ccc_terms(truth, prediction)
    return np.stack([clips, x, y, xy, xx, y * y])


def _pearson_of_sums(sums: np.ndarray) -> np.ndarray:
    """The coefficient; 0 for a constant prediction, as :func:`stages.core.metrics.formulas.pearson`."""
    clips, x, y, xy, xx, yy = np.moveaxis(sums, -2, 0)
    count = np.maximum(clips, 1)
    covariance, variance, other = xy - x * y / count, xx - x * x / count, yy - y * y / count
    varies = other > _CONSTANT * yy
    spread = np.sqrt(np.where(varies, np.maximum(variance, 0.0) * other, 1.0))
    defined = variance > _CONSTANT * xx
    covariance = np.where(varies, covariance, 0.0)
    return np.divide(covariance, spread, out=np.full(clips.shape, np.nan), where=defined)


def _square_terms(truth: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    known = ~np.isnan(truth)
    errors = np.where(known, truth, 0.0) - np.where(known, prediction, 0.0)
    return np.stack([known.T, errors.T**2])


def _root_of_sums(sums: np.ndarray) -> np.ndarray:
    return np.sqrt(_mean_of_sums(sums))


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


def _mean_of_all(sums: np.ndarray) -> np.ndarray:
    """The second term of all parts by the first: the share of clips whose class is hit."""
    clips, hits = np.moveaxis(sums.sum(axis=-1), -1, 0)
    return np.divide(hits, clips, out=np.full(clips.shape, np.nan), where=clips > 0)


def _f1_terms(truth: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    """Clips of each class, hits, and clips of which it is predicted, all of those that are labelled."""
    chosen = np.arange(prediction.shape[1])[:, None] == prediction.argmax(axis=1)
    return np.concatenate([_hit_terms(truth, prediction), (chosen & (truth >= 0))[None].astype(np.float64)])


def _f1_of_sums(sums: np.ndarray) -> np.ndarray:
    clips, hits, chosen = np.moveaxis(sums, -2, 0)
    both = clips + chosen
    return np.divide(2 * hits, both, out=np.full(both.shape, np.nan), where=both > 0)


_SCORES: Mapping[str, _Score] = {
    "ccc": _Score(_ccc_terms, _ccc_of_sums),
    "mae": _Score(_error_terms, _mean_of_sums),
    "uar": _Score(_hit_terms, _mean_of_sums),
    "pearson": _Score(_pearson_terms, _pearson_of_sums),
    "rmse": _Score(_square_terms, _root_of_sums),
    "f1": _Score(_f1_terms, _f1_of_sums),
    "accuracy": _Score(_hit_terms, _mean_of_sums, _mean_of_all),
    "war": _Score(_hit_terms, _mean_of_sums, _mean_of_all),
}
