"""The functions of :mod:`stages.core.arithmetic.elementary` for one number, to be called by compiled code."""

import math
from typing import Any

import numpy as np
from numba import njit

from stages.core.arithmetic.elementary import EXP, EXP_RANGE, INV_LN2, LN2_HIGH, LN2_LOW, LOG, SQRT_HALF

_compiled: Any = njit(nogil=True, error_model="numpy")


@_compiled
def scalar_exp(x: float) -> float:
    """e to the power of a number, which may be infinite or NaN."""
    if np.isnan(x):
        return x
    x = min(max(x, -EXP_RANGE), EXP_RANGE)
    exponent = np.rint(x * INV_LN2)
    high, low = x - exponent * LN2_HIGH, exponent * LN2_LOW
    rest = high - low
    square = rest * rest
    even = rest - square * (
        EXP[0] + square * (EXP[1] + square * (EXP[2] + square * (EXP[3] + square * EXP[4])))
    )
    fraction = 1.0 - ((low - (rest * even) / (2.0 - even)) - high)
    return math.ldexp(fraction, int(exponent))


@_compiled
def scalar_log(x: float) -> float:
    """Natural logarithm of a positive finite number."""
    fraction, exponent = math.frexp(x)
    if fraction < SQRT_HALF:
        fraction, exponent = 2.0 * fraction, exponent - 1
    f = fraction - 1.0
    s = f / (2.0 + f)
    z = s * s
    series = z * (LOG[4] + z * (LOG[5] + z * LOG[6]))
    series = z * (LOG[0] + z * (LOG[1] + z * (LOG[2] + z * (LOG[3] + series))))
    half = 0.5 * f * f
    return exponent * LN2_HIGH - ((half - (s * (half + series) + exponent * LN2_LOW)) - f)
