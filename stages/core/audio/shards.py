"""Shards of clips: Parquet files of lossless FLAC, written and read in clip_id order."""

import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import count as naturals
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import soundfile

from stages.core.audio.mixing import SAMPLE_RATE
from stages.core.runtime.errors import StageFileError
from stages.core.runtime.tables import metadata_of, open_table, origin_of, readable, write_table

# Tells Hugging Face `datasets` that the column is sound, so that its rows play without a cast.
_FEATURES = {"clip_id": {"dtype": "string", "_type": "Value"}, "audio": {"_type": "Audio"}}
_HUGGING_FACE = {"huggingface": json.dumps({"info": {"features": _FEATURES}})}


def encode(samples: np.ndarray) -> bytes:
    """int16 [frames] at 16 kHz as FLAC, which is lossless."""
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, SAMPLE_RATE, format="FLAC", subtype="PCM_16")
    return buffer.getvalue()


def decode(flac: bytes) -> np.ndarray:
    """The int16 samples behind :func:`encode`."""
    return soundfile.read(io.BytesIO(flac), dtype="int16")[0]


def write_shard(
    path: Path, clip_ids: Sequence[str], flacs: Sequence[bytes], origin: Mapping[str, Any] | None = None
) -> None:
    """Write clips as Parquet in the struct that Hugging Face ``datasets`` reads as audio.

    Args:
        path: the Parquet file.
        clip_ids: n clip ids.
        flacs: n clips as :func:`encode` gives them.
        origin: how they were made, as JSON can hold it.
    """
    audio = pa.StructArray.from_arrays(
        [pa.array(flacs, pa.binary()), pa.array([f"{clip_id}.flac" for clip_id in clip_ids])],
        names=["bytes", "path"],
    )
    table = pa.Table.from_arrays([pa.array(clip_ids, pa.string()), audio], names=["clip_id", "audio"])
    write_table(path, table.replace_schema_metadata({**metadata_of(origin or {}), **_HUGGING_FACE}))


def write_shards(
    folder: Path, clips: Iterable[tuple[str, bytes]], clips_per_shard: int, origin: Mapping[str, Any]
) -> None:
    """Write ``(clip_id, flac)`` as shards 0000.parquet, 0001.parquet, …; without clips, one empty shard."""
    clips = iter(clips)
    shard = list(islice(clips, clips_per_shard))
    for index in naturals():
        clip_ids, flacs = zip(*shard, strict=True) if shard else ((), ())
        write_shard(folder / f"{index:04d}.parquet", clip_ids, flacs, origin)
        shard = list(islice(clips, clips_per_shard))
        if not shard:
            return


def _shards(folder: Path) -> list[Path]:
    paths = sorted(folder.glob("*.parquet"))
    if not paths:
        raise StageFileError(folder, "holds no audio shards")
    return paths


def origin_of_audio(folder: Path) -> dict[str, Any]:
    """How the clips of a folder of shards were made."""
    return origin_of(_shards(folder)[0])


def count(folder: Path) -> int:
    """Number of clips in a folder of shards."""
    return sum(pq.read_metadata(path).num_rows for path in _shards(folder))


class ShardReader:
    """Single clips of a folder of shards, in any order; holds few shards in memory.

    Args:
        folder: the folder.

    Raises:
        UserError: if the folder holds no shards.
    """

    def __init__(self, folder: Path) -> None:
        self._place = {
            clip_id: (path, row)
            for path in _shards(folder)
            for row, clip_id in enumerate(_column(path, "clip_id").to_pylist())
        }
        self._flacs = lru_cache(maxsize=8)(_flacs_of)

    def __contains__(self, clip_id: str) -> bool:
        return clip_id in self._place

    def flac(self, clip_id: str) -> bytes:
        """A clip as :func:`encode` gave it.

        Raises:
            KeyError: if the folder does not hold the clip.
        """
        path, row = self._place[clip_id]
        return self._flacs(path)[row].as_py()


def _flacs_of(path: Path) -> pa.Array:
    return _column(path, "audio").combine_chunks().field("bytes")


def _column(path: Path, name: str) -> pa.ChunkedArray:
    with readable(path):
        return open_table(path).read(columns=[name])[name]


def read_shards(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Yield ``(clip_id, flac)`` in clip_id order, holding few clips in memory; see :func:`decode`.

    Raises:
        StageFileError: if the folder holds no shards, or a damaged one.
    """
    for path in _shards(folder):
        with readable(path):
            for batch in open_table(path).iter_batches(batch_size=64):
                flacs = batch.column("audio").field("bytes")
                for clip_id, flac in zip(batch.column("clip_id").to_pylist(), flacs, strict=True):
                    yield clip_id, flac.as_py()
