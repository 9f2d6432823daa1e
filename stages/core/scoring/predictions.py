"""What a run predicts for every clip, and the table that keeps it.

A row per seed and clip: clip_id, split, seed, then ``TASK.COLUMN`` or ``TASK.CLASS``.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

Predictions = Mapping[int, Mapping[str, np.ndarray]]
"""Seed → task → float32 [n, columns] or, for a classification, probabilities [n, classes]."""


def to_table(
    labels: pd.DataFrame, predictions: Predictions, parts: Mapping[str, Sequence[str]]
) -> pd.DataFrame:
    """Predictions as a table, rows by seed and clip_id.

    Args:
        labels: n clips: clip_id and split.
        predictions: of these clips.
        parts: task → its columns or classes, in the order of the outputs.
    """
    tables = []
    for seed in sorted(predictions):
        columns = {
            f"{task}.{part}": values
            for task, names in parts.items()
            for part, values in zip(names, predictions[seed][task].T, strict=True)
        }
        clips = {"clip_id": labels["clip_id"], "split": labels["split"], "seed": np.int64(seed)}
        tables.append(pd.DataFrame({**clips, **columns}).sort_values("clip_id"))
    return pd.concat(tables, ignore_index=True)


def mean_over_seeds(predictions: Iterable[np.ndarray]) -> np.ndarray:
    """The mean of the predictions of all seeds, [n, outputs] each: float64 [n, outputs].

    >>> mean_over_seeds([np.array([[1.0, 2.0]]), np.array([[2.0, 4.0]])])
    array([[1.5, 3. ]])
    """
    return np.stack(list(predictions)).mean(axis=0, dtype=np.float64)


@dataclass(frozen=True)
class RunPredictions:
    """The predictions of a run, by clip.

    Attributes:
        by_seed: seed → a table with one row per clip, indexed by clip_id.
    """

    by_seed: Mapping[int, pd.DataFrame]

    @classmethod
    def of(cls, table: pd.DataFrame) -> "RunPredictions":
        """From what :func:`to_table` made, in any order of rows."""
        return cls(
            {
                int(seed): rows.set_index("clip_id")
                for seed, rows in table.drop(columns="split").groupby("seed")
            }
        )

    @property
    def clip_ids(self) -> pd.Index:
        """The clips that have predictions."""
        return next(iter(self.by_seed.values())).index

    def has(self, task: str, parts: Sequence[str]) -> bool:
        """Whether there are predictions of a task."""
        return bool(parts) and f"{task}.{parts[0]}" in next(iter(self.by_seed.values()))

    def of_task(self, task: str, parts: Sequence[str], clip_ids: Sequence[str]) -> dict[int, np.ndarray]:
        """Seed → float32 [n, parts] for these clips, in their order."""
        columns = [f"{task}.{part}" for part in parts]
        return {seed: table.loc[clip_ids, columns].to_numpy() for seed, table in self.by_seed.items()}
