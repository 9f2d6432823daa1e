"""The assignment of frames to audio words: openXBOW's, at the speed of a matrix product.

Each frame counts its ``a`` nearest words once. Nearest is by squared Euclidean distance in float32,
summed in column order, ties to the lower index: openXBOW's rule, kept to the bit. Computing all distances
in that order takes several times as long as a matrix product, so a matrix product comes first:

    |x − w|² = |x|² − 2 (x · w − |w|² / 2)

The a nearest words are those with the a largest brackets (their closeness), unless the a-th and the next
lie closer together than the rounding errors of both ways; only then, and for those few words, are the
exact sums computed. The same holds for frames so long that the product may overflow.

Where the order of the words or their distances matter (Gaussian weights, words that are off, lists of
words), the exact sums of all words that may be among the nearest are computed.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from stages.core.bags.codebook import Codebook
from stages.core.bags.kernels import LARGEST, count_words, rank_words, tally

# Frames per matrix product: their closeness to all words should stay in the processor's cache.
BLOCK = 256
FirstCounter = Callable[
    [np.ndarray, np.ndarray, np.ndarray, int, np.ndarray, float], tuple[float, np.ndarray]
]


@dataclass(frozen=True)
class Counts:
    """What a batch of frames adds up to.

    Attributes:
        bags: [clips, bins], how often each word was counted (int32), or the sum of its weights (float32).
        frames: int64 [clips], the frames of each clip.
        error: sum over frames and groups of the squared distance to the nearest word.
    """

    bags: np.ndarray
    frames: np.ndarray
    error: float


@dataclass(frozen=True)
class Assigned:
    """The words that each of n frames counts, group by group, nearest first.

    Attributes:
        words: int32 [n, assignments of all groups], indices within each group.
        weights: float32, like ``words``: what each counts.
        error: sum over frames and groups of the squared distance to the nearest word.
    """

    words: np.ndarray
    weights: np.ndarray
    error: float


def as_slice(columns: np.ndarray) -> np.ndarray | slice:
    """Columns that follow one another as a slice, which is copied faster."""
    first = int(columns[0])
    return slice(first, first + len(columns)) if (np.diff(columns) == 1).all() else columns


class Assigner:
    """Counts audio words; holds what a codebook's words need for it, and is safe to share among threads.

    Args:
        codebook: the words, how many a frame counts, the statistics that standardize frames.
        groups: the columns of each group of words.
        gpu: counts the frames that are beyond doubt and returns their error and which frames are left (see
            :class:`stages.core.bags.gpu.GpuCounter`); None: the processor counts all. The counts are equal.
    """

    def __init__(
        self, codebook: Codebook, groups: Sequence[np.ndarray], gpu: FirstCounter | None = None
    ) -> None:
        self.codebook = codebook
        self.groups = groups
        self._gpu = gpu
        # Where the words of each group begin in the bag, one entry for each assignment.
        first = np.cumsum([0, *map(len, codebook.words)])[:-1]
        self.first = np.repeat(first, [counting.assignments for counting in codebook.counting])
        # One more column, against a column of ones in the frames, makes the product the closeness.
        halves = [-(words.astype(np.float64) ** 2).sum(axis=1) / 2 for words in codebook.words]
        with np.errstate(over="ignore"):
            self._columns = [
                np.column_stack(pair).astype(np.float32).T.copy()
                for pair in zip(codebook.words, halves, strict=True)
            ]
        # Where the product with the words may overflow whatever the frame is, none is short enough.
        self._largest = [LARGEST if (half >= -LARGEST / 2).all() else -1.0 for half in halves]

    @property
    def on_gpu(self) -> bool:
        """Whether a GPU of this machine counts."""
        return self._gpu is not None

    def count(self, frames: np.ndarray, lengths: np.ndarray) -> Counts:
        """Count the words of consecutive clips.

        Args:
            frames: float32 [n, columns], finite, as extracted (not standardized).
            lengths: int64 [clips], how many of the n frames each clip has; they sum to n.
        """
        if self.codebook.soft:
            return self.total(self.assign(frames), lengths)
        bags = np.zeros((len(lengths), self.codebook.bins), np.int32)
        owner = np.repeat(np.arange(len(lengths)), lengths)
        error, first = 0.0, 0
        for index, group in enumerate(self.groups):
            part, wanted = self._part(frames, group), self.codebook.counting[index].assignments
            own = bags[:, first : first + len(self.codebook.words[index])]
            if self._gpu is None:
                error += self._count_exactly(index, part, owner, own)
            else:
                settled, left = self._gpu(
                    part, self._columns[index], owner, wanted, own, self._largest[index]
                )
                error += settled + self._count_exactly(index, part[left], owner[left], own)
            first += own.shape[1]
        return Counts(bags, np.asarray(lengths, np.int64), error)

    def assign(self, frames: np.ndarray) -> Assigned:
        """Find the words that each frame counts, and how much, on the processor.

        Args:
            frames: float32 [n, columns], finite, as extracted (not standardized).
        """
        width = len(self.first)
        words = np.empty((len(frames), width), np.int32)
        weights = np.empty((len(frames), width), np.float32)
        error, first = 0.0, 0
        for place, (group, counting) in enumerate(zip(self.groups, self.codebook.counting, strict=True)):
            part = self._part(frames, group)
            columns = slice(first, first + counting.assignments)
            for start, closeness in self._products(place, part):
                rows = slice(start, start + len(closeness))
                error += rank_words(
                    part[rows],
                    self.codebook.words[place],
                    closeness,
                    closeness.max(axis=1),
                    np.float32(counting.gaussian),
                    np.float32(counting.off),
                    words[rows, columns],
                    weights[rows, columns],
                    self._largest[place],
                )
            first += counting.assignments
        return Assigned(words, weights, error)

    def total(self, assigned: Assigned, lengths: np.ndarray, before: np.ndarray | None = None) -> Counts:
        """Add up what the frames of consecutive clips count.

        Args:
            assigned: what each frame counts.
            lengths: int64 [clips], how many of the frames each clip has.
            before: float32 [bins], the sums of the first clip's earlier frames; None: it has none.
        """
        bags = np.zeros((len(lengths), self.codebook.bins), np.float32)
        if before is not None:
            bags[0] = before
        owner = np.repeat(np.arange(len(lengths)), lengths)
        tally(bags, owner, assigned.words + self.first, assigned.weights)
        return Counts(bags, np.asarray(lengths, np.int64), assigned.error)

    def _part(self, frames: np.ndarray, group: np.ndarray) -> np.ndarray:
        """Scaled columns of a group and a column of ones: float32 [n, columns of group + 1]."""
        part = np.ones((len(frames), len(group) + 1), np.float32)
        part[:, :-1] = frames[:, as_slice(group)]
        if self.codebook.input is not None:
            self.codebook.input.apply(part[:, :-1], group)
        return part

    def _products(self, place: int, frames: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
        """Block after block: its first frame, and float32 [frames, words], good until the next block."""
        products = np.empty((BLOCK, len(self.codebook.words[place])), np.float32)
        for start in range(0, len(frames), BLOCK):
            block = frames[start : start + BLOCK]
            with np.errstate(over="ignore", invalid="ignore"):
                np.matmul(block, self._columns[place], out=products[: len(block)])
            yield start, products[: len(block)]

    def _count_exactly(self, index: int, frames: np.ndarray, owner: np.ndarray, bags: np.ndarray) -> float:
        words, wanted = self.codebook.words[index], self.codebook.counting[index].assignments
        error = 0.0
        for start, closeness in self._products(index, frames):
            block = frames[start : start + BLOCK]
            highest = closeness.max(axis=1)
            error += count_words(
                block, words, closeness, highest, owner[start:], wanted, bags, self._largest[index]
            )
        return error
