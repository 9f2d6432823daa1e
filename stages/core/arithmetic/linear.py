"""Linear equations and ridge regression with the same bits on every processor, for any number of threads.

As in :mod:`stages.core.arithmetic.products`, the order of each sum is written out and nothing is fused.
"""

import numpy as np
from numba import njit

from stages.core.arithmetic.products import matmul


def solve(matrix: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Solve ``matrix @ x = right`` by Cholesky's decomposition (Golub & Van Loan, *Matrix Computations*).

    Args:
        matrix: [n, n], symmetric and positive definite; its upper triangle is read.
        right: [n, m].

    Returns:
        float64 [n, m].

    Raises:
        ValueError: if the shapes do not fit, or the matrix is not positive definite.

    >>> solve(np.array([[4.0, 2.0], [2.0, 5.0]]), np.array([[8.0], [12.0]]))
    array([[1.],
           [2.]])
    """
    if matrix.shape != (len(right), len(right)) or right.ndim != 2:
        raise ValueError(f"shapes {matrix.shape} and {right.shape} do not fit")
    upper, solution = (np.array(values, np.float64, order="C") for values in (matrix, right))
    if not _solve(upper, solution):
        raise ValueError("the matrix is not positive definite")
    return solution


def ridge(
    inputs: np.ndarray, targets: np.ndarray, weights: np.ndarray, penalties: np.ndarray
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Ridge regression (Hoerl & Kennard, 1970) with an intercept that is not penalized, for each penalty.

    Minimizes the sum of weight × squared error plus penalty × squared coefficients. With fewer clips than
    features it solves the dual form, whose matrix is [clips, clips].

    Args:
        inputs: [n, d].
        targets: [n, m].
        weights: [n], of the rows.
        penalties: above 0.

    Returns:
        For each penalty: coefficients float64 [d, m] and intercepts [m].

    >>> [(slope, start)] = ridge(np.array([[0.0], [2.0]]), np.array([[1.0], [5.0]]), np.ones(2), [2.0])
    >>> slope, start
    (array([[1.]]), array([2.]))
    """
    shares = (weights / weights.sum())[:, None]
    root = np.sqrt(weights)[:, None]
    middle, height = ((shares * values).sum(axis=0) for values in (inputs.astype(np.float64), targets))
    x, y = (inputs - middle) * root, (targets - height) * root
    dual = len(x) < x.shape[1]
    gram = matmul(x, x.T) if dual else matmul(x.T, x)
    right = y if dual else matmul(x.T, y)
    found = []
    for penalty in penalties:
        solution = solve(gram + penalty * np.eye(len(gram)), right)
        slopes = matmul(x.T, solution) if dual else solution
        found.append((slopes, height - matmul(middle[None], slopes)[0]))
    return found


@njit("b1(f8[:, ::1], f8[:, ::1])", cache=True, nogil=True, error_model="numpy")
def _solve(upper: np.ndarray, right: np.ndarray) -> bool:
    """Row operations on both until ``right`` is the solution; False if a pivot is not positive."""
    size, columns = right.shape
    for row in range(size):
        pivot = upper[row, row]
        if not pivot > 0:
            return False
        for below in range(row + 1, size):
            factor = upper[row, below] / pivot
            for column in range(below, size):
                upper[below, column] -= factor * upper[row, column]
            for column in range(columns):
                right[below, column] -= factor * right[row, column]
    for row in range(size - 1, -1, -1):
        for after in range(row + 1, size):
            factor = upper[row, after]
            for column in range(columns):
                right[row, column] -= factor * right[after, column]
        for column in range(columns):
            right[row, column] /= upper[row, row]
    return True
