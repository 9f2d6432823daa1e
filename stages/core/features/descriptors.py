"""Low-level descriptors, frame by frame: the shards of a feature set, written and read in little memory.

A shard holds a column ``clip_id`` and one float32 column per descriptor; the frames of a clip stand
together, in time order.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from stages.core.runtime.errors import StageFileError
from stages.core.runtime.files import whole, whole_folder
from stages.core.runtime.tables import metadata_of, open_table, origin_of, readable

CLIPS_PER_SHARD = 250
ROWS_PER_BATCH = 8192


def write_descriptors(
    folder: Path,
    clip_ids: Sequence[str],
    frames: Iterable[np.ndarray],
    columns: Sequence[str],
    origin: Mapping[str, Any] | None = None,
    clips_per_shard: int = CLIPS_PER_SHARD,
) -> None:
    """Write the frames of clips as shards; the folder appears whole or not at all.

    Args:
        folder: where the shards go; older ones are replaced.
        clip_ids: n clip ids; without any, one empty shard is written.
        frames: n arrays float32 [frames, columns]; from a generator, they take no more memory than a shard.
        columns: names of the descriptors.
        origin: how they were made.
        clips_per_shard: how many clips a shard holds.
    """
    rest = iter(frames)
    written: Future[None] | None = None
    # One shard is compressed while the next is read.
    with whole_folder(folder) as temporary, ThreadPoolExecutor(1) as writer:
        for number, first in enumerate(range(0, max(1, len(clip_ids)), clips_per_shard)):
            ids = clip_ids[first : first + clips_per_shard]
            clips = list(islice(rest, len(ids)))
            if written:
                written.result()
            path = temporary / f"{number:04d}.parquet"
            written = writer.submit(_write_shard, path, ids, clips, columns, origin or {})
        if written:
            written.result()


def _write_shard(
    path: Path,
    clip_ids: Sequence[str],
    clips: Sequence[np.ndarray],
    columns: Sequence[str],
    origin: Mapping[str, Any],
) -> None:
    lengths = [len(clip) for clip in clips]
    values = np.empty((len(columns), sum(lengths)), np.float32)
    if clips:
        np.concatenate([clip.T for clip in clips], axis=1, out=values)
    clip_column = pa.array(np.repeat(np.array(clip_ids, object), lengths), pa.string())
    arrays = [clip_column, *(pa.array(column) for column in values)]
    table = pa.Table.from_arrays(arrays, names=["clip_id", *columns], metadata=metadata_of(origin))
    with whole(path) as temporary:
        pq.write_table(
            table,
            temporary,
            row_group_size=max(1, len(table)),
            compression="zstd",
            use_dictionary=["clip_id"],
            use_byte_stream_split=list(columns),
            write_page_checksum=True,
        )


@dataclass(frozen=True)
class Descriptors:
    """A folder of shards, opened.

    Attributes:
        shards: the files.
        columns: names of the descriptors.
        clip_ids: the clips, in the order of their frames.
        lengths: int64 [clips], frames per clip.
    """

    shards: tuple[Path, ...]
    columns: tuple[str, ...]
    clip_ids: tuple[str, ...]
    lengths: np.ndarray

    @property
    def origin(self) -> dict[str, Any]:
        """How they were made, as their first shard says."""
        return origin_of(self.shards[0])

    def batches(self) -> Iterator[np.ndarray]:
        """All frames in order, at most ``ROWS_PER_BATCH`` at a time: float32 [n, columns]."""
        for path in self.shards:
            with readable(path):
                for batch in open_table(path).iter_batches(ROWS_PER_BATCH, columns=list(self.columns)):
                    yield _matrix(batch)

    def mask(self, clip_ids: Collection[str]) -> np.ndarray:
        """Which clips are among ``clip_ids``: bool [clips].

        Raises:
            StageFileError: if none is.
        """
        wanted = set(clip_ids)
        found = np.array([clip_id in wanted for clip_id in self.clip_ids], dtype=bool)
        if not found.any():
            raise StageFileError(self.shards[0].parent, f"holds none of the {len(wanted)} training clips")
        return found


def open_descriptors(folder: Path) -> Descriptors:
    """Open the shards of a folder; only the column ``clip_id`` is read.

    Raises:
        StageFileError: if there are no shards, their columns differ, or the frames of a clip stand apart.
    """
    shards = sorted(folder.glob("*.parquet"))
    if not shards:
        raise StageFileError(folder, "holds no low-level descriptors")
    columns: list[str] = []
    clip_ids: list[str] = []
    lengths: list[int] = []
    for path in shards:
        parquet = open_table(path)
        names = [name for name in parquet.schema_arrow.names if name != "clip_id"]
        if len(names) == len(parquet.schema_arrow.names):
            raise StageFileError(path, "has no column clip_id")
        columns = columns or names
        if names != columns:
            raise StageFileError(path, f"has other columns than {shards[0]}")
        with readable(path):
            runs = [run for batch in parquet.iter_batches(columns=["clip_id"]) for run in _runs(batch)]
        for clip_id, length in runs:
            if clip_ids and clip_ids[-1] == clip_id:
                lengths[-1] += length
            else:
                clip_ids.append(clip_id)
                lengths.append(length)
    if len(set(clip_ids)) < len(clip_ids):
        raise StageFileError(folder, "holds a clip whose frames do not stand together")
    return Descriptors(tuple(shards), tuple(columns), tuple(clip_ids), np.array(lengths, np.int64))


def _runs(batch: pa.RecordBatch) -> Iterator[tuple[str, int]]:
    """Runs of equal clip ids and their lengths."""
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
