"""What a trained model predicts for new recordings.

    python -m stages.predict clip.wav other.mp3 folder/ --run compare-mtl2
    python -m stages.predict long.wav --run compare-mtl2 --window 3 --step 1 --plot long.png
    python -m stages.predict - --run compare-mtl2 < clip.wav
    python -m stages.predict --run compare-mtl2 --microphone 3
    python -m stages.predict --run compare-stl --submission our-team

Recordings go through the same steps as the training clips, and each task is predicted by the mean over the
seeds, or by one of them. Ratings are relative to the strongest of a clip where the model was trained so. A
file that cannot be used gets a line of its own and does not stop the rest; the exit status is then 1. What
a person should know of one that is used, such as channels that cancel each other, goes to standard error.
A submission without recordings holds the test clips of the corpus, as the pipeline predicted them.
"""

import argparse
import json
import re
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from stages.command import guarded
from stages.core.config.load import load
from stages.core.networks.model import Model
from stages.core.prediction.formats import csv_lines, readable, record
from stages.core.prediction.predicting import Outcome, Prediction, output_names, predict_recordings
from stages.core.prediction.recordings import find_recordings
from stages.core.prediction.submission import by_file_id, chosen_track, file_name, submission
from stages.core.prediction.windows import cut_into_windows, fragment, record_microphone, store_stream
from stages.core.runtime.errors import StageFileError, UnusableClipError, UserError, did_you_mean
from stages.core.runtime.files import write_text
from stages.core.runtime.tables import read_table
from stages.core.scoring.challenges import CHALLENGES
from stages.core.scoring.predictions import RunPredictions

PIPE = Path("-")
MICROPHONE = Path("microphone")
WINDOWS = 256  # on disk at a time
PROJECT = Path(__file__).resolve().parents[1]


def main() -> None:
    """Run the command."""
    options = _options()
    folder = options.model or _folder_of(options.run)
    model = _load(folder, options)
    seeds = model.seeds if options.seed is None else [options.seed]
    if options.submission is not None and not options.recordings:
        _write_submission(model, _of_test_clips(model, options.run, seeds), options)
        return
    recordings, others = find_recordings(options.recordings)
    if options.plot is not None and len(recordings) != 1:
        raise UserError(f"--plot draws one recording, and there are {len(recordings)}; name one.")
    for why, left in (
        ("not audio", [path for path in others if not path.is_dir()]),
        (
            "links to folders are not followed; name those you want",
            [path for path in others if path.is_dir()],
        ),
    ):
        if left:
            print(f"left out, since {why}: {', '.join(map(str, left))}", file=sys.stderr)
    with TemporaryDirectory() as scratch:
        outcomes = dict(_outcomes(model, recordings, seeds, options, Path(scratch)))
    if options.plot is not None:
        _plot(model, outcomes, options.plot)
    if options.submission is not None:
        _write_submission(model, by_file_id(outcomes), options)
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
    parser.add_argument(
        "recordings",
        nargs="*",
        type=Path,
        help="audio files, and folders of them; -: what comes through a pipe",
    )
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
    parser.add_argument(
        "--microphone",
        type=float,
        metavar="SECONDS",
        help="record so long, and predict that instead of files",
    )
    parser.add_argument("--window", type=float, metavar="SECONDS", help="predict windows of this length")
    parser.add_argument(
        "--step", type=float, metavar="SECONDS", help="from window to window (default: half of --window)"
    )
    parser.add_argument(
        "--plot", type=Path, metavar="FILE", help="with --window: draw the predictions over time, as PNG"
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="a list of objects")
    form.add_argument("--csv", action="store_true", help="one row per file")
    form.add_argument(
        "--submission",
        metavar="TEAM",
        help="write the file that a challenge on HUME-VB asks for; without recordings, of the test clips",
    )
    parser.add_argument("--track", choices=list(CHALLENGES), help="with --submission: the challenge")
    parser.add_argument(
        "--number", type=int, help="with --submission: which of the team's submissions it is (default: 1)"
    )
    options = parser.parse_args()
    if options.microphone is not None and options.recordings:
        parser.error("--microphone takes the place of recordings")
    if options.microphone is not None:
        options.recordings = [MICROPHONE]
    if not options.recordings and (options.submission is None or options.run is None):
        parser.error("name recordings, or --submission TEAM with --run RUN for the test clips of the corpus")
    if options.submission is None and (options.track is not None or options.number is not None):
        parser.error("--track and --number go with --submission")
    if options.number is not None and options.number < 1:
        parser.error("--number counts from 1")
    if options.submission is not None and options.window is not None:
        parser.error("--submission is of whole recordings; leave --window out")
    if options.window is None and (options.step is not None or options.plot is not None):
        parser.error("--step and --plot go with --window")
    return options


