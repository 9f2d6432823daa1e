"""The scores of one run as records, and their JSON.

``None`` stands for what is not defined: a score without labelled clips, the interval of a single speaker, the
standard deviation of a single seed.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from pydantic import TypeAdapter, ValidationError

from stages.core.metrics.metric import METRICS
from stages.core.runtime.errors import StageFileError
from stages.core.runtime.files import read_json

SPLITS = ("validation", "test")
CONFUSED = 100
"""The most classes of a confusion matrix that is kept: 100² numbers for each run and split."""

Record = TypeVar("Record")


@dataclass(frozen=True)
class Interval:
    """A value with the ends of its interval."""

    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class PartScore(Interval):
    """The score of a part of the clips, such as a group or a class, and how many clips it has."""

    clips: int


@dataclass(frozen=True)
class SeedScore:
    """The score of one seed."""

    seed: int
    value: float | None


@dataclass(frozen=True)
class Groups:
    """Scores of groups of clips.

    Attributes:
        column: the label column whose values make the groups.
        of_speakers: whether all clips of a speaker are in the same group.
        scores: group → score; not defined for a group whose clips are all of one class or have equal labels.
    """

    column: str
    of_speakers: bool
    scores: dict[str, PartScore]


@dataclass(frozen=True)
class Confusion:
    """Clips by actual class (rows) and predicted class (columns), added over seeds.

    Attributes:
        classes: k classes.
        counts: [k][k] clips; None for more than ``CONFUSED`` classes, whose recalls are known all the same.
    """

    classes: list[str]
    counts: list[list[int]] | None


@dataclass(frozen=True)
class TaskScores(Interval):
    """All scores of one task on one split.

    ``value`` is the mean of the seeds' scores; its interval is over speakers and seeds. Columns, classes and
    groups are means over seeds, too.

    Attributes:
        score: name of the metric.
        sd: sample standard deviation over seeds; None for one seed.
        seeds: seed → score.
        best_seed: the seed that is best on validation, and its score on this split.
        ensemble: the score of the mean prediction of all seeds, with an interval over speakers.
        groups: scores of groups of clips; None where there are none.
        columns: of a regression, column → score.
        classes: of a classification, class → recall.
        confusion: of a classification.
        ccc: of a regression with an error as its score, and none of CCC beside it.
        also: further metrics, mean over seeds with an interval; None if the task names none.
    """

    score: str
    sd: float | None
    seeds: dict[str, float | None]
    best_seed: SeedScore
    ensemble: Interval
    groups: Groups | None = None
    columns: dict[str, Interval] | None = None
    classes: dict[str, PartScore] | None = None
    confusion: Confusion | None = None
    ccc: float | None = None
    also: dict[str, Interval] | None = None


@dataclass(frozen=True)
class SplitScores:
    """One split: its size, ExVo's score of all tasks together, and each task that has labels there."""

    clips: int
    speakers: int
    exvo: float | None
    tasks: dict[str, TaskScores]


@dataclass(frozen=True)
class Cost:
    """Weights and multiply-adds per clip of one seed; networks and epochs of all seeds.

    ``epoch``: task → multiply-adds of an epoch of training of its network, forward and backward.
    """

    parameters: int
    multiply_adds: int
    networks: int
    epochs: int
    epoch: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class RunScores:
    """One run: feature set, model, cost, and split → scores."""

    features: str
    model: str
    cost: Cost
    splits: dict[str, SplitScores]

    def task(self, name: str, split: str) -> TaskScores | None:
        """The scores of a task on a split; None if it has no labels there or the run does not learn it."""
        return self.splits[split].tasks.get(name)

    def classes_of(self, name: str) -> list[str] | None:
        """The classes of a task, none for a regression; None if the run has no scores of it."""
        scores = self.task(name, "validation") or self.task(name, "test")
        if scores is None:
            return None
        return scores.confusion.classes if scores.confusion else []


def to_json(record: Any) -> Any:
    """A record as JSON can hold it, without what a task does not have (``columns`` of a classification)."""
    optional = {"groups", "columns", "classes", "confusion", "ccc", "also", "challenge"}
    return asdict(
        record,
        dict_factory=lambda items: {
            key: value for key, value in items if key not in optional or value is not None
        },
    )


def read_record(kind: type[Record], path: Path) -> Record:
    """Read a record that :func:`to_json` made.

    Raises:
        StageFileError: if the file is missing, damaged or of another form.
    """
    content = read_json(path)
    try:
        return TypeAdapter(kind).validate_python(content)
    except ValidationError:
        raise StageFileError(path, "does not hold what this version writes") from None


def best_run(runs: Mapping[str, RunScores], names: Iterable[str], task: str, split: str) -> str | None:
    """Which of the named runs has the best score of a task; None if none has one."""
    found = {name: runs[name].task(task, split) for name in names}
    known = {name: scores for name, scores in found.items() if scores}
    if not known:
        return None
    metric = METRICS[next(iter(known.values())).score]
    return metric.best({name: scores.value for name, scores in known.items()})


def has_scores(runs: Mapping[str, RunScores], task: str) -> bool:
    """Whether some run has a score of a task."""
    return any(run.task(task, split) for run in runs.values() for split in SPLITS)


def rounded(value: float | np.floating) -> float | None:
    """A number for JSON: six places, None where it is not defined, no negative zero.

    >>> rounded(1 / 3), rounded(float("nan")), rounded(-1e-9)
    (0.333333, None, 0.0)
    """
    return None if np.isnan(value) else round(float(value), 6) + 0.0


def rounded_ends(values: Sequence[float] | np.ndarray) -> tuple[float | None, float | None, float | None]:
    """Value, low and high for JSON."""
    value, low, high = map(rounded, values)
    return value, low, high
