import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.preprocessing import QuantileTransformer, StandardScaler

from stages.core.networks.scaling import fit_scaling


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
