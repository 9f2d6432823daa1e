"""Which of two runs is better, and how sure that is: paired on the same clips, over speakers and seeds."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from stages.core.config.evaluation import EvaluationOptions
from stages.core.config.tasks import Task
from stages.core.dataset.labels import labelled, targets_of
from stages.core.dataset.speakers import speakers_of
from stages.core.scoring import bootstrap
from stages.core.scoring.run_scores import SPLITS, Sampling, number


def differences(
    first: pd.DataFrame,
    second: pd.DataFrame,
    names: tuple[str, str],
    tasks: Mapping[str, Task],
    labels: pd.DataFrame,
    options: EvaluationOptions,
) -> list[dict[str, Any]]:
    """How much better the second run is, for each task and split that both have.

    Args:
        first: predictions of a run: clip_id, split, seed, ``TASK.COLUMN`` and ``TASK.CLASS``.
        second: predictions of the other; only clips that both have count.
        names: what the two are called in the rows.
        tasks: the tasks to compare.
        labels: clip_id, speaker, split and label columns.
        options: replicates, confidence and seed of the bootstrap.

    Returns:
        Rows with task, score, split, the means over seeds (``NAME_value``), difference (positive: the
        second is better), low, high, p; see :func:`stages.core.scoring.bootstrap.difference`.
    """
    shared = labels[labels["clip_id"].isin(first["clip_id"]) & labels["clip_id"].isin(second["clip_id"])]
    speakers = speakers_of(shared)
    samplings = {split: Sampling.of(speakers[shared["split"] == split], options) for split in SPLITS}
    rows = []
    for name, task in tasks.items():
        parts = _parts(first, name)
        if not parts or parts != _parts(second, name):
            continue
        for split, sampling in samplings.items():
            clips = shared[shared["split"] == split]
            truth = targets_of(name, task, clips, parts)
            if not labelled(truth).any():
                continue
            sums = [
                np.stack(
                    [sampling.sums(task, truth, values) for values in _values(table, name, clips["clip_id"])]
                )
                for table in (first, second)
            ]
            found = bootstrap.difference(
                task.score, sums[0], sums[1], sampling.drawn, options.confidence, options.seed
            )
            means = [float(bootstrap.score_of(task.score, side.sum(axis=1)).mean()) for side in sums]
            rows.append(
                {
                    "task": name,
                    "score": task.score,
                    "split": split,
                    f"{names[0]}_value": number(means[0]),
                    f"{names[1]}_value": number(means[1]),
                    "difference": number(found.value),
                    "low": number(found.low),
                    "high": number(found.high),
                    "p": number(found.p),
                }
            )
    return rows


def _parts(table: pd.DataFrame, task: str) -> list[str]:
    """Columns or classes of a task, in order; empty if the run did not learn it."""
    return [name.removeprefix(f"{task}.") for name in table if name.startswith(f"{task}.")]


def _values(table: pd.DataFrame, task: str, clip_ids: pd.Series) -> list[np.ndarray]:
    """float32 [n, parts] of each seed for these clips, in their order."""
    columns = [f"{task}.{part}" for part in _parts(table, task)]
    return [
        of_seed.set_index("clip_id").loc[clip_ids, columns].to_numpy() for _, of_seed in table.groupby("seed")
    ]
