"""A model on another corpus: which of its labels both have, and what it predicts for that corpus's clips."""

import json
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
import pandas as pd

from stages.core.config.tasks import Task
from stages.core.dataset.labels import labelled, targets_of, unseen_classes
from stages.core.networks.model import Model
from stages.core.prediction.extraction import RowExtractor
from stages.core.runtime.compute import ComputeOptions
from stages.core.runtime.console import progress
from stages.core.runtime.errors import UnusableClipError
from stages.core.runtime.parallel import Crash, parallel_map
from stages.core.scoring.predictions import Predictions


def shared_tasks(tasks: Mapping[str, Task], columns: Container[str]) -> tuple[dict[str, Task], list[str]]:
    """The tasks with those of their columns that another corpus has, and sentences on what it lacks.

    Args:
        tasks: of the model.
        columns: of the corpus's data_info.csv.

    >>> age, mood = Task("regression", ("Age",), "mae"), Task("regression", ("Awe", "Fear"), "ccc")
    >>> shared, notes = shared_tasks({"age": age, "mood": mood}, ["Awe"])
    >>> shared["mood"].columns, notes[0]
    (('Awe',), 'task age: the corpus has no column Age; it is not scored')
    """
    shared, notes = {}, []
    for name, task in tasks.items():
        there = tuple(column for column in task.columns if column in columns)
        missing = ", ".join(column for column in task.columns if column not in there)
        if there:
            shared[name] = replace(task, columns=there)
        if missing and there:
            notes.append(f"task {name}: the corpus lacks {missing}; the other columns are scored")
        elif missing:
            notes.append(f"task {name}: the corpus has no column {missing}; it is not scored")
    return shared, notes


def known_labels(
    tasks: Mapping[str, Task], classes: Mapping[str, Sequence[str]], labels: pd.DataFrame
) -> tuple[dict[str, Task], list[str]]:
    """The tasks that have labels which the model knows, and sentences on those that it does not know.

    Args:
        tasks: of :func:`shared_tasks`.
        classes: of the model's classifications.
        labels: the clips of the corpus, under the stored names of the columns.
    """
    kept, notes = {}, []
    for name, task in tasks.items():
        known = classes.get(name, ())
        if task.kind == "classification":
            found = labels[task.label_columns[0]]
            if unseen := unseen_classes(task, labels, known):
                clips = f"{found.isin(unseen).sum()} clips are not scored"
                notes.append(f"task {name}: the model does not know {', '.join(unseen)}; {clips}")
            absent = sorted(set(known) - set(found.dropna()))
            if 0 < len(absent) < len(known):
                notes.append(f"task {name}: no clip is of {', '.join(absent)}; the other classes are scored")
        if labelled(targets_of(task, labels, known)).any():
            kept[name] = task
        else:
            notes.append(f"task {name}: no clip has a label that the model knows; it is not scored")
    return kept, notes


def rows_of(
    model: Model, paths: Mapping[str, Path], compute: ComputeOptions
) -> Iterator[tuple[str, np.ndarray | UnusableClipError]]:
    """Each clip's features, float32 [d], as the model reads them, or why it cannot be used; in any order.

    Args:
        model: says how its features were made.
        paths: clip_id → recording.
        compute: where the work runs.
    """
    RowExtractor(model.origin)  # says at once if features cannot be made here
    origin = json.dumps(model.origin)
    found = parallel_map(partial(_row_of, origin), paths.items(), compute)
    for clip_id, row in progress(found, len(paths), "clip"):
        yield clip_id, UnusableClipError("crash", row.detail) if isinstance(row, Crash) else row


_extractor = lru_cache(1)(lambda origin: RowExtractor(json.loads(origin)))


def _row_of(origin: str, path: Path) -> np.ndarray | UnusableClipError:
    try:
        row: np.ndarray = _extractor(origin).row(path)
    except UnusableClipError as error:
        return error
    return row


def predictions_of(
    model: Model, tasks: Mapping[str, Task], features: np.ndarray, speakers: np.ndarray
) -> Predictions:
    """Seed → task → the outputs of its shared columns, or of all classes: float32 [n, parts].

    Args:
        model: the networks.
        tasks: those that are scored.
        features: float32 [n, d], as :func:`rows_of` gives them.
        speakers: who is heard in each clip.
    """
    by_seed = model.predict(features, speakers)
    chosen = {
        name: slice(None)
        if task.kind == "classification"
        else [model.tasks[name].columns.index(column) for column in task.columns]
        for name, task in tasks.items()
    }
    return {
        seed: {name: by_task[name][:, places] for name, places in chosen.items()}
        for seed, by_task in by_seed.items()
    }
