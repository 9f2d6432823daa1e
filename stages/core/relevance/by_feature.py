"""The single features that go with an emotion, class or trait: correlations, and shifts in a feature's unit.

The strongest are chosen on the training split and judged on the test split, so that the choice makes no
correlation larger than it is. Of each descriptor the strongest functional alone is kept; ComParE has dozens
that say the same.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

from stages.core.arithmetic.products import matmul
from stages.core.networks.model import Model
from stages.core.relevance.by_family import Asked, Heard, losses
from stages.core.relevance.families import parts_of
from stages.core.relevance.first_layer import FirstLayer
from stages.core.relevance.wording import described
from stages.core.scoring import bootstrap
from stages.core.scoring.run_scores import rounded
from stages.core.scoring.sampling import Sampling

STRONGEST = 5  # features shown for each part of a task
HIGH = 0.5  # ratings in [0, 1] from here on count as high; of other numbers the highest third


@dataclass(frozen=True)
class Feature:
    """A feature beside a part of a task.

    Attributes:
        task: the task.
        part: its column or class.
        name: the feature.
        family: its family.
        words: what it measures, and which way it goes: ``higher mean pitch``.
        correlation: Spearman's, with the label on test; with a class, of clips in it against all others.
        low: lower end of its interval, over speakers.
        high: upper end.
        shift: median on test where the label is high, or of the class, minus the median of the other clips.
        unit: of the shift; empty where openSMILE gives none.
        loss: of the score of this part when the feature alone is exchanged.
        loss_low: lower end of its interval.
        loss_high: upper end.
    """

    task: str
    part: str
    name: str
    family: str
    words: str
    correlation: float | None
    low: float | None
    high: float | None
    shift: float | None
    unit: str
    loss: float | None
    loss_low: float | None
    loss_high: float | None


def label_columns(asked: Asked) -> np.ndarray:
    """A column of numbers for each part: float64 [n, parts], NaN where unlabelled; of a class 0 and 1."""
    if asked.truth.ndim == 2:
        return asked.truth
    inside = asked.truth[:, None] == np.arange(len(asked.parts))
    return np.where(asked.truth[:, None] >= 0, inside, np.nan)


def correlations(features: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Spearman's correlation of features [n, d] with label columns [n, k]: float64 [d, k].

    Clips without a label do not count; 0 where either is constant.

    >>> correlations(np.array([[1.0], [2.0], [9.0]]), np.array([[1.0], [2.0], [3.0]]))
    array([[1.]])
    """
    found = np.zeros((features.shape[1], labels.shape[1]))
    known = ~np.isnan(labels)
    for rows in np.unique(known, axis=1).T:
        columns = np.flatnonzero((known == rows[:, None]).all(axis=0))
        if rows.sum() > 1:
            of_features, of_labels = _standard(features[rows]), _standard(labels[np.ix_(rows, columns)])
            found[:, columns] = matmul(of_features.T, of_labels)
    return found


def _standard(values: np.ndarray) -> np.ndarray:
    """Ranks of each column with mean 0 and length 1; 0 where constant."""
    ranks = rankdata(values, axis=0) - (len(values) + 1) / 2
    length = np.sqrt((ranks**2).sum(axis=0))
    return np.divide(ranks, length, out=np.zeros_like(ranks), where=length > 0)


