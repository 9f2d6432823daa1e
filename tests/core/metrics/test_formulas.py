import math
import warnings

import audmetric
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import pearsonr
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    confusion_matrix,
    f1_score,
    mean_absolute_error,
    recall_score,
    root_mean_squared_error,
)

from stages.core.metrics.formulas import (
    accuracy,
    ccc,
    confusion,
    exvo,
    macro_f1,
    mae,
    mean_ccc,
    mean_pearson,
    pearson,
    recalls,
    rmse,
    uar,
)

VALUES = st.lists(
    st.tuples(st.floats(-100, 100, width=32), st.floats(-100, 100, width=32)), min_size=2, max_size=40
)
UNDEFINED = [
    ([], []),
    ([1.0], [1.0]),
    ([2.0, 2.0], [1.0, 3.0]),
    ([0.1] * 3, [1.0, 3.0, 2.0]),  # whose mean is not exactly 0.1
    ([2.0, 2.0], [2.0, 2.0]),
    ([np.nan] * 3, [1, 2, 3]),
    ([np.nan, 2.0, np.nan], [1, 2, 3]),
]
LABELS = st.lists(st.tuples(st.integers(-1, 4), st.integers(0, 4)), min_size=1, max_size=60)


def plain_ccc(truth: list[float], prediction: list[float]) -> float:
    """Lin's formula with Python's own numbers, as it stands in the paper."""
    n = len(truth)
    mean_x, mean_y = math.fsum(truth) / n, math.fsum(prediction) / n
    covariance = math.fsum((x - mean_x) * (y - mean_y) for x, y in zip(truth, prediction, strict=True)) / n
    variance_x = math.fsum((x - mean_x) ** 2 for x in truth) / n
    variance_y = math.fsum((y - mean_y) ** 2 for y in prediction) / n
    return 2 * covariance / (variance_x + variance_y + (mean_x - mean_y) ** 2)


def plain_uar(truth: list[int], prediction: list[int]) -> float:
    found = []
    for label in sorted(set(truth) - {-1}):
        guesses = [guess for actual, guess in zip(truth, prediction, strict=True) if actual == label]
        found.append(sum(guess == label for guess in guesses) / len(guesses))
    return sum(found) / len(found) if found else math.nan


@given(VALUES)
def test_ccc_is_lins_formula(pairs):
    truth, prediction = (np.array(side) for side in zip(*pairs, strict=True))
    value = ccc(truth, prediction)
    if truth.min() == truth.max():
        assert math.isnan(value)
    else:
        assert value == pytest.approx(plain_ccc(truth.tolist(), prediction.tolist()), rel=1e-9, abs=1e-12)
        assert value == pytest.approx(audmetric.concordance_cc(truth, prediction), rel=1e-6, abs=1e-9)
        assert -1 - 1e-12 <= value <= 1 + 1e-12


@given(LABELS)
def test_uar_and_confusion_are_scikit_learns(pairs):
    truth, prediction = (np.array(side) for side in zip(*pairs, strict=True))
    known = truth >= 0
    expected = plain_uar(truth.tolist(), prediction.tolist())
    assert uar(truth, prediction, 5) == pytest.approx(expected, nan_ok=True)
    if known.any():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            assert uar(truth, prediction, 5) == pytest.approx(
                balanced_accuracy_score(truth[known], prediction[known])
            )
        reference = confusion_matrix(truth[known], prediction[known], labels=range(5))
        np.testing.assert_array_equal(confusion(truth, prediction, 5), reference)


@given(VALUES)
def test_pearson_is_audmetrics_and_scipys(pairs):
    truth, prediction = (np.array(side) for side in zip(*pairs, strict=True))
    value = pearson(truth, prediction)
    if truth.min() == truth.max():
        assert math.isnan(value)
    elif prediction.min() == prediction.max():
        assert value == 0
    else:
        assert -1 - 1e-12 <= value <= 1 + 1e-12
        assert value == pytest.approx(audmetric.pearson_cc(truth, prediction), rel=1e-6, abs=1e-9)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of input that is nearly constant
            assert value == pytest.approx(pearsonr(truth, prediction).statistic, rel=1e-6, abs=1e-9)


