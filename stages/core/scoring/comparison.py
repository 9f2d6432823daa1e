"""Which of two runs is better, and how sure that is: paired on the same clips, over speakers and seeds."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from stages.core.config.evaluation import EvaluationOptions
from stages.core.config.tasks import Task
from stages.core.dataset.labels import labelled, targets_of
from stages.core.dataset.speakers import speakers_of
from stages.core.scoring import bootstrap
from stages.core.scoring.predictions import RunPredictions
from stages.core.scoring.run_groups import Contrast, Pair, RunGroups
from stages.core.scoring.run_scores import SPLITS, RunScores, best_run, rounded
from stages.core.scoring.sampling import Sampling
from stages.core.scoring.sums import score_of_sums


@dataclass(frozen=True)
class Comparison:
    """How much better one run is than another, on one split and task.

    Attributes:
        contrast: what distinguishes the runs: ``multi-task``, one network for all tasks against one per task;
            ``training``, trained otherwise against the best run of the common training; ``fusion``, several
            runs as one against the best of them by validation, both with the mean prediction of their seeds.
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

    @property
    def leaves_out_zero(self) -> bool:
        """Whether the interval is known and zero lies outside."""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)


def compare_all(
    groups: RunGroups,
    runs: Mapping[str, RunScores],
    predictions: Mapping[str, RunPredictions],
    labels: pd.DataFrame,
) -> list[Comparison]:
    """Every comparison of the runs, for each task and split that both have.

    Args:
        groups: which runs are compared with which.
        runs: run → its scores.
        predictions: run → its predictions.
        labels: clip_id, speaker, split and label columns.
    """
    tasks, options = groups.parameters.tasks, groups.parameters.evaluate
    return [
        comparison
        for pair, names in _pairs(groups, runs)
        for name in names
        if (classes := _shared_classes(runs, pair, name)) is not None
        for comparison in compare_task(
            pair,
            name,
            tasks[name],
            classes,
            [predictions[pair.baseline], predictions[pair.candidate]],
            labels,
            options,
        )
    ]


def _pairs(groups: RunGroups, runs: Mapping[str, RunScores]) -> Iterator[tuple[Pair, Sequence[str]]]:
    """Pairs of runs and the tasks to compare them by.

    A run that is trained otherwise stands against the best run of the common training, by validation.
    """
    tasks = list(groups.parameters.tasks)
    for pair in groups.multi_task_pairs():
        yield pair, tasks
    best = {task: best_run(runs, groups.common, task, "validation") for task in tasks}
    for run in groups.trained_otherwise:
        for task, common in best.items():
            if common:
                yield Pair("training", common, run), [task]


def compare_task(
    pair: Pair,
    name: str,
    task: Task,
    classes: Sequence[str],
    predictions: Sequence[RunPredictions],
    labels: pd.DataFrame,
    options: EvaluationOptions,
) -> Iterator[Comparison]:
    """Compare two runs by one task on each split that has labels.

    Args:
        pair: the runs.
        name: of the task.
        task: the task.
        classes: of a classification; empty for a regression.
        predictions: of the baseline and of the candidate; only clips that both have count.
        labels: clip_id, speaker, split and label columns.
        options: replicates, confidence and seed of the bootstrap.
    """
    parts = classes or task.columns
    shared = labels[np.logical_and(*(labels["clip_id"].isin(of_run.clip_ids) for of_run in predictions))]
    for split in SPLITS:
        clips = shared[shared["split"] == split]
        truth = targets_of(name, task, clips, classes)
        if not labelled(truth).any():
            continue
        sampling = Sampling.of(speakers_of(clips), options)
        sums = [
            np.stack(
                [
                    sampling.sums(task.score, truth, values)
                    for values in of_run.of_task(name, parts, clips["clip_id"]).values()
                ]
            )
            for of_run in predictions
        ]
        found = bootstrap.difference(
            task.score, sums[0], sums[1], sampling.drawn, options.confidence, options.seed
        )
        means = [score_of_sums(task.score, of_run.sum(axis=1)).mean() for of_run in sums]
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
    found: list[list[str]] = []
    for run in (pair.baseline, pair.candidate):
        scores = runs[run].task(task, "validation") or runs[run].task(task, "test")
        if scores is None:
            return None
        found.append(scores.confusion.classes if scores.confusion else [])
    return found[0] if found[0] == found[1] else None
