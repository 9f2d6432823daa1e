"""What a trained model hears in new recordings.

    python -m stages.predict clip.wav other.mp3 folder/ --run compare-mtl2

Recordings go through the very steps that the training clips went through, and each task is predicted by
the mean over the seeds, or by one of them. Ratings are relative to the strongest of a clip where the model
was trained so. A file that cannot be used gets a line of its own and does not stop the rest; the exit status
is then 1.
"""

import argparse
import csv
import json
import re
import shutil
import sys
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from stages.command import guarded
from stages.core.networks.model import BLOCK, Model
from stages.core.runtime.console import progress
from stages.core.runtime.errors import UnusableClipError, UserError, did_you_mean
from stages.core.runtime.files import write_text

SUFFIXES = set(".wav .flac .mp3 .ogg .oga .opus .aif .aiff .aifc .au .snd .caf .w64".split())
Values = Mapping[str, np.ndarray]
Outcome = Values | UnusableClipError


def main() -> None:
    """Run the command."""
    options = _options()
    folder = options.model or _folder_of(options.run)
    model = Model.load(folder)
    seeds = model.seeds if options.seed is None else [options.seed]
    if not set(seeds) <= set(model.seeds):
        raise UserError(
            f"{folder} was trained with the seeds {_listed(model.seeds)}, not with --seed {options.seed}."
        )
    if "preprocess" not in model.origin:
        raise UserError(f"{folder} does not say how its features were made; train it anew with `dvc repro`.")
    if options.submission is not None:
        if not re.fullmatch(r"[\w-]+", options.submission):
            raise UserError(
                f"--submission {options.submission}: a team's name has letters, digits, - and _ alone."
            )
        _submitted_tasks(model)
    outcomes = dict(predict(model, recordings(options.recordings), seeds))
    if options.submission is not None:
        path = Path(f"ExVo-MultiTask_{options.submission}.csv")
        write_text(path, submission(model, outcomes))
        print(path)
    elif options.json:
        print(json.dumps([_record(model, path, outcome) for path, outcome in outcomes.items()], indent=2))
    elif options.csv:
        _write_csv(model, outcomes)
    else:
        _print(model, outcomes, seeds, folder)
    failed = {path: outcome for path, outcome in outcomes.items() if isinstance(outcome, UnusableClipError)}
    for path, fault in failed.items():
        print(f"{path}: {fault}", file=sys.stderr)
    if failed:
        raise SystemExit(1)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m stages.predict",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("recordings", nargs="+", type=Path, help="audio files, and folders of them")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--run", help="a trained run of params.yaml, for example compare-mtl2")
    source.add_argument(
        "--model", type=Path, help="a model's folder, copied from data/models, wherever it lies"
    )
    parser.add_argument("--seed", type=int, help="the networks of one seed (default: the mean over all)")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="a list of objects")
    form.add_argument("--csv", action="store_true", help="a row a file")
    form.add_argument(
        "--submission", metavar="TEAM", help="write the file that ExVo-MultiTask asks teams for"
    )
    return parser.parse_args()


def _folder_of(run: str) -> Path:
    """Where the networks of a run lie."""
    folder = Path("data/models") / run
    trained = [path.parent.name for path in sorted(folder.parent.glob("*/model.json"))]
    if trained and run not in trained:
        raise UserError(f"--run {run} is not trained in data/models{did_you_mean(run, trained)}.")
    return folder


def recordings(paths: Sequence[Path]) -> list[Path]:
    """The files, and the audio files of the folders and what lies below them; each once, in order.

    Raises:
        UserError: if a folder holds no audio file.
    """
    found: list[Path] = []
    for path in paths:
        if not path.is_dir():
            found.append(path)
            continue
        inside = sorted(
            file for file in path.rglob("*") if file.suffix.lower() in SUFFIXES and file.is_file()
        )
        if not inside:
            raise UserError(f"{path} holds no audio file.")
        found += inside
    return list(dict.fromkeys(found))


def predict(model: Model, paths: Sequence[Path], seeds: Sequence[int]) -> Iterator[tuple[Path, Outcome]]:
    """Each path with what is predicted, task → [outputs], or with why it cannot be used."""
    from stages.core.prediction.extraction import Extraction

    extraction = Extraction(model.origin)
    rows: list[np.ndarray | UnusableClipError] = []
    for place, path in enumerate(progress(paths, len(paths), "clip"), 1):
        try:
            rows.append(extraction.row(path))
        except UnusableClipError as fault:
            rows.append(fault)
        if len(rows) == BLOCK or place == len(paths):
            yield from zip(paths[place - len(rows) : place], _predict_some(model, rows, seeds), strict=True)
            rows = []