@given(VALUES, st.integers(1, 3))
def test_rmse_is_audmetrics_and_scikit_learns(pairs, columns):
    truth, prediction = (np.array(side) for side in zip(*pairs, strict=True))
    table = np.column_stack([truth + shift for shift in range(columns)])
    guess = np.column_stack([prediction * (1 + shift) for shift in range(columns)])
    assert rmse(table, guess) == pytest.approx(root_mean_squared_error(table, guess))
    one = rmse(truth[:, None], prediction[:, None])
    assert one == pytest.approx(math.sqrt(audmetric.mean_squared_error(truth, prediction)), abs=1e-9)


@given(LABELS)
def test_f1_and_accuracy_are_audmetrics_and_scikit_learns(pairs):
    truth, prediction = (np.array(side) for side in zip(*pairs, strict=True))
    known = truth >= 0
    if not known.any():
        assert math.isnan(macro_f1(truth, prediction, 5)) and math.isnan(accuracy(truth, prediction))
        return
    f1, share = macro_f1(truth, prediction, 5), accuracy(truth, prediction)
    truth, prediction = truth[known], prediction[known]
    assert f1 == pytest.approx(audmetric.unweighted_average_fscore(truth, prediction))
    assert f1 == pytest.approx(f1_score(truth, prediction, average="macro", zero_division=0))
    assert share == pytest.approx(audmetric.accuracy(truth, prediction))
    assert share == pytest.approx(accuracy_score(truth, prediction))
    assert share == pytest.approx(recall_score(truth, prediction, average="weighted", zero_division=0))


@pytest.mark.parametrize(
    ("truth", "prediction"),
    UNDEFINED,
    ids=["empty", "single", "constant truth", "rounded", "both constant", "unlabelled", "one label"],
)
def test_pearson_that_is_not_defined_is_nan(truth, prediction):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert math.isnan(pearson(np.array(truth), np.array(prediction)))


def test_new_regression_scores_at_the_borders():
    nothing = np.full((3, 1), np.nan)
    assert math.isnan(rmse(nothing, np.ones((3, 1)))) and math.isnan(rmse(nothing[:0], nothing[:0]))
    assert rmse(np.array([[4.0]]), np.array([[1.5]])) == 2.5
    assert rmse(np.array([[1.0, np.nan], [1.0, np.nan]]), np.zeros((2, 2))) == 1
    nan = np.array([1.0, np.nan, 3.0])
    assert math.isnan(pearson(np.arange(3.0), nan)) and math.isnan(rmse(np.ones((3, 1)), nan[:, None]))
    truth = np.array([[1.0, 7.0], [2.0, 7.0], [4.0, 7.0]])
    assert mean_pearson(truth, -3 * truth) == pytest.approx(-1)
    assert math.isnan(mean_pearson(truth[:, 1:], truth[:, 1:]))


def test_a_class_that_is_only_predicted_counts_in_f1_and_not_in_uar():
    truth, prediction = np.array([0, 0, 1]), np.array([0, 2, 1])
    assert macro_f1(truth, prediction, 4) == pytest.approx((2 / 3 + 1 + 0) / 3)
    assert uar(truth, prediction, 4) == 0.75


def test_uar_is_audmetrics():
    rng = np.random.default_rng(1)
    truth, prediction = rng.integers(0, 30, 500), rng.integers(0, 30, 500)
    assert uar(truth, prediction, 30) == pytest.approx(audmetric.unweighted_average_recall(truth, prediction))


@given(VALUES)
def test_mae_is_scikit_learns(pairs):
    truth, prediction = (np.array(side) for side in zip(*pairs, strict=True))
    assert mae(truth, prediction) == pytest.approx(mean_absolute_error(truth, prediction))


@settings(max_examples=30)
@given(VALUES, st.data())
def test_unlabelled_clips_count_nothing(pairs, data):
    truth, prediction = (np.array(side) for side in zip(*pairs, strict=True))
    place = data.draw(st.integers(0, len(truth)))
    longer = np.insert(truth, place, np.nan), np.insert(prediction, place, 1e6)
    assert ccc(*longer) == pytest.approx(ccc(truth, prediction), nan_ok=True)
    assert mae(*longer) == pytest.approx(mae(truth, prediction))


