"""Features and targets on scales that a network learns well, learnt from the training split alone."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from stages.core.networks.speakers import Speakers, in_speaker_units

_BLOCK = 256
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

    def __call__(self, features: np.ndarray, speakers: Speakers | None = None) -> np.ndarray:
        """float32 [n, d] → float32 [n, d]; a row's result depends on no other row, or on its speaker's alone.

        Args:
            features: float32 [n, d].
            speakers: who is heard in each of the n clips, for ``speaker``; None: in each somebody else.
        """
        scaled = self._scaled(features)
        if self.kind == "speaker":
            names = np.arange(len(scaled)) if speakers is None else speakers
            return in_speaker_units(scaled, names)
        return scaled

    def _scaled(self, features: np.ndarray) -> np.ndarray:
        scaled = np.empty(features.shape, np.float32)
        for first in range(0, features.shape[1], _BLOCK):
            columns = slice(first, first + _BLOCK)
            block = features[:, columns].astype(np.float64)
            scaled[:, columns] = self._scale(block, self.points[:, columns])
        return scaled

    def _scale(self, block: np.ndarray, points: np.ndarray) -> np.ndarray:
        if self.kind == "standard":
            mean, factor, lowest, highest = points
            return (np.clip(block, lowest, highest) - mean) * factor
        levels = normal_quantiles(len(points))
        scaled = np.zeros_like(block)
        for column in np.flatnonzero(points[0] < points[-1]):
            knots, first = np.unique(points[:, column], return_index=True)
            # Tied values take the middle of the quantiles that they span.
            last = np.r_[first[1:], len(points)] - 1
            scaled[:, column] = np.interp(block[:, column], knots, (levels[first] + levels[last]) / 2)
        return scaled


def fit_scaling(kind: Literal["standard", "quantile", "speaker"], features: np.ndarray) -> Scaling:
    """Learn a scaling.

    Args:
        kind: ``standard``, ``quantile`` or ``speaker``.
        features: float32 [n, d] of the training split.
    """
    rows = 4 if kind == "standard" else min(_QUANTILES, len(features))
    points = np.empty((rows, features.shape[1]))
    for first in range(0, features.shape[1], _BLOCK):
        block = features[:, first : first + _BLOCK].astype(np.float64)
        if kind == "standard":
            lowest, highest, deviation = block.min(axis=0), block.max(axis=0), block.std(axis=0)
            factor = np.divide(
                1.0, deviation, out=np.zeros_like(deviation), where=(deviation > 0) & (highest > lowest)
            )
            points[:, first : first + _BLOCK] = block.mean(axis=0), factor, lowest, highest
        else:
            points[:, first : first + _BLOCK] = np.quantile(block, np.linspace(0, 1, rows), axis=0)
    return Scaling(kind, points)


def normal_quantiles(number: int) -> np.ndarray:
    """Quantiles of the standard normal distribution at the middles of ``number`` equal shares."""
    from scipy.special import ndtri

    return ndtri((np.arange(number) + 0.5) / number)
