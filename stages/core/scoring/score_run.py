"""From the predictions of a run to its scores: each task, seed, interval, group and confusion."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from stages.core.config.evaluation import EvaluationOptions
from stages.core.config.tasks import Task
from stages.core.dataset.labels import labelled, targets_of
from stages.core.metrics import formulas
from stages.core.metrics.metric import METRICS
from stages.core.runtime.compute import ComputeOptions
from stages.core.runtime.parallel import parallel_map, uncrashed
from stages.core.scoring.bootstrap import Estimate
from stages.core.scoring.groups import ClipGroups, groups_of
from stages.core.scoring.predictions import Predictions, mean_over_seeds
from stages.core.scoring.run_scores import (
    CONFUSED,
    SPLITS,
    Confusion,
    Groups,
    Interval,
    PartScore,
    SeedScore,
    SplitScores,
    TaskScores,
    rounded,
    rounded_ends,
)
from stages.core.scoring.sampling import Sampling
from stages.core.scoring.sums import score_of_sums


def score_run(
    labels: pd.DataFrame,
    predictions: Predictions,
    tasks: Mapping[str, Task],
    classes: Mapping[str, Sequence[str]],
    group_column: str | None,
    options: EvaluationOptions,
    compute: ComputeOptions,
) -> dict[str, SplitScores]:
    """All scores of a run on validation and test; a task without labels in a split is absent there.

    Args:
        labels: n clips: speaker, split and label columns.
        predictions: seed → task → [n, outputs].
        tasks: the tasks of the run.
        classes: of each classification.
        group_column: the column by whose values tasks are scored apart; None for no groups.
        options: replicates, confidence and seed of the bootstrap.
        compute: where tasks are scored side by side.
    """
    truths = {name: targets_of(task, labels, classes.get(name, ())) for name, task in tasks.items()}
    groups = {name: groups_of(task, tasks, labels, group_column) for name, task in tasks.items()}
    rows = {split: np.flatnonzero(labels["split"] == split) for split in SPLITS}
    samplings = {split: Sampling.of(labels.iloc[rows[split]], options) for split in SPLITS}
    work: dict[tuple[str, str], _Work] = {}
    for name, task in tasks.items():
        parts = classes.get(name, task.columns)
        of_split = {
            split: {seed: of_seed[name][rows[split]] for seed, of_seed in predictions.items()}
            for split in SPLITS
        }
        best = best_seed(task, truths[name][rows["validation"]], of_split["validation"])
        for split, by_seed in of_split.items():
            truth = truths[name][rows[split]]
            if labelled(truth).any():
                whole = groups[name]
                chosen = whole.of_rows(rows[split]) if whole else None
                work[split, name] = _Work(task, parts, truth, by_seed, best, chosen)
    found = parallel_map(
        _scored, ((key, key) for key in work), compute, here="threads", shared=(work, samplings)
    )
    scores = dict(uncrashed(found, "score"))
    splits = {}
    for split in SPLITS:
        of_tasks = {name: scores[split, name] for name in tasks if (split, name) in scores}
        number = samplings[split].drawn.shape[1]
        splits[split] = SplitScores(len(rows[split]), number, exvo_score(of_tasks.values()), of_tasks)
    return splits


@dataclass(frozen=True)
class _Work:
    """What the scores of a task on a split are made of; see :func:`score_task` and :func:`score_groups`."""

    task: Task
    parts: Sequence[str]
    truth: np.ndarray
    by_seed: Mapping[int, np.ndarray]
    best: int
    groups: ClipGroups | None


def _scored(
    shared: tuple[Mapping[tuple[str, str], _Work], Mapping[str, Sampling]], key: tuple[str, str]
) -> TaskScores:
    (work, samplings), (split, _) = shared, key
    item, sampling = work[key], samplings[split]
    scores = score_task(item.task, item.parts, item.truth, item.by_seed, item.best, sampling)
    groups = score_groups(item.task, item.truth, item.by_seed, item.groups, sampling)
    return replace(scores, groups=groups)


def best_seed(task: Task, truth: np.ndarray, by_seed: Mapping[int, np.ndarray]) -> int:
    """The seed that is best on these clips, those of validation; the first if none has a score."""
    metric = METRICS[task.score]
    best = metric.best({seed: metric.compute(truth, values) for seed, values in by_seed.items()})
    return min(by_seed) if best is None else best


def score_task(
    task: Task,
    parts: Sequence[str],
    truth: np.ndarray,
    by_seed: Mapping[int, np.ndarray],
    best: int,
    sampling: Sampling,
) -> TaskScores:
    """All scores of one task on n clips, but for those of groups.

    Args:
        task: the task.
        parts: label columns of a regression, classes of a classification.
        truth: as :func:`stages.core.dataset.labels.targets_of` gives it.
        by_seed: seed → [n, parts].
        best: the seed that is best on validation.
        sampling: of these clips.
    """
    sums = sampling.sums(task.score, truth, by_seed.values())
    estimate = sampling.estimate(task.score, sums)
    mean_prediction = mean_over_seeds(by_seed.values())
    ensemble = sampling.estimate(task.score, sampling.sums(task.score, truth, [mean_prediction]))
    of_seeds = dict(zip(by_seed, score_of_sums(task.score, sums.sum(axis=1)), strict=True))
    also = {
        score: sampling.estimate(score, sampling.sums(score, truth, by_seed.values())) for score in task.also
    }
    scores = TaskScores(
        value=rounded(estimate.value),
        low=rounded(estimate.low),
        high=rounded(estimate.high),
        score=task.score,
        sd=rounded(np.std(list(of_seeds.values()), ddof=1)) if len(of_seeds) > 1 else None,
        seeds={str(seed): rounded(value) for seed, value in of_seeds.items()},
        best_seed=SeedScore(best, rounded(of_seeds[best])),
        ensemble=_interval(ensemble),
        also={name: _interval(found) for name, found in also.items()} or None,
    )
    if task.kind == "classification":
        if task.score != "uar":
            estimate = sampling.estimate("uar", sampling.sums("uar", truth, by_seed.values()))
        recalls = {
            name: PartScore(*rounded_ends(row), int(clips))
            for name, row, clips in zip(parts, estimate.parts, estimate.clips, strict=True)
        }
        return replace(scores, classes=recalls, confusion=_confusion(parts, truth, by_seed.values()))
    columns = {name: Interval(*rounded_ends(row)) for name, row in zip(parts, estimate.parts, strict=True)}
    if not METRICS[task.score].in_label_units or "ccc" in task.also:
        return replace(scores, columns=columns)
    cccs = score_of_sums("ccc", sampling.sums("ccc", truth, by_seed.values()).sum(axis=1))
    return replace(scores, columns=columns, ccc=rounded(cccs.mean()))


def _confusion(classes: Sequence[str], truth: np.ndarray, predictions: Iterable[np.ndarray]) -> Confusion:
    if len(classes) > CONFUSED:
        return Confusion(list(classes), None)
    counts = sum(formulas.confusion(truth, values.argmax(axis=1), len(classes)) for values in predictions)
    return Confusion(list(classes), np.asarray(counts).tolist())


def _interval(estimate: Estimate) -> Interval:
    return Interval(*rounded_ends((estimate.value, estimate.low, estimate.high)))


def score_groups(
    task: Task,
    truth: np.ndarray,
    by_seed: Mapping[int, np.ndarray],
    groups: ClipGroups | None,
    sampling: Sampling,
) -> Groups | None:
    """The score of each group that has labelled clips; None without such a group.

    Args:
        task: the task.
        truth: of n clips.
        by_seed: seed → [n, parts].
        groups: of these clips.
        sampling: of these clips.
    """
    if groups is None:
        return None
    scores = {}
    for name, inside in groups.masks.items():
        part = np.where(inside, truth, -1) if truth.ndim == 1 else np.where(inside[:, None], truth, np.nan)
        if labelled(part).any():
            scores[name] = part_score(task, part, by_seed.values(), sampling)
    return Groups(groups.column, groups.of_speakers, scores) if scores else None


def part_score(
    task: Task, truth: np.ndarray, predictions: Iterable[np.ndarray], sampling: Sampling
) -> PartScore:
    """The score of the clips that have a label; not defined where they are all of one class.

    Args:
        task: the task.
        truth: of n clips, some of them labelled.
        predictions: of each seed, [n, parts].
        sampling: of these clips.
    """
    known = truth[labelled(truth)]
    if task.kind == "classification" and len(np.unique(known)) < 2:
        return PartScore(None, None, None, len(known))
    found = sampling.estimate(task.score, sampling.sums(task.score, truth, predictions))
    return PartScore(*rounded_ends((found.value, found.low, found.high)), len(known))


def exvo_score(tasks: Iterable[TaskScores]) -> float | None:
    """The joint score of ExVo 2022 of a run whose tasks are one of each of its scores; None for others."""
    values = [(task.score, task.value) for task in tasks if task.value is not None]
    by_score = dict(values)
    if len(values) != 3 or set(by_score) != {"ccc", "uar", "mae"}:
        return None
    return rounded(formulas.exvo(by_score["ccc"], by_score["uar"], by_score["mae"]))
