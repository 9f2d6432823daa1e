"""Bags of clips and of segments, from blocks of frames that are assigned one by one and added in order."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from stages.core.bags.assignment import Assigned, Assigner, Counts, tally
from stages.core.bags.codebook import Activity, Scaling
from stages.core.bags.weighting import EMPTY
from stages.core.openxbow.labels import Key
from stages.core.openxbow.learning import scale
from stages.core.openxbow.table import Block

# Seconds by which the last segment may be past the last frame.
SLACK = 1e-4


@dataclass(frozen=True)
class Work:
    """What is known of a block once its frames are assigned.

    Attributes:
        block: its names and labels.
        lengths: int64 [names], how many frames of each name count.
        counts: bags of the names of this block; None where ``assigned`` holds more.
        assigned: the words of each frame; weights of frames that do not count are cleared.
        active: bool [n], whether each frame counts; None: all do.
        times: float32 [n]; None: not asked for.
    """

    block: Block
    lengths: np.ndarray
    counts: Counts | None
    assigned: Assigned | None
    active: np.ndarray | None
    times: np.ndarray | None


class Counter:
    """Assigns the frames of a block; safe to share among threads.

    Args:
        assigner: finds the words.
        scaling: what is done with the numbers first, in place; None: nothing.
        activity: which frames count.
        time: the column of times among the numbers.
        detailed: whether the words of each frame are wanted.
    """

    def __init__(
        self,
        assigner: Assigner,
        scaling: Scaling | None,
        activity: Activity | None,
        time: int | None,
        detailed: bool,
    ) -> None:
        self.assigner, self._scaling, self._activity = assigner, scaling, activity
        self._time, self._detailed = time, detailed or assigner.codebook.soft

    def work(self, block: Block) -> Work:
        """Assign the frames of a block."""
        numbers = block.numbers
        active = None if self._activity is None else self._activity.of(numbers)
        times = None if self._time is None else numbers[:, self._time].copy()
        if self._scaling is not None:
            scale(numbers, self.assigner.groups, self._scaling)
        owner = np.repeat(np.arange(len(block.names)), np.diff([*block.starts, len(numbers)]))
        lengths = np.bincount(owner if active is None else owner[active], minlength=len(block.names))
        bare = Block(block.names, block.starts, block.labels, numbers[:0])
        if self._detailed:
            return Work(bare, lengths, None, self.assigner.assign(numbers), active, times)
        counts = self.assigner.count(numbers if active is None else numbers[active], lengths)
        return Work(bare, lengths, counts, None, active, times)


class Clips:
    """Bags of clips; the frames of a clip may stand apart."""

    def __init__(self, assigner: Assigner) -> None:
        self._assigner = assigner
        self._places: dict[str, int] = {}
        self._bags = np.zeros((16, assigner.codebook.bins), np.float32)
        self._frames = np.zeros(16, np.int64)

    def add(self, work: Work) -> None:
        """Add the frames of a block."""
        rows = np.array([self._place(name) for name in work.block.names], np.int64)
        np.add.at(self._frames, rows, work.lengths)
        if work.counts is not None:
            for row, bag in zip(rows, work.counts.bags, strict=True):
                self._bags[row] += bag
        if work.assigned is not None:
            count = len(work.assigned.words)
            owner = np.repeat(rows, np.diff([*work.block.starts, count]))
            chosen = slice(None) if work.active is None else work.active
            bins = work.assigned.words[chosen] + self._assigner.first
            tally(self._bags, owner[chosen], bins, work.assigned.weights[chosen])

    def _place(self, name: str) -> int:
        place = self._places.setdefault(name, len(self._places))
        if place == len(self._bags):
            self._bags = np.concatenate([self._bags, np.zeros_like(self._bags)])
            self._frames = np.concatenate([self._frames, np.zeros_like(self._frames)])
        return place

    def result(self) -> tuple[list[Key], Counts]:
        """What the bags stand for, in the order of their first frames, and the bags."""
        count = len(self._places)
        return [(name, None) for name in self._places], _filled(self._bags[:count], self._frames[:count])


class Segments:
    """Bags of segments around 0, hop, 2 hop, … seconds, up to the last frame of each run of frames of a clip.

    A frame is in a segment if its time is within time − width / 2 and time + width / 2, all in float32.
    """

    def __init__(self, assigner: Assigner, width: float, hop: float) -> None:
        self._assigner, self._half, self._hop = assigner, np.float32(width) / np.float32(2), np.float32(hop)
        self._name: str | None = None
        self._parts: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
        self._keys: list[Key] = []
        self._bags: list[np.ndarray] = []
        self._frames: list[np.ndarray] = []

    def add(self, work: Work) -> None:
        """Add the frames of a block."""
        if work.assigned is None or work.times is None:
            raise ValueError("segments need the words and the time of each frame")
        stops = [*work.block.starts[1:], len(work.times)]
        for name, start, stop in zip(work.block.names, work.block.starts, stops, strict=True):
            if name != self._name:
                self._close()
                self._name = name
            active = np.ones(stop - start, bool) if work.active is None else work.active[start:stop]
            self._parts.append(
                (
                    work.times[start:stop],
                    np.where(active[:, None], work.assigned.words[start:stop] + self._assigner.first, -1),
                    work.assigned.weights[start:stop],
                )
            )

    def _close(self) -> None:
        """Cut the frames that have gathered into segments."""
        if not self._parts:
            return
        times, bins, weights = (np.concatenate(part) for part in zip(*self._parts, strict=True))
        self._parts = []
        last = float(times.max()) + SLACK
        centers = np.arange(max(0, int(last / float(self._hop))) + 2).astype(np.float32) * self._hop
        centers = centers[: max(1, np.searchsorted(centers, last, side="right"))]
        ordered = bool((times[1:] >= times[:-1]).all())
        bags = np.zeros((len(centers), self._assigner.codebook.bins), np.float32)
        frames = np.zeros(len(centers), np.int64)
        for place, center in enumerate(centers):
            low, high = center - self._half, center + self._half
            if ordered:
                first, last = np.searchsorted(times, low), np.searchsorted(times, high, side="right")
                inside = np.arange(first, last)
            else:
                inside = np.flatnonzero((times >= low) & (times <= high))
            inside = inside[bins[inside, 0] >= 0]
            tally(bags[place : place + 1], np.zeros(len(inside), np.int64), bins[inside], weights[inside])
            frames[place] = len(inside)
        self._keys += [(str(self._name), float(center)) for center in centers]
        self._bags.append(bags)
        self._frames.append(frames)

    def result(self) -> tuple[list[Key], Counts]:
        """What the bags stand for, in the order of the frames, and the bags."""
        self._close()
        return self._keys, _filled(np.concatenate(self._bags), np.concatenate(self._frames))


def _filled(bags: np.ndarray, frames: np.ndarray) -> Counts:
    bags[frames == 0] = EMPTY
    return Counts(bags, frames, 0.0)


def owners(blocks: Sequence[Block]) -> list[str]:
    """The name of each frame."""
    found: list[str] = []
    for block in blocks:
        for name, length in zip(block.names, np.diff([*block.starts, len(block.numbers)]), strict=True):
            found += [name] * int(length)
    return found