def _predict_some(
    model: Model, rows: Sequence[np.ndarray | UnusableClipError], seeds: Sequence[int]
) -> Iterator[Outcome]:
    sound = [row for row in rows if isinstance(row, np.ndarray)]
    features = np.stack(sound) if sound else np.empty((0, len(model.feature_names)), np.float32)
    by_seed = model.predict(features)
    means = {task: np.mean([by_seed[seed][task] for seed in seeds], axis=0) for task in model.tasks}
    clip = 0
    for row in rows:
        if isinstance(row, UnusableClipError):
            yield row
        else:
            yield {task: values[clip] for task, values in means.items()}
            clip += 1


def names(model: Model, task: str) -> Sequence[str]:
    """What the outputs of a task are called: its classes, or its columns."""
    return model.classes.get(task, model.tasks[task].columns)


def _print(model: Model, outcomes: Mapping[Path, Outcome], seeds: Sequence[int], folder: Path) -> None:
    """A few lines a recording, what is strongest first."""
    kind = "mean of the seeds" if len(seeds) > 1 else "seed"
    print(f"{folder.name}, {kind} {_listed(seeds)}")
    if model.origin.get("synthetic"):
        print("trained on the synthetic corpus: it knows made voices, and says nothing of real ones")
    width, columns = max(map(len, model.tasks)), shutil.get_terminal_size().columns
    for path, outcome in outcomes.items():
        if isinstance(outcome, UnusableClipError):
            continue
        print(f"\n{path}")
        for task, values in outcome.items():
            outputs = names(model, task)
            if len(outputs) == 1:
                text = f"{values[0]:.1f}"
            else:
                strongest = np.argsort(-values, kind="stable")
                text = "  ".join(
                    f"{outputs[place]}\N{NO-BREAK SPACE}{values[place]:.2f}" for place in strongest
                )
            lines = textwrap.wrap(
                text, columns, initial_indent=f"  {task:{width}}  ", subsequent_indent=" " * (width + 4)
            )
            print("\n".join(lines).replace("\N{NO-BREAK SPACE}", " "))


def _record(model: Model, path: Path, outcome: Outcome) -> dict[str, Any]:
    """What ``--json`` says of a recording."""
    if isinstance(outcome, UnusableClipError):
        return {"file": str(path), "error": str(outcome)}
    record: dict[str, Any] = {"file": str(path)}
    for task, values in outcome.items():
        figures = {
            name: round(float(value), 6) for name, value in zip(names(model, task), values, strict=True)
        }
        if task in model.classes:
            record[task] = {"class": max(figures, key=lambda name: figures[name]), "probabilities": figures}
        else:
            record[task] = figures
    return record


def _write_csv(model: Model, outcomes: Mapping[Path, Outcome]) -> None:
    """A row a recording: file, error, the class and the outputs of each task."""
    columns = ["file", "error", *model.classes]
    columns += [f"{task}.{name}" for task in model.tasks for name in names(model, task)]
    writer = csv.DictWriter(sys.stdout, columns, lineterminator="\n")
    writer.writeheader()
    for path, outcome in outcomes.items():
        record = _record(model, path, outcome)
        row = {"file": record["file"], "error": record.get("error", "")}
        for task in model.tasks if "error" not in record else ():
            figures = record[task]
            if task in model.classes:
                row[task], figures = figures["class"], figures["probabilities"]
            row |= {f"{task}.{name}": value for name, value in figures.items()}
        writer.writerow(row)


def submission(model: Model, outcomes: Mapping[Path, Outcome]) -> str:
    """The file that the ExVo competition's multi-task track asks for, as CSV.

    Columns are File_ID (in brackets, leading zeros kept), Country (a number, in alphabetical order), Age, and
    the emotions.

    Raises:
        UserError: if the model has no country, no age or no emotions, or a recording cannot be used.
    """
    country, age, emotion = _submitted_tasks(model)
    lines = [",".join(["File_ID", "Country", "Age", *model.tasks[emotion].columns])]
    for path, outcome in sorted(outcomes.items(), key=lambda item: item[0].stem.strip("[]")):
        if isinstance(outcome, UnusableClipError):
            raise UserError(f"{path}: {str(outcome).removesuffix('.')}; a submission needs every clip.")
        figures = [f"{value:.6f}" for value in (outcome[age][0], *outcome[emotion])]
        lines.append(",".join([f"[{path.stem.strip('[]')}]", str(int(outcome[country].argmax())), *figures]))
    return "\n".join(lines) + "\n"


def _submitted_tasks(model: Model) -> tuple[str, str, str]:
    """The tasks of country, age and the ten emotions."""
    country = next((task for task in model.tasks if model.tasks[task].columns == ("Country",)), None)
    age = next((task for task in model.tasks if model.tasks[task].columns == ("Age",)), None)
    emotion = next((task for task in model.tasks if len(model.tasks[task].columns) == 10), None)
    if country is None or age is None or emotion is None:
        raise UserError(
            f"--submission needs a model of emotions, Country and Age; this one has {_listed(model.tasks)}."
        )
    return country, age, emotion


def _listed(items: Any) -> str:
    return ", ".join(map(str, items))


if __name__ == "__main__":
    guarded(main)
