"""Features and targets on scales that a network learns well, learnt from the training split alone."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from stages.core.arithmetic.elementary import log
from stages.core.networks.speakers import Speakers, in_speaker_units

_BLOCK, _FEWEST = 256, 16  # columns worked on at a time: fewer where there are many rows
_VALUES = 1 << 23
_ROWS = 64  # standardized at a time, so that they stay within the processor's cache
_QUANTILES = 101


@dataclass(frozen=True)
class Scaling:
    """How features become a network's inputs.

    ``standard``: zero mean and unit variance of the training split, no value outside the range that the
    training split spans there, so that an absurd value (ComParE reaches 10¹³) stays harmless. ``quantile``:
    normal quantiles of the training split, by linear interpolation. ``speaker``: the same, then in the units
    of each speaker (:mod:`stages.core.networks.speakers`). A constant column becomes 0.

    Attributes:
        kind: ``standard``, ``quantile`` or ``speaker``.
        points: float64 [4, d]: mean, 1 / sd (0 for a constant column), lowest, highest; or [quantiles, d].
    """

    kind: Literal["standard", "quantile", "speaker"]
    points: np.ndarray

    def __call__(
        self, features: np.ndarray, speakers: Speakers | None = None, out: np.ndarray | None = None
    ) -> np.ndarray:
        """float32 [n, d] → float32 [n, d]; a row's result depends on no other row, or on its speaker's alone.

        Args:
            features: float32 [n, d].
            speakers: who is heard in each of the n clips, for ``speaker``; None: in each somebody else.
            out: what takes the result, float32 [n, d]; it may be ``features``. None: a new array.
        """
        scaled = np.empty(features.shape, np.float32) if out is None else out
        if self.kind == "standard":
            return self._standardize(features, scaled)
        for columns in column_blocks(*features.shape):
            block = features[:, columns].astype(np.float64)
            scaled[:, columns] = _normal_scores(block, self.points[:, columns])
        if self.kind == "speaker":
            names = np.arange(len(scaled)) if speakers is None else speakers
            return in_speaker_units(scaled, names, scaled)
        return scaled

    def _standardize(self, features: np.ndarray, out: np.ndarray) -> np.ndarray:
        mean, factor, lowest, highest = self.points
        for first in range(0, len(features), _ROWS):
            rows = slice(first, first + _ROWS)
            block = features[rows].astype(np.float64)
            np.clip(block, lowest, highest, out=block)
            block -= mean
            block *= factor
            out[rows] = block
        return out


def _normal_scores(block: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Normal quantiles of some columns, float64 [n, columns], by the quantiles of the training split."""
    levels = normal_quantiles(len(points))
    scaled = np.zeros_like(block)
    for column in np.flatnonzero(points[0] < points[-1]):
        knots, first = np.unique(points[:, column], return_index=True)
        # Tied values take the middle of the quantiles that they span.
        last = np.r_[first[1:], len(points)] - 1
        scaled[:, column] = np.interp(block[:, column], knots, (levels[first] + levels[last]) / 2)
    return scaled


def column_blocks(rows: int, columns: int) -> Iterator[slice]:
    """Columns that are worked on together, so that their float64 copy takes some 64 MB at most.

    >>> list(column_blocks(10, 300))
    [slice(0, 256, None), slice(256, 512, None)]
    """
    width = max(_FEWEST, min(_BLOCK, _VALUES // max(1, rows)))
    for first in range(0, columns, width):
        yield slice(first, first + width)


def fit_scaling(kind: Literal["standard", "quantile", "speaker"], features: np.ndarray) -> Scaling:
    """Learn a scaling.

    Args:
        kind: ``standard``, ``quantile`` or ``speaker``.
        features: float32 [n, d] of the training split.
    """
    rows = 4 if kind == "standard" else min(_QUANTILES, len(features))
    points = np.empty((rows, features.shape[1]))
    for columns in column_blocks(*features.shape):
        block = features[:, columns].astype(np.float64)
        if kind == "standard":
            lowest, highest, deviation = block.min(axis=0), block.max(axis=0), block.std(axis=0)
            factor = np.divide(1.0, deviation, out=np.zeros_like(deviation), where=highest > lowest)
            points[:, columns] = block.mean(axis=0), factor, lowest, highest
        else:
            points[:, columns] = np.quantile(block, np.linspace(0, 1, rows), axis=0)
    return Scaling(kind, points)


def normal_quantiles(number: int) -> np.ndarray:
    """Quantiles of the standard normal distribution at the middles of ``number`` equal shares, below 10¹⁰.

    Wichura's algorithm AS 241 (1988), exact to about 16 digits; the same bits on every processor.

    >>> normal_quantiles(3)
    array([-0.96742157,  0.        ,  0.96742157])
    """
    shares = (np.arange(number) + 0.5) / number
    middle = shares - 0.5
    inner = 0.180625 - middle * middle
    outer = np.sqrt(-log(np.minimum(shares, 1 - shares))) - 1.6
    tails = _ratio(outer, _TAIL) * np.where(middle < 0, -1.0, 1.0)
    return np.where(np.abs(middle) <= 0.425, middle * _ratio(inner, _MIDDLE), tails)


def _ratio(values: np.ndarray, coefficients: tuple[tuple[float, ...], ...]) -> np.ndarray:
    """Quotient of two polynomials, the constant terms first."""
    above, below = (np.zeros_like(values) for _ in coefficients)
    for numerator, denominator in zip(*(reversed(part) for part in coefficients), strict=True):
        above, below = above * values + numerator, below * values + denominator
    return above / below


_MIDDLE = (
    (
        3.3871328727963666080e0,
        1.3314166789178437745e2,
        1.9715909503065514427e3,
        1.3731693765509461125e4,
        4.5921953931549871457e4,
        6.7265770927008700853e4,
        3.3430575583588128105e4,
        2.5090809287301226727e3,
    ),
    (
        1.0,
        4.2313330701600911252e1,
        6.8718700749205790830e2,
        5.3941960214247511077e3,
        2.1213794301586595867e4,
        3.9307895800092710610e4,
        2.8729085735721942674e4,
        5.2264952788528545610e3,
    ),
)
_TAIL = (
    (
        1.42343711074968357734e0,
        4.63033784615654529590e0,
        5.76949722146069140550e0,
        3.64784832476320460504e0,
        1.27045825245236838258e0,
        2.41780725177450611770e-1,
        2.27238449892691845833e-2,
        7.74545014278341407640e-4,
    ),
    (
        1.0,
        2.05319162663775882187e0,
        1.67638483018380384940e0,
        6.89767334985100004550e-1,
        1.48103976427480074590e-1,
        1.51986665636164571966e-2,
        5.47593808499534494600e-4,
        1.05075007164441684324e-9,
    ),
)
