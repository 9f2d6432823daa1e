"""What a score is called, which way is better, and how it is computed: one entry per metric.

Everything that depends on a metric's direction or unit asks it here.
"""

import math
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeVar

import numpy as np

from stages.core.metrics.formulas import accuracy, macro_f1, mae, mean_ccc, mean_pearson, rmse, uar

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True)
class Metric:
    """A metric by which tasks are scored.

    Attributes:
        name: how params.yaml and metrics/ call it.
        label: how tables and axes call it.
        kind: the kind of task that it scores.
        higher_is_better: False for errors.
        in_label_units: whether a value has the unit of the labels, as an error in years has.
        bounds: the lowest and the highest value that it can take.
        definition: what it is, for captions.
        compute: the score of truth and prediction. Regression: float [n, columns], NaN where unlabelled.
            Classification: truth int [n], −1 where unlabelled; prediction probabilities [n, classes].
    """

    name: str
    label: str
    kind: Literal["regression", "classification"]
    higher_is_better: bool
    in_label_units: bool
    bounds: tuple[float, float]
    definition: str
    compute: Callable[[np.ndarray, np.ndarray], float]

    @property
    def better(self) -> Literal["higher", "lower"]:
        """Which values are better."""
        return "higher" if self.higher_is_better else "lower"

    def gain(self, baseline: float, candidate: float) -> float:
        """How much better the candidate is: positive means better, for errors too.

        >>> METRICS["mae"].gain(5.0, 4.0), METRICS["uar"].gain(0.5, 0.25)
        (1.0, -0.25)
        """
        return candidate - baseline if self.higher_is_better else baseline - candidate

    def skill(self, score: float, naive: float) -> float:
        """What is better the higher: the score itself, or the share of the naive error that is saved.

        NaN where the naive predictor makes no error.

        >>> METRICS["mae"].skill(3.0, 4.0), METRICS["uar"].skill(0.5, 0.25)
        (0.25, 0.5)
        """
        if self.higher_is_better:
            return score
        return 1 - score / naive if naive else math.nan

    def best(self, values: Mapping[Key, float | None]) -> Key | None:
        """The key of the best value, the first of equals; values that are None or NaN do not count.

        >>> METRICS["mae"].best({"a": 4.0, "b": 3.0, "c": None}), METRICS["mae"].best({})
        ('b', None)
        """
        defined = {key: value for key, value in values.items() if value is not None and not math.isnan(value)}
        chosen = max if self.higher_is_better else min
        return chosen(defined, key=defined.__getitem__) if defined else None


def _uar_of_probabilities(truth: np.ndarray, prediction: np.ndarray) -> float:
    return uar(truth, prediction.argmax(axis=1), prediction.shape[1])


def _macro_f1_of_probabilities(truth: np.ndarray, prediction: np.ndarray) -> float:
    return macro_f1(truth, prediction.argmax(axis=1), prediction.shape[1])


def _accuracy_of_probabilities(truth: np.ndarray, prediction: np.ndarray) -> float:
    return accuracy(truth, prediction.argmax(axis=1))


METRICS: Mapping[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric(
            "ccc",
            "CCC",
            "regression",
            True,
            False,
            (-1.0, 1.0),
            "Lin's concordance correlation coefficient (1 is perfect, 0 no agreement), mean over columns",
            mean_ccc,
        ),
        Metric(
            "mae",
            "MAE",
            "regression",
            False,
            True,
            (0.0, math.inf),
            "mean absolute error, in units of the labels",
            mae,
        ),
        Metric(
            "uar",
            "UAR",
            "classification",
            True,
            False,
            (0.0, 1.0),
            "unweighted average recall, the mean of the recalls of the classes",
            _uar_of_probabilities,
        ),
        Metric(
            "pearson",
            "Pearson's r",
            "regression",
            True,
            False,
            (-1.0, 1.0),
            "correlation coefficient (1 is a rising line, 0 no linear relation), mean over columns",
            mean_pearson,
        ),
        Metric(
            "rmse",
            "RMSE",
            "regression",
            False,
            True,
            (0.0, math.inf),
            "root mean squared error, in units of the labels, mean over columns",
            rmse,
        ),
        Metric(
            "f1",
            "macro F1",
            "classification",
            True,
            False,
            (0.0, 1.0),
            "the mean over classes of the harmonic mean of recall and precision",
            _macro_f1_of_probabilities,
        ),
        Metric(
            "accuracy",
            "accuracy",
            "classification",
            True,
            False,
            (0.0, 1.0),
            "the share of clips whose class is predicted",
            _accuracy_of_probabilities,
        ),
        Metric(
            "war",
            "WAR",
            "classification",
            True,
            False,
            (0.0, 1.0),
            "weighted average recall, in which each class counts by its clips; it equals the accuracy",
            _accuracy_of_probabilities,
        ),
    )
}
