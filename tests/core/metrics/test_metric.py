"""Each metric: name, direction, unit and bounds, a value by hand, and which of several values is best."""

import math
import warnings

import numpy as np
import pytest

from stages.core.metrics.metric import METRICS
from stages.core.metrics.naive import naive_prediction

RATINGS = np.array([[1.0, 10.0], [2.0, 30.0], [3.0, 20.0], [np.nan, np.nan]])
GUESSES = np.array([[2.0, 20.0], [3.0, 40.0], [4.0, 30.0], [99.0, 99.0]])  # 1 and 10 too high
CLASSES = np.array([0, 0, 0, 1, 2, -1])
SHARES = np.array(
    [[0.6, 0.3, 0.1], [0.5, 0.4, 0.1], [0.3, 0.4, 0.3], [0.1, 0.8, 0.1], [0.4, 0.3, 0.3], [0.1, 0.1, 0.8]]
)  # three of five right: two of three of the first class, all of the second, none of the third
COLUMN_CCC = 2 * 2 / 3 / (2 / 3 + 2 / 3 + 1), 2 * 200 / 3 / (200 / 3 + 200 / 3 + 100)


@pytest.mark.parametrize(
    ("name", "label", "kind", "better", "in_label_units", "bounds", "value"),
    [
        ("ccc", "CCC", "regression", "higher", False, (-1, 1), np.mean(COLUMN_CCC)),
        ("mae", "MAE", "regression", "lower", True, (0, math.inf), (3 * 1 + 3 * 10) / 6),
        ("uar", "UAR", "classification", "higher", False, (0, 1), (2 / 3 + 1 + 0) / 3),
        ("pearson", "Pearson's r", "regression", "higher", False, (-1, 1), 1.0),
        ("rmse", "RMSE", "regression", "lower", True, (0, math.inf), (1 + 10) / 2),
        # Of the first class two hits in three clips and three guesses, of the second one in one and two.
        ("f1", "macro F1", "classification", "higher", False, (0, 1), (4 / 6 + 2 / 3 + 0) / 3),
        ("accuracy", "accuracy", "classification", "higher", False, (0, 1), 3 / 5),
        ("war", "WAR", "classification", "higher", False, (0, 1), 3 / 5),
    ],
)
def test_each_metric(
    name: str,
    label: str,
    kind: str,
    better: str,
    in_label_units: bool,
    bounds: tuple[float, float],
    value: float,
) -> None:
    metric = METRICS[name]
    assert (metric.name, metric.label, metric.kind, metric.better) == (name, label, kind, better)
    assert (metric.higher_is_better, metric.in_label_units, metric.bounds) == (
        better == "higher",
        in_label_units,
        bounds,
    )
    truth, prediction = (RATINGS, GUESSES) if kind == "regression" else (CLASSES, SHARES)
    assert metric.compute(truth, prediction) == pytest.approx(value, rel=1e-12)
    sign = 1 if better == "higher" else -1
    assert metric.gain(0.2, 0.5) == pytest.approx(sign * 0.3)
    assert metric.skill(0.2, 0.8) == pytest.approx(0.2 if better == "higher" else 0.75)
    assert metric.skill(0.2, 0.1) == pytest.approx(0.2 if better == "higher" else -1)
    assert math.isnan(metric.skill(0.2, 0.0)) == (better == "lower")
    values = {"a": 0.3, "b": 0.0, "c": None, "d": math.nan, "e": 0.7, "f": 0.0, "g": 0.7}
    assert metric.best(values) == ("e" if better == "higher" else "b")  # the first of equals; 0 is a value
    assert metric.best({"c": None, "d": math.nan}) is None
    assert metric.best({"b": 0.0}) == "b"


def test_there_are_no_others() -> None:
    assert list(METRICS) == ["ccc", "mae", "uar", "pearson", "rmse", "f1", "accuracy", "war"]


def test_the_naive_predictor_says_the_mean_of_each_column_or_the_shares_of_the_classes() -> None:
    ratings = np.array([[1.0, 0.0], [2.0, 5.0], [6.0, np.nan], [np.nan, np.nan]])
    assert naive_prediction(ratings, 2).tolist() == [3.0, 2.5]
    assert naive_prediction(np.array([2, 0, -1, 2, 2]), 4).tolist() == [0.25, 0, 0.75, 0]
    assert naive_prediction(np.array([-1, 1]), 3).tolist() == [0, 1, 0]
    assert naive_prediction(np.array([-1, -1]), 3).tolist() == [0, 0, 0]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isnan(naive_prediction(np.full((2, 3), np.nan), 3)).tolist() == [True, True, True]
