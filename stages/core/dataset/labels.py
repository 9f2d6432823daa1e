"""What a network learns: tasks as declared, and labels as arrays.

A task is declared in data, not in code: its kind, the label columns that it reads, how they are
scaled, which output the network ends in and which score counts. A label that is missing (an empty
cell, NaN, −1) stays missing: NaN in regression targets, −1 in classification targets.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from stages.core.config.tasks import Task


def classes_of(task: Task, labels: pd.DataFrame) -> tuple[str, ...]:
    """Classes of a classification task: the labels that occur, in sorted order."""
    return tuple(sorted(labels[task.label_columns[0]].dropna().unique()))


def unseen_classes(task: Task, labels: pd.DataFrame, classes: Sequence[str]) -> list[str]:
    """Labels of a classification that are not among ``classes``, in sorted order."""
    return sorted(set(labels[task.label_columns[0]].dropna().unique()) - set(classes))


def targets_of(task: Task, labels: pd.DataFrame, classes: Sequence[str] = ()) -> np.ndarray:
    """Labels of n clips as an array.

    Args:
        task: the task.
        labels: n rows with the task's columns; numbers for a regression, text for a classification.
        classes: the training split's classes.

    Returns:
        Regression: float64 [n, columns], NaN where unlabelled (the whole row, if one column is).
        Classification: int64 [n], the index into ``classes``; −1 where unlabelled, or labelled with another
        class (:func:`unseen_classes`), which no network can name.

    >>> task = Task("regression", ("Awe", "Fear"), "ccc", scale="row-max")
    >>> targets_of(task, pd.DataFrame({"Awe": [20.0, 0.0], "Fear": [80.0, 0.0]}))
    array([[0.25, 1.  ],
           [0.  , 0.  ]])
    """
    if task.kind == "classification":
        index = {label: index for index, label in enumerate(classes)}
        return np.array([index.get(label, -1) for label in labels[task.label_columns[0]]], dtype=np.int64)
    values = labels[task.label_columns].to_numpy(np.float64, copy=True)
    values[np.isnan(values).any(axis=1)] = np.nan
    if task.scale == "row-max":
        peak = values.max(axis=1, keepdims=True)
        values = np.divide(
            values, peak, out=np.where(np.isnan(peak), np.nan, np.zeros_like(values)), where=peak > 0
        )
    return values


def labelled(targets: np.ndarray) -> np.ndarray:
    """Which clips have a label: bool [n].

    Args:
        targets: of one task, as :func:`targets_of` gives them.

    >>> labelled(np.array([0, -1, 2]))
    array([ True, False,  True])
    """
    return targets >= 0 if targets.ndim == 1 else ~np.isnan(targets[:, 0])
