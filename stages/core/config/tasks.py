"""What networks learn: section ``tasks``. A task is declared, so that other labels need no code."""

from dataclasses import dataclass
from typing import Literal, get_args

RegressionScore = Literal["ccc", "mae", "pearson", "rmse"]
ClassificationScore = Literal["uar", "f1", "accuracy", "war"]
Score = RegressionScore | ClassificationScore
SCORES: dict[str, tuple[str, ...]] = {
    "regression": get_args(RegressionScore),
    "classification": get_args(ClassificationScore),
}
"""Kind of task → the metrics that can score it."""


@dataclass(frozen=True)
class Task:
    """One prediction task.

    Attributes:
        kind: ``regression`` of one or several columns, or ``classification`` by one column.
        columns: the label columns of the corpus.
        score: the metric that judges the task: of a regression ``ccc``, ``mae``, ``pearson`` or ``rmse``, of
            a classification ``uar``, ``f1``, ``accuracy`` or ``war``.
        also: metrics that are shown beside it and decide nothing.
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
    also: tuple[Score, ...] = ()

    @property
    def label_columns(self) -> list[str]:
        """The columns of the table of recordings that hold the labels."""
        return [stored(column) for column in self.columns]

    @property
    def judged_by_correlation(self) -> bool:
        """Whether its score is a coefficient, defined only where labels differ."""
        return self.score in ("ccc", "pearson")

    @property
    def score_loss(self) -> Literal["concordance", "absolute", "squared"]:
        """The loss that stands for its score in training: 1 − CCC for both coefficients.

        >>> Task("regression", ("Age",), "mae").score_loss
        'absolute'
        """
        if self.judged_by_correlation:
            return "concordance"
        return "absolute" if self.score == "mae" else "squared"

    def out_of_reach(self, low: float, high: float) -> str | None:
        """Why labels of a regression from ``low`` to ``high`` cannot be learnt as declared; None: they can.

        >>> Task("regression", ("Arousal",), "ccc", output="sigmoid").out_of_reach(1, 7)
        'output: sigmoid reaches from 0 to 1 only; set output: linear'
        """
        if self.scale == "row-max":
            return "scale: row-max needs labels of at least 0; set scale: none" if low < 0 else None
        if self.output == "sigmoid" and (low < 0 or high > 1):
            return "output: sigmoid reaches from 0 to 1 only; set output: linear"
        return None


# Columns of the table of recordings, and of the splits that are joined to it, that are not labels.
_OURS = {"clip_id", "speaker", "seconds", "source_rate", "source_channels", "source_split", "split", "fold"}


def stored(column: str) -> str:
    """What the table of recordings calls a column of the corpus, so that none takes the place of another.

    >>> stored("Country"), stored("speaker"), stored("speaker_")
    ('Country', 'speaker_', 'speaker__')
    """
    return f"{column}_" if column.rstrip("_") in _OURS else column
