"""How much of its score a run owes to each acoustic family: permutation of whole families on one split.

The features of a family are exchanged between speakers (:mod:`stages.core.relevance.exchange`) and the score
is computed again (grouped permutation: Fisher, Rudin and Dominici, 2019): *alone* as they are, *given the
rest* what the other families do not tell of them (:mod:`stages.core.relevance.conditional`). The loss of
score is the relevance. Its floor is what it reaches when labels are exchanged between speakers as well, so
that there is nothing to hear (as Altmann et al., 2010, permute the response, but without training anew).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from stages.core.arithmetic.products import matmul
from stages.core.dataset.labels import labelled
from stages.core.metrics.metric import METRICS
from stages.core.networks.model import Model
from stages.core.relevance.conditional import Kernels
from stages.core.relevance.exchange import exchanged
from stages.core.relevance.first_layer import FirstLayer
from stages.core.scoring import bootstrap
from stages.core.scoring.run_scores import rounded
from stages.core.scoring.sampling import Sampling
from stages.core.scoring.sums import part_scores, score_of_sums, speaker_sums

ALONE, GIVEN_REST = "alone", "given the rest"
LABELS_EXCHANGED = 100
WHOLE = ""  # the part that stands for the whole task


@dataclass(frozen=True)
class Asked:
    """What a task is asked about: its metric, the names of its parts and the labels of n clips."""

    score: str
    parts: Sequence[str]
    truth: np.ndarray

    def of_group(self, inside: np.ndarray) -> np.ndarray:
        """The labels, none for clips outside a group (bool [n])."""
        if self.truth.ndim == 1:
            return np.where(inside, self.truth, -1)
        return np.where(inside[:, None], self.truth, np.nan)


@dataclass(frozen=True)
class Relevance:
    """How much of a score is lost when a family is exchanged.

    Attributes:
        kind: alone, or given the rest.
        family: which.
        task: whose score.
        part: a column or class of the task; empty: the whole task.
        group: the group of clips; empty: all.
        value: score as it is minus score with the family exchanged, mean over seeds; of errors the opposite.
        low: lower end of its interval, over speakers.
        high: upper end.
        floor: the 95th percentile with labels exchanged; None for groups.
        p: share of these that reach the value, at least 1 / (exchanges + 1); None for groups or without one.
    """

    kind: str
    family: str
    task: str
    part: str
    group: str
    value: float | None
    low: float | None
    high: float | None
    floor: float | None = None
    p: float | None = None

    @property
    def sure(self) -> bool:
        """Whether the value is above its floor or, of a group, its interval above 0."""
        return (self.low or 0.0) > 0 if self.group else (self.value or 0.0) > (self.floor or 0.0)


@dataclass(frozen=True)
class Heard:
    """What :func:`family_relevance` needs to know of the clips.

    Attributes:
        asked: task → what it is asked about.
        sampling: speakers of the clips, and the draws of the bootstrap.
        groups: name → bool [n], clips that are also looked at apart.
        permutations: how often a family is exchanged.
    """

    asked: Mapping[str, Asked]
    sampling: Sampling
    groups: Mapping[str, np.ndarray]
    permutations: int

    def exchanges(self, purpose: int, number: int) -> list[np.ndarray]:
        """Whose rows clips take, each time anew: ``number`` times int [n]."""
        rng = np.random.default_rng([self.sampling.options.seed, purpose])
        return [exchanged(self.sampling.speaker, rng) for _ in range(number)]


def family_relevance(
    model: Model,
    families: Mapping[str, np.ndarray],
    kernels: Kernels,
    test: np.ndarray,
    heard: Heard,
) -> Iterator[tuple[str, float, list[Relevance]]]:
    """The relevance of each family, for each task, part and group.

    Args:
        model: a trained run.
        families: family → its columns; together all columns.
        kernels: of the scaled features of training clips and of the n clips that are looked at.
        test: float32 [n, d], scaled features of the latter.
        heard: tasks and speakers of the n clips.

    Yields:
        Family, the share of its variance that the other families tell, and its relevance.
    """
    layers = [FirstLayer.of(model, network) for network in model.networks]
    added = [{name: layer.added(test, columns) for name, columns in families.items()} for layer in layers]
    sums = [layer.bias + sum(parts.values()) for layer, parts in zip(layers, added, strict=True)]
    as_it_is = _predictions(layers, [[total] for total in sums], model.seeds)
    exchanges = heard.exchanges(2, heard.permutations)
    for name, columns in families.items():
        told = kernels.told_by_the_rest(name, columns)
        alone = [parts[name] for parts in added]
        given_rest = [
            moved - matmul(told.weights, layer.added(kernels.known, columns))
            for layer, moved in zip(layers, alone, strict=True)
        ]
        found: list[Relevance] = []
        for kind, moving in ((ALONE, alone), (GIVEN_REST, given_rest)):
            changed = [
                [total - moved + moved[rows] for rows in exchanges]
                for total, moved in zip(sums, moving, strict=True)
            ]
            predicted = _predictions(layers, changed, model.seeds)
            found += _relevance(kind, name, as_it_is, predicted, heard)
        yield name, told.share, found


def _predictions(
    layers: Sequence[FirstLayer], sums: Sequence[Iterable[np.ndarray]], seeds: Sequence[int]
) -> dict[str, np.ndarray]:
    """Task → float32 [seeds, repetitions, n, outputs], from each network's sums of its first layer."""
    found: dict[str, dict[int, list[np.ndarray]]] = {}
    for layer, of_layer in zip(layers, sums, strict=True):
        for repetition in of_layer:
            for task, values in layer.predict(repetition).items():
                found.setdefault(task, {}).setdefault(layer.network.seed, []).append(values)
    return {task: np.stack([by_seed[seed] for seed in seeds]) for task, by_seed in found.items()}