def _outcomes(
    model: Model, recordings: Sequence[Path], seeds: Sequence[int], options: argparse.Namespace, scratch: Path
) -> Iterator[tuple[Path, Outcome]]:
    """What is predicted for recordings, or for their windows, with what each is called."""
    made = {PIPE: scratch / "pipe"}
    if options.microphone is not None:
        made[MICROPHONE] = scratch / "microphone"
        print(f"recording {options.microphone:g} s …", file=sys.stderr)
        record_microphone(options.microphone, made[MICROPHONE])
    names = {made.get(path, path): path for path in recordings}
    if PIPE in recordings:
        store_stream(sys.stdin.buffer, scratch / "pipe")
    called, told = dict(names), set()

    def tell(file: Path, note: str) -> None:
        line = f"{called[file]}: {note}"
        if line not in told:  # of many windows once
            told.add(line)
            print(line, file=sys.stderr)

    predict = partial(predict_recordings, model, seeds=seeds, one_speaker=options.one_speaker, note=tell)
    if options.window is None:
        yield from ((names[file], outcome) for file, outcome in predict(list(names)))
        return
    step = options.window / 2 if options.step is None else options.step
    for file, name in names.items():
        windows = cut_into_windows(file, scratch, options.window, step)
        while some := list(windows if options.one_speaker else islice(windows, WINDOWS)):
            names_of = {window: fragment(name, start, end) for window, start, end in some}
            called.update(dict.fromkeys(names_of, name))
            yield from ((names_of[window], outcome) for window, outcome in predict(list(names_of)))
            for window in names_of:
                window.unlink()


def _plot(model: Model, outcomes: Mapping[Path, Outcome], path: Path) -> None:
    from stages.core.figures.charts import save_png
    from stages.core.figures.timeline import timeline

    ends = [name.name.rpartition("#t=")[2].split(",") for name in outcomes]
    tasks = {
        task: {
            output: np.array(
                [
                    np.nan if isinstance(found, UnusableClipError) else found[task][index]
                    for found in outcomes.values()
                ]
            )
            for index, output in enumerate(output_names(model, task))
        }
        for task in model.tasks
    }
    title = next(iter(outcomes)).name.rpartition("#t=")[0]
    save_png(timeline([(float(start) + float(end)) / 2 for start, end in ends], tasks, title), path)


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
    if options.recordings and "preprocess" not in model.origin:
        raise UserError(f"{folder} does not say how its features were made, so none can be made here.")
    if options.one_speaker and not model.reads_speakers:
        raise UserError(f"{folder} predicts each recording by itself; leave --one-speaker out.")
    if options.submission is not None:
        if not re.fullmatch(r"[\w-]+", options.submission):
            raise UserError(
                f"--submission {options.submission}: a team's name consists of letters, digits, - and _."
            )
        chosen_track(model.tasks, options.track)
    return model


def _write_submission(model: Model, clips: Mapping[str, Prediction], options: argparse.Namespace) -> None:
    track = chosen_track(model.tasks, options.track)
    path = Path(file_name(track, options.submission, options.number or 1))
    write_text(path, submission(track, model.tasks, model.classes, clips))
    print(f"{path} ({len(clips)} clips)")


def _of_test_clips(model: Model, run: str, seeds: Sequence[int]) -> dict[str, Prediction]:
    """Test clip → what the pipeline predicted, mean over some seeds.

    Raises:
        UserError: if the run has no predictions of test clips.
    """
    path = Path(f"data/predictions/{run}.parquet")
    if not path.exists():
        raise UserError(f"{path} does not exist; `dvc repro evaluate@{run}` predicts the test clips.")
    table = read_table(path)
    table = table[(table["split"] == "test") & table["seed"].isin(seeds)]
    if table.empty:
        raise UserError(f"{path} has no clip of the test split; name the recordings to predict.")
    predictions = RunPredictions.of(table)
    clip_ids = list(predictions.clip_ids)
    values = {
        task: np.mean(list(predictions.of_task(task, output_names(model, task), clip_ids).values()), axis=0)
        for task in model.tasks
    }
    lost = Path("data/quarantine.csv")
    if lost.exists() and (count := len(lost.read_text(encoding="utf-8").splitlines()) - 1):
        print(
            f"{lost} lists {count} clips that could not be used; none of them is in the file", file=sys.stderr
        )
    return {clip_id: {task: values[task][row] for task in values} for row, clip_id in enumerate(clip_ids)}


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
