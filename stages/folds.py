"""Test every clip once: ``python -m stages.folds --folds 5 --runs compare-stl compare-mtl2 --jobs 2``.

Runs what depends on the fold once for each fold, in copies of the project (:mod:`stages.fold_workspaces`),
and what does not, such as features, once. A sweep that was stopped goes on with the next call. Writes into a
folder of data/folds/ with the name of the folds: predictions.parquet (each clip by networks that know nobody
of its fold), scores.json, report.html, tables.md, tables.tex and figures/.
"""

import argparse
import hashlib
import json
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, replace
from itertools import chain
from pathlib import Path
from queue import SimpleQueue
from threading import Event

import pandas as pd

from stages.command import guarded, section
from stages.core.config.data import SPEAKERS
from stages.core.config.evaluation import EvaluationOptions
from stages.core.config.load import Parameters, load
from stages.core.dataset.folds import folds_of
from stages.core.dataset.splitting import assign
from stages.core.figures.charts import save_png
from stages.core.reporting.fold_report import build, score_lines
from stages.core.reporting.fold_tables import Beside
from stages.core.runtime.console import progress, say
from stages.core.runtime.errors import UserError
from stages.core.runtime.files import digest_of, read_json, whole_folder, write_json, write_text
from stages.core.runtime.tables import read_table, write_table
from stages.core.scoring.folds import (
    FoldedClips,
    FoldedSummary,
    compare_folds,
    compare_on_groups,
    gather,
    naive_table,
    score_folds,
)
from stages.core.scoring.run_groups import NAIVE
from stages.core.scoring.run_scores import Cost, RunScores, read_record, to_json
from stages.core.scoring.summary import CorpusName
from stages.fold_workspaces import FOLDER, Workspace, alone, cache_of_project, copy_code, plan, share_computed

