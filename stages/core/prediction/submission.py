"""The files that the challenges on HUME-VB ask teams for, as the organizers' READMEs show them.

A line per clip: File_ID in brackets with its leading zeros, then the columns of the challenge in its order.
Numbers are float32 with the fewest digits that tell them apart, as the organizers' code writes them.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from stages.core.config.data import ChallengeName
from stages.core.config.tasks import Task
from stages.core.corpus.info import clip_id_of
from stages.core.prediction.predicting import Outcome, Prediction
from stages.core.runtime.errors import UnusableClipError, UserError
from stages.core.scoring.challenges import CHALLENGES

# How a submission spells a column, where that is not as the label file does.
_SPELT = {"South Africa_Sadness": "SouthAfrica_Sadness"}


def tracks_of(tasks: Mapping[str, Task]) -> list[ChallengeName]:
    """The challenges whose columns some tasks predict, without those that are part of another of them."""
    predicted = {column for task in tasks.values() for column in task.columns}
    fitting = {
        name: set(found.columns) for name, found in CHALLENGES.items() if predicted >= set(found.columns)
    }
    return [
        name for name, columns in fitting.items() if not any(columns < other for other in fitting.values())
    ]


def chosen_track(tasks: Mapping[str, Task], wanted: ChallengeName | None) -> ChallengeName:
    """The challenge that a submission is for.

    Args:
        tasks: of the model.
        wanted: the one that was asked for; None: the only one that fits.

    Raises:
        UserError: if the model predicts not all its columns, or those of several and none was asked for.
    """
    predicted = [column for task in tasks.values() for column in task.columns]
    if wanted is not None:
        lacking = [column for column in CHALLENGES[wanted].columns if column not in predicted]
        if lacking:
            raise UserError(
                f"{wanted} asks for {', '.join(lacking[:5])}{' and others' * (len(lacking) > 5)}, "
                f"which this model does not predict; it predicts {', '.join(tasks)}."
            )
        return wanted
    fitting = tracks_of(tasks)
    if not fitting:
        raise UserError(
            f"this model predicts {', '.join(tasks)}, which no challenge asks for; the challenges are "
            f"{', '.join(CHALLENGES)}."
        )
    if len(fitting) > 1:
        raise UserError(f"this model fits {' and '.join(fitting)}; name one with --track.")
    return fitting[0]


def file_name(track: ChallengeName, team: str, number: int) -> str:
    """What the organizers want a file to be called.

    >>> file_name("a-vb-type", "our-team", 2)
    'A-VB-Type_our-team_2.csv'
    """
    return f"{CHALLENGES[track].file}_{team}_{number}.csv"


def by_file_id(outcomes: Mapping[Path, Outcome]) -> dict[str, Prediction]:
    """The predictions of recordings by File_ID.

    Raises:
        UserError: if a recording cannot be used, or two have the same File_ID.
    """
    found: dict[str, Prediction] = {}
    for path, outcome in outcomes.items():
        if isinstance(outcome, UnusableClipError):
            raise UserError(f"{path}: {str(outcome).removesuffix('.')}; a submission needs every clip.")
        file_id = clip_id_of(path.stem)
        if file_id in found:
            raise UserError(f"{path}: another recording has the File_ID {file_id}, too; rename one.")
        found[file_id] = outcome
    return found


def submission(
    track: ChallengeName,
    tasks: Mapping[str, Task],
    classes: Mapping[str, Sequence[str]],
    predictions: Mapping[str, Prediction],
) -> str:
    """Predictions as the challenge's CSV, rows sorted by File_ID.

    A class is written as its name; a country as its number, counted from 0 in alphabetical order where the
    classes are not numbers themselves.

    Args:
        track: the challenge.
        tasks: of the model, which predict all columns of the challenge.
        classes: classification → its classes, in the order of the outputs.
        predictions: File_ID without brackets → task → outputs.
    """
    place = {
        column: (name, index) for name, task in tasks.items() for index, column in enumerate(task.columns)
    }
    columns = CHALLENGES[track].columns
    lines = [["File_ID", *(_SPELT.get(column, column) for column in columns)]]
    for clip_id in sorted(predictions, key=_in_order):
        cells = [f"[{clip_id}]"]
        for column in columns:
            name, index = place[column]
            values = predictions[clip_id][name]
            if name not in classes:
                cells.append(str(np.float32(values[index])))
            elif column == "Country":
                cells.append(str(_number_of(classes[name], int(values.argmax()))))
            else:
                cells.append(classes[name][int(values.argmax())])
        lines.append(cells)
    return "".join(",".join(line) + "\n" for line in lines)


def _number_of(classes: Sequence[str], index: int) -> int:
    """The number of a class: itself, or its place.

    >>> _number_of(["China", "Venezuela"], 1), _number_of(["1.0", "2.0"], 1)
    (1, 2)
    """
    try:
        return int([float(name) for name in classes][index])
    except ValueError:
        return index


def _in_order(clip_id: str) -> tuple[bool, int, str]:
    """Ids that are numbers by their value, and others behind them as text."""
    return not clip_id.isdecimal(), int(clip_id) if clip_id.isdecimal() else 0, clip_id