@pytest.mark.parametrize(
    ("truth", "prediction"),
    UNDEFINED,
    ids=["empty", "single", "constant truth", "rounded", "both constant", "unlabelled", "one label"],
)
def test_ccc_that_is_not_defined_is_nan(truth, prediction):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert math.isnan(ccc(np.array(truth), np.array(prediction)))


def test_ccc_of_a_constant_prediction_is_0():
    assert ccc(np.array([1.0, 2.0, 4.0]), np.full(3, 5.0)) == 0


def test_a_spread_however_small_is_one():
    truth, small = np.array([1.0, 2.0, 4.0]), np.array([1e-9, 2e-9, 4e-9])
    assert pearson(truth, small) == pytest.approx(1) and pearson(truth, np.full(3, 0.1)) == 0
    assert pearson(small, truth) == pytest.approx(1) and ccc(small, small) == 1


def test_ccc_of_truth_and_itself():
    truth = np.random.default_rng(1).normal(1e6, 1, 50)
    assert ccc(truth, truth) == 1
    assert ccc(truth, 2 * truth.mean() - truth) == pytest.approx(-1)


def test_float32_predictions_lose_nothing():
    rng = np.random.default_rng(2)
    truth, prediction = rng.normal(30, 5, 20_000), rng.normal(30, 5, 20_000).astype(np.float32)
    assert ccc(truth, prediction) == ccc(truth, prediction.astype(np.float64))
    assert mae(truth, prediction) == mae(truth, prediction.astype(np.float64))


def test_nan_predictions_are_not_hidden():
    truth, prediction = np.array([1.0, 2.0, 3.0]), np.array([1.0, np.nan, 3.0])
    assert math.isnan(ccc(truth, prediction))
    assert math.isnan(mae(truth, prediction))


def test_mean_ccc_is_over_columns_that_have_one():
    truth = np.array([[1.0, 7.0, 0.0], [2.0, 7.0, 1.0], [3.0, 7.0, 5.0]])
    prediction = np.array([[2.0, 1.0, 0.0], [3.0, 2.0, 1.0], [4.0, 3.0, 5.0]])
    assert mean_ccc(truth, prediction) == pytest.approx((4 / 7 + 1) / 2)
    assert math.isnan(mean_ccc(truth[:, 1:2], prediction[:, 1:2]))
    assert math.isnan(mean_ccc(truth[:0], prediction[:0]))


def test_mae_without_labels_is_nan():
    assert math.isnan(mae(np.array([]), np.array([])))
    assert math.isnan(mae(np.array([[np.nan]]), np.array([[3.0]])))
    assert mae(np.array([4.0]), np.array([1.5])) == 2.5


def test_uar_without_labels_is_nan():
    none = np.array([], dtype=np.int64)
    assert math.isnan(uar(none, none, 4))
    assert math.isnan(uar(np.array([-1, -1]), np.array([0, 1]), 4))
    assert confusion(none, none, 3).tolist() == [[0, 0, 0]] * 3


def test_uar_leaves_out_classes_that_do_not_occur():
    truth, prediction = np.array([0, 0, 2]), np.array([0, 1, 2])
    assert uar(truth, prediction, 3) == 0.75
    np.testing.assert_array_equal(recalls(confusion(truth, prediction, 3)), [0.5, np.nan, 1.0])


def test_majority_class_gives_one_over_classes():
    truth = np.array([0] * 90 + [1] * 5 + [2] * 3 + [3] * 2)
    assert uar(truth, np.zeros(100, dtype=np.int64), 4) == 0.25


def test_exvo_is_the_harmonic_mean():
    from scipy.stats import hmean

    assert exvo(0.4, 0.5, 4.0) == pytest.approx(hmean([0.4, 0.5, 0.25]))


def test_exvo_at_the_borders():
    assert exvo(-0.1, 0.5, 4.0) == 0
    assert exvo(0.0, 0.5, 4.0) == exvo(0.5, 0.0, 4.0) == exvo(0.5, -0.1, 4.0) == 0
    assert math.isnan(exvo(-0.1, math.nan, 4.0))
    assert math.isnan(exvo(math.nan, 0.5, 4.0)) and math.isnan(exvo(0.4, 0.5, math.nan))
    assert exvo(1.0, 1.0, 0.0) == pytest.approx(1.5)  # a perfect age makes 1 / MAE infinite, not the score 0
