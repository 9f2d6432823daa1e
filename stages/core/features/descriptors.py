"""Low-level descriptors, frame by frame, from the shards of data/lld/SET, in little memory.

A shard holds a column ``clip_id`` and one float32 column for each descriptor; the frames of a clip stand
together, in time order, and may go on in the next shard.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from stages.core.runtime.errors import UserError
from stages.core.runtime.tables import origin_of

ROWS = 8192


@dataclass(frozen=True)
class Descriptors:
    """A folder of shards, opened.

    Attributes:
        folder: where the shards lie.
        columns: names of the descriptors.
        clip_ids: the clips, in the order of their frames.
        lengths: int64 [clips], the frames of each.
    """

    folder: Path
    columns: tuple[str, ...]
    clip_ids: tuple[str, ...]
    lengths: np.ndarray

    @property
    def origin(self) -> dict[str, Any]:
        """How they were made, as their first shard says."""
        return origin_of(next(iter(_shards(self.folder))))

    def batches(self) -> Iterator[np.ndarray]:
        """All frames in order, at most ``ROWS`` at a time: float32 [n, columns]."""
        names = list(self.columns)
        for path in _shards(self.folder):
            for batch in pq.ParquetFile(path).iter_batches(ROWS, columns=names):
                yield _matrix(batch)

    def training(self, clip_ids: Collection[str]) -> np.ndarray:
        """Whether each clip is one of ``clip_ids``: bool [clips].

        Raises:
            UserError: if none is.
        """
        wanted = set(clip_ids)
        found = np.array([clip_id in wanted for clip_id in self.clip_ids], dtype=bool)
        if not found.any():
            raise UserError(f"{self.folder} holds none of the {len(wanted)} training clips; run `dvc repro`.")
        return found


def open_descriptors(folder: Path) -> Descriptors:
    """Open the shards of a folder; only the column ``clip_id`` is read.

    Raises:
        UserError: if there are no shards, their columns differ, or the frames of a clip stand apart.
    """
    shards = list(_shards(folder))
    if not shards:
        raise UserError(f"{folder} holds no low-level descriptors; `dvc repro` makes them.")
    columns: list[str] = []
    clip_ids: list[str] = []
    lengths: list[int] = []
    for path in shards:
        parquet = _parquet(path)
        names = [name for name in parquet.schema_arrow.names if name != "clip_id"]
        if len(names) == len(parquet.schema_arrow.names):
            raise UserError(f"{path} has no column clip_id; delete {folder} and run `dvc repro`.")
        columns = columns or names
        if names != columns:
            raise UserError(
                f"{path} has other columns than {shards[0]}; delete {folder} and run `dvc repro`."
            )
        for batch in parquet.iter_batches(columns=["clip_id"]):
            for clip_id, length in _runs(batch):
                if clip_ids and clip_ids[-1] == clip_id:
                    lengths[-1] += length
                else:
                    clip_ids.append(clip_id)
                    lengths.append(length)
    if len(set(clip_ids)) < len(clip_ids):
        raise UserError(f"{folder}: the frames of a clip stand apart; delete the folder and run `dvc repro`.")
    return Descriptors(folder, tuple(columns), tuple(clip_ids), np.array(lengths, np.int64))


def _shards(folder: Path) -> Iterator[Path]:
    yield from sorted(folder.glob("*.parquet"))


def _parquet(path: Path) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(path)
    except pa.ArrowInvalid:
        raise UserError(f"{path} is not a Parquet file; delete it and run `dvc repro`.") from None


def _runs(batch: pa.RecordBatch) -> Iterator[tuple[str, int]]:
    """Clip ids that follow one another, and how often each."""
    values = batch.column(0).to_numpy(zero_copy_only=False)
    starts = np.flatnonzero(np.r_[True, values[1:] != values[:-1]])
    yield from zip(values[starts], np.diff(np.r_[starts, len(values)]).tolist(), strict=True)


def _matrix(batch: pa.RecordBatch) -> np.ndarray:
    """Columns side by side: float32 [rows, columns], rows contiguous."""
    matrix = np.empty((batch.num_rows, batch.num_columns), np.float32)
    # Blocks of 64 columns keep the transposed writes within the processor's cache.
    for first in range(0, batch.num_columns, 64):
        block = [column.to_numpy(zero_copy_only=False) for column in batch.columns[first : first + 64]]
        matrix[:, first : first + 64] = np.stack(block, axis=1)
    return matrix


def sample(
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
    allowed = np.flatnonzero(np.repeat(clips, descriptors.lengths))
    if limit is not None and limit < len(allowed):
        generator = np.random.default_rng(seed)
        allowed = allowed[np.sort(generator.choice(len(allowed), limit, replace=False, shuffle=False))]
    frames = np.empty((len(allowed), len(descriptors.columns)), np.float32)
    row = taken = 0
    for batch in descriptors.batches():
        first, last = np.searchsorted(allowed, [row, row + len(batch)])
        chosen = batch[allowed[first:last] - row]
        chosen = chosen[np.isfinite(chosen).all(axis=1)]
        frames[taken : taken + len(chosen)] = chosen
        taken += len(chosen)
        row += len(batch)
    return frames[:taken], len(allowed) - taken