def strongest_features(
    model: Model,
    families: Mapping[str, np.ndarray],
    train: tuple[np.ndarray, Mapping[str, Asked]],
    test: np.ndarray,
    scaled: np.ndarray,
    heard: Heard,
) -> Iterator[Feature]:
    """The strongest features of each part of each task, strongest first.

    Args:
        model: a trained run.
        families: family → its columns.
        train: features float32 [m, d] and labels of the training clips, which choose.
        test: float32 [n, d], features of the clips that are looked at.
        scaled: the same as the network reads them.
        heard: tasks and speakers of the n clips.
    """
    family_of = {int(column): name for name, columns in families.items() for column in columns}
    exchanges = heard.exchanges(2, heard.permutations)
    for task, asked in heard.asked.items():
        layers = [FirstLayer.of(model, network) for network in model.networks if task in network.tasks]
        everything = np.arange(test.shape[1])
        sums = [layer.bias + layer.added(scaled, everything) for layer in layers]
        before = np.stack([layer.predict(total)[task] for layer, total in zip(layers, sums, strict=True)])
        chosen_by = correlations(train[0], label_columns(train[1][task]))
        columns = label_columns(asked)
        for index, part in enumerate(asked.parts):
            for feature in _strongest(model.feature_names, chosen_by[:, index]):
                value, low, high = with_interval(test[:, feature], columns[:, index], heard.sampling)
                words, unit = described(model.feature_names[feature])
                moved = scaled[:, [feature]]
                after = [
                    [
                        layer.predict(total + (moved[rows] - moved) * layer.weights[feature])[task]
                        for rows in exchanges
                    ]
                    for layer, total in zip(layers, sums, strict=True)
                ]
                lost = losses(asked, asked.truth, before[:, None], np.array(after), heard.sampling)
                yield Feature(
                    task,
                    part,
                    model.feature_names[feature],
                    family_of[feature],
                    f"{'higher' if value >= 0 else 'lower'} {words}",
                    rounded(value),
                    rounded(low),
                    rounded(high),
                    rounded(shift(test[:, feature], columns[:, index])),
                    unit,
                    rounded(lost[0][index]),
                    rounded(lost[1][index]),
                    rounded(lost[2][index]),
                )


def _strongest(names: Sequence[str], found: np.ndarray) -> list[int]:
    """The strongest feature of each of the strongest descriptors."""
    kept: dict[tuple[object, ...], int] = {}
    for column in np.argsort(-np.abs(found), kind="stable").tolist():
        parts = parts_of(names[column])
        kept.setdefault((parts.descriptor, parts.number), column)
        if len(kept) == STRONGEST:
            break
    return list(kept.values())


def with_interval(feature: np.ndarray, label: np.ndarray, sampling: Sampling) -> tuple[float, float, float]:
    """Spearman's correlation of a feature [n] with a label [n] and its interval over speakers.

    Ranks are those of all clips, also where a replicate draws a clip more than once.
    """
    known = ~np.isnan(label)
    pair = np.zeros((2, len(label)))
    pair[:, known] = _standard(np.stack([feature[known], label[known]], axis=1)).T
    x, y = pair
    terms = np.stack([known.astype(float), x, y, x * y, x * x, y * y])
    speakers = sampling.drawn.shape[1]
    sums = np.stack([np.bincount(sampling.speaker, term, speakers) for term in terms], axis=1)
    value, replicates = _pearson(sums.sum(axis=0)), _pearson(bootstrap.replicate(sums, sampling.drawn))
    low, high = bootstrap.interval(replicates, sampling.options.confidence)
    return float(value), float(low), float(high)


def _pearson(sums: np.ndarray) -> np.ndarray:
    """Sums [..., 6] of 1, x, y, xy, x² and y² → correlation [...]; NaN where either is constant."""
    count, x, y, xy, xx, yy = np.moveaxis(sums, -1, 0)
    count = np.maximum(count, 1)
    spread = (xx - x * x / count) * (yy - y * y / count)
    defined = spread > 1e-12
    root = np.sqrt(np.where(defined, spread, 1.0))
    return np.where(defined, (xy - x * y / count) / root, np.nan)


def shift(feature: np.ndarray, label: np.ndarray) -> float:
    """Median of a feature where its label is high minus the median elsewhere; NaN without one of both.

    Where all labels lie in [0, 1], high is at least :data:`HIGH`: half of a clip's largest rating, or a class
    itself. Of other numbers the highest third is high.

    >>> shift(np.array([1.0, 2.0, 8.0, 9.0]), np.array([0.0, 0.2, 0.9, 1.0]))
    7.0
    """
    known = ~np.isnan(label)
    values, labels = feature[known].astype(np.float64), label[known]
    if not len(labels):
        return float("nan")
    as_rating = labels.min() >= 0 and labels.max() <= 1
    high = labels >= (HIGH if as_rating else np.quantile(labels, 2 / 3))
    if high.all() or not high.any():
        return float("nan")
    return float(np.median(values[high]) - np.median(values[~high]))
