"""Scores over all folds: what each fold's networks predict for its clips, gathered and scored at once.

Each clip counts once, with the prediction of networks that know nobody of its fold. The networks of a seed on
all folds count as one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from stages.core.config.data import SPEAKERS
from stages.core.config.evaluation import EvaluationOptions
from stages.core.config.tasks import Task
from stages.core.dataset.folds import Folds
from stages.core.dataset.labels import classes_of, labelled, targets_of
from stages.core.dataset.speakers import speakers_of
from stages.core.runtime.compute import ComputeOptions
from stages.core.scoring.comparison import Comparison, compare_pair, correct
from stages.core.scoring.naive_scores import naive_predictions
from stages.core.scoring.predictions import RunPredictions
from stages.core.scoring.run_groups import NAIVE, Pair
from stages.core.scoring.run_scores import Cost, PartScore, TaskScores
from stages.core.scoring.sampling import Sampling
from stages.core.scoring.score_run import part_score, score_run
from stages.core.scoring.summary import CorpusName


@dataclass(frozen=True)
class FoldedRun:
    """A run on all folds.

    Attributes:
        cost: weights and multiply-adds of one seed on one fold; networks and epochs of all; None: no network.
        tasks: task → its scores over all clips.
        folds: task → fold → score; a fold without labels of the task is absent.
    """

    cost: Cost | None
    tasks: dict[str, TaskScores]
    folds: dict[str, dict[str, PartScore]]


@dataclass(frozen=True)
class FoldSize:
    """Clips and speakers that a fold tests."""

    clips: int
    speakers: int


@dataclass(frozen=True)
class FoldedSummary:
    """All scores of a sweep over folds.

    Attributes:
        corpus: whose scores they are.
        of: what makes the folds: their number, ``speakers`` or a column.
        digest: a word that is the same for sweeps that differ in their folds and runs alone.
        folds: fold → its size, in order.
        runs: run → scores; among them the naive predictor.
        notes: sentences on tasks that are not scored, or not on all folds.
        comparisons: of each run with the naive predictor and with the first run.
    """

    corpus: CorpusName
    of: str
    digest: str
    folds: dict[str, FoldSize]
    runs: dict[str, FoldedRun]
    notes: list[str]
    comparisons: list[Comparison]

    @property
    def is_of_groups(self) -> bool:
        """Whether a fold is a group of speakers that have a column's value in common."""
        return not self.of.isdigit() and self.of != SPEAKERS


@dataclass(frozen=True)
class FoldedClips:
    """The clips of a corpus, all of them test clips, and what they are tested by.

    Attributes:
        labels: clip_id, speaker, split (always test), fold and label columns.
        tasks: name → task; those that cannot be scored on these folds are not among them.
        parts: task → its columns, or its classes in the whole corpus.
        folds: names of the folds.
    """

    labels: pd.DataFrame
    tasks: Mapping[str, Task]
    parts: Mapping[str, Sequence[str]]
    folds: tuple[str, ...]

    @classmethod
    def of(cls, recordings: pd.DataFrame, folds: Folds, tasks: Mapping[str, Task]) -> "FoldedClips":
        """All recordings; tasks without any label are left out."""
        labels = recordings.assign(split="test", fold=folds.of_clip)
        parts = {
            name: classes_of(task, labels) if task.kind == "classification" else task.columns
            for name, task in tasks.items()
        }
        kept = {
            name: task
            for name, task in tasks.items()
            if labelled(targets_of(task, labels, parts[name])).any()
        }
        return cls(labels, kept, parts, folds.names)

    def sizes(self) -> dict[str, FoldSize]:
        """Fold → its size, in order; a clip without a speaker counts as a speaker of its own."""
        of_fold = self.labels.assign(speaker=speakers_of(self.labels)).groupby("fold")["speaker"]
        counts = of_fold.agg(["size", "nunique"]).to_numpy()
        return {
            name: FoldSize(int(clips), int(speakers))
            for name, (clips, speakers) in zip(self.folds, counts, strict=True)
        }

    def classes(self, name: str) -> Sequence[str]:
        """The classes of a task, none for a regression."""
        return self.parts[name] if self.tasks[name].kind == "classification" else ()


