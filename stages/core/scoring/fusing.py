"""Late fusion: the predictions of several runs as one, against the best of them.

Each member counts with the mean prediction of its seeds. ``mean``: all members count the same. ``weights``:
per task, as often as a greedy search on validation picks them (Caruana et al., "Ensemble Selection from
Libraries of Models", ICML 2004). ``stacked``: a ridge regression on their predictions, learnt on validation
(:mod:`stages.core.scoring.stacking`). Test is looked at by the comparison alone.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from stages.core.config.evaluation import EvaluationOptions
from stages.core.config.fusion import Method
from stages.core.config.tasks import Task
from stages.core.dataset.labels import labelled, targets_of
from stages.core.dataset.speakers import speakers_of
from stages.core.metrics.metric import METRICS
from stages.core.scoring.comparison import Comparison, compare_pair
from stages.core.scoring.predictions import RunPredictions, mean_over_seeds
from stages.core.scoring.run_groups import Pair
from stages.core.scoring.run_scores import RunScores

PICKS = 20
"""Picks of the greedy search: weights are multiples of 1/20."""
_ENOUGH = 1e-9  # a pick must gain more than rounding


@dataclass(frozen=True)
class FusedTask:
    """The predictions of several runs for one task, as one.

    Attributes:
        weights: run → its share; they add up to 1. Of stacked runs none.
        best: the member that is best on validation.
        member: the mean prediction of its seeds.
        fused: the members as one.
    """

    weights: dict[str, float]
    best: str
    member: RunPredictions
    fused: RunPredictions


def compare_fused(
    name: str,
    members: Sequence[str],
    method: Method,
    tasks: Mapping[str, Task],
    runs: Mapping[str, RunScores],
    predictions: Mapping[str, RunPredictions],
    labels: pd.DataFrame,
    options: EvaluationOptions,
) -> Iterator[Comparison]:
    """A fused run against its best member, for each task that at least two members learnt alike.

    Args:
        name: of the fused run.
        members: the runs.
        method: how they are weighed.
        tasks: the declared tasks.
        runs: run → its scores.
        predictions: run → its predictions.
        labels: clip_id, speaker, split and label columns.
        options: replicates, confidence and seed of the bootstrap.
    """
    for task_name, task in tasks.items():
        classes = {run: found for run in members if (found := runs[run].classes_of(task_name)) is not None}
        alike = {run: predictions[run] for run in classes if classes[run] == next(iter(classes.values()))}
        if len(alike) < 2:
            continue
        shared = classes[next(iter(alike))]
        fused = fuse_task(task_name, task, shared, alike, method, labels)
        if fused is None:
            continue
        pair = Pair("fusion", fused.best, name)
        sides = fused.member, fused.fused
        yield from compare_pair(pair, {task_name: (task, shared)}, sides, labels, options)


def fuse_task(
    name: str,
    task: Task,
    classes: Sequence[str],
    members: Mapping[str, RunPredictions],
    method: Method,
    labels: pd.DataFrame,
) -> FusedTask | None:
    """Fuse the predictions of one task for the clips that all members have.

    Returns:
        The fused task; None if validation has no score, so that no member is best.
    """
    parts = list(classes or task.columns)
    clips = labels[np.logical_and.reduce([labels["clip_id"].isin(run.clip_ids) for run in members.values()])]
    values = {
        run: mean_over_seeds(one.of_task(name, parts, clips["clip_id"]).values())
        for run, one in members.items()
    }
    truth = targets_of(task, clips, classes)
    rows = labelled(truth) & (clips["split"] == "validation").to_numpy()
    on_validation = {run: one[rows] for run, one in values.items()}
    metric = METRICS[task.score]
    best = metric.best({run: metric.compute(truth[rows], one) for run, one in on_validation.items()})
    if best is None:
        return None
    weights: dict[str, float] = {}
    if method == "stacked":
        from stages.core.scoring.stacking import stacked  # numba takes time to load

        fused = stacked(task, truth, values, rows, speakers_of(clips).to_numpy(str))
    else:
        equal = dict.fromkeys(values, 1 / len(values))
        weights = equal if method == "mean" else chosen_weights(task, truth[rows], on_validation)
        fused = np.zeros_like(values[best])
        for run, share in weights.items():
            fused += share * values[run]
    columns = [f"{name}.{part}" for part in parts]

    def one_seed(table: np.ndarray) -> RunPredictions:
        return RunPredictions({0: pd.DataFrame(table, index=clips["clip_id"], columns=columns)})

    return FusedTask(weights, best, one_seed(values[best]), one_seed(fused))


def chosen_weights(task: Task, truth: np.ndarray, predictions: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Shares that a greedy search finds: what is picked most often counts most.

    Args:
        task: decides the score.
        truth: targets as :func:`stages.core.dataset.labels.targets_of` gives them, with a score.
        predictions: run → [n, outputs].

    Returns:
        Run → share, of those picked.
    """
    metric = METRICS[task.score]
    picks: dict[str, int] = {}
    total = np.zeros_like(next(iter(predictions.values())))
    for number in range(1, PICKS + 1):
        scores = {run: metric.compute(truth, (total + one) / number) for run, one in predictions.items()}
        highest = scores[metric.best(scores) or next(iter(scores))]
        # Of runs that are equal but for rounding, the first.
        run = next(run for run in scores if metric.gain(scores[run], highest) < _ENOUGH)
        picks[run] = picks.get(run, 0) + 1
        total = total + predictions[run]
    return {run: picks[run] / PICKS for run in predictions if run in picks}
