"""What a trained model predicts for new recordings.

    python -m stages.predict clip.wav other.mp3 folder/ --run compare-mtl2

Recordings go through the same steps as the training clips, and each task is predicted by the mean over the
seeds, or by one of them. Ratings are relative to the strongest of a clip where the model was trained so. A
file that cannot be used gets a line of its own and does not stop the rest; the exit status is then 1.
"""

import argparse
import json
import re
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from stages.command import guarded
from stages.core.config.load import load
from stages.core.networks.model import Model
from stages.core.prediction.formats import csv_lines, readable, record
from stages.core.prediction.predicting import Outcome, predict_recordings
from stages.core.prediction.recordings import find_recordings
from stages.core.prediction.submission import submission, submitted_tasks
from stages.core.runtime.errors import StageFileError, UnusableClipError, UserError, did_you_mean
from stages.core.runtime.files import write_text

PROJECT = Path(__file__).resolve().parents[1]


def main() -> None:
    """Run the command."""
    options = _options()
    folder = options.model or _folder_of(options.run)
    model = _load(folder, options)
    seeds = model.seeds if options.seed is None else [options.seed]
    recordings, others = find_recordings(options.recordings)
    if others:
        print(f"left out, since not audio: {', '.join(map(str, others))}", file=sys.stderr)
    outcomes = dict(predict_recordings(model, recordings, seeds, one_speaker=options.one_speaker))
    if options.submission is not None:
        path = Path(f"ExVo-MultiTask_{options.submission}.csv")
        write_text(path, submission(model, outcomes))
        print(path)
    elif options.json:
        print(json.dumps([record(model, path, outcome) for path, outcome in outcomes.items()], indent=2))
    elif options.csv:
        sys.stdout.writelines(csv_lines(model, outcomes))
    else:
        _print_readable(model, outcomes, seeds, folder)
    failed = {path: outcome for path, outcome in outcomes.items() if isinstance(outcome, UnusableClipError)}
    for path, error in failed.items():
        print(f"{path}: {error}", file=sys.stderr)
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
    parser.add_argument(
        "--one-speaker",
        action="store_true",
        help="all recordings are of one speaker, in whose units a model with scaling: speaker reads them "
        "(default: each is of another)",
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="a list of objects")
    form.add_argument("--csv", action="store_true", help="one row per file")
    form.add_argument(
        "--submission", metavar="TEAM", help="write the file that ExVo-MultiTask asks teams for"
    )
    return parser.parse_args()


def _load(folder: Path, options: argparse.Namespace) -> Model:
    """The model, which can do what the options ask for.

    Raises:
        UserError: if it is missing, damaged, or cannot.
    """
    try:
        model = Model.load(folder)
    except StageFileError as error:
        if options.model is None:
            raise
        raise UserError(f"{error}; copy the folder of the model again, with all its files.") from None
    if options.seed is not None and options.seed not in model.seeds:
        trained = ", ".join(map(str, model.seeds))
        raise UserError(f"{folder} was trained with the seeds {trained}, not with --seed {options.seed}.")
    if "preprocess" not in model.origin:
        raise UserError(f"{folder} does not say how its features were made, so none can be made here.")
    if options.one_speaker and not model.reads_speakers:
        raise UserError(f"{folder} predicts each recording by itself; leave --one-speaker out.")
    if options.submission is not None:
        if not re.fullmatch(r"[\w-]+", options.submission):
            raise UserError(
                f"--submission {options.submission}: a team's name consists of letters, digits, - and _."
            )
        submitted_tasks(model)
    return model


def _folder_of(run: str) -> Path:
    """Where the networks of a run lie: in the project of the current folder, else in that of this file.

    Raises:
        UserError: if params.yaml has no such run, or it is not trained.
    """
    project = Path() if Path("data/models").is_dir() or Path("params.yaml").exists() else PROJECT
    folder = project / "data/models" / run
    if (project / "params.yaml").exists():
        runs = load(project / "params.yaml").runs
        if run not in runs:
            advice = did_you_mean(run, runs)
            if (folder / "model.json").exists():
                advice = f"; --model {folder} predicts with what was trained under that name before"
            raise UserError(f"params.yaml: runs has no {run}{advice}.")
    trained = [path.parent.name for path in sorted(folder.parent.glob("*/model.json"))]
    if run not in trained:
        known = did_you_mean(run, trained) if trained else ""
        raise UserError(f"--run {run} is not trained in {folder.parent}{known}; `dvc repro` trains it.")
    return folder


def _print_readable(
    model: Model, outcomes: Mapping[Path, Outcome], seeds: Sequence[int], folder: Path
) -> None:
    kind = "mean of the seeds" if len(seeds) > 1 else "seed"
    corpus = model.origin.get("corpus")
    trained = f" trained on {corpus}" if corpus else ""
    print(f"{folder.name}{trained}, {kind} {', '.join(map(str, seeds))}")
    if model.origin.get("synthetic"):
        print("That corpus is synthetic: the predictions say nothing about real voices.")
    for path, outcome in outcomes.items():
        if not isinstance(outcome, UnusableClipError):
            print(f"\n{readable(model, path, outcome, shutil.get_terminal_size().columns)}")


if __name__ == "__main__":
    guarded(main)
