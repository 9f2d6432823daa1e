"""Parts of a clip, each described by a vector of its own."""

from collections.abc import Sequence

import numpy as np

from stages.core.audio.mixing import SAMPLE_RATE
from stages.core.config.sources import Windows
from stages.core.features.sources.pooling import pool, pooled_names

SHORTEST = SAMPLE_RATE // 10  # of a part, since openSMILE describes nothing below 60 ms


def cut(samples: np.ndarray, windows: Windows) -> list[np.ndarray]:
    """The parts of a clip.

    Of a number of equal parts, those that would last less than 0.1 s are widened and overlap. Parts of so
    many seconds begin with the clip; the last ends with it. A shorter clip is one part.

    Args:
        samples: [n] at 16 kHz.
        windows: which parts.

    >>> [len(part) for part in cut(np.zeros(48_000), Windows(count=3))]
    [16000, 16000, 16000]
    >>> [len(part) for part in cut(np.zeros(20_000), Windows(seconds=0.5, hop=0.25))]
    [8000, 8000, 8000, 8000]
    """
    n = len(samples)
    if windows.count is not None:
        length = min(max(n // windows.count, SHORTEST), n)
        middles = [(2 * part + 1) * n // (2 * windows.count) for part in range(windows.count)]
        starts = [min(max(middle - length // 2, 0), n - length) for middle in middles]
    else:
        assert windows.seconds is not None and windows.hop is not None, "checked with params.yaml"  # noqa: S101
        length = min(round(windows.seconds * SAMPLE_RATE), n)
        starts = list(range(0, n - length, max(1, round(windows.hop * SAMPLE_RATE))))
        starts.append(n - length)
    return [samples[start : start + length] for start in starts]


def joined(vectors: np.ndarray, windows: Windows) -> np.ndarray:
    """Vectors of the parts, [parts, d], as one: side by side, or pooled where their number varies."""
    return vectors.reshape(-1) if windows.count is not None else pool(vectors, windows.pooling or "mean-sd")


def names_of_parts(names: Sequence[str], windows: Windows) -> tuple[str, ...]:
    """Names of what :func:`joined` gives.

    >>> names_of_parts(["F0"], Windows(count=2))
    ('F0_part1', 'F0_part2')
    """
    if windows.count is None:
        return pooled_names(names, windows.pooling or "mean-sd")
    return tuple(f"{name}_part{part + 1}" for part in range(windows.count) for name in names)
