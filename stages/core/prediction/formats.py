"""Predictions as a person or a program reads them: lines of text, JSON, CSV."""

import csv
import io
import math
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from stages.core.networks.model import Model
from stages.core.prediction.predicting import Outcome, Prediction, output_names
from stages.core.runtime.errors import UnusableClipError


def readable(model: Model, path: Path, prediction: Prediction, columns: int) -> str:
    """A few lines about a recording, the strongest output of each task first.

    Args:
        model: the model, for the names.
        path: the recording.
        prediction: task → float32 [outputs].
        columns: width of the terminal.
    """
    width = max(map(len, model.tasks))
    lines = [str(path)]
    for task, values in prediction.items():
        names = output_names(model, task)
        places = decimals(values)
        if len(names) == 1:
            text = f"{values[0]:.{places}f}"
        else:
            strongest = np.argsort(-values, kind="stable")
            text = "  ".join(
                f"{names[index]}\N{NO-BREAK SPACE}{values[index]:.{places}f}" for index in strongest
            )
        lines += textwrap.wrap(
            text, columns, initial_indent=f"  {task:{width}}  ", subsequent_indent=" " * (width + 4)
        )
    return "\n".join(lines).replace("\N{NO-BREAK SPACE}", " ")


def decimals(values: np.ndarray) -> int:
    """Decimals that tell values of this size apart: two below 10, one below 1,000, more for small ones.

    >>> [decimals(np.array([value])) for value in (0.004, -0.7, 5.2, -31.0, 1500.0)]
    [4, 2, 2, 1, 0]
    """
    largest = float(np.abs(values).max())
    if largest < 0.1:
        return min(6, 1 - math.floor(math.log10(largest))) if largest > 0 else 2
    return 2 if largest < 10 else 1 if largest < 1000 else 0


def record(model: Model, path: Path, outcome: Outcome) -> dict[str, Any]:
    """What JSON says about a recording: ``file``, and each task or ``error``.

    A task of regression is a dictionary column → value; one of classification has ``class`` and
    ``probabilities``.
    """
    if isinstance(outcome, UnusableClipError):
        return {"file": str(path), "error": str(outcome)}
    content: dict[str, Any] = {"file": str(path)}
    for task, values in outcome.items():
        by_name = {
            name: round(float(value), 6)
            for name, value in zip(output_names(model, task), values, strict=True)
        }
        if task in model.classes:
            content[task] = {"class": max(by_name, key=by_name.__getitem__), "probabilities": by_name}
        else:
            content[task] = by_name
    return content


def csv_lines(model: Model, outcomes: Mapping[Path, Outcome]) -> Iterator[str]:
    """A header and a row per recording: file, error, the class and the outputs of each task."""
    columns = ["file", "error", *model.classes]
    columns += [f"{task}.{name}" for task in model.tasks for name in output_names(model, task)]
    yield _csv_line(columns)
    for path, outcome in outcomes.items():
        content = record(model, path, outcome)
        row = {"file": content["file"], "error": content.get("error", "")}
        for task in model.tasks if "error" not in content else ():
            values = content[task]
            if task in model.classes:
                row[task], values = values["class"], values["probabilities"]
            row |= {f"{task}.{name}": value for name, value in values.items()}
        yield _csv_line([row.get(column, "") for column in columns])


def _csv_line(cells: list[Any]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue()
