"""Codebooks of audio words: what they hold, and the statistics that scale their columns.

A codebook says everything that turns frames into bags except the normalization: which frames count, how
the input is scaled, the words, how frames count them in each group, whether the logarithm and the inverse
document frequency follow, and how the bags are scaled. :mod:`stages.core.bags.codebook_file` reads and
writes it as openXBOW 1.3.1 does.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

ScalingMethod = Literal["standardize", "normalize"]

ROWS = 65_536
# What a scaling says about a column that is no number, as a name.
PLACEHOLDERS = {"standardize": (0.0, 1.0), "normalize": (math.inf, 1.0)}


@dataclass(frozen=True)
class Scaling:
    """A linear map of columns or bins: (value − offset) / divisor.

    Attributes:
        method: ``standardize``: mean and standard deviation; ``normalize``: minimum and range.
        offset: float32 [columns].
        divisor: float32 [columns], without zeros.
    """

    method: ScalingMethod
    offset: np.ndarray
    divisor: np.ndarray

    def apply(self, values: np.ndarray, columns: np.ndarray | slice = slice(None)) -> None:
        """Scale float32 [n, columns] in place."""
        values -= self.offset[columns]
        values /= self.divisor[columns]

    def pick(self, columns: Sequence[int] | np.ndarray) -> "Scaling":
        """The scaling of some of the columns."""
        return Scaling(self.method, self.offset[columns], self.divisor[columns])

    def spread(self, columns: Sequence[int] | np.ndarray, width: int) -> "Scaling":
        """The scaling of a table of ``width`` columns, of which ``columns`` are these."""
        offset, divisor = (np.full(width, value, np.float32) for value in PLACEHOLDERS[self.method])
        offset[columns], divisor[columns] = self.offset, self.divisor
        return Scaling(self.method, offset, divisor)


@dataclass(frozen=True)
class Counting:
    """How frames count the words of a group.

    Attributes:
        assignments: how many nearest words a frame counts.
        gaussian: a word counts exp(−d² / (2 · gaussian²)), d being its distance; 0: it counts 1.
        off: words farther than this do not count; 0: all do.
    """

    assignments: int = 1
    gaussian: float = 0.0
    off: float = 0.0


@dataclass(frozen=True)
class Activity:
    """Which frames count at all: those whose value in a column, as extracted, is not below a threshold."""

    column: int
    threshold: float

    def of(self, frames: np.ndarray) -> np.ndarray:
        """Whether each frame counts: bool [n]."""
        return frames[:, self.column] >= np.float32(self.threshold)


@dataclass(frozen=True)
class Codebook:
    """One or several groups of audio words, and how frames are counted.

    Attributes:
        words: for each group of columns float32 [words, columns of the group], scaled as ``input`` says.
        counting: how frames count the words of each group.
        log: whether counts become log10(count + 1).
        input: of the descriptors; None: they are taken as they are.
        idf: factor of each bin, float32 [bins]; None: no weighting.
        output: of the bins; None: they are left as they are.
        activity: which frames count; None: all of them.
    """

    words: tuple[np.ndarray, ...]
    counting: tuple[Counting, ...]
    log: bool = False
    input: Scaling | None = None
    idf: np.ndarray | None = None
    output: Scaling | None = None
    activity: Activity | None = None

    @property
    def bins(self) -> int:
        """Length of a bag: the words of all groups."""
        return sum(len(group) for group in self.words)

    @property
    def description(self) -> str:
        """What follows the words, in a few words."""
        parts = [
            f"{'/'.join(dict.fromkeys(str(counting.assignments) for counting in self.counting))} assignments"
        ]
        parts += ["Gaussian weights"] if any(counting.gaussian for counting in self.counting) else []
        parts += ["a largest distance"] if any(counting.off for counting in self.counting) else []
        parts += ["log"] if self.log else []
        parts += ["idf"] if self.idf is not None else []
        parts += [f"{self.output.method}d output"] if self.output is not None else []
        parts += ["frames of low activity left out"] if self.activity is not None else []
        return ", ".join(parts)

    @property
    def soft(self) -> bool:
        """Whether the distance of a word decides what it counts."""
        return any(counting.gaussian or counting.off for counting in self.counting)

    def scaled(self, frames: np.ndarray, group: np.ndarray) -> np.ndarray:
        """Columns of a group in the codebook's units: float32 [n, columns] → [n, columns of group]."""
        part = frames[:, group]
        if self.input is not None:
            self.input.apply(part, group)
        return part


def standardization(frames: np.ndarray, repeats: int = 1) -> Scaling:
    """Mean and sample standard deviation of each column, a deviation of 0 replaced by 1.

    The sums run in float32, frame after frame, as openXBOW's do: its words and bags depend on the last bit.

    Args:
        frames: float32 [n, d].
        repeats: how often the number of frames is counted; openXBOW 1.3.1 counts it once for each group,
            so that its mean of two groups is half the true one.
    """
    count = np.float32(repeats * len(frames))
    mean = _running_sum(frames, np.zeros(frames.shape[1], np.float32), square=False) / count
    squares = _running_sum(frames, mean, square=True)
    deviation = np.sqrt(squares / max(count - np.float32(1), np.float32(1)))
    deviation[deviation == 0] = 1
    return Scaling("standardize", mean, deviation)


def normalization(values: np.ndarray) -> Scaling:
    """Minimum and range of each column, a range of 0 replaced by 1: float32 [n, d] → scaling to 0 … 1."""
    low, high = values.min(axis=0), values.max(axis=0)
    divisor = high - low
    divisor[divisor == 0] = 1
    return Scaling("normalize", low, divisor)


def _running_sum(frames: np.ndarray, origin: np.ndarray, square: bool) -> np.ndarray:
    """Sum of (frame − origin), or of its square, in float32 and frame order, block by block."""
    total = np.zeros(frames.shape[1], np.float32)
    for start in range(0, len(frames), ROWS):
        block = np.ascontiguousarray(frames[start : start + ROWS]) - origin
        if square:
            block *= block
        block[0] += total
        # NumPy adds the rows of a C-contiguous array one after the other, unless they are one column.
        total[:] = np.add.reduce(block, axis=0) if block.shape[1] > 1 else np.add.accumulate(block)[-1]
    return total