RESULTS = Path("data/folds")
# Sections of params.yaml that decide no prediction of a clip, but for what its fold is.
NO_PREDICTION = ("split", "runs", "evaluate", "compute", "search", "fused_runs")


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(
        prog="python -m stages.folds",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--folds", help=f"a number, {SPEAKERS} or a column (default: split.folds)")
    parser.add_argument("--runs", nargs="+", help="runs of params.yaml (default: all)")
    parser.add_argument("--jobs", type=int, default=1, help="folds at the same time (default: 1)")
    arguments = parser.parse_args()
    if arguments.jobs < 1:
        raise UserError(f"--jobs {arguments.jobs}: take at least 1.")
    began = time.perf_counter()
    parameters = load()
    folds = arguments.folds or parameters.split.folds
    folds = int(folds) if str(folds).isdecimal() else folds
    runs = list(dict.fromkeys(arguments.runs or parameters.runs))
    with alone() as lock:
        base = Workspace(FOLDER / "base", lock)
        results = sweep(base, folds, runs, arguments.jobs)
    say(f"\n{results}/report.html, after {time.perf_counter() - began:.0f} s")


def sweep(base: Workspace, folds: int | str, runs: Sequence[str], jobs: int) -> Path:
    """Run all folds and write their results; the folder of these.

    Args:
        base: the workspace of what no fold changes.
        folds: see ``split.folds``.
        runs: the runs to train and test.
        jobs: folds at the same time.
    """
    cache = cache_of_project()
    options: dict[str, object] = {"method": "folds", "folds": folds, "fold": 1}
    if isinstance(folds, str) and folds != SPEAKERS:
        options["balance"] = folds  # so that the column is read
    code = copy_code()
    base.write(code, cache, options, load().compute.workers)
    parameters = load(base.folder / "params.yaml")
    runs, notes = scorable(parameters, runs)
    share_computed(base.folder)
    base.repair()
    base.reproduce("preprocess")
    recordings = read_table(base.folder / "data/recordings.parquet")
    with section("split"):  # before anything is extracted
        names = folds_of(recordings, parameters.split).names
    stages = plan(base.folder, runs)
    base.reproduce(*stages.before)
    name = re.sub(r"\W+", "-", str(folds))
    workspaces = [
        Workspace(FOLDER / f"of-{name}" / str(number), base.lock) for number in range(1, len(names) + 1)
    ]
    processes = max(1, parameters.compute.workers // jobs)

    def run(number: int, begun: Callable[[str], None]) -> None:
        workspace = workspaces[number - 1]
        workspace.write(code, cache, {**options, "fold": number}, processes)
        workspace.take(base.folder, stages.shared)
        workspace.reproduce_fold(stages.after, begun)

    say(f"{len(names)} folds by {len(runs)} runs: {', '.join(runs)}")
    run_all(run, len(names), len(stages.after), jobs)
    folders = [workspace.folder for workspace in workspaces]
    for note, count in Counter(chain(*map(notes_of, folders))).items():
        if not note.startswith(tuple(f"note: task {task}:" for task in unscorable(parameters))):
            say(f"{note} ({count} of {len(names)} folds)")
    write_results(RESULTS / name, base.folder, folders, parameters, runs, notes)
    return RESULTS / name


def unscorable(parameters: Parameters) -> list[str]:
    """Tasks whose classes are the values of the column that is left out, value by value."""
    return [name for name, task in parameters.tasks.items() if parameters.split.fold_column in task.columns]


def scorable(parameters: Parameters, runs: Sequence[str]) -> tuple[list[str], list[str]]:
    """The runs that learn something that can be scored on these folds, and sentences on what cannot.

    Raises:
        UserError: if there is no such run, or one is unknown.
    """
    left_out = unscorable(parameters)
    notes = [
        f"{name} is not scored: its classes are the values of {parameters.split.fold_column}, and training "
        "never knows the one that is tested"
        for name in left_out
    ]
    for run in runs:
        parameters.run(run)
    kept = [run for run in runs if not set(parameters.tasks_of(run)) <= set(left_out)]
    notes += [f"{run} is left out: it learns nothing else" for run in runs if run not in kept]
    if not kept:
        raise UserError(f"params.yaml: {'; '.join(notes)}; name another run.")
    for note in notes:
        say(f"note: {note}")
    return kept, notes


def run_all(run: Callable[[int, Callable[[str], None]], None], folds: int, stages: int, jobs: int) -> None:
    """Run all folds, some at the same time; after a failure no other begins.

    Args:
        run: runs a fold, from 1, and calls its second argument with each stage that begins.
        folds: how many.
        stages: of each.
        jobs: folds at the same time.

    Raises:
        UserError: what a fold raised, the first of several.
    """
    begun: SimpleQueue[str] = SimpleQueue()
    stopped = Event()
    latest = [""]

    def follow(number: int) -> None:
        if stopped.is_set():
            return
        try:
            run(number, lambda stage: begun.put(f"fold {number}: {stage}"))
        except Exception:
            stopped.set()
            raise

    with ThreadPoolExecutor(jobs) as pool:
        futures = [pool.submit(follow, number) for number in range(1, folds + 1)]
        try:
            for stage in progress(_events(begun, futures), folds * stages, "stage", lambda: latest[0]):
                latest[0] = stage
        finally:
            stopped.set()
    for future in futures:
        future.result()


def _events(begun: "SimpleQueue[str]", futures: "Sequence[Future[None]]") -> Iterator[str]:
    """What folds say, until all have ended."""
    ended = False
    while not ended:
        ended = all(future.done() for future in futures)
        while not begun.empty():
            yield begun.get()
        time.sleep(0.1)


def notes_of(folder: Path) -> list[str]:
    """The remarks of the stages of a fold, each once."""
    lines = (folder / "log.txt").read_text(encoding="utf-8", errors="replace").splitlines()
    return list(dict.fromkeys(line for line in lines if line.startswith("note: task")))


def write_results(
    target: Path,
    base: Path,
    folders: Sequence[Path],
    parameters: Parameters,
    runs: Sequence[str],
    notes: Sequence[str],
) -> None:
    """Gather the predictions of all folds, score them, and write everything that :mod:`stages.folds` names.

    Args:
        target: the folder to write.
        base: the workspace of what all folds share.
        folders: the workspace of each fold.
        parameters: of the sweep.
        runs: the runs.
        notes: sentences on what is not scored.
    """
    recordings = read_table(base / "data/recordings.parquet")
    folds, options = folds_of(recordings, parameters.split), parameters.evaluate
    tasks = {name: task for name, task in parameters.tasks.items() if name not in unscorable(parameters)}
    tested = FoldedClips.of(recordings, folds, tasks)
    splits = [
        assign(recordings, replace(parameters.split, fold=number)) for number in range(1, len(folders) + 1)
    ]
    tables = {
        run: gather(
            [read_table(folder / f"data/predictions/{run}.parquet") for folder in folders], tested.parts
        )
        for run in runs
    }
    tables[NAIVE] = naive_table(tested, splits)
    costs = {run: cost_of(run, folders) for run in runs}
    scored, said = {}, [*notes, *(f"{name} has no labels" for name in tasks if name not in tested.tasks)]
    for run, table in tables.items():
        scored[run], missing = score_folds(tested, table, costs.get(run), options, parameters.compute)
        said += missing
    corpus = read_json(base / "metrics/corpus.json")
    summary = FoldedSummary(
        CorpusName(corpus["name"], corpus["synthetic"]),
        str(parameters.split.folds),
        digest(parameters, base),
        tested.sizes(),
        scored,
        list(dict.fromkeys(said)),
        compare_folds(tested, tables, options),
    )
    report = build(summary, tested.tasks, options.confidence, beside(summary, tested, tables, options))
    with whole_folder(target) as folder:
        together = pd.concat([table.assign(run=run) for run, table in tables.items()], ignore_index=True)
        write_table(folder / "predictions.parquet", together.set_index("run").reset_index())
        write_json(folder / "scores.json", to_json(summary))
        write_text(folder / "report.html", report.html())
        write_text(folder / "tables.md", "\n".join(table.markdown() for table in report.tables))
        write_text(folder / "tables.tex", "\n".join(table.latex() for table in report.tables))
        for shown in report.figures:
            save_png(shown.figure, folder / "figures" / f"{shown.name}.png")
    say("\n".join(line.rstrip() for line in score_lines(summary, tested.tasks, options.confidence)))


def cost_of(run: str, folders: Sequence[Path]) -> Cost:
    """What a run cost: weights of one fold, networks and epochs of all."""
    costs = [read_record(RunScores, folder / f"data/scores/{run}.json").cost for folder in folders]
    networks, epochs = sum(cost.networks for cost in costs), sum(cost.epochs for cost in costs)
    return replace(costs[0], networks=networks, epochs=epochs)


def digest(parameters: Parameters, base: Path) -> str:
    """A word that changes with clips, labels and whatever else decides predictions, but for the folds."""
    decisive = {name: value for name, value in asdict(parameters).items() if name not in NO_PREDICTION}
    content = json.dumps(decisive, sort_keys=True, default=str)
    content += digest_of(base / "data/recordings.parquet") + digest_of(base / "data/audio")
    return hashlib.blake2b(content.encode(), digest_size=8).hexdigest()


def beside(
    summary: FoldedSummary,
    tested: FoldedClips,
    tables: Mapping[str, pd.DataFrame],
    options: EvaluationOptions,
) -> Beside | None:
    """Groups that training does not know beside the same clips where it does; None without such folds.

    The folds by speaker of the same audio and parameters; of several, those that are most.
    """
    if not summary.is_of_groups or not RESULTS.is_dir():
        return None
    found = sorted(
        (folder for folder in RESULTS.iterdir() if folder.name.isdigit()), key=lambda f: -int(f.name)
    )
    for folder in found:
        known = read_record(FoldedSummary, folder / "scores.json")
        runs = [run for run in tables if run in known.runs and run != NAIVE]
        if known.digest == summary.digest and runs:
            table = read_table(folder / "predictions.parquet")
            of_runs = {run: table[table["run"] == run].drop(columns="run") for run in runs}
            return Beside(int(folder.name), compare_on_groups(tested, of_runs, tables, options))
    return None


if __name__ == "__main__":
    guarded(main)
