"""Codebooks as openXBOW 1.3.1 learns them, its faults included."""

from collections.abc import Sequence

import numpy as np

from stages.core.bags import learning as words
from stages.core.bags.codebook import Activity, Codebook, Scaling, normalization, standardization
from stages.core.bags.learning import JavaRandom
from stages.core.openxbow.options import Options
from stages.core.runtime.errors import UserError


def learn(
    frames: np.ndarray, groups: Sequence[np.ndarray], options: Options, classes: np.ndarray | None
) -> Codebook:
    """Learn the words of all codebooks.

    Args:
        frames: float32 [n, columns], as the table has them.
        groups: the columns of each codebook.
        options: method, sizes, seed, scaling and so on.
        classes: int [n], the class of each frame (``-supervised``), −1: none; None: there is one class.

    Returns:
        A codebook without idf and output scaling, which need bags.

    Raises:
        UserError: if there are not enough different frames.
    """
    scaling = _scaling(frames, groups, options)
    if scaling is not None:
        frames = frames.copy()
        scale(frames, groups, scaling)
    parts = [np.arange(len(frames))] if classes is None else _parts(classes)
    if options.train:
        parts = [part[_draw(len(part), -(-options.train // len(parts)))] for part in parts]
    found = []
    for number, group in enumerate(groups):
        size = -(-options.size(number) // len(parts))
        learnt = []
        for part in parts:
            values = np.ascontiguousarray(frames[part][:, group])
            if size > len(values):
                raise UserError(
                    f"-size: {size} words cannot be learnt from {len(values)} frames; lower -size."
                )
            try:
                learnt.append(words.learn(values, size, options.method, options.seed))
            except UserError:
                raise UserError(
                    f"-size: the frames are too much alike for {size} words by {options.method}; lower -size."
                ) from None
        found.append(np.concatenate(learnt))
    counting = tuple(options.counting(number) for number in range(len(groups)))
    for group_words, how in zip(found, counting, strict=True):
        if how.assignments > len(group_words):
            raise UserError(f"-a: a frame cannot count {how.assignments} of {len(group_words)} words.")
    activity = options.activity and Activity(options.activity[0] - 1, options.activity[1])
    return Codebook(tuple(found), counting, options.log, scaling, activity=activity)


def scale(frames: np.ndarray, groups: Sequence[np.ndarray], scaling: Scaling) -> None:
    """Scale in place; a column of several codebooks is scaled once for each, as openXBOW does."""
    for group in groups:
        part = frames[:, group]
        scaling.apply(part, group)
        frames[:, group] = part


def _scaling(frames: np.ndarray, groups: Sequence[np.ndarray], options: Options) -> Scaling | None:
    if options.input_scaling is None:
        return None
    used = np.unique(np.concatenate(groups))
    if options.input_scaling == "normalize":
        return normalization(frames[:, used]).spread(used, frames.shape[1])
    if len(frames) < 2:
        raise UserError("-standardizeInput needs two frames at least.")
    scaling = standardization(frames[:, used], len(groups)).spread(used, frames.shape[1])
    times = np.bincount(np.concatenate(groups), minlength=frames.shape[1])
    for column in np.flatnonzero(times > 1):
        # Sums of a shared column go over its frames once for each codebook.
        repeated = np.tile(frames[:, [column]], (times[column], 1))
        scaling.offset[column], scaling.divisor[column] = _shared(repeated, len(frames) * len(groups))
    return scaling


def _shared(values: np.ndarray, count: int) -> tuple[np.float32, np.float32]:
    """Mean and deviation of float32 [n, 1] if the frames were ``count``."""
    mean = np.add.accumulate(values)[-1, 0] / np.float32(count)
    squares = np.add.accumulate((values - mean) ** 2)[-1, 0]
    deviation = np.sqrt(squares / np.float32(count - 1))
    return mean, deviation or np.float32(1)


def _draw(count: int, wanted: int) -> np.ndarray:
    """Different frames, drawn by ``java.util.Random`` with seed 0; all in order, if there are no more."""
    if wanted >= count:
        return np.arange(count)
    generator = JavaRandom(0)
    drawn: dict[int, None] = {}
    while len(drawn) < wanted:
        drawn[generator.integer(count)] = None
    return np.fromiter(drawn, np.int64, wanted)


def _parts(classes: np.ndarray) -> list[np.ndarray]:
    """The frames of each class."""
    return [np.flatnonzero(classes == number) for number in range(classes.max(initial=-1) + 1)]
