"""From counts to bags: logarithm, inverse document frequency, normalization, scaling of the output."""

from typing import Literal

import numpy as np

from stages.core.bags.assignment import Counts
from stages.core.bags.codebook import Codebook

Normalization = Literal["none", "frames", "sum", "norm"]
LEAST = np.finfo(np.float32).tiny
# What openXBOW puts into every bin of a clip or segment whose frames are all left out.
EMPTY = np.float32(0.001)


def finish(counts: Counts, codebook: Codebook, normalization: Normalization) -> np.ndarray:
    """Turn counts into bags, as openXBOW does.

    The logarithm of float32 counts + 1 is computed in float64 and stored as float32; the inverse document
    frequency follows, then the normalization, then the scaling of the output. Normalization scales by
    bins / f, with f the number of frames, the sum of the bag or its Euclidean norm (``-norm`` 1, 2 and 3).

    Returns:
        float32 [clips, bins]; a clip without frames has zeros before the output is scaled.
    """
    bags = counts.bags.astype(np.float32)
    if codebook.activity is not None:
        bags[counts.frames == 0] = EMPTY
    if codebook.log:
        bags = np.log10((bags + np.float32(1)).astype(np.float64)).astype(np.float32)
    if codebook.idf is not None:
        bags *= codebook.idf
    if normalization != "none":
        divisor = (
            counts.frames.astype(np.float32) if normalization == "frames" else _length(bags, normalization)
        )
        bags *= np.float32(codebook.bins)
        bags = np.divide(bags, divisor[:, None], out=np.zeros_like(bags), where=divisor[:, None] > 0)
    if codebook.output is not None:
        codebook.output.apply(bags)
    return bags


def _length(bags: np.ndarray, normalization: Normalization) -> np.ndarray:
    """Sum or Euclidean norm of each bag, rounded to float32 after each bin: float32 [clips]."""
    total = np.zeros(len(bags), np.float32)
    power = 1 if normalization == "sum" else 2
    for bin_ in bags.T.astype(np.float64):
        total = (total + bin_**power).astype(np.float32)
    return total if power == 1 else np.sqrt(total)


def document_counts(counts: Counts) -> np.ndarray:
    """In how many clips each word occurs, int64 [bins]; Java's Float.MIN_NORMAL and less is nothing."""
    return (counts.bags > LEAST).sum(axis=0)


def idf(document_counts: np.ndarray, documents: int) -> np.ndarray:
    """Factor of each word: log10(clips / clips that have it), 1 where no clip has it; float32 [bins]."""
    factors = np.ones(len(document_counts), np.float32)
    used = document_counts > 0
    factors[used] = np.log10(
        (np.float32(documents) / document_counts[used].astype(np.float32)).astype(np.float64)
    )
    return factors
