"""What networks learn: section ``tasks``. A task is declared, so that other labels need no code."""

from dataclasses import dataclass
from typing import Literal

Score = Literal["ccc", "mae", "uar"]


@dataclass(frozen=True)
class Task:
    """One prediction task.

    Attributes:
        kind: ``regression`` of one or several columns, or ``classification`` by one column.
        columns: the label columns of the corpus.
        score: ``ccc`` (mean over columns), ``mae`` or ``uar``.
        scale: ``row-max`` divides the columns of a clip by their maximum (paper, section 2).
        output: last activation of a regression; a classification always ends in a softmax.
        range: of a regression, lowest and highest label that is believed; others are reported as errors. −1
            means unlabelled unless it lies within.
    """

    kind: Literal["regression", "classification"]
    columns: tuple[str, ...]
    score: Score
    scale: Literal["none", "row-max"] = "none"
    output: Literal["linear", "sigmoid"] = "linear"
    range: tuple[float, float] | None = None