def gather(tables: Sequence[pd.DataFrame], parts: Mapping[str, Sequence[str]]) -> pd.DataFrame:
    """The test predictions of all folds as one table: clip_id, fold, seed, then ``TASK.PART``.

    Args:
        tables: of each fold, as :func:`stages.core.scoring.predictions.to_table` gives them.
        parts: task → columns or classes that the result has. A class that a fold's training lacks has the
            probability 0 there; a task that a fold could not learn is NaN.

    Returns:
        Rows by seed and clip_id; folds count from 1.
    """
    gathered = pd.concat(
        [
            table[table["split"] == "test"].drop(columns="split").assign(fold=number)
            for number, table in enumerate(tables, 1)
        ],
        ignore_index=True,
    )
    columns: dict[str, pd.Series] = {}
    for task, names in parts.items():
        wanted = [f"{task}.{name}" for name in names]
        values = gathered.reindex(columns=wanted)
        learnt = values.notna().any(axis=1)
        columns |= values.where(values.notna() | ~learnt.to_numpy()[:, None], 0.0).to_dict("series")
    table = pd.DataFrame({name: gathered[name] for name in ("clip_id", "fold", "seed")} | columns)
    return table.sort_values(["seed", "clip_id"], ignore_index=True)


def naive_table(tested: FoldedClips, splits: Sequence[np.ndarray]) -> pd.DataFrame:
    """The predictions of the naive predictor of each fold, gathered.

    Args:
        tested: the clips.
        splits: of each fold, the split of every clip.
    """
    tables = []
    for of_fold in splits:
        labels = tested.labels.assign(split=of_fold)
        (guesses,) = naive_predictions(labels, tested.tasks).by_seed.values()
        tables.append(guesses.reset_index().assign(split=of_fold, seed=np.int64(0)))
    return gather(tables, tested.parts)


def score_folds(
    tested: FoldedClips,
    table: pd.DataFrame,
    cost: Cost | None,
    options: EvaluationOptions,
    compute: ComputeOptions,
) -> tuple[FoldedRun, list[str]]:
    """The scores of a run over all clips and on each fold, and sentences on what could not be scored.

    Args:
        tested: the clips.
        table: of :func:`gather`.
        cost: of the run; None: no network.
        options: replicates, confidence and seed of the bootstrap.
        compute: where tasks are scored side by side.
    """
    predictions = predictions_of(table)
    tasks = {name: task for name, task in tested.tasks.items() if learnt_anywhere(tested, table, name)}
    labels, notes = without_unlearnt(tested, table)
    labels = labels[labels["clip_id"].isin(predictions.clip_ids)]
    values: dict[int, dict[str, np.ndarray]] = {seed: {} for seed in predictions.by_seed}
    for name in tasks:
        of_task = predictions.of_task(name, tested.parts[name], labels["clip_id"])
        for seed, found in of_task.items():
            values[seed][name] = found
    classes = {name: tested.parts[name] for name, task in tasks.items() if task.kind == "classification"}
    scores = score_run(labels, values, tasks, classes, None, options, compute)["test"].tasks
    folds: dict[str, dict[str, PartScore]] = {name: {} for name in scores}
    for number, fold in enumerate(tested.folds):
        rows = np.flatnonzero(labels["fold"] == number)
        sampling = Sampling.of(labels.iloc[rows], options)
        for name in scores:
            truth = targets_of(tasks[name], labels.iloc[rows], classes.get(name, ()))
            if labelled(truth).any():
                by_seed = [of_seed[name][rows] for of_seed in values.values()]
                folds[name][fold] = part_score(tasks[name], truth, by_seed, sampling)
    return FoldedRun(cost, scores, folds), notes


