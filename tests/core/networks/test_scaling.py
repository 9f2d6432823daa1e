from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.special import ndtri
from sklearn.preprocessing import QuantileTransformer, StandardScaler

from stages.core.networks import scaling
from stages.core.networks.scaling import fit_scaling, normal_quantiles


def test_standard_scaling_is_scikit_learns_within_the_training_range() -> None:
    features = np.random.default_rng(1).normal(3, 50, (400, 300)).astype(np.float32)
    expected = StandardScaler().fit_transform(features.astype(np.float64))
    np.testing.assert_allclose(fit_scaling("standard", features)(features), expected, atol=1e-6)


def test_quantiles_are_near_scikit_learns() -> None:
    features = np.random.default_rng(1).exponential(2, (1000, 3)).astype(np.float32)
    expected = QuantileTransformer(n_quantiles=101, output_distribution="normal").fit_transform(features)
    got = fit_scaling("quantile", features)(features)
    inside = np.abs(expected) < 2
    np.testing.assert_allclose(got[inside], expected[inside], atol=0.1)


def test_quantiles_are_interpolated_between_a_hundred_shares() -> None:
    features = np.random.default_rng(1).exponential(2, (1000, 2)).astype(np.float32)
    other = np.random.default_rng(2).exponential(3, (50, 2)).astype(np.float32)
    found = fit_scaling("quantile", features)(other)
    points = fit_scaling("quantile", features).points
    np.testing.assert_array_equal(
        fit_scaling("speaker", features).points, points
    )  # units of speakers come after
    levels = ndtri((np.arange(101) + 0.5) / 101)
    for column in range(2):
        knots = np.percentile(features[:, column].astype(np.float64), np.arange(101))
        expected = np.interp(other[:, column], knots, levels)
        np.testing.assert_allclose(found[:, column], expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", ["standard", "quantile", "speaker"])
def test_what_never_changes_is_nothing(kind: Any) -> None:
    train = np.full((30, 2), 0.1, np.float32)
    train[:, 1] = np.arange(30)
    scaling = fit_scaling(kind, train)
    assert scaling(train)[:, 0].tolist() == [0] * 30
    assert scaling(np.array([[7.0, 1.0]], np.float32))[0, 0] == 0


def test_standard_scaling_keeps_to_the_range_of_training() -> None:
    train = np.array([[1.0], [2.0], [6.0]], np.float32)
    found = fit_scaling("standard", train)(np.array([[-50.0], [1.5], [50.0]], np.float32))
    np.testing.assert_allclose(found[:, 0], (np.array([1.0, 1.5, 6.0]) - 3) / train.std(), rtol=1e-6)


def test_quantiles_of_the_normal_distribution() -> None:
    for number in (1, 2, 5, 101, 100_000):
        expected = ndtri((np.arange(number) + 0.5) / number)
        np.testing.assert_allclose(normal_quantiles(number), expected, rtol=1e-13, atol=1e-15)


def test_tied_values_take_the_middle_of_their_quantiles() -> None:
    train = np.array([[1.0], [1.0], [1.0], [2.0], [5.0]], np.float32)
    levels = ndtri((np.arange(5) + 0.5) / 5)
    expected = [(levels[0] + levels[2]) / 2, levels[3], (levels[3] + levels[4]) / 2, levels[4]]
    found = fit_scaling("quantile", train)(np.array([[1.0], [2.0], [3.5], [9.0]], np.float32))
    np.testing.assert_allclose(found[:, 0], expected, rtol=1e-6)


@pytest.mark.parametrize("kind", ["standard", "quantile"])
def test_what_training_never_saw_stays_harmless(kind: str) -> None:
    train = np.array([[1, 0, 1e13], [2, 0, -1e13], [3, 0, 5]], np.float32)
    scaling = fit_scaling(kind, train)
    absurd = np.array([[3e38, 3e38, -3e38]], np.float32)
    assert np.isfinite(scaling(absurd)).all()
    assert scaling(train)[:, 1].tolist() == [0, 0, 0]
    np.testing.assert_array_equal(scaling(absurd)[0, 0], scaling(train)[2, 0])


@given(
    hnp.arrays(
        np.float32,
        st.tuples(st.integers(1, 12), st.integers(1, 5)),
        elements=st.floats(-(2.0**100), 2.0**100, width=32),
    ),
    st.sampled_from(["standard", "quantile"]),
)
def test_any_finite_features_become_finite_inputs(features: np.ndarray, kind: str) -> None:
    scaling = fit_scaling(kind, features)
    scaled = scaling(features)
    assert scaled.dtype == np.float32
    assert np.isfinite(scaled).all()
    for row in range(len(features)):
        np.testing.assert_array_equal(scaling(features[row : row + 1])[0], scaled[row])


@pytest.mark.parametrize("kind", ["standard", "quantile", "speaker"])
def test_in_place_and_in_fewer_columns_at_a_time_it_is_the_same(kind, monkeypatch):
    rng = np.random.default_rng(1)
    features, speakers = (
        rng.standard_normal((300, 70)).astype(np.float32),
        rng.integers(0, 9, 300).astype(str),
    )
    scaled = fit_scaling(kind, features)(features, speakers)
    monkeypatch.setattr(scaling, "_VALUES", 300 * 20)
    fitted = fit_scaling(kind, features)
    place = features.copy()
    assert fitted(place, speakers, place) is place
    assert place.tobytes() == scaled.tobytes()
