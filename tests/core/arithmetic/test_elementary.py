"""Strict functions against NumPy's in extended precision."""

from collections.abc import Callable

import numpy as np
import pytest

from stages.core.arithmetic.elementary import exp, log
from stages.core.arithmetic.products import matmul

RNG = np.random.default_rng(1)
EXPONENTS = np.concatenate(
    [RNG.uniform(-745, 709.7, 200_000), RNG.normal(0, 1, 200_000), RNG.normal(0, 1e-8, 10_000)]
)
POSITIVE = np.concatenate([np.exp(RNG.uniform(-740, 709, 200_000)), RNG.uniform(0.5, 2, 200_000)])


@pytest.mark.parametrize(
    ("found", "exact", "values"), [(exp, np.exp, EXPONENTS), (log, np.log, POSITIVE)], ids=["exp", "log"]
)
def test_they_are_exact_to_a_unit_in_the_last_place(
    found: Callable[[np.ndarray], np.ndarray], exact: Callable[[np.ndarray], np.ndarray], values: np.ndarray
) -> None:
    if np.finfo(np.longdouble).nmant < 60:
        pytest.skip("no extended precision here")
    expected = exact(values.astype(np.longdouble))
    unit = np.spacing(np.abs(expected).astype(np.float64)).astype(np.longdouble)
    assert (np.abs(found(values) - expected) / unit).max() < 1


def test_exp_at_its_ends() -> None:
    assert exp(np.array([0.0, -np.inf, np.inf, -746.0, 710.0, 1e300, -1e300])).tolist() == [
        1,
        0,
        np.inf,
        0,
        np.inf,
        np.inf,
        0,
    ]
    assert np.isnan(exp(np.array([np.nan, 1.0]))).tolist() == [True, False]
    assert exp(np.float32(1.0)) == pytest.approx(np.e, rel=3e-16)
    assert exp(np.array([-745.0])) == 5e-324


def test_log_at_its_ends() -> None:
    assert log(np.array([1.0, 0.0, -0.0, np.inf, 2.0])).tolist() == [0, -np.inf, -np.inf, np.inf, np.log(2)]
    assert np.isnan(log(np.array([-1.0, np.nan, -np.inf]))).all()
    assert log(np.array([5e-324])) == pytest.approx(-744.4400719213812, rel=1e-15)


@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 17, 5), (40, 100, 33), (0, 3, 2), (2, 0, 3)])
def test_the_product_is_numpys(shape: tuple[int, int, int]) -> None:
    left, right = RNG.normal(size=shape[:2]), RNG.normal(size=shape[1:])
    np.testing.assert_allclose(matmul(left, right), left @ right, rtol=1e-12, atol=1e-12)
    expected = np.zeros((shape[0], shape[2]))
    for term in range(shape[1]):
        expected = expected + left[:, term : term + 1] * right[term]
    np.testing.assert_array_equal(matmul(left, right), expected)
    np.testing.assert_array_equal(matmul(left.T.copy().T, right.astype(">f8")), expected)


def test_shapes_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match="do not fit"):
        matmul(np.ones((2, 3)), np.ones((2, 3)))
    for left, right in (((3,), (3, 2)), ((2, 3), (3,)), ((1, 2, 3), (3, 2))):
        with pytest.raises(ValueError, match="do not fit"):
            matmul(np.ones(left), np.ones(right))
