"""Exponentials and logarithms that have the same bits on every processor.

NumPy's own, and those of the C library, are written once per instruction set and differ in the last bit from
one processor to the next; so do the sums of BLAS, of ``einsum`` and of ``@``. Additions, multiplications,
divisions and square roots of arrays are exact to the last bit everywhere (IEEE 754), and so are ``sum``,
``mean`` and ``cumsum``, whose order is fixed. These functions are made of such operations alone;
:mod:`stages.core.arithmetic.products` has the product of matrices.

The formulas are those of fdlibm (Sun Microsystems, 1993), exact to less than one unit in the last place.
"""

from typing import Final

import numpy as np

LN2_HIGH: Final = 6.93147180369123816490e-01
LN2_LOW: Final = 1.90821492927058770002e-10
INV_LN2: Final = 1.44269504088896338700
# (x / 2) coth(x / 2) − 1 as a polynomial in x²
EXP: Final = (
    1.66666666666666019037e-01,
    -2.77777777770155933842e-03,
    6.61375632143793436117e-05,
    -1.65339022054652515390e-06,
    4.13813679705723846039e-08,
)
# (log((1 + s) / (1 − s)) − 2 s) / s as a polynomial in s²
LOG: Final = (
    6.666666666666735130e-01,
    3.999999999940941908e-01,
    2.857142874366239149e-01,
    2.222219843214978396e-01,
    1.818357216161805012e-01,
    1.531383769920937332e-01,
    1.479819860511658591e-01,
)
SQRT_HALF: Final = 0.70710678118654752440
EXP_RANGE: Final = 800.0  # beyond it e^x is 0 or infinite


def exp(values: np.ndarray) -> np.ndarray:
    """e to the power of each value, float64 of any shape; 0 and infinity where it leaves the range.

    >>> exp(np.array([0.0, 1.0, -1000.0]))
    array([1.        , 2.71828183, 0.        ])
    """
    x = np.clip(np.asarray(values, np.float64), -EXP_RANGE, EXP_RANGE)
    exponent = np.rint(x * INV_LN2)
    high, low = x - exponent * LN2_HIGH, exponent * LN2_LOW
    rest = high - low
    square = rest * rest
    a, b, c, d, e = EXP
    even = rest - square * (a + square * (b + square * (c + square * (d + square * e))))
    fraction = 1.0 - ((low - (rest * even) / (2.0 - even)) - high)
    with np.errstate(over="ignore", under="ignore"):
        return np.ldexp(fraction, np.nan_to_num(exponent).astype(np.int32))


def log(values: np.ndarray) -> np.ndarray:
    """Natural logarithm of each value, float64 of any shape; −infinity of 0, NaN of a negative number.

    >>> log(np.array([1.0, np.e, 0.0]))
    array([  0.,   1., -inf])
    """
    x = np.asarray(values, np.float64)
    positive = (x > 0) & np.isfinite(x)
    fraction, exponent = np.frexp(np.where(positive, x, 1.0))
    small = fraction < SQRT_HALF
    f = np.where(small, 2.0 * fraction, fraction) - 1.0
    k = (exponent - small).astype(np.float64)
    s = f / (2.0 + f)
    z = s * s
    a, b, c, d, e, g, h = LOG
    series = z * (a + z * (b + z * (c + z * (d + z * (e + z * (g + z * h))))))
    half = 0.5 * f * f
    result = k * LN2_HIGH - ((half - (s * (half + series) + k * LN2_LOW)) - f)
    special = np.where(x == 0, -np.inf, np.where(x > 0, x, np.nan))
    return np.where(positive, result, special)
