"""Late fusion: the predictions of several runs as one.

Each member enters with the mean prediction of its seeds. ``mean``: all count the same. ``weights``: per task,
as often as a greedy search on validation picks them (Caruana et al., "Ensemble Selection from Libraries of
Models", ICML 2004). Tasks that not all members have are fused from those that do.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from stages.core.config.tasks import Task
from stages.core.dataset.labels import labelled, targets_of
from stages.core.metrics.metric import METRICS

PICKS = 20
"""Picks of the greedy search: weights are multiples of 1/20."""
_ENOUGH = 1e-9  # a pick must gain more than rounding


def mean_of_seeds(predictions: pd.DataFrame) -> pd.DataFrame:
    """One row per clip: the mean prediction of the seeds, as the only seed 0.

    Args:
        predictions: clip_id, split, seed, and a column per output.
    """
    outputs = [name for name in predictions if name not in ("clip_id", "split", "seed")]
    tables = [table.sort_values("clip_id") for _, table in predictions.groupby("seed", sort=True)]
    total = np.zeros((len(tables[0]), len(outputs)))
    for table in tables:
        total += table[outputs].to_numpy(np.float64)
    clips = tables[0][["clip_id", "split"]].reset_index(drop=True)
    means = pd.DataFrame((total / len(tables)).astype(np.float32), columns=outputs)
    return pd.concat([clips, pd.Series(np.zeros(len(clips), np.int64), name="seed"), means], axis=1)


def outputs_of(table: pd.DataFrame, task: str) -> list[str]:
    """The columns of a task's outputs; empty if the run did not learn it."""
    return [name for name in table if name.startswith(f"{task}.")]


def fuse(members: Mapping[str, pd.DataFrame], weights: Mapping[str, Mapping[str, float]]) -> pd.DataFrame:
    """The weighted mean of the members' predictions for the clips that all have.

    Args:
        members: run → what :func:`mean_of_seeds` gives.
        weights: task → run → its share; the shares of a task add up to 1.

    Returns:
        clip_id, split, seed (0) and the outputs of each task of ``weights``.
    """
    first, *others = members.values()
    shared = set(first["clip_id"]).intersection(*(set(table["clip_id"]) for table in others))
    aligned = {
        run: table[table["clip_id"].isin(shared)].reset_index(drop=True) for run, table in members.items()
    }
    fused = next(iter(aligned.values()))[["clip_id", "split", "seed"]].copy()
    for task, shares in weights.items():
        names = outputs_of(aligned[next(iter(shares))], task)
        total = np.zeros((len(fused), len(names)))
        for run, share in shares.items():
            total += share * aligned[run][names].to_numpy(np.float64)
        fused[names] = total.astype(np.float32)
    return fused


def equal_weights(runs: Sequence[str]) -> dict[str, float]:
    """The same share for each run.

    >>> equal_weights(["a", "b"])
    {'a': 0.5, 'b': 0.5}
    """
    return dict.fromkeys(runs, 1 / len(runs))


def chosen_weights(task: Task, truth: np.ndarray, predictions: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Shares that a greedy search on validation finds: what is picked most often counts most.

    Args:
        task: decides the score.
        truth: targets of the validation split, as :func:`stages.core.dataset.labels.targets_of` gives them.
        predictions: run → [n, outputs].

    Returns:
        Run → share, of those picked; equal shares where validation has no score.
    """
    metric = METRICS[task.score]
    picks: dict[str, int] = {}
    total = np.zeros(next(iter(predictions.values())).shape)
    for number in range(1, PICKS + 1):
        scores = {run: metric.compute(truth, (total + one) / number) for run, one in predictions.items()}
        best = metric.best(scores)
        if best is None:
            return equal_weights(list(predictions))
        # Of runs that are equal but for rounding, the first.
        run = next(run for run in scores if metric.gain(scores[run], scores[best]) < _ENOUGH)
        picks[run] = picks.get(run, 0) + 1
        total = total + predictions[run]
    return {run: picks[run] / PICKS for run in predictions if run in picks}


def weights_of(
    method: str, members: Mapping[str, pd.DataFrame], tasks: Mapping[str, Task], labels: pd.DataFrame
) -> dict[str, dict[str, float]]:
    """Task → run → share, for each task that at least two members learnt.

    Args:
        method: ``mean`` or ``weights``.
        members: run → what :func:`mean_of_seeds` gives.
        tasks: the tasks.
        labels: clip_id, split and label columns.
    """
    found = {}
    for name, task in tasks.items():
        runs = [run for run, table in members.items() if outputs_of(table, name)]
        if len(runs) < 2:
            continue
        if method == "mean":
            found[name] = equal_weights(runs)
            continue
        clips = labels[labels["split"] == "validation"]
        for run in runs:
            clips = clips[clips["clip_id"].isin(members[run]["clip_id"])]
        columns = outputs_of(members[runs[0]], name)
        truth = targets_of(name, task, clips, [column.removeprefix(f"{name}.") for column in columns])
        known = labelled(truth)
        found[name] = chosen_weights(
            task,
            truth[known],
            {
                run: members[run]
                .set_index("clip_id")
                .loc[clips["clip_id"][known], columns]
                .to_numpy(np.float64)
                for run in runs
            },
        )
    return found


def best_member(
    task: str, declared: Task, members: Mapping[str, pd.DataFrame], labels: pd.DataFrame
) -> str | None:
    """The member whose mean prediction is best on validation; None where validation has no score."""
    clips = labels[labels["split"] == "validation"]
    scores: dict[str, float | None] = {}
    for run, table in members.items():
        columns = outputs_of(table, task)
        mine = clips[clips["clip_id"].isin(table["clip_id"])]
        if not columns or mine.empty:
            continue
        truth = targets_of(task, declared, mine, [column.removeprefix(f"{task}.") for column in columns])
        values = table.set_index("clip_id").loc[mine["clip_id"], columns].to_numpy(np.float64)
        scores[run] = METRICS[declared.score].compute(truth, values)
    return METRICS[declared.score].best(scores)
