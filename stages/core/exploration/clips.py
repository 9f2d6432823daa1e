"""Every clip of some splits with its labels, and what each run predicts for it, as columns of numbers.

A page of 60,000 clips opens at once where a browser gets columns of float32 instead of objects, and a run's
columns only when it is looked at.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from stages.core.config.tasks import Task, stored
from stages.core.dataset.labels import targets_of
from stages.core.metrics.metric import METRICS


@dataclass(frozen=True)
class RunPredictions:
    """What one run predicts for n clips, as the mean over its seeds.

    Attributes:
        values: task → float32 [n, outputs]; NaN where the run has no prediction.
        errors: task → float32 [n]; NaN where there is no label or no prediction.
    """

    values: Mapping[str, np.ndarray]
    errors: Mapping[str, np.ndarray]

    def columns(self) -> np.ndarray:
        """float32 [columns, n]: for each task its outputs, then its error."""
        return np.concatenate(
            [np.column_stack([self.values[task], self.errors[task]]).T for task in self.values]
        )


@dataclass(frozen=True)
class ClipTable:
    """Labels of n clips.

    Attributes:
        clips: n rows in clip_id order: clip_id, speaker, split, seconds and label columns.
        tasks: the declared tasks.
        outputs: task → its label columns or its classes.
        truths: task → as :func:`targets_of` gives them.
        group: a column of the corpus by which clips are filtered, such as the country; None: there is none.
    """

    clips: pd.DataFrame
    tasks: Mapping[str, Task]
    outputs: Mapping[str, Sequence[str]]
    truths: Mapping[str, np.ndarray]
    group: str | None

    @classmethod
    def of(
        cls,
        clips: pd.DataFrame,
        tasks: Mapping[str, Task],
        classes: Mapping[str, Sequence[str]],
        group: str | None = None,
    ) -> "ClipTable":
        """Labels of clips; a task that none of the runs predicts has no classes and is left out."""
        clips = clips.sort_values("clip_id", ignore_index=True)
        kept = {name: task for name, task in tasks.items() if task.kind == "regression" or classes.get(name)}
        outputs = {name: list(classes.get(name, task.columns)) for name, task in kept.items()}
        truths = {name: targets_of(task, clips, classes.get(name, ())) for name, task in kept.items()}
        return cls(clips, kept, outputs, truths, group if group and stored(group) in clips else None)

    def predictions(self, table: pd.DataFrame) -> RunPredictions:
        """The mean over the seeds of a table of predictions, clip by clip.

        Args:
            table: clip_id, seed, then ``TASK.OUTPUT``; clips without a row get NaN.
        """
        columns = {
            task: [f"{task}.{output}" for output in outputs]
            for task, outputs in self.outputs.items()
            if f"{task}.{outputs[0]}" in table
        }
        names = [name for several in columns.values() for name in several]
        row_of = pd.Index(self.clips["clip_id"])
        total = np.zeros((len(self.clips), len(names)))
        seeds = table["seed"].unique()
        for seed in seeds:
            of_seed = table[table["seed"] == seed]
            rows = row_of.get_indexer(of_seed["clip_id"])
            known = np.full_like(total, np.nan)
            known[rows[rows >= 0]] = of_seed[names].to_numpy(np.float64)[rows >= 0]
            total += known
        mean = (total / max(1, len(seeds))).astype(np.float32)
        ends = np.cumsum([len(several) for several in columns.values()])[:-1]
        values = dict(zip(columns, np.split(mean, ends, axis=1), strict=True))
        errors = {
            task: error_of(self.tasks[task], self.truths[task], estimate) for task, estimate in values.items()
        }
        return RunPredictions(values, errors)

    def truth_columns(self) -> np.ndarray:
        """float32 [columns, n]: for each task its label columns or the index of the class; NaN: no label."""
        columns = []
        for truth in self.truths.values():
            if truth.ndim == 1:
                columns.append(np.where(truth >= 0, truth, np.nan)[None])
            else:
                columns.append(truth.T)
        return np.concatenate(columns).astype(np.float32)

    def description(self) -> dict[str, Any]:
        """What the page must know of the clips, for JSON; text columns as names and codes."""
        group = self.group and {"title": self.group, **_coded(self.clips[stored(self.group)])}
        return {
            "clips": list(self.clips["clip_id"]),
            "speaker": _coded(self.clips["speaker"]),
            "split": _coded(self.clips["split"]),
            "group": group,
            "seconds": [round(float(value), 2) for value in self.clips["seconds"]],
            "tasks": [
                {
                    "name": name,
                    "kind": task.kind,
                    "outputs": list(self.outputs[name]),
                    "error": error_label(task),
                }
                for name, task in self.tasks.items()
            ],
        }


def error_of(task: Task, truth: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    """How wrong each clip is predicted: float32 [n], NaN where it has no label or no prediction.

    Regression: the mean absolute difference over the columns. Classification: 1 − the probability of the true
    class.

    >>> task = Task("classification", ("Country",), "uar")
    >>> error_of(task, np.array([1, -1]), np.array([[0.75, 0.25], [0.5, 0.5]]))
    array([0.75,  nan], dtype=float32)
    """
    if task.kind == "classification":
        of_truth = np.take_along_axis(prediction, np.maximum(truth, 0)[:, None], axis=1)[:, 0]
        return np.where(truth >= 0, 1 - of_truth, np.nan).astype(np.float32)
    return np.abs(prediction - truth).mean(axis=1).astype(np.float32)


def error_label(task: Task) -> str:
    """What :func:`error_of` measures, for people."""
    if task.kind == "classification":
        return "1 − probability of the true class"
    label = METRICS["mae"].label
    return f"absolute error ({label} of one clip)" if len(task.columns) == 1 else "mean absolute error"


def classes_of_table(columns: Sequence[str], task: str) -> list[str]:
    """The outputs of a task in a table of predictions, in order.

    >>> classes_of_table(["clip_id", "seed", "kind.a.b", "kind.c", "age.Age"], "kind")
    ['a.b', 'c']
    """
    return [name.removeprefix(f"{task}.") for name in columns if name.startswith(f"{task}.")]


def _coded(column: pd.Series) -> dict[str, Any]:
    """Text as sorted names and, for each clip, an index into them; −1 where there is none."""
    codes, names = pd.factorize(column, sort=True)
    return {"names": [str(name) for name in names], "codes": codes.tolist()}
