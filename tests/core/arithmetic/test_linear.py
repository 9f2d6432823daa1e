"""Linear equations and ridge regression against NumPy and scikit-learn."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import Ridge

from stages.core.arithmetic.linear import ridge, solve


@given(st.integers(1, 30), st.integers(1, 4), st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_solutions_are_numpys(size: int, columns: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(size, size))
    matrix, right = root @ root.T + np.eye(size), rng.normal(size=(size, columns))
    before = matrix.copy(), right.copy()
    np.testing.assert_allclose(solve(matrix, right), np.linalg.solve(matrix, right), rtol=1e-6, atol=1e-9)
    np.testing.assert_array_equal(matrix, before[0])
    np.testing.assert_array_equal(right, before[1])


@pytest.mark.parametrize(
    "matrix", [[[1.0, 2.0], [2.0, 1.0]], [[0.0, 0.0], [0.0, 1.0]], [[np.nan, 0], [0, 1]]]
)
def test_a_matrix_that_is_not_positive_definite(matrix: list[list[float]]) -> None:
    with pytest.raises(ValueError, match="not positive definite"):
        solve(np.array(matrix), np.ones((2, 1)))


def test_the_upper_triangle_is_read() -> None:
    found = solve(np.array([[4.0, 2.0, 1.0], [99.0, 5.0, 3.0], [99.0, 99.0, 6.0]]), np.eye(3))
    np.testing.assert_allclose(np.linalg.inv(found), [[4, 2, 1], [2, 5, 3], [1, 3, 6]], rtol=1e-12)


def test_shapes_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match=r"shapes \(2, 3\) and \(2, 1\) do not fit"):
        solve(np.ones((2, 3)), np.ones((2, 1)))
    for matrix, right in (((2, 2), (3, 1)), ((2, 2), (2,)), ((3, 2), (2, 1))):
        with pytest.raises(ValueError, match="do not fit"):
            solve(np.eye(*matrix), np.ones(right))


@pytest.mark.parametrize(("rows", "columns"), [(80, 7), (20, 60)])  # the primal and the dual form
def test_ridge_is_scikit_learns(rows: int, columns: int) -> None:
    rng = np.random.default_rng(rows)
    inputs = rng.normal(3, 1, (rows, columns)).astype(np.float32)
    targets, weights = rng.normal(5, 2, (rows, 3)), rng.uniform(0.2, 3, rows)
    penalties = np.array([0.5, 30.0])
    for penalty, (slopes, intercepts) in zip(
        penalties, ridge(inputs, targets, weights, penalties), strict=True
    ):
        theirs = Ridge(penalty).fit(inputs.astype(np.float64), targets, sample_weight=weights)
        np.testing.assert_allclose(slopes, theirs.coef_.T, rtol=1e-7, atol=1e-9)
        np.testing.assert_allclose(intercepts, theirs.intercept_, rtol=1e-7, atol=1e-9)
