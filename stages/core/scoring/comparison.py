"""Which of two runs is better, and how sure that is: paired on the same clips, over speakers and seeds."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
import pandas as pd

from stages.core.config.evaluation import EvaluationOptions
from stages.core.config.tasks import Task
from stages.core.dataset.labels import labelled, targets_of
from stages.core.runtime.compute import ComputeOptions
from stages.core.runtime.console import progress
from stages.core.runtime.parallel import in_order, parallel_map, uncrashed
from stages.core.scoring import bootstrap
from stages.core.scoring.predictions import RunPredictions
from stages.core.scoring.run_groups import NAIVE, Contrast, Pair, RunGroups
from stages.core.scoring.run_scores import SPLITS, RunScores, best_run, rounded
from stages.core.scoring.sampling import Sampling
from stages.core.scoring.sums import score_of_sums


@dataclass(frozen=True)
class Comparison:
    """How much better one run is than another, on one split and task.

    Attributes:
        contrast: what distinguishes the runs: ``naive``, a run against the naive predictor; ``multi-task``,
            one network for all tasks against one per task; ``features``, two feature sets with the same
            model; ``training``, trained otherwise against the best run of the common training; ``fusion``,
            several runs as one against the best of them by validation, both with the mean of their seeds;
            ``runs``, any two on the same folds.
        task: name of the task.
        score: name of its metric.
        split: validation or test.
        baseline: the run that is compared with.
        candidate: the run that is compared.
        baseline_mean: mean score over seeds of the baseline, on the clips that both runs have.
        candidate_mean: the same of the candidate.
        difference: positive where the candidate is better (:func:`stages.core.scoring.bootstrap.difference`).
        low: lower end of its interval; None where it is not defined.
        high: upper end.
        p: two-sided p-value.
        p_corrected: the same, corrected by Holm's method for all comparisons of the contrast on the split.
    """

    contrast: Contrast
    task: str
    score: str
    split: str
    baseline: str
    candidate: str
    baseline_mean: float | None
    candidate_mean: float | None
    difference: float | None
    low: float | None
    high: float | None
    p: float | None
    p_corrected: float | None = None

    def is_sure(self, confidence: float) -> bool:
        """Whether the difference is significant after correction for the number of comparisons."""
        return self.p_corrected is not None and self.p_corrected <= 1 - confidence


def compare_all(
    groups: RunGroups,
    runs: Mapping[str, RunScores],
    predictions: Mapping[str, RunPredictions],
    labels: pd.DataFrame,
    compute: ComputeOptions,
) -> list[Comparison]:
    """Every comparison of the runs, for each task and split that both have; see also :func:`correct`.

    Args:
        groups: which runs are compared with which.
        runs: run → its scores.
        predictions: run → its predictions, and those of the naive predictor.
        labels: clip_id, speaker, split and label columns.
        compute: where pairs of runs are compared side by side.
    """
    declared = groups.parameters.tasks
    pairs: list[tuple[Pair, Tasks]] = []
    for pair, names in _pairs(groups, runs):
        shared = {name: _shared_classes(runs, pair, name) for name in names}
        tasks = {name: (declared[name], parts) for name, parts in shared.items() if parts is not None}
        pairs.append((pair, tasks))
    data = predictions, labels, groups.parameters.evaluate
    found = parallel_map(_compare, enumerate(pairs), compute, here="threads", shared=data)
    by_pair = progress(in_order(uncrashed(found, "comparison")), len(pairs), "comparison")
    return [comparison for comparisons in by_pair for comparison in comparisons]


def _compare(
    shared: tuple[Mapping[str, RunPredictions], pd.DataFrame, EvaluationOptions], item: tuple[Pair, "Tasks"]
) -> list[Comparison]:
    (predictions, labels, options), (pair, tasks) = shared, item
    sides = predictions[pair.baseline], predictions[pair.candidate]
    return list(compare_pair(pair, tasks, sides, labels, options))


def correct(comparisons: Sequence[Comparison]) -> list[Comparison]:
    """The comparisons with p-values corrected for the number of those of their contrast and split."""
    families: dict[tuple[str, str], list[int]] = {}
    for index, row in enumerate(comparisons):
        if row.p is not None:
            families.setdefault((row.contrast, row.split), []).append(index)
    result = list(comparisons)
    for family in families.values():
        p_values = bootstrap.corrected([comparisons[index].p or 0.0 for index in family])
        for index, p in zip(family, p_values, strict=True):
            result[index] = replace(result[index], p_corrected=rounded(p))
    return result


def _pairs(groups: RunGroups, runs: Mapping[str, RunScores]) -> Iterator[tuple[Pair, Sequence[str]]]:
    """Pairs of runs and the tasks to compare them by.

    A run that is trained otherwise stands against the best run of the common training, by validation.
    """
    tasks = list(groups.parameters.tasks)
    for run in groups.parameters.runs:
        yield Pair("naive", NAIVE, run), tasks
    for pair in (*groups.multi_task_pairs(), *groups.feature_pairs()):
        yield pair, tasks
    best = {task: best_run(runs, groups.common, task, "validation") for task in tasks}
    for run in groups.trained_otherwise:
        for task, common in best.items():
            if common:
                yield Pair("training", common, run), [task]


Tasks = Mapping[str, tuple[Task, Sequence[str]]]
"""Name → the task and its classes, which are empty for a regression."""


def compare_pair(
    pair: Pair,
    tasks: Tasks,
    predictions: tuple[RunPredictions, RunPredictions],
    labels: pd.DataFrame,
    options: EvaluationOptions,
) -> Iterator[Comparison]:
    """Compare two runs by each task on each split that has labels.

    Args:
        pair: the runs.
        tasks: by which they are compared.
        predictions: of the baseline and of the candidate; only clips that both have count.
        labels: clip_id, speaker, split and label columns.
        options: replicates, confidence and seed of the bootstrap.
    """
    shared = labels[np.logical_and(*(labels["clip_id"].isin(of_run.clip_ids) for of_run in predictions))]
    splits = {split: shared[shared["split"] == split] for split in SPLITS}
    samplings = {split: Sampling.of(clips, options) for split, clips in splits.items()}
    for (name, (task, classes)), (split, clips) in product(tasks.items(), splits.items()):
        truth = targets_of(task, clips, classes)
        if not labelled(truth).any():
            continue
        parts, sampling = classes or task.columns, samplings[split]
        baseline, candidate = (
            sampling.sums(task.score, truth, of_run.of_task(name, parts, clips["clip_id"]).values())
            for of_run in predictions
        )
        found = sampling.difference(task.score, baseline, candidate)
        means = [score_of_sums(task.score, sums.sum(axis=1)).mean() for sums in (baseline, candidate)]
        yield Comparison(
            pair.contrast,
            name,
            task.score,
            split,
            pair.baseline,
            pair.candidate,
            *map(rounded, (*means, found.value, found.low, found.high, found.p)),
        )


def _shared_classes(runs: Mapping[str, RunScores], pair: Pair, task: str) -> list[str] | None:
    """The classes of a task that both runs learn, empty for a regression; None if they do not share it."""
    found = [runs[run].classes_of(task) for run in {pair.baseline, pair.candidate} - {NAIVE}]
    return found[0] if found[0] == found[-1] else None
