"""Bags of audio words: how often the frames of each clip fall to each word (Schmitt & Schuller 2017)."""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
from threadpoolctl import threadpool_limits

from stages.core.bags.assignment import Assigned, Assigner, Counts
from stages.core.features.descriptors import Descriptors


def count_clips(descriptors: Descriptors, assigner: Assigner, threads: int) -> Iterator[Counts]:
    """Count the words of all clips, batch by batch; memory does not grow with their number.

    Frames that are not finite are left out.

    Args:
        descriptors: the frames.
        assigner: counts them.
        threads: how many batches are worked on at once.

    Yields:
        Counts of clips that follow one another, each clip once and whole.
    """
    ends, activity = np.cumsum(descriptors.lengths), assigner.codebook.activity

    def count(row: int, frames: np.ndarray) -> tuple[Counts | Assigned, np.ndarray]:
        first, last = np.searchsorted(ends, [row, row + len(frames) - 1], side="right")
        stops = np.minimum(ends[first : last + 1] - row, len(frames))
        finite = np.isfinite(frames).all(axis=1)
        if activity is not None:
            finite &= activity.of(frames)
        lengths = np.diff(np.cumsum(np.r_[0, finite])[np.r_[0, stops]])
        # Sums of weights depend on their order: they are added up below, where the frames before are known.
        work = (
            assigner.assign(frames[finite])
            if assigner.codebook.soft
            else assigner.count(frames[finite], lengths)
        )
        return work, lengths

    def results() -> Iterator[tuple[int, Counts | Assigned, np.ndarray]]:
        waiting: deque[tuple[int, Future[tuple[Counts | Assigned, np.ndarray]]]] = deque()
        row = 0
        for frames in descriptors.batches():
            waiting.append((row + len(frames), pool.submit(count, row, frames)))
            row += len(frames)
            if len(waiting) > threads:
                end, future = waiting.popleft()
                yield end, *future.result()
        for end, future in waiting:
            yield end, *future.result()

    # The products of one batch are too small to share between BLAS threads.
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(threads) as pool:
        rest: Counts | None = None
        for end, work, lengths in results():
            if isinstance(work, Assigned):
                counts = assigner.total(work, lengths, None if rest is None else rest.bags[0])
            else:
                counts = work
                if rest is not None:
                    counts.bags[0] += rest.bags[0]
            if rest is not None:
                counts.frames[0] += rest.frames[0]
            whole = len(counts.frames) - int(ends[np.searchsorted(ends, end)] != end)
            rest = (
                Counts(counts.bags[whole:], counts.frames[whole:], 0.0)
                if whole < len(counts.frames)
                else None
            )
            yield Counts(counts.bags[:whole], counts.frames[:whole], counts.error)
