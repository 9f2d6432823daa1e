"""What of a family the other families tell: ridge regression on them, its penalty chosen by leaving one out.

Permuting features that correlate with others makes voices that there are not, on which a network says little
about real ones (Hooker, Mentch and Zhou, 2021). Conditional permutation keeps what the rest tells of a family
and permutes what it does not, the residuals (Chamma, Engemann and Thirion, 2023; for groups of features
Chamma, Thirion and Engemann, 2024). All sums have a fixed order, so that the bits are those of any processor.
"""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from stages.core.arithmetic.linear import solve
from stages.core.arithmetic.products import matmul

CLIPS = 1000  # of the training split at most, evenly spaced
COLUMNS = 64  # of a family at most, evenly spaced, that choose the penalty
PENALTIES = (0.01, 0.1, 1.0)  # times the mean square length of a clip's features
_ROWS = 64
_TINY = 1e-12


@dataclass(frozen=True)
class Told:
    """How the other families tell a family's features, or anything that is linear in them.

    Attributes:
        clips: int [m], the training clips that it learnt from.
        weights: float64 [n, m]: features of n test clips as told = weights @ features of the m clips.
        share: part of the variance of the family's features that is told, by leaving one clip out.
    """

    clips: np.ndarray
    weights: np.ndarray
    share: float


@dataclass(frozen=True)
class Kernels:
    """Products of the features of clips, which is all that ridge regression needs, family by family.

    Attributes:
        clips: int [m], the training clips that are learnt from.
        known: float32 [m, d], their scaled features.
        own: family → float64 [m + n, m], products of its features of the m and n test clips with the m clips.
        threads: products that are computed side by side.
    """

    clips: np.ndarray
    known: np.ndarray
    own: Mapping[str, np.ndarray]
    threads: int

    @classmethod
    def of(
        cls, families: Mapping[str, np.ndarray], train: np.ndarray, test: np.ndarray, threads: int
    ) -> "Kernels":
        """Of scaled features float32 [k, d] of training and [n, d] of test clips; family → its columns."""
        clips = np.unique(np.linspace(0, len(train) - 1, min(CLIPS, len(train))).round().astype(np.int64))
        known = train[clips]
        rows = np.concatenate([known, test])
        own = {
            name: _products(rows[:, columns], np.ascontiguousarray(known[:, columns].T), threads)
            for name, columns in families.items()
        }
        return cls(clips, known, own, threads)

    def told_by_the_rest(self, name: str, columns: np.ndarray) -> Told:
        """How the columns of a family are told by all other families."""
        chosen = columns[np.unique(np.linspace(0, len(columns) - 1, COLUMNS).round().astype(np.int64))]
        targets = self.known[:, chosen].astype(np.float64)
        kernel, towards = self._without(name)
        error, inverse = _fitted(kernel, targets)
        share = 1 - error.sum() / max(float((targets**2).sum()), _TINY)
        return Told(self.clips, _products(towards, inverse, self.threads), share)

    def share_without(self, name: str | None, targets: np.ndarray, seen: np.ndarray) -> np.ndarray:
        """Part of the variance of other quantities that the families tell on the test clips, at least 0.

        Args:
            name: the family that is left out; None: none is.
            targets: float64 [m, q], the quantities of the clips that are learnt from.
            seen: float64 [n, q], those of the test clips.

        Returns:
            float64 [q].
        """
        kernel, towards = self._without(name)
        mean = targets.mean(axis=0)
        _, inverse = _fitted(kernel, targets - mean)
        told = mean + matmul(_products(towards, inverse, self.threads), targets - mean)
        spread = ((seen - seen.mean(axis=0)) ** 2).sum(axis=0)
        return np.maximum(1 - ((seen - told) ** 2).sum(axis=0) / np.maximum(spread, _TINY), 0.0)

    def _without(self, name: str | None) -> tuple[np.ndarray, np.ndarray]:
        rest = np.zeros_like(next(iter(self.own.values())))
        for family, products in self.own.items():
            if family != name:
                rest += products
        return rest[: len(self.clips)], rest[len(self.clips) :]


def _fitted(kernel: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Squared errors of targets [m, c] when each clip is left out in turn, summed: [c]; and the inverse used.

    The penalty is the one whose errors are smallest in all.
    """
    scale = max(float(np.trace(kernel)) / len(kernel), _TINY)
    fits = []
    for penalty in PENALTIES:
        inverse = solve(kernel + penalty * scale * np.eye(len(kernel)), np.eye(len(kernel)))
        errors = matmul(inverse, targets) / np.diag(inverse)[:, None]
        fits.append(((errors**2).sum(axis=0), inverse))
    return min(fits, key=lambda fit: float(fit[0].sum()))


def _products(left: np.ndarray, right: np.ndarray, threads: int) -> np.ndarray:
    """Matrix product, blocks of rows side by side; their number changes no bit."""
    with ThreadPoolExecutor(threads) as pool:
        blocks = (left[first : first + _ROWS] for first in range(0, len(left), _ROWS))
        return np.concatenate(list(pool.map(lambda block: matmul(block, right), blocks)))
