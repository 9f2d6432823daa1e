"""Can a label be told from the recording alone? A linear model on what is not the voice, judged on test.

If country can be told from silence, noise and bandwidth, part of what is called country is the microphone.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype

from stages.core.arithmetic.linear import ridge
from stages.core.arithmetic.products import matmul
from stages.core.config.tasks import Task
from stages.core.dataset.labels import classes_of, targets_of
from stages.core.metrics.formulas import uar
from stages.core.networks.scaling import fit_scaling
from stages.core.relevance.exchange import exchanged
from stages.core.runtime.errors import OptionError
from stages.core.scoring.run_scores import rounded
from stages.core.scoring.sampling import Sampling

PENALTIES = np.array([0.1, 1.0, 10.0, 100.0, 1000.0])
LABELS_EXCHANGED = 999


@dataclass(frozen=True)
class Told:
    """How well classes are told by some facts on the recording.

    Attributes:
        by: the fact, or ``all together``.
        uar: unweighted average recall on test.
        low: lower end of its interval, over speakers.
        high: upper end.
        chance: one over the number of classes.
        p: share of exchanges of labels between test speakers that reach it.
    """

    by: str
    uar: float | None
    low: float | None
    high: float | None
    chance: float
    p: float


@dataclass(frozen=True)
class Recorded:
    """Facts on the recordings of a corpus, and the classes that they may tell.

    Attributes:
        names: of the facts.
        facts: float64 [n, facts].
        classes: int64 [n], −1 where unlabelled.
        number: of classes.
        splits: text [n]: train, validation or test.
    """

    names: Sequence[str]
    facts: np.ndarray
    classes: np.ndarray
    number: int
    splits: np.ndarray

    def rows(self, split: str) -> np.ndarray:
        """The labelled clips of a split."""
        return np.flatnonzero((self.splits == split) & (self.classes >= 0))


def classes_of_clips(column: str, labels: pd.DataFrame) -> tuple[int, np.ndarray]:
    """How many classes a label column has in the training split, and the class of each clip.

    Args:
        column: of the corpus's labels.
        labels: n clips: split and label columns.

    Returns:
        The number, and int64 [n], −1 where unlabelled or of another class.

    Raises:
        OptionError: if there is no such column, it holds numbers, or no clip of a split has a class.
    """
    task = Task("classification", (column,), "uar")
    (name,) = task.label_columns
    if name not in labels:
        raise OptionError("column", f"is {column!r}, which is no label of the corpus; name one of a task")
    if is_numeric_dtype(labels[name]):
        raise OptionError("column", f"is {column!r}, which holds numbers; name a column of classes")
    classes = classes_of(task, labels[labels["split"] == "train"])
    found = targets_of(task, labels, classes)
    for split in ("train", "validation", "test"):
        if not (found[labels["split"] == split] >= 0).any():
            raise OptionError(
                "column",
                f"is {column!r}, but no clip of the {split} split has such a label; name another column",
            )
    return len(classes), found


def told(recorded: Recorded, sampling: Sampling) -> list[Told]:
    """How well all facts together and each alone tell the classes of the test clips.

    Args:
        recorded: facts and classes.
        sampling: of the labelled test clips.
    """
    every = range(len(recorded.names))
    found = [_told("all together", recorded, list(every), sampling)]
    return found + [_told(recorded.names[fact], recorded, [fact], sampling) for fact in every]


def _told(by: str, recorded: Recorded, facts: list[int], sampling: Sampling) -> Told:
    test = recorded.rows("test")
    scores = _scores(recorded, facts)[test]
    truth = recorded.classes[test]
    estimate = sampling.estimate("uar", sampling.sums("uar", truth, [scores]))
    rng = np.random.default_rng([sampling.options.seed, 7])
    by_chance = [
        uar(truth[exchanged(sampling.speaker, rng)], scores.argmax(axis=1), recorded.number)
        for _ in range(LABELS_EXCHANGED)
    ]
    p = (1 + sum(value >= estimate.value for value in by_chance)) / (1 + LABELS_EXCHANGED)
    return Told(
        by,
        rounded(estimate.value),
        rounded(estimate.low),
        rounded(estimate.high),
        round(1 / recorded.number, 6),
        round(p, 6),
    )


def _scores(recorded: Recorded, facts: list[int]) -> np.ndarray:
    """Scores of the classes for all clips, by ridge regression on normal quantiles and their squares.

    All classes weigh the same. The penalty is that of the highest UAR on validation.
    """
    train, validation = recorded.rows("train"), recorded.rows("validation")
    chosen = recorded.facts[:, facts].astype(np.float32)
    scaled = fit_scaling("quantile", chosen[train])(chosen).astype(np.float64)
    inputs = np.hstack([scaled, scaled**2])
    classes = recorded.classes[train]
    targets = 2.0 * np.eye(recorded.number)[classes] - 1.0
    counts = np.bincount(classes, minlength=recorded.number)
    weights = (len(classes) / (recorded.number * np.maximum(counts, 1)))[classes]
    fits = [
        matmul(inputs, slopes) + starts
        for slopes, starts in ridge(inputs[train], targets, weights, PENALTIES)
    ]
    on_validation = [
        uar(recorded.classes[validation], fit[validation].argmax(axis=1), recorded.number) for fit in fits
    ]
    return fits[int(np.nanargmax(on_validation))]
