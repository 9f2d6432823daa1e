"""Groups of clips that are scored apart, to see for whom a model works."""

from collections.abc import Mapping
from itertools import pairwise

import numpy as np
import pandas as pd

from stages.core.config.tasks import Task
from stages.core.metrics.metric import METRICS


def groups_of(
    task: Task, tasks: Mapping[str, Task], labels: pd.DataFrame, column: str | None
) -> dict[str, np.ndarray]:
    """Groups whose scores are compared: name → bool [n].

    The values of a column (countries); for the task that predicts this column itself, thirds of the first
    regression with a single column and an error as its score (age), by clips of the corpus.

    Args:
        task: the task that is scored.
        tasks: all tasks.
        labels: n clips with the label columns.
        column: by whose values clips are grouped; None for no groups.
    """
    if column is None or column not in labels:
        return {}
    if column not in task.columns:
        values = labels[column]
        return {str(value): (values == value).to_numpy(bool) for value in sorted(values.dropna().unique())}
    for other in tasks.values():
        if METRICS[other.score].in_label_units and len(other.columns) == 1:
            return _thirds(other.columns[0], labels[other.columns[0]].to_numpy(np.float64))
    return {}


def _thirds(name: str, values: np.ndarray) -> dict[str, np.ndarray]:
    """Thirds of the clips by value; fewer where values repeat, none where all are NaN."""
    if np.isnan(values).all():
        return {}
    ends = np.nanquantile(values, [0, 1 / 3, 2 / 3, 1])
    thirds = {}
    for index, (low, high) in enumerate(pairwise(ends)):
        lowest = index == 0
        mask = (values >= low if lowest else values > low) & (values <= high)
        if mask.any():
            thirds[f"{name} {'' if lowest else 'above '}{low:#.4g} to {high:#.4g}"] = mask
    return thirds
