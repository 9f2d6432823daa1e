"""Listen to clips beside their labels, predictions and errors.

    python -m stages.explore                  writes data/explore.html, which opens from disk
    python -m stages.explore --serve          serves all clips to this machine alone, until Ctrl-C

The page shows what was recorded of people: it stays out of git, and is not for sharing. The file carries the
sound of its clips; where there are more than ``--clips``, those that the runs get most wrong. The server
gives the sound of any clip when it is asked for. Both read data/ and metrics/ alone.
"""

import argparse
import secrets
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from stages.command import guarded
from stages.core.audio.shards import ShardReader
from stages.core.config.load import Parameters, load
from stages.core.dataset.join import join_clips
from stages.core.exploration.answers import Answer, Exploration
from stages.core.exploration.clips import ClipTable, RunPredictions, classes_of_table
from stages.core.exploration.page import page
from stages.core.exploration.server import HOST, server_of
from stages.core.runtime.console import progress, say
from stages.core.runtime.errors import UserError
from stages.core.runtime.files import read_json, write_text
from stages.core.runtime.tables import read_table

PAGE = Path("data/explore.html")
SPLITS = ("train", "validation", "test")


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(
        prog="python -m stages.explore",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--split", choices=SPLITS, help="of the page on disk (default: test)", default="test")
    parser.add_argument("--clips", type=int, default=500, help="at most, of the page on disk (default: 500)")
    parser.add_argument("--serve", action="store_true", help="serve all clips of all splits instead")
    parser.add_argument("--port", type=int, default=8765, help="of the server (default: 8765)")
    options = parser.parse_args()
    if options.clips < 1:
        parser.error("--clips: take at least 1")
    if not 0 <= options.port < 2**16:
        parser.error("--port: take one from 0 to 65535; 0 is any that is free")
    parameters = load()
    if options.serve:
        serve(exploration(parameters, SPLITS), options.port)
        return
    found = exploration(parameters, (options.split,), options.clips)
    paths = list(found.paths())
    write_text(PAGE, page(progress(paths, len(paths), "part"), found.answer))
    say(
        f"{PAGE}: {len(found.table.clips)} clips of the {options.split} split; open it in a browser. "
        "It holds recordings: do not share it."
    )


def exploration(parameters: Parameters, splits: tuple[str, ...], limit: int | None = None) -> Exploration:
    """Clips of some splits, with every evaluated run; at most ``limit``, those with the largest errors.

    Raises:
        UserError: if no run is evaluated.
    """
    clips = join_clips(read_table(Path("data/recordings.parquet")), read_table(Path("data/splits.parquet")))
    clips = clips[clips["split"].isin(splits)]
    tables = {
        run: read_table(path)
        for run in parameters.runs
        if (path := Path(f"data/predictions/{run}.parquet")).exists()
    }
    if not tables:
        raise UserError("data/predictions holds no predictions of a run of params.yaml; run `dvc repro`.")
    group = parameters.split.balance
    table, runs = _joined(clips, tables, parameters, group)
    if limit is not None and limit < len(clips):
        table, runs = _joined(table.clips.iloc[_worst(runs, limit)], tables, parameters, group)
    corpus = read_json(Path("metrics/corpus.json"))
    return Exploration(table, runs, ShardReader(Path("data/audio")), _notice(corpus))


def _joined(
    clips: pd.DataFrame, tables: Mapping[str, pd.DataFrame], parameters: Parameters, group: str | None
) -> tuple[ClipTable, dict[str, RunPredictions]]:
    classes = {
        name: next(filter(None, (classes_of_table(list(table), name) for table in tables.values())), [])
        for name, task in parameters.tasks.items()
        if task.kind == "classification"
    }
    table = ClipTable.of(clips, parameters.tasks, classes, group)
    return table, {run: table.predictions(predictions) for run, predictions in tables.items()}


def _worst(runs: Mapping[str, RunPredictions], number: int) -> np.ndarray:
    """The rows with the largest errors: for each task by rank, so that tasks count alike."""
    ranks = [
        np.argsort(np.argsort(np.nan_to_num(error, nan=-1.0), kind="stable"), kind="stable")
        for run in runs.values()
        for error in run.errors.values()
    ]
    return np.sort(np.argsort(-np.sum(ranks, axis=0), kind="stable")[:number])


def _notice(corpus: Mapping[str, object]) -> dict[str, str]:
    """Whose recordings these are."""
    name = str(corpus["name"])
    if corpus["synthetic"]:
        return {
            "corpus": name,
            "notice": "These voices are computed for the synthetic corpus; nobody is heard here. A page with "
            "recordings of people is not for sharing.",
        }
    return {
        "corpus": name,
        "notice": f"These are voices, ages and origins of the people who were recorded for {name}. They are "
        "shown to you under that corpus's terms: this page is not for sharing.",
    }


def serve(found: Exploration, port: int) -> None:
    """Serve the page until Ctrl-C.

    Raises:
        UserError: if the port is taken.
    """
    secret = secrets.token_hex(16)
    text = Answer("text/html; charset=utf-8", page().encode())
    try:
        server = server_of(lambda path: text if path == "" else found.answer(path), port, secret)
    except OSError as error:
        raise UserError(f"port {port} cannot be used ({error.strerror}); take another with --port.") from None
    say(f"{len(found.table.clips)} clips; Ctrl-C ends it\nhttp://{HOST}:{server.server_address[1]}/{secret}/")
    with server:
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            say("ended")


if __name__ == "__main__":
    guarded(main)
