"""Every figure of one run: scores of each task and seed, their intervals, groups of speakers, confusions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from stages.core.config.evaluation import EvaluationOptions
from stages.core.config.tasks import Task
from stages.core.dataset.labels import labelled, targets_of
from stages.core.dataset.speakers import speakers_of
from stages.core.metrics import formulas as scores
from stages.core.scoring import bootstrap

SPLITS = ("validation", "test")

Predictions = Mapping[int, Mapping[str, np.ndarray]]
"""Seed → task → float32 [n, columns] or, for a classification, probabilities [n, classes]."""


@dataclass(frozen=True)
class Sampling:
    """Whose clips they are, and which speakers each replicate draws.

    Attributes:
        speaker: integers [n], the speaker of each clip.
        drawn: float64 [replicates, speakers].
        confidence: of the intervals.
    """

    speaker: np.ndarray
    drawn: np.ndarray
    confidence: float

    @classmethod
    def of(cls, speakers: pd.Series, options: EvaluationOptions) -> "Sampling":
        """Draws for clips with these speakers; the same speakers give the same draws."""
        names, speaker = np.unique(speakers.to_numpy(str), return_inverse=True)
        drawn = (
            bootstrap.draws(len(names), options.bootstrap, options.seed) if len(names) else np.empty((0, 0))
        )
        return cls(speaker, drawn, options.confidence)

    def sums(self, task: Task, truth: np.ndarray, prediction: np.ndarray) -> np.ndarray:
        """What the task's score needs to know of each speaker; see :func:`bootstrap.speaker_sums`."""
        return bootstrap.speaker_sums(task.score, truth, prediction, self.speaker, self.drawn.shape[1])

    def estimate(self, task: Task, truth: np.ndarray, prediction: np.ndarray) -> bootstrap.Estimate:
        """The task's score of these clips with its interval."""
        return bootstrap.estimate(task.score, self.sums(task, truth, prediction), self.drawn, self.confidence)


def score_of(task: Task, truth: np.ndarray, prediction: np.ndarray) -> float:
    """The task's score of n clips; ``prediction`` float [n, columns] or probabilities [n, classes]."""
    if task.score == "uar":
        return scores.uar(truth, prediction.argmax(axis=1), prediction.shape[1])
    return {"ccc": scores.mean_ccc, "mae": scores.mae}[task.score](truth, prediction)


def run_details(
    labels: pd.DataFrame,
    predictions: Predictions,
    tasks: Mapping[str, Task],
    classes: Mapping[str, Sequence[str]],
    balance: str | None,
    options: EvaluationOptions,
) -> dict[str, Any]:
    """All figures of a run on validation and test; a task without labels in a split is absent there.

    Args:
        labels: n clips: speaker, split and label columns.
        predictions: seed → task → [n, outputs].
        tasks: the tasks of the run.
        classes: of each classification.
        balance: the column by whose values regressions are scored apart; None for no groups.
        options: replicates, confidence and seed of the bootstrap.

    Returns:
        Split → clips, speakers, joint, tasks; None stands for what is not defined.
    """
    truths = {name: targets_of(name, task, labels, classes.get(name, ())) for name, task in tasks.items()}
    rows = {split: np.flatnonzero(labels["split"] == split) for split in SPLITS}
    best = {
        name: best_seed(
            task, truths[name], {seed: by_task[name] for seed, by_task in predictions.items()}, rows
        )
        for name, task in tasks.items()
    }
    groups = {name: groups_of(task, tasks, labels, balance) for name, task in tasks.items()}
    details = {}
    for split, chosen in rows.items():
        sampling = Sampling.of(speakers_of(labels).iloc[chosen], options)
        scored = {
            name: task_details(
                task,
                classes.get(name, task.columns),
                truths[name][chosen],
                {seed: by_task[name][chosen] for seed, by_task in predictions.items()},
                best[name],
                sampling,
                {group: mask[chosen] for group, mask in groups[name].items()},
            )
            for name, task in tasks.items()
            if labelled(truths[name][chosen]).any()
        }
        details[split] = {
            "clips": len(chosen),
            "speakers": sampling.drawn.shape[1],
            "joint": joint_score(scored),
            "tasks": scored,
        }
    return details


def best_seed(
    task: Task, truth: np.ndarray, by_seed: Mapping[int, np.ndarray], rows: Mapping[str, np.ndarray]
) -> int:
    """The seed that is best on validation; the first if validation has no score."""
    chosen = rows["validation"]
    values = {seed: score_of(task, truth[chosen], values[chosen]) for seed, values in by_seed.items()}
    sign = -1 if task.score == "mae" else 1
    defined = {seed: sign * value for seed, value in values.items() if not np.isnan(value)}
    return max(defined, key=defined.__getitem__) if defined else min(by_seed)


