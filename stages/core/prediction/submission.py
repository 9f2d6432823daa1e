"""The file that the ExVo competition's multi-task track asks teams for (Baird et al., 2022)."""

from collections.abc import Mapping
from pathlib import Path

from stages.core.networks.model import Model
from stages.core.prediction.predicting import Outcome
from stages.core.runtime.errors import UnusableClipError, UserError


def submission(model: Model, outcomes: Mapping[Path, Outcome]) -> str:
    """Predictions as the competition's CSV.

    Columns are File_ID (in brackets, leading zeros kept), Country (a number from 0, in alphabetical order),
    Age, and the emotions; rows are sorted by File_ID.

    Raises:
        UserError: if the model has no country, no age or no emotions, a recording cannot be used, or two
            recordings have the same File_ID.
    """
    country, age, emotion = submitted_tasks(model)
    rows = {}
    for path, outcome in outcomes.items():
        if isinstance(outcome, UnusableClipError):
            raise UserError(f"{path}: {str(outcome).removesuffix('.')}; a submission needs every clip.")
        values = [f"{value:.6f}" for value in (outcome[age][0], *outcome[emotion])]
        file_id = path.stem.strip("[]")
        if file_id in rows:
            raise UserError(f"{path}: another recording has the File_ID {file_id}, too; rename one.")
        rows[file_id] = [str(int(outcome[country].argmax())), *values]
    lines = [["File_ID", "Country", "Age", *model.tasks[emotion].columns]]
    lines += [[f"[{file_id}]", *values] for file_id, values in sorted(rows.items())]
    return "".join(",".join(line) + "\n" for line in lines)


def submitted_tasks(model: Model) -> tuple[str, str, str]:
    """The names of the tasks that predict country, age and the ten emotions.

    Raises:
        UserError: if the model lacks one of them.
    """
    country = next((name for name, task in model.tasks.items() if task.columns == ("Country",)), None)
    age = next((name for name, task in model.tasks.items() if task.columns == ("Age",)), None)
    emotion = next((name for name, task in model.tasks.items() if len(task.columns) == 10), None)
    if country is None or age is None or emotion is None:
        raise UserError(
            "a submission needs a model of emotions, Country and Age; "
            f"this one predicts {', '.join(model.tasks)}."
        )
    return country, age, emotion