def compare_folds(
    tested: FoldedClips,
    tables: Mapping[str, pd.DataFrame],
    options: EvaluationOptions,
) -> list[Comparison]:
    """Each run against the naive predictor, and against the first run, paired by clip and speaker.

    Args:
        tested: the clips.
        tables: run → what :func:`gather` gives, the naive predictor's among them.
        options: replicates, confidence and seed of the bootstrap.
    """
    first, *others = [run for run in tables if run != NAIVE]
    pairs = [Pair("naive", NAIVE, run) for run in (first, *others)]
    pairs += [Pair("runs", first, run) for run in others]
    found: list[Comparison] = []
    for pair in pairs:
        found += compare_tables(pair, tested, (tables[pair.baseline], tables[pair.candidate]), options)
    return correct(found)


def compare_tables(
    pair: Pair,
    tested: FoldedClips,
    tables: tuple[pd.DataFrame, pd.DataFrame],
    options: EvaluationOptions,
) -> list[Comparison]:
    """Two gathered tables by each task that both have, on the clips for which both have predictions."""
    labels = tested.labels
    for table in tables:
        labels, _ = without_unlearnt(replace(tested, labels=labels), table)
    tasks = {
        name: (task, tested.classes(name))
        for name, task in tested.tasks.items()
        if all(learnt_anywhere(tested, table, name) for table in tables)
    }
    sides = predictions_of(tables[0]), predictions_of(tables[1])
    return list(compare_pair(pair, tasks, sides, labels, options))


def compare_on_groups(
    tested: FoldedClips,
    known: Mapping[str, pd.DataFrame],
    left_out: Mapping[str, pd.DataFrame],
    options: EvaluationOptions,
) -> dict[str, dict[str, list[Comparison]]]:
    """Each run that knows a group's other speakers against the same run that knows none of the group.

    Args:
        tested: the clips, a fold for each group.
        known: run → what :func:`gather` gives for folds by speaker.
        left_out: run → the same for folds by group; the runs of ``known`` at least.
        options: replicates, confidence and seed of the bootstrap.

    Returns:
        Run → group, then all → a comparison for each task.
    """
    parts = {name: tested.labels["fold"] == fold for fold, name in enumerate(tested.folds)}
    parts["all"] = pd.Series(True, tested.labels.index)
    return {
        run: {
            name: compare_tables(
                Pair("runs", run, run),
                replace(tested, labels=tested.labels[rows]),
                (table, left_out[run]),
                options,
            )
            for name, rows in parts.items()
        }
        for run, table in known.items()
    }


def predictions_of(table: pd.DataFrame) -> RunPredictions:
    """What :func:`gather` gives, by seed and clip."""
    return RunPredictions.of(table.drop(columns="fold").assign(split="test"))


def learnt_anywhere(tested: FoldedClips, table: pd.DataFrame, task: str) -> bool:
    """Whether some fold could learn a task."""
    columns = [f"{task}.{part}" for part in tested.parts[task]]
    return set(columns) <= set(table) and bool(table[columns].notna().any(axis=None))


def without_unlearnt(tested: FoldedClips, table: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """The labels but for those of a task in folds that could not learn it, and a sentence on each."""
    labels, notes = tested.labels, []
    for name, task in tested.tasks.items():
        if not learnt_anywhere(tested, table, name):
            continue
        of_clip = table.groupby("clip_id")[f"{name}.{tested.parts[name][0]}"].first()
        unlearnt = labels["clip_id"].map(of_clip).isna() & labels["clip_id"].isin(of_clip.index)
        lost = sorted(labels.loc[unlearnt, "fold"].unique())
        if lost:
            listed = ", ".join(tested.folds[fold] for fold in lost)
            notes.append(
                f"{name} is not scored on fold {listed}, since the folds that train have no labels of it"
            )
            labels = labels.copy()
            labels.loc[unlearnt, task.label_columns] = None
    return labels, notes
