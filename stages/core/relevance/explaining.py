"""From a trained run and its corpus to all that is found of it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import pandas as pd

from stages.core.config.evaluation import EvaluationOptions
from stages.core.config.explanation import ExplainOptions
from stages.core.config.tasks import Task
from stages.core.dataset.labels import labelled, targets_of
from stages.core.dataset.speakers import speakers_of
from stages.core.networks.data import prepare
from stages.core.networks.model import Model
from stages.core.relevance.by_family import (
    ALONE,
    GIVEN_REST,
    Asked,
    Heard,
    Relevance,
    family_relevance,
)
from stages.core.relevance.by_feature import strongest_features
from stages.core.relevance.conditional import Kernels
from stages.core.relevance.explanation import Explanation, Family, Recovery
from stages.core.relevance.families import families_of
from stages.core.relevance.gaps import gaps
from stages.core.relevance.recovery import generator_weights, recovery
from stages.core.relevance.sharing import Shared, shared_features, shared_gradients, shared_trunks
from stages.core.runtime.console import progress
from stages.core.runtime.errors import UserError
from stages.core.scoring.groups import groups_of
from stages.core.scoring.run_scores import rounded
from stages.core.scoring.sampling import Sampling


@dataclass(frozen=True)
class Corpus:
    """The clips of a run.

    Attributes:
        labels: n clips: clip_id, speaker, split and label columns.
        features: float32 [n, d], in the order of the model's names.
        group_column: by whose values clips are also looked at apart; None: none.
        quantities: float64 [n, q], what a generator made audible; None where people spoke.
    """

    labels: pd.DataFrame
    features: np.ndarray
    group_column: str | None
    quantities: np.ndarray | None

    def rows(self, split: str) -> np.ndarray:
        """Which clips are of a split."""
        return np.flatnonzero(self.labels["split"] == split)


def explain(
    run: str,
    model: Model,
    corpus: Corpus,
    options: ExplainOptions,
    evaluation: EvaluationOptions,
    threads: int,
) -> Explanation:
    """Everything that is asked of one run, on its test split.

    Args:
        run: its name.
        model: its networks.
        corpus: its clips.
        options: families and number of permutations.
        evaluation: replicates, confidence and seed of the bootstrap.
        threads: products that are computed side by side.

    Raises:
        OptionError: if a feature belongs to no family.
        UserError: if no test clip is labelled.
    """
    families = families_of(model.feature_names, options.families)
    train, test = corpus.rows("train"), corpus.rows("test")
    speakers = speakers_of(corpus.labels).to_numpy(str)
    learnt, seen = (model.scaling(corpus.features[rows], speakers[rows]) for rows in (train, test))
    clips, features = corpus.labels.iloc[test], corpus.features[test]
    asked = _asked(model, clips)
    if not asked:
        raise UserError(f"run {run} has no labelled clip in the test split, so nothing can be measured.")
    groups = _groups(model.tasks, corpus, test)
    heard = Heard(
        asked,
        Sampling.of(clips, evaluation),
        {name: mask for masks in groups.values() for name, mask in masks.items()},
        options.permutations,
    )
    kernels = Kernels.of(families, learnt, seen, threads)
    relevance, described = [], []
    found = family_relevance(model, families, kernels, seen, heard)
    for name, told, rows in progress(found, len(families), "feature group"):
        described.append(Family(name, len(families[name]), rounded(told)))
        relevance += rows
    chosen_on = corpus.features[train], _asked(model, corpus.labels.iloc[train])
    own_columns = {name: set(model.tasks[name].columns) for name in asked}
    return Explanation(
        run=run,
        scores={name: of_task.score for name, of_task in asked.items()},
        confidence=evaluation.confidence,
        clips=len(test),
        speakers=heard.sampling.drawn.shape[1],
        families=described,
        relevance=relevance,
        features=list(strongest_features(model, families, chosen_on, features, seen, heard)),
        recovery=list(_recovered(relevance, asked, families, kernels, corpus)),
        shared=[
            *shared_features(relevance, features, heard),
            *_shared_networks(model, corpus, seen, heard),
        ],
        gaps=gaps(asked, predictions_of(model, seen), groups, own_columns, heard.sampling),
    )


def _shared_networks(model: Model, corpus: Corpus, seen: np.ndarray, heard: Heard) -> Iterator[Shared]:
    """What networks of several tasks share: their trunks, or the gradients within one."""
    if len(model.tasks) < 2:
        return
    if not model.description.architecture.joint:
        yield from shared_trunks(model, seen, heard)
        return
    labels = corpus.labels
    prepared = prepare(
        labels.drop(columns="split"),
        labels[["clip_id", "split"]],
        labels["clip_id"].tolist(),
        corpus.features,
        model.tasks,
        model.description.training,
    )
    yield from shared_gradients(model, prepared.data, heard)


def predictions_of(model: Model, scaled: np.ndarray) -> dict[str, np.ndarray]:
    """Task → float32 [seeds, n, outputs] from scaled features [n, d]."""
    by_seed = model.predict_scaled(scaled)
    return {task: np.stack([by_seed[seed][task] for seed in model.seeds]) for task in model.tasks}


def _asked(model: Model, labels: pd.DataFrame) -> dict[str, Asked]:
    """Task → its labels, where some clip is labelled."""
    asked = {}
    for name, task in model.tasks.items():
        classes = model.classes.get(name, ())
        truth = targets_of(task, labels, classes)
        if labelled(truth).any():
            asked[name] = Asked(task.score, classes or task.columns, truth)
    return asked


def _groups(tasks: Mapping[str, Task], corpus: Corpus, rows: np.ndarray) -> dict[str, dict[str, np.ndarray]]:
    """Column → group → bool [n]: the values of the column, and the thirds of a trait such as age."""
    found = (groups_of(task, tasks, corpus.labels, corpus.group_column) for task in tasks.values())
    return {
        groups.column: {name: mask[rows] for name, mask in groups.masks.items()} for groups in found if groups
    }


def _recovered(
    relevance: Sequence[Relevance],
    asked: Mapping[str, Asked],
    families: Mapping[str, np.ndarray],
    kernels: Kernels,
    corpus: Corpus,
) -> Iterator[Recovery]:
    """How well relevance follows the weights of the generator, if it made the voices; by kind and task."""
    if corpus.quantities is None:
        return
    learnt, seen = (corpus.quantities[corpus.rows(split)] for split in ("train", "test"))
    weights = generator_weights(families, kernels, learnt[kernels.clips], seen)
    for kind, task in product((ALONE, GIVEN_REST), asked):
        found = {
            (row.part, row.family): row.value
            for row in relevance
            if (row.kind, row.task, row.group) == (kind, task, "") and (row.part, row.family) in weights
        }
        if found:
            yield Recovery(kind, task, rounded(recovery(found, weights)), len(found))
