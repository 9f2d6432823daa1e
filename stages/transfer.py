"""How well a trained run predicts another corpus: ``python -m stages.transfer RUN --corpus FOLDER``.

Every clip of the corpus, a folder with data_info.csv and wav/, goes through the steps of the run's training
clips. Scored are the labels that the run learnt and the corpus has, with intervals over its speakers. Beside
them stand the run's score on its own test split, and that of always saying the mean or the commonest class of
its training split. Writes data/transfer/RUN-on-CORPUS.json.
"""

import argparse
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from stages.command import guarded
from stages.core.config.data import CorpusOptions
from stages.core.config.load import load
from stages.core.config.tasks import Task
from stages.core.corpus.info import INFO, read_info
from stages.core.corpus.reading import Corpus, read_corpus, refuse_if_mostly_unusable
from stages.core.dataset.join import join_clips
from stages.core.dataset.labels import targets_of
from stages.core.dataset.speakers import speakers_of
from stages.core.metrics.metric import METRICS
from stages.core.metrics.naive import naive_prediction
from stages.core.networks.model import Model
from stages.core.prediction.transfer import known_labels, predictions_of, rows_of, shared_tasks
from stages.core.runtime.compute import ComputeOptions
from stages.core.runtime.console import say
from stages.core.runtime.errors import UnusableClipError, UserError
from stages.core.runtime.files import write_json
from stages.core.runtime.quarantine import Fault
from stages.core.runtime.tables import read_table
from stages.core.scoring.run_scores import RunScores, TaskScores, read_record, rounded, to_json
from stages.core.scoring.score_run import score_run


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m stages.transfer", description=__doc__)
    parser.add_argument("run", help="a trained run of params.yaml, for example compare-mtl2")
    parser.add_argument("--corpus", type=Path, required=True, help="a folder with data_info.csv and wav/")
    options = parser.parse_args()
    run, folder = options.run, options.corpus
    if not (folder / INFO).is_file():
        raise UserError(f"--corpus is {str(folder)!r}, which has no {INFO}; it must be in HUME-VB's layout.")
    parameters = load()
    parameters.run(run)
    model = Model.load(Path("data/models") / run)
    if "preprocess" not in model.origin:
        raise UserError(f"run {run} does not say how its features were made, so none can be made here.")
    corpus, tasks, notes = scored_corpus(run, model, folder, parameters.corpus)
    rows, faults = features_of(model, corpus, parameters.compute)
    refuse_if_mostly_unusable(faults, corpus.listed, folder)
    labels = corpus.clips[corpus.clips["clip_id"].isin(rows)].assign(split="test")
    features = np.stack([rows[clip_id] for clip_id in labels["clip_id"]])
    predictions = predictions_of(model, tasks, features, speakers_of(labels).to_numpy(str))
    scores = score_run(
        labels, predictions, tasks, model.classes, None, parameters.evaluate, parameters.compute
    )["test"]
    reasons = dict(sorted(Counter(fault.reason for fault in faults).items()))
    notes += [f"{count} clips cannot be used: {why}" for why, count in reasons.items()]
    naive = dict(naive_scores(tasks, model, labels))
    path = Path(f"data/transfer/{run}-on-{re.sub('[^0-9A-Za-z.-]+', '-', corpus.name)}.json")
    content = {
        "run": run,
        "trained_on": model.origin.get("corpus"),
        "corpus": corpus.name,
        "synthetic": corpus.synthetic or bool(model.origin.get("synthetic")),
        "clips": scores.clips,
        "speakers": scores.speakers,
        "notes": notes,
        "naive": naive,
        "tasks": {name: to_json(found) for name, found in scores.tasks.items()},
    }
    write_json(path, content)
    say(f"{run}, trained on {content['trained_on']}, on {scores.clips} clips of {corpus.name}")
    if content["synthetic"]:
        say("Not both corpora are of people: the scores say nothing about them.")
    home = read_record(RunScores, Path(f"data/scores/{run}.json"))
    say("\n".join([*score_lines(scores.tasks, naive, home), *notes, f"{path}: recalls, confusions, seeds"]))


def scored_corpus(
    run: str, model: Model, folder: Path, own: CorpusOptions
) -> tuple[Corpus, dict[str, Task], list[str]]:
    """The other corpus, what is scored on it, and sentences on labels that it lacks or the run does not know.

    Args:
        run: the run's name.
        model: its networks.
        folder: the other corpus.
        own: of the run's corpus; its words for missing labels and its rule for links hold for the other, too.

    Raises:
        UserError: if the corpus has no label that the run knows, or most of its clips cannot be used.
    """
    tasks, notes = shared_tasks(model.tasks, read_info(folder).columns)
    if not tasks:
        raise UserError(f"{folder / INFO} has no label column of run {run}; {notes[0]}.")
    corpus = read_corpus(
        CorpusOptions(str(folder), missing=own.missing, follow_links=own.follow_links), tasks
    )
    refuse_if_mostly_unusable(corpus.faults, corpus.listed, folder)
    tasks, unknown = known_labels(tasks, model.classes, corpus.clips)
    if not tasks:
        raise UserError(f"{folder / INFO} has no label that run {run} knows; {unknown[0]}.")
    return corpus, tasks, [*notes, *unknown]


def features_of(
    model: Model, corpus: Corpus, compute: ComputeOptions
) -> tuple[dict[str, np.ndarray], list[Fault]]:
    """Clip → features float32 [d] as the model reads them, and the clips that cannot be used."""
    rows: dict[str, np.ndarray] = {}
    faults = list(corpus.faults)
    for clip_id, row in rows_of(model, corpus.paths, compute):
        if isinstance(row, UnusableClipError):
            faults.append(Fault(clip_id, "transfer", row.reason, row.detail))
        else:
            rows[clip_id] = row
    return rows, faults


def naive_scores(
    tasks: Mapping[str, Task], model: Model, labels: pd.DataFrame
) -> Iterator[tuple[str, float | None]]:
    """Task → what always saying the mean, or the commonest class, of the run's training split scores."""
    home = join_clips(read_table(Path("data/recordings.parquet")), read_table(Path("data/splits.parquet")))
    train = home[home["split"] == "train"]
    for name, task in tasks.items():
        classes = model.classes.get(name, ())
        known, truth = (targets_of(task, clips, classes) for clips in (train, labels))
        guess = naive_prediction(known, len(classes or task.columns))
        yield name, rounded(METRICS[task.score].compute(truth, np.tile(guess, (len(truth), 1))))


def score_lines(
    scores: Mapping[str, TaskScores], naive: Mapping[str, float | None], home: RunScores
) -> Iterator[str]:
    """The scores as a table for the terminal."""
    yield f"  {'':24}{'there':26}{'naive there':14}test at home"
    for name, found in scores.items():
        interval = "" if found.low is None else f" [{found.low:.3f}, {found.high:.3f}]"
        value = "–" if found.value is None else f"{found.value:.3f}{interval}"
        at_home = home.task(name, "test")
        others = (naive[name], at_home.value if at_home else None)
        cells = ["–" if other is None else f"{other:.3f}" for other in others]
        yield f"  {f'{name}, {METRICS[found.score].label}':24}{value:26}{cells[0]:14}{cells[1]}"


if __name__ == "__main__":
    guarded(main)
