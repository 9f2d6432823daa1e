"""A codebook learnt from the descriptors of the training clips."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from stages.core.bags.assignment import Assigner, Counts
from stages.core.bags.codebook import Codebook, Counting, standardization
from stages.core.bags.counting import count_clips
from stages.core.bags.learning import learn
from stages.core.bags.weighting import document_counts, finish, idf
from stages.core.config.features import BagOptions, CodebookOptions
from stages.core.features.descriptors import Descriptors
from stages.core.runtime.compute import ComputeOptions
from stages.core.runtime.errors import OptionError


@dataclass(frozen=True)
class FittedCodebook:
    """A codebook and the frames that it was learnt from.

    Attributes:
        codebook: the audio words.
        clips: training clips.
        frames: their frames.
        sampled: how many of the frames the words were chosen from.
        not_finite: how many drawn frames were left out because a value is NaN or infinite.
    """

    codebook: Codebook
    clips: int
    frames: int
    sampled: int
    not_finite: int


def fit_codebook(
    descriptors: Descriptors,
    clips: np.ndarray,
    groups: list[np.ndarray],
    options: CodebookOptions,
    counting: BagOptions,
    compute: ComputeOptions,
) -> FittedCodebook:
    """Learn a codebook from the frames of some clips; no other clip has any influence.

    Args:
        descriptors: the frames of all clips.
        clips: bool [clips], the clips of the training split.
        groups: the columns of each group of words.
        options: size, method, sample, standardization, seed.
        counting: how frames count words, and what becomes of the counts.
        compute: where words are counted for the idf and the scaling of the bags.

    Raises:
        OptionError: if the frames do not suffice for ``size`` words, or their values are too large.
    """
    sampled, not_finite = sample_frames(descriptors, clips, options.frames, options.seed)
    scaling = None
    if options.standardize:
        with np.errstate(over="ignore", invalid="ignore"):
            scaling = standardization(sampled)
        overflown = ~np.isfinite([scaling.offset, scaling.divisor]).all(axis=0)
        if overflown.any():
            column = int(overflown.argmax())
            raise OptionError(
                "standardize",
                f"cannot be done: the squares of column {descriptors.columns[column]}, which reaches "
                f"{np.abs(sampled[:, column]).max():.0e}, exceed all numbers; leave those clips out",
            )
        scaling.apply(sampled)
    words = []
    for number, columns in enumerate(groups):
        part = sampled if len(columns) == sampled.shape[1] else np.ascontiguousarray(sampled[:, columns])
        words.append(learn(part, options.size_of(number), options.method, options.seed))
    how = Counting(counting.assignments, counting.gaussian, counting.cutoff)
    codebook = Codebook(tuple(words), (how,) * len(words), counting.log, scaling)
    if counting.idf:
        documents = count_documents(descriptors, clips, Assigner(codebook, groups), compute)
        codebook = replace(codebook, idf=idf(documents, int(clips.sum())))
    if counting.standardize_output:
        parts = training_counts(descriptors, clips, Assigner(codebook, groups), compute)
        bags = np.concatenate([finish(counts, codebook, counting.normalize) for counts in parts])
        codebook = replace(codebook, output=standardization(bags))
    frames = int(descriptors.lengths[clips].sum())
    return FittedCodebook(codebook, int(clips.sum()), frames, len(sampled), not_finite)


def sample_frames(
    descriptors: Descriptors, clips: np.ndarray, limit: int | None, seed: int
) -> tuple[np.ndarray, int]:
    """A uniform sample of the frames of some clips, in their order.

    Args:
        descriptors: the frames.
        clips: bool [clips], whose frames to draw from; no other frame is looked at.
        limit: how many frames; None, or more than there are: all of them.
        seed: of the drawing.

    Returns:
        The finite frames among those drawn, float32 [n, columns], and how many were not finite.
    """
    lengths = descriptors.lengths[clips]
    ends, total = np.cumsum(lengths), int(lengths.sum())
    if limit is not None and limit < total:
        generator = np.random.default_rng(seed)
        drawn = np.sort(generator.choice(total, limit, replace=False, shuffle=False))
    else:
        drawn = np.arange(total)
    skipped = np.cumsum(descriptors.lengths)[clips] - ends  # frames of other clips before each clip
    drawn += skipped[np.searchsorted(ends, drawn, side="right")]
    frames = np.empty((len(drawn), len(descriptors.columns)), np.float32)
    row = taken = 0
    for batch in descriptors.batches():
        first, last = np.searchsorted(drawn, [row, row + len(batch)])
        some = batch[drawn[first:last] - row]
        some = some[np.isfinite(some).all(axis=1)]
        frames[taken : taken + len(some)] = some
        taken += len(some)
        row += len(batch)
    return frames[:taken], len(drawn) - taken


def count_documents(
    descriptors: Descriptors, clips: np.ndarray, assigner: Assigner, compute: ComputeOptions
) -> np.ndarray:
    """In how many of some clips each word occurs: int64 [bins].

    Args:
        descriptors: the frames of all clips.
        clips: bool [clips], the clips to count.
        assigner: counts the words of a clip.
        compute: where the work runs.
    """
    documents = np.zeros(assigner.codebook.bins, np.int64)
    for counts in training_counts(descriptors, clips, assigner, compute):
        documents += document_counts(counts)
    return documents


def training_counts(
    descriptors: Descriptors, clips: np.ndarray, assigner: Assigner, compute: ComputeOptions
) -> Iterator[Counts]:
    """Counts of some clips alone, batch by batch."""
    first = 0
    for counts in count_clips(descriptors, assigner, compute):
        wanted = clips[first : first + len(counts.frames)]
        yield Counts(counts.bags[wanted], counts.frames[wanted], 0.0)
        first += len(counts.frames)
