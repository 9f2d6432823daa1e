"""Products of matrices, for processors with few and with many registers."""

from collections.abc import Callable

import numpy as np
import pytest

from stages.core.networks.products import product_by_eight_rows, product_by_four_rows

RNG = np.random.default_rng(2)


@pytest.mark.parametrize(("rows", "columns", "terms"), [(8, 8, 1), (16, 24, 5), (24, 32, 300), (8, 16, 0)])
@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("product", [product_by_four_rows, product_by_eight_rows])
def test_a_product_adds_term_by_term(
    rows: int, columns: int, terms: int, kind: type, product: Callable[..., None]
) -> None:
    left, right, start = (
        RNG.normal(size=shape).astype(kind) for shape in ((rows, terms), (terms, columns), (rows, columns))
    )
    expected = start.copy()
    for term in range(terms):
        expected += left[:, term : term + 1] * right[term]
    for turned in (False, True):
        found = np.concatenate([np.zeros(3, kind), start.ravel()])
        factors = (left.T if turned else left).copy().ravel()
        steps = (rows, 1) if turned else (1, terms)
        one = np.int64(1)
        product(
            (found, 3 * one, columns * one),
            (factors, 0 * one, steps[0] * one, steps[1] * one),
            (right.ravel(), 0 * one, columns * one),
            (rows, columns, terms),
        )
        np.testing.assert_array_equal(found[3:].reshape(rows, columns), expected)
