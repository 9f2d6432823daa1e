"""Groups of clips that are scored apart, to see for whom a model works."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import pandas as pd

from stages.core.config.tasks import Task, stored
from stages.core.metrics.metric import METRICS


@dataclass(frozen=True)
class ClipGroups:
    """Clips by the values of a column.

    Attributes:
        column: the column.
        of_speakers: whether all clips of a speaker are in the same group.
        masks: name → bool [n].
    """

    column: str
    of_speakers: bool
    masks: Mapping[str, np.ndarray]

    def of_rows(self, rows: np.ndarray) -> "ClipGroups":
        """The same groups of some of the clips: int [n], their rows."""
        return replace(self, masks={name: mask[rows] for name, mask in self.masks.items()})


def groups_of(
    task: Task, tasks: Mapping[str, Task], labels: pd.DataFrame, column: str | None
) -> ClipGroups | None:
    """Groups whose scores are compared; None if there are none.

    The values of a column (countries); for the task that predicts this column itself, thirds of the first
    regression with a single column and an error as its score (age), by clips of the corpus.

    Args:
        task: the task that is scored.
        tasks: all tasks.
        labels: n clips: speaker and label columns.
        column: by whose values clips are grouped; None for no groups.
    """
    if column is None or stored(column) not in labels:
        return None
    if column not in task.columns:
        values = labels[stored(column)]
        names = sorted(values.dropna().unique())
        return _groups(column, labels, {str(name): (values == name).to_numpy(bool) for name in names})
    for other in tasks.values():
        if METRICS[other.score].in_label_units and len(other.columns) == 1:
            (name,) = other.columns
            return _groups(name, labels, _thirds(name, labels[stored(name)].to_numpy(np.float64)))
    return None


def _groups(column: str, labels: pd.DataFrame, masks: Mapping[str, np.ndarray]) -> ClipGroups | None:
    varied = labels.groupby("speaker")[stored(column)].nunique() > 1
    return ClipGroups(column, not varied.any(), masks) if masks else None


def _thirds(name: str, values: np.ndarray) -> dict[str, np.ndarray]:
    """Thirds of the clips by value; fewer where values repeat, none where all are NaN."""
    if np.isnan(values).all():
        return {}
    ends = np.nanquantile(values, [0, 1 / 3, 2 / 3, 1])
    form = ".0f" if (ends == np.rint(ends)).all() else "#.4g"
    thirds = {}
    for index, (low, high) in enumerate(pairwise(ends)):
        lowest = index == 0
        mask = (values >= low if lowest else values > low) & (values <= high)
        if mask.any():
            thirds[f"{name} {'' if lowest else 'above '}{low:{form}} to {high:{form}}"] = mask
    return thirds
