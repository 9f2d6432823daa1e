"""Predictions of a model for recordings, in blocks, so that memory does not grow with their number."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from stages.core.networks.model import BLOCK, Model
from stages.core.prediction.extraction import RowExtractor
from stages.core.runtime.console import progress
from stages.core.runtime.errors import UnusableClipError

Prediction = Mapping[str, np.ndarray]
Outcome = Prediction | UnusableClipError


def predict_recordings(
    model: Model,
    paths: Sequence[Path],
    seeds: Sequence[int],
    block: int = BLOCK,
    one_speaker: bool = False,
    note: Callable[[Path, str], None] | None = None,
) -> Iterator[tuple[Path, Outcome]]:
    """Predict recordings by the mean over some seeds.

    Args:
        model: the networks.
        paths: the recordings.
        seeds: whose networks to average, of ``model.seeds``.
        block: how many recordings are predicted at once.
        one_speaker: whether all are of one speaker, which matters to models that read speakers; else each is
            of another. Their features are then held in memory together.
        note: is told what a person should know of a recording that is used.

    Yields:
        Each path, in order, with its prediction, task → float32 [outputs], or with why it cannot be used.
    """
    extractor = RowExtractor(model.origin)
    waiting: list[tuple[Path, np.ndarray | UnusableClipError]] = []
    for path in progress(paths, len(paths), "clip"):
        try:
            waiting.append((path, extractor.row(path)))
        except UnusableClipError as error:
            waiting.append((path, error))
        if note is not None and extractor.note:
            note(path, extractor.note)
        if len(waiting) == block and not one_speaker:
            yield from _predict_block(model, waiting, seeds)
            waiting = []
    yield from _predict_block(model, waiting, seeds, one_speaker)


def _predict_block(
    model: Model,
    rows: Sequence[tuple[Path, np.ndarray | UnusableClipError]],
    seeds: Sequence[int],
    one_speaker: bool = False,
) -> Iterator[tuple[Path, Outcome]]:
    usable = [row for _, row in rows if isinstance(row, np.ndarray)]
    if usable:
        by_seed = model.predict(np.stack(usable), ["one"] * len(usable) if one_speaker else None)
        means = {task: np.mean([by_seed[seed][task] for seed in seeds], axis=0) for task in model.tasks}
    index = 0
    for path, row in rows:
        if isinstance(row, UnusableClipError):
            yield path, row
        else:
            yield path, {task: values[index] for task, values in means.items()}
            index += 1


def output_names(model: Model, task: str) -> Sequence[str]:
    """What the outputs of a task are called: its classes, or its columns."""
    return model.classes.get(task, model.tasks[task].columns)
