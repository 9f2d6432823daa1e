"""Parquet tables that appear whole or not at all, and feature tables as float32 matrices."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from stages.core.runtime.errors import StageFileError
from stages.core.runtime.files import whole

_GROUP = 5000  # rows in a row group: 128 MB of ComParE_2016


def write_table(path: Path, table: pd.DataFrame | pa.Table) -> None:
    """Write one Parquet file (zstd, one row group), whole or not at all; same rows, same bytes."""
    if isinstance(table, pd.DataFrame):
        table = pa.Table.from_pandas(table, preserve_index=False).replace_schema_metadata(None)
    with whole(path) as temporary:
        pq.write_table(table, temporary, compression="zstd", row_group_size=max(1, table.num_rows))


def read_table(path: Path, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """Read a Parquet table.

    Raises:
        StageFileError: if the file does not exist or is not Parquet.
    """
    with _readable(path):
        return _open(path).read(columns=columns).to_pandas()


def write_features(
    path: Path,
    clip_ids: Sequence[str],
    names: Sequence[str],
    values: Iterable[np.ndarray],
    origin: Mapping[str, Any] | None = None,
) -> None:
    """Write a feature table: ``clip_id``, then one float32 column for each name.

    Memory does not grow with n if ``values`` is a generator.

    Args:
        path: the Parquet file.
        clip_ids: n clip ids.
        names: d feature names.
        values: n rows float32 [d], or float32 [n, d].
        origin: how the rows were made (see :mod:`stages.core.prediction.extraction`).
    """
    rows = iter(values)
    fields = [("clip_id", pa.string()), *((name, pa.float32()) for name in names)]
    schema = pa.schema(fields, metadata_of(origin or {}))
    # Neither dictionaries nor statistics: they cost more at 6,373 columns than the values themselves.
    options: dict[str, Any] = {
        "compression": "zstd",
        "use_dictionary": False,
        "write_statistics": False,
        "use_byte_stream_split": list(names),
    }
    block = np.empty((len(names), min(_GROUP, len(clip_ids))), np.float32)
    with whole(path) as temporary, pq.ParquetWriter(temporary, schema, **options) as writer:
        for first in range(0, len(clip_ids), _GROUP):
            ids = clip_ids[first : first + _GROUP]
            for index, row in zip(range(len(ids)), islice(rows, len(ids)), strict=True):
                block[:, index] = row
            arrays = [pa.array(ids, pa.string()), *(pa.array(column[: len(ids)]) for column in block)]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema), row_group_size=_GROUP)


def metadata_of(origin: Mapping[str, Any]) -> dict[str, str]:
    """How a table was made, as Parquet keeps it beside the columns."""
    return {"origin": json.dumps(origin, sort_keys=True)}


def origin_of(path: Path) -> dict[str, Any]:
    """How the rows of a table were made; empty if it does not say.

    Raises:
        StageFileError: if the file does not exist or is not Parquet.
    """
    return json.loads((_open(path).schema_arrow.metadata or {}).get(b"origin", b"{}"))


def blocks_of(origin: Mapping[str, Any]) -> dict[str, slice]:
    """Set → its columns in a table of several sets side by side; empty for a table of one set.

    >>> blocks_of({"fused": [{"set": "a", "columns": 2}, {"set": "b", "columns": 3}]})
    {'a': slice(0, 2, None), 'b': slice(2, 5, None)}
    """
    blocks, first = {}, 0
    for part in origin.get("fused", ()):
        blocks[part["set"]] = slice(first, first + part["columns"])
        first += part["columns"]
    return blocks


def read_features(path: Path) -> tuple[list[str], list[str], np.ndarray]:
    """Read a feature table as ``(clip_ids, names, float32 [n, d])``, rows contiguous.

    Raises:
        StageFileError: if the file does not exist, is not Parquet or has no ``clip_id`` column.
    """
    parquet = _open(path)
    names = [name for name in parquet.schema_arrow.names if name != "clip_id"]
    if len(names) == len(parquet.schema_arrow.names):
        raise StageFileError(path, "has no column clip_id")
    clip_ids: list[str] = []
    values = np.empty((parquet.metadata.num_rows, len(names)), np.float32)
    filled: Future[None] | None = None
    with (
        _readable(path),
        ThreadPoolExecutor(1) as other,
    ):  # one group is turned into rows while the next is decoded
        for group in range(parquet.metadata.num_row_groups):
            table = parquet.read_row_group(group)
            rows = slice(len(clip_ids), len(clip_ids) + table.num_rows)
            clip_ids += table.column("clip_id").to_pylist()
            if filled:
                filled.result()
            filled = other.submit(_fill, values[rows], table.drop_columns("clip_id"))
        if filled:
            filled.result()
    return clip_ids, names, values


def _fill(values: np.ndarray, table: pa.Table) -> None:
    """Copy a table of float32 columns to the rows of a matrix."""
    for batch in table.combine_chunks().to_batches():
        values[:] = batch.to_tensor(row_major=True).to_numpy()


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """What pyarrow raises on damaged pages, as an error that names the file."""
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        raise StageFileError(path, f"is damaged ({str(error).splitlines()[0]})") from None


def _open(path: Path) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(path)
    except FileNotFoundError:
        raise StageFileError(path, "does not exist") from None
    except pa.ArrowInvalid:
        raise StageFileError(path, "is not a Parquet file") from None
