"""The scores of one run as records, and their JSON.

``None`` stands for what is not defined: a score without labelled clips, the interval of a single speaker, the
standard deviation of a single seed.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from pydantic import TypeAdapter, ValidationError

from stages.core.metrics.metric import METRICS
from stages.core.runtime.errors import StageFileError
from stages.core.runtime.files import read_json

SPLITS = ("validation", "test")
Record = TypeVar("Record")


@dataclass(frozen=True)
class Interval:
    """A value with the ends of its interval."""

    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class GroupScore(Interval):
    """The score of a group of clips."""

    clips: int


@dataclass(frozen=True)
class ClassRecall:
    """The recall of a class with its interval, and how many clips are of the class."""

    recall: float | None
    low: float | None
    high: float | None
    clips: int


@dataclass(frozen=True)
class Confusion:
    """Clips by actual class (rows) and predicted class (columns)."""

    classes: list[str]
    counts: list[list[int]]


@dataclass(frozen=True)
class TaskScores(Interval):
    """All scores of one task on one split; ``value``, ``low`` and ``high`` are those of the best seed.

    Attributes:
        score: name of the metric.
        best_seed: the seed that is best on validation.
        mean: over seeds, of their scores.
        sd: sample standard deviation over seeds; None for one seed.
        seeds: seed → score.
        ensemble: the score of the mean prediction of all seeds.
        groups: name of a group of clips → its score.
        columns: of a regression, column → score.
        classes: of a classification, class → recall.
        confusion: of a classification.
        ccc: of a regression with another score.
    """

    score: str
    best_seed: int
    mean: float | None
    sd: float | None
    seeds: dict[str, float | None]
    ensemble: Interval
    groups: dict[str, GroupScore]
    columns: dict[str, Interval] | None = None
    classes: dict[str, ClassRecall] | None = None
    confusion: Confusion | None = None
    ccc: float | None = None


@dataclass(frozen=True)
class SplitScores:
    """One split: its size, ExVo's score of all tasks together, and each task that has labels there."""

    clips: int
    speakers: int
    exvo: float | None
    tasks: dict[str, TaskScores]


@dataclass(frozen=True)
class Cost:
    """Weights and multiply-adds per clip of one seed; networks and epochs of all seeds."""

    parameters: int
    multiply_adds: int
    networks: int
    epochs: int


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


def to_json(record: Any) -> Any:
    """A record as JSON can hold it, without what a task does not have (``columns`` of a classification)."""
    optional = {"columns", "classes", "confusion", "ccc"}
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
    """Which of the named runs has the best score of a task (best seed); None if none has one."""
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


def rounded_interval(values: Sequence[float] | np.ndarray) -> Interval:
    """Value, low and high for JSON."""
    return Interval(*map(rounded, values))
