"""Shards of low-level descriptors from a dictionary of clips."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from stages.core.features.descriptors import CLIPS_PER_SHARD, write_descriptors


def write_clips(
    folder: Path,
    clips: Mapping[str, np.ndarray],
    columns: tuple[str, ...] | None = None,
    clips_per_shard: int = CLIPS_PER_SHARD,
) -> None:
    """Write clips as the features stage does, under made-up names where ``columns`` is None."""
    width = next(iter(clips.values())).shape[1]
    names = columns or tuple(f"d{column}_sma" for column in range(width))
    write_descriptors(folder, list(clips), clips.values(), names, clips_per_shard=clips_per_shard)
