"""The product of matrices with the same bits on every processor, for any number of threads.

BLAS adds in the order that suits the processor; here each sum runs from the first term to the last. No
multiplication is fused with an addition, since numba's compiler does that only where it is allowed to.
"""

import numpy as np

from stages.core.runtime.compiling import compiled


def matmul(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Product of [n, k] and [k, m] as float64 [n, m].

    >>> matmul(np.array([[1.0, 2.0]]), np.array([[3.0], [4.0]]))
    array([[11.]])
    """
    if left.ndim != 2 or right.ndim != 2 or left.shape[1] != right.shape[0]:
        raise ValueError(f"shapes {left.shape} and {right.shape} do not fit")
    product = np.zeros((left.shape[0], right.shape[1]))
    _add_product(np.ascontiguousarray(left, np.float64), np.ascontiguousarray(right, np.float64), product)
    return product


@compiled(nogil=True, error_model="numpy")
def _add_product(left: np.ndarray, right: np.ndarray, product: np.ndarray) -> None:
    for row in range(left.shape[0]):
        for term in range(left.shape[1]):
            factor = left[row, term]
            for column in range(right.shape[1]):
                product[row, column] += factor * right[term, column]
