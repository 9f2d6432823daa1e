"""From the predictions of a run to its scores: each task, seed, interval, group and confusion."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from stages.core.config.evaluation import EvaluationOptions
from stages.core.config.tasks import Task
from stages.core.dataset.labels import labelled, targets_of
from stages.core.dataset.speakers import speakers_of
from stages.core.metrics import formulas
from stages.core.metrics.metric import METRICS
from stages.core.scoring.groups import groups_of
from stages.core.scoring.predictions import Predictions
from stages.core.scoring.run_scores import (
    SPLITS,
    ClassRecall,
    Confusion,
    GroupScore,
    SplitScores,
    TaskScores,
    rounded,
    rounded_interval,
)
from stages.core.scoring.sampling import Sampling


def score_run(
    labels: pd.DataFrame,
    predictions: Predictions,
    tasks: Mapping[str, Task],
    classes: Mapping[str, Sequence[str]],
    group_column: str | None,
    options: EvaluationOptions,
) -> dict[str, SplitScores]:
    """All scores of a run on validation and test; a task without labels in a split is absent there.

    Args:
        labels: n clips: speaker, split and label columns.
        predictions: seed → task → [n, outputs].
        tasks: the tasks of the run.
        classes: of each classification.
        group_column: the column by whose values tasks are scored apart; None for no groups.
        options: replicates, confidence and seed of the bootstrap.
    """
    truths = {name: targets_of(name, task, labels, classes.get(name, ())) for name, task in tasks.items()}
    by_task = {name: {seed: of_seed[name] for seed, of_seed in predictions.items()} for name in tasks}
    rows = {split: np.flatnonzero(labels["split"] == split) for split in SPLITS}
    best = {
        name: best_seed(task, truths[name], by_task[name], rows["validation"]) for name, task in tasks.items()
    }
    groups = {name: groups_of(task, tasks, labels, group_column) for name, task in tasks.items()}
    scored = {}
    for split, chosen in rows.items():
        sampling = Sampling.of(speakers_of(labels).iloc[chosen], options)
        of_tasks = {
            name: score_task(
                task,
                classes.get(name, task.columns),
                truths[name][chosen],
                {seed: values[chosen] for seed, values in by_task[name].items()},
                best[name],
                sampling,
                {group: mask[chosen] for group, mask in groups[name].items()},
            )
            for name, task in tasks.items()
            if labelled(truths[name][chosen]).any()
        }
        scored[split] = SplitScores(
            len(chosen), sampling.drawn.shape[1], exvo_score(of_tasks.values()), of_tasks
        )
    return scored


def best_seed(
    task: Task, truth: np.ndarray, by_seed: Mapping[int, np.ndarray], validation: np.ndarray
) -> int:
    """The seed that is best on validation (row numbers); the first if validation has no score."""
    metric = METRICS[task.score]
    values = {
        seed: metric.compute(truth[validation], prediction[validation])
        for seed, prediction in by_seed.items()
    }
    best = metric.best(values)
    return min(by_seed) if best is None else best


def score_task(
    task: Task,
    parts: Sequence[str],
    truth: np.ndarray,
    by_seed: Mapping[int, np.ndarray],
    best: int,
    sampling: Sampling,
    groups: Mapping[str, np.ndarray],
) -> TaskScores:
    """All scores of one task on n clips.

    Args:
        task: the task.
        parts: label columns of a regression, classes of a classification.
        truth: as :func:`stages.core.dataset.labels.targets_of` gives it.
        by_seed: seed → [n, parts].
        best: the seed whose intervals, parts and groups are kept.
        sampling: of these clips.
        groups: name → bool [n], the clips to score apart.
    """
    metric, chosen = METRICS[task.score], by_seed[best]
    values = {str(seed): metric.compute(truth, prediction) for seed, prediction in by_seed.items()}
    over_seeds = np.array(list(values.values()))
    estimate = sampling.estimate(task.score, truth, chosen)
    ensemble = sampling.estimate(
        task.score, truth, np.stack(list(by_seed.values())).mean(axis=0, dtype=np.float64)
    )
    scores = TaskScores(
        value=rounded(estimate.value),
        low=rounded(estimate.low),
        high=rounded(estimate.high),
        score=task.score,
        best_seed=best,
        mean=rounded(over_seeds.mean()),
        sd=rounded(over_seeds.std(ddof=1)) if len(values) > 1 else None,
        seeds={seed: rounded(value) for seed, value in values.items()},
        ensemble=rounded_interval((ensemble.value, ensemble.low, ensemble.high)),
        groups={
            name: _score_group(task, truth, chosen, mask, sampling)
            for name, mask in groups.items()
            if (mask & labelled(truth)).any()
        },
    )
    if task.kind == "classification":
        counts = formulas.confusion(truth, chosen.argmax(axis=1), len(parts))
        recalls = {
            name: ClassRecall(rounded(value), rounded(low), rounded(high), int(clips))
            for name, (value, low, high), clips in zip(parts, estimate.parts, estimate.clips, strict=True)
        }
        return replace(scores, classes=recalls, confusion=Confusion(list(parts), counts.tolist()))
    columns = {name: rounded_interval(row) for name, row in zip(parts, estimate.parts, strict=True)}
    ccc = rounded(formulas.mean_ccc(truth, chosen)) if metric.in_label_units else None
    return replace(scores, columns=columns, ccc=ccc)


def exvo_score(tasks: Iterable[TaskScores]) -> float | None:
    """The joint score of ExVo 2022 of a run whose tasks are one of each of its scores; None for others."""
    values = [(task.score, task.value) for task in tasks if task.value is not None]
    by_score = dict(values)
    if len(values) != 3 or set(by_score) != {"ccc", "uar", "mae"}:
        return None
    return rounded(formulas.exvo(by_score["ccc"], by_score["uar"], by_score["mae"]))


def _score_group(
    task: Task, truth: np.ndarray, prediction: np.ndarray, mask: np.ndarray, sampling: Sampling
) -> GroupScore:
    part = np.where(mask, truth, -1) if truth.ndim == 1 else np.where(mask[:, None], truth, np.nan)
    found = sampling.estimate(task.score, part, prediction)
    clips = int(labelled(part).sum())
    return GroupScore(rounded(found.value), rounded(found.low), rounded(found.high), clips)