def _relevance(
    kind: str,
    family: str,
    as_it_is: Mapping[str, np.ndarray],
    predicted: Mapping[str, np.ndarray],
    heard: Heard,
) -> Iterator[Relevance]:
    for task, asked in heard.asked.items():
        before, after = as_it_is[task], predicted[task]
        names = [*asked.parts, WHOLE]
        loss, low, high = losses(asked, asked.truth, before, after, heard.sampling)
        chance = np.stack(
            [
                loss_alone(asked.score, asked.truth[rows], before, after)
                for rows in heard.exchanges(3, LABELS_EXCHANGED)
            ]
        )
        _, floor = bootstrap.interval(chance, 0.9)  # its 95th percentile
        p = np.where(np.isnan(loss), np.nan, (1 + (chance >= loss).sum(axis=0)) / (1 + LABELS_EXCHANGED))
        for index, part in enumerate(names):
            ends = (rounded(values[index]) for values in (loss, low, high, floor, p))
            yield Relevance(kind, family, task, part, "", *ends)
        for group, inside in heard.groups.items():
            truth = asked.of_group(inside)
            known = truth[labelled(truth)]
            if len(known) < 2 or (truth.ndim == 1 and len(np.unique(known)) < 2):
                continue
            of_group = losses(asked, truth, before, after, heard.sampling)
            for index, part in enumerate(names):
                ends = (rounded(values[index]) for values in of_group)
                yield Relevance(kind, family, task, part, group, *ends)


def losses(
    asked: Asked, truth: np.ndarray, before: np.ndarray, after: np.ndarray, sampling: Sampling
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Loss of score of each part and of the whole, with the ends of its interval: three times [parts + 1].

    Args:
        asked: the task.
        truth: labels of n clips.
        before: [seeds, 1, n, outputs].
        after: [seeds, repetitions, n, outputs].
        sampling: of the n clips.
    """
    totals, replicates = [], []
    for predictions in (before, after):
        sums = sampling.sums(asked.score, truth, predictions.reshape(-1, *predictions.shape[2:]))
        totals.append(_with_whole(asked.score, sums.sum(axis=1)).mean(axis=0))
        drawn = bootstrap.replicate(np.moveaxis(sums, 1, 0), sampling.drawn)
        replicates.append(_with_whole(asked.score, drawn).mean(axis=1))
    sign = METRICS[asked.score].gain(0, 1)
    low, high = bootstrap.interval(sign * (replicates[0] - replicates[1]), sampling.options.confidence)
    return sign * (totals[0] - totals[1]), low, high


def loss_alone(score: str, truth: np.ndarray, before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """As :func:`losses`, without intervals: [parts + 1]."""
    means = []
    for predictions in (before, after):
        flat = predictions.reshape(-1, *predictions.shape[2:])
        number, clips = flat.shape[:2]
        repeated = np.concatenate([truth] * number)
        which = np.repeat(np.arange(number), clips)
        sums = speaker_sums(score, repeated, flat.reshape(-1, flat.shape[2]), which, number)
        means.append(_with_whole(score, sums).mean(axis=0))
    return METRICS[score].gain(0, 1) * (means[0] - means[1])


def _with_whole(score: str, sums: np.ndarray) -> np.ndarray:
    """Sums [..., terms, parts] → scores of the parts and, at the end, of the whole: [..., parts + 1]."""
    return np.concatenate([part_scores(score, sums), score_of_sums(score, sums)[..., None]], axis=-1)