def task_details(
    task: Task,
    parts: Sequence[str],
    truth: np.ndarray,
    by_seed: Mapping[int, np.ndarray],
    best: int,
    sampling: Sampling,
    groups: Mapping[str, np.ndarray],
) -> dict[str, Any]:
    """All figures of one task on n clips.

    Args:
        task: the task.
        parts: label columns of a regression, classes of a classification.
        truth: as :func:`stages.core.dataset.labels.targets_of` gives it.
        by_seed: seed → [n, parts].
        best: the seed that the tables show.
        sampling: of these clips.
        groups: name → bool [n], the clips to score apart.
    """
    chosen = by_seed[best]
    values = {str(seed): score_of(task, truth, prediction) for seed, prediction in by_seed.items()}
    over_seeds = np.array(list(values.values()))
    estimate = sampling.estimate(task, truth, chosen)
    mean_over_seeds = np.stack(list(by_seed.values())).mean(axis=0, dtype=np.float64)
    ensemble = sampling.estimate(task, truth, mean_over_seeds)
    details: dict[str, Any] = {
        "score": task.score,
        "best_seed": best,
        **_interval(estimate),
        "mean": number(over_seeds.mean()),
        "sd": number(over_seeds.std(ddof=1)) if len(values) > 1 else None,
        "seeds": {seed: number(value) for seed, value in values.items()},
        "ensemble": _interval(ensemble),
        "groups": {
            group: _group(task, truth, chosen, mask, sampling)
            for group, mask in groups.items()
            if (mask & labelled(truth)).any()
        },
    }
    if task.kind == "classification":
        counts = scores.confusion(truth, chosen.argmax(axis=1), len(parts))
        details["confusion"] = {"classes": list(parts), "counts": counts.tolist()}
        details["classes"] = {
            name: {**_ends("recall", row), "clips": int(clips)}
            for name, row, clips in zip(parts, estimate.parts, estimate.clips, strict=True)
        }
    else:
        details["columns"] = {
            name: _ends("value", row) for name, row in zip(parts, estimate.parts, strict=True)
        }
        if task.score != "ccc":
            details["ccc"] = number(scores.mean_ccc(truth, chosen))
    return details


def groups_of(
    task: Task, tasks: Mapping[str, Task], labels: pd.DataFrame, balance: str | None
) -> dict[str, np.ndarray]:
    """Groups of speakers whose scores are compared: name → bool [n].

    The values of the column ``balance`` (countries); for the task that predicts this column itself, thirds
    of the first regression with a single column and the score mae (age), by clips of the corpus.
    """
    if balance is None or balance not in labels:
        return {}
    if balance not in task.columns:
        column = labels[balance]
        return {str(value): (column == value).to_numpy(bool) for value in sorted(column.dropna().unique())}
    ages = [other.columns[0] for other in tasks.values() if other.score == "mae" and len(other.columns) == 1]
    values = labels[ages[0]].to_numpy(np.float64) if ages else np.empty(0)
    if not (~np.isnan(values)).any():
        return {}
    ends = np.nanquantile(values, [0, 1 / 3, 2 / 3, 1])
    thirds = {}
    for place, (low, high) in enumerate(pairwise(ends)):
        above = values >= low if place == 0 else values > low
        thirds[f"{ages[0]} {'' if place == 0 else 'above '}{low:#.4g} to {high:#.4g}"] = above & (
            values <= high
        )
    return {name: mask for name, mask in thirds.items() if mask.any()}


def joint_score(scored: Mapping[str, Mapping[str, Any]]) -> float | None:
    """ExVo's joint score of a run whose tasks are one of each score (ccc, uar, mae); None for others."""
    values = {task["score"]: task["value"] for task in scored.values()}
    if len(scored) != 3 or set(values) != {"ccc", "uar", "mae"} or None in values.values():
        return None
    return number(scores.exvo(values["ccc"], values["uar"], values["mae"]))


def number(value: float | np.floating) -> float | None:
    """A figure for JSON: six places, None where it is not defined."""
    return None if np.isnan(value) else round(float(value), 6)


def _group(
    task: Task, truth: np.ndarray, prediction: np.ndarray, mask: np.ndarray, sampling: Sampling
) -> dict[str, Any]:
    part = np.where(mask, truth, -1) if truth.ndim == 1 else np.where(mask[:, None], truth, np.nan)
    clips = int(labelled(part).sum())
    return {**_interval(sampling.estimate(task, part, prediction)), "clips": clips}


def _interval(estimate: bootstrap.Estimate) -> dict[str, float | None]:
    return _ends("value", (estimate.value, estimate.low, estimate.high))


def _ends(name: str, figures: Sequence[float] | np.ndarray) -> dict[str, float | None]:
    return dict(zip((name, "low", "high"), map(number, figures), strict=True))
