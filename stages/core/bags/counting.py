"""Bags of audio words: how often the frames of each clip fall to each word (Schmitt & Schuller 2017)."""

from collections import deque
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from stages.core.bags.assignment import Assigned, Assigner, Counts
from stages.core.features.descriptors import Descriptors
from stages.core.runtime.compute import ComputeOptions
from stages.core.runtime.parallel import in_order, parallel_map, uncrashed


def count_clips(descriptors: Descriptors, assigner: Assigner, compute: ComputeOptions) -> Iterator[Counts]:
    """Count the words of all clips, batch by batch; memory does not grow with their number.

    Frames that are not finite are left out.

    Args:
        descriptors: the frames.
        assigner: counts them.
        compute: where the work runs; an assigner with a GPU stays on this machine.

    Yields:
        Counts of clips that follow one another, each clip once and whole.
    """
    ends = np.cumsum(descriptors.lengths)
    compute = replace(compute, scheduler=None) if assigner.on_gpu else compute

    def batches() -> Iterator[tuple[int, Batch]]:
        row = 0
        for number, frames in enumerate(descriptors.batches()):
            first, last = np.searchsorted(ends, [row, row + len(frames) - 1], side="right")
            row += len(frames)
            stops.append(row)
            yield number, (frames, np.minimum(ends[first : last + 1] - row + len(frames), len(frames)))

    stops: deque[int] = deque()
    counted = parallel_map(count_batch, batches(), compute, here="threads", shared=assigner)
    rest: Counts | None = None
    for work, lengths in in_order(uncrashed(counted, "batch of frames")):
        end = stops.popleft()
        if isinstance(work, Assigned):
            counts = assigner.total(work, lengths, None if rest is None else rest.bags[0])
        else:
            counts = work
            if rest is not None:
                counts.bags[0] += rest.bags[0]
        if rest is not None:
            counts.frames[0] += rest.frames[0]
        whole = len(counts.frames) - int(ends[np.searchsorted(ends, end)] != end)
        rest = Counts(counts.bags[whole:], counts.frames[whole:], 0.0) if whole < len(counts.frames) else None
        yield Counts(counts.bags[:whole], counts.frames[:whole], counts.error)


Batch = tuple[np.ndarray, np.ndarray]
"""Frames, float32 [n, columns], and int64 [clips], where each of their clips ends among them."""


def count_batch(assigner: Assigner, batch: Batch) -> tuple[Counts | Assigned, np.ndarray]:
    """What the finite frames of a batch count, and int64 [clips], how many each clip has of them."""
    frames, stops = batch
    finite = np.isfinite(frames).all(axis=1)
    if assigner.codebook.activity is not None:
        finite &= assigner.codebook.activity.of(frames)
    lengths = np.diff(np.cumsum(np.r_[0, finite])[np.r_[0, stops]])
    # Sums of weights depend on their order: they are added up where the frames before are known.
    if assigner.codebook.soft:
        return assigner.assign(frames[finite]), lengths
    return assigner.count(frames[finite], lengths), lengths
