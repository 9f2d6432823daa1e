"""Bags of audio words: how often the frames of each clip fall to each word (Schmitt & Schuller 2017)."""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Literal

import numpy as np
from threadpoolctl import threadpool_limits

from stages.core.bags.assignment import Assigner, Counts
from stages.core.bags.codebook import Codebook
from stages.core.features.descriptors import Descriptors

Normalization = Literal["none", "frames", "sum", "norm"]


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
    ends = np.cumsum(descriptors.lengths)

    def count(row: int, frames: np.ndarray) -> Counts:
        first, last = np.searchsorted(ends, [row, row + len(frames) - 1], side="right")
        stops = np.minimum(ends[first : last + 1] - row, len(frames))
        finite = np.isfinite(frames).all(axis=1)
        lengths = np.diff(np.cumsum(np.r_[0, finite])[np.r_[0, stops]])
        return assigner.count(frames[finite], lengths)

    def results() -> Iterator[tuple[int, Counts]]:
        waiting: deque[tuple[int, Future[Counts]]] = deque()
        row = 0
        for frames in descriptors.batches():
            waiting.append((row + len(frames), pool.submit(count, row, frames)))
            row += len(frames)
            if len(waiting) > threads:
                end, future = waiting.popleft()
                yield end, future.result()
        for end, future in waiting:
            yield end, future.result()

    # The products of one batch are too small to share between BLAS threads.
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(threads) as pool:
        rest: Counts | None = None
        for end, counts in results():
            if rest is not None:
                counts.bags[0] += rest.bags[0]
                counts.frames[0] += rest.frames[0]
            whole = len(counts.frames) - int(ends[np.searchsorted(ends, end)] != end)
            rest = (
                Counts(counts.bags[whole:], counts.frames[whole:], 0.0)
                if whole < len(counts.frames)
                else None
            )
            yield Counts(counts.bags[:whole], counts.frames[:whole], counts.error)


def finish(counts: Counts, codebook: Codebook, normalization: Normalization) -> np.ndarray:
    """Turn counts into bags, as openXBOW does: logarithm, inverse document frequency, normalization.

    The logarithm is computed in float64 and stored as float32. Normalization scales by bins / f, with
    f the number of frames, the sum of the bag or its Euclidean norm (``-norm`` 1, 2 and 3).

    Returns:
        float32 [clips, bins]; a clip without frames has a bag of zeros.
    """
    bags = counts.bags.astype(np.float32)
    if codebook.log:
        bags = np.log10(counts.bags + 1.0).astype(np.float32)
    if codebook.idf is not None:
        bags *= codebook.idf
    if normalization == "none":
        return bags
    divisor = counts.frames.astype(np.float32) if normalization == "frames" else _length(bags, normalization)
    scaled = bags * np.float32(codebook.bins)
    return np.divide(scaled, divisor[:, None], out=np.zeros_like(bags), where=divisor[:, None] > 0)


def _length(bags: np.ndarray, normalization: Normalization) -> np.ndarray:
    """Sum or Euclidean norm of each bag, rounded to float32 after each bin: float32 [clips]."""
    total = np.zeros(len(bags), np.float32)
    power = 1 if normalization == "sum" else 2
    for bin_ in bags.T.astype(np.float64):
        total = (total + bin_**power).astype(np.float32)
    return total if power == 1 else np.sqrt(total)


def idf(document_counts: np.ndarray, documents: int) -> np.ndarray:
    """Factor of each word: log10(clips / clips that have it), 1 where no clip has it; float32 [bins]."""
    factors = np.ones(len(document_counts), np.float32)
    used = document_counts > 0
    factors[used] = np.log10(
        (np.float32(documents) / document_counts[used].astype(np.float32)).astype(np.float64)
    )
    return factors
