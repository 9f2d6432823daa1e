"""All that is found of one run, as records; metrics/ keeps the values, the CSV tables keep everything."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, fields
from typing import Any

from stages.core.relevance.by_family import WHOLE, Relevance
from stages.core.relevance.by_feature import Feature
from stages.core.relevance.gaps import Gap
from stages.core.relevance.sharing import Shared


@dataclass(frozen=True)
class Family:
    """An acoustic family: its number of features, and the share of their variance that the others tell."""

    name: str
    columns: int
    told: float | None


@dataclass(frozen=True)
class Recovery:
    """Rank correlation of relevance with the generator's weights, over so many pairs of part and family."""

    kind: str
    task: str
    value: float | None
    cells: int


@dataclass(frozen=True)
class Explanation:
    """What was found of a run on its test split.

    Attributes:
        run: the run.
        scores: task → its metric.
        confidence: of all intervals.
        clips: of the test split.
        speakers: of these clips.
        families: of the feature set.
        relevance: of each family for each task, part and group of clips.
        features: the strongest of each part.
        recovery: where the voices are those of the generator.
        shared: what each two tasks share.
        gaps: between groups of speakers.
    """

    run: str
    scores: Mapping[str, str]
    confidence: float
    clips: int
    speakers: int
    families: Sequence[Family]
    relevance: Sequence[Relevance]
    features: Sequence[Feature]
    recovery: Sequence[Recovery]
    shared: Sequence[Shared]
    gaps: Sequence[Gap]

    def of_task(self, kind: str, task: str, group: str = "") -> list[Relevance]:
        """The relevance of one kind for the parts of a task; the whole task is left out."""
        return [
            row
            for row in self.relevance
            if (row.kind, row.task, row.group) == (kind, task, group) and row.part != WHOLE
        ]

    def metrics(self) -> dict[str, Any]:
        """What metrics/ keeps, to four places: kind → task → part → family → relevance, and recovery."""
        nested: dict[str, Any] = {}
        for row in self.relevance:
            if not row.group:
                parts = nested.setdefault(row.kind, {}).setdefault(row.task, {})
                parts.setdefault(row.part or "all", {})[row.family] = four(row.value)
        recovered: dict[str, Any] = {}
        for found in self.recovery:
            recovered.setdefault(found.kind, {})[found.task] = four(found.value)
        shared: dict[str, Any] = {}
        for pair in self.shared:
            shared.setdefault(pair.measure, {})[f"{pair.first}, {pair.second}"] = four(pair.value)
        return {
            "relevance": nested,
            "shared": shared,
            **({"recovery": recovered} if recovered else {}),
        }


def four(value: float | None) -> float | None:
    """Four places; None where it is not defined."""
    return None if value is None else round(value, 4) + 0.0


def table_of(rows: Sequence[Any], kind: type) -> tuple[list[str], Iterator[Sequence[Any]]]:
    """Header and rows of a CSV table of records of one kind, numbers to four places."""
    header = [entry.name for entry in fields(kind)]
    cells = ([four(cell) if isinstance(cell, float) else cell for cell in astuple(row)] for row in rows)
    return header, cells
