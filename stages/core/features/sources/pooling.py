"""Frames → one vector per clip."""

from collections.abc import Sequence

import numpy as np

from stages.core.config.sources import Pooling


def pool(frames: np.ndarray, pooling: Pooling) -> np.ndarray:
    """One vector of n frames.

    Args:
        frames: [n, d], n at least 1.
        pooling: ``mean``; ``mean-sd`` (means, then standard deviations); ``max``; or ``first``.

    Returns:
        float32 [d], or [2 d] for ``mean-sd``; computed in float64.

    >>> pool(np.array([[1.0, 5.0], [3.0, 5.0]]), "mean-sd")
    array([2., 5., 1., 0.], dtype=float32)
    """
    values = frames.astype(np.float64)
    if pooling == "first":
        return frames[0].astype(np.float32)
    if pooling == "max":
        return frames.max(axis=0).astype(np.float32)
    if pooling == "mean":
        return values.mean(axis=0).astype(np.float32)
    return np.concatenate([values.mean(axis=0), values.std(axis=0)]).astype(np.float32)


def pooled_names(names: Sequence[str], pooling: Pooling) -> tuple[str, ...]:
    """Names of what :func:`pool` gives.

    >>> pooled_names(["a", "b"], "mean-sd")
    ('a_mean', 'b_mean', 'a_sd', 'b_sd')
    """
    suffixes = ("mean", "sd") if pooling == "mean-sd" else (pooling,)
    return tuple(f"{name}_{suffix}" for suffix in suffixes for name in names)


def numbered(prefix: str, number: int) -> tuple[str, ...]:
    """Names of values that have none.

    >>> numbered("voice", 2)
    ('voice_0000', 'voice_0001')
    """
    return tuple(f"{prefix}_{index:04d}" for index in range(number))
