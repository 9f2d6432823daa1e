"""Parquet tables that appear whole or not at all, and feature tables as float32 matrices.

Every page has a checksum that is verified when it is read: without it, four of five flipped bits in a table
of features are read as other numbers.
"""

import json
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice, pairwise
from math import isqrt
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from stages.core.runtime.errors import StageFileError
from stages.core.runtime.files import whole

_GROUP = 5000  # rows in a row group, at least: 128 MB of ComParE_2016
_COLUMNS = 64  # turned into rows at a time, so that the writes stay within the processor's cache


def write_table(path: Path, table: pd.DataFrame | pa.Table) -> None:
    """Write one Parquet file (zstd, one row group), whole or not at all; same rows, same bytes."""
    if isinstance(table, pd.DataFrame):
        table = pa.Table.from_pandas(table, preserve_index=False).replace_schema_metadata(None)
    with whole(path) as temporary:
        pq.write_table(
            table,
            temporary,
            compression="zstd",
            row_group_size=max(1, table.num_rows),
            write_page_checksum=True,
        )


def read_table(path: Path, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """Read a Parquet table.

    Raises:
        StageFileError: if the file does not exist or is not Parquet.
    """
    with readable(path):
        return open_table(path).read(columns=columns).to_pandas()


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
        "write_page_checksum": True,
    }
    size = _group_size(len(clip_ids))
    block = np.empty((len(names), min(size, len(clip_ids))), np.float32)
    with whole(path) as temporary, pq.ParquetWriter(temporary, schema, **options) as writer:
        for first in range(0, len(clip_ids), size):
            ids = clip_ids[first : first + size]
            for index, row in zip(range(len(ids)), islice(rows, len(ids)), strict=True):
                block[:, index] = row
            arrays = [pa.array(ids, pa.string()), *(pa.array(column[: len(ids)]) for column in block)]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema), row_group_size=size)


def _group_size(rows: int) -> int:
    """Rows in a row group of a table.

    A reader holds two groups, and 1.2 kB for each column of each group of the table. The sum is least where
    a group has 12 times the root of the number of rows: 12,000 of a million.

    >>> _group_size(1440), _group_size(100_000), _group_size(1_000_000)
    (5000, 5000, 12000)
    """
    return max(_GROUP, 12 * isqrt(rows))


def metadata_of(origin: Mapping[str, Any]) -> dict[str, str]:
    """How a table was made, as Parquet keeps it beside the columns."""
    return {"origin": json.dumps(origin, sort_keys=True)}


def origin_of(path: Path) -> dict[str, Any]:
    """How the rows of a table were made; empty if it does not say.

    Raises:
        StageFileError: if the file does not exist or is not Parquet.
    """
    return _origin(open_table(path))


def _origin(table: pq.ParquetFile) -> dict[str, Any]:
    return json.loads((table.schema_arrow.metadata or {}).get(b"origin", b"{}"))


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


class FeatureTable:
    """A feature table whose values stay on disk until rows are asked for.

    Attributes:
        path: the Parquet file.
        clip_ids: its n clips.
        names: its d features.
        origin: how the rows were made; see :func:`origin_of`.

    Raises:
        StageFileError: if the file does not exist, is not Parquet or has no ``clip_id`` column.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._parquet = open_table(path)
        self.origin = _origin(self._parquet)
        self.names = [name for name in self._parquet.schema_arrow.names if name != "clip_id"]
        if len(self.names) == len(self._parquet.schema_arrow.names):
            raise StageFileError(path, "has no column clip_id")
        with readable(path):
            self.clip_ids: list[str] = self._parquet.read(columns=["clip_id"]).column("clip_id").to_pylist()
        metadata = self._parquet.metadata
        sizes = [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)]
        self._ends = np.cumsum(sizes, dtype=np.int64)
        self._decoded: tuple[int, pa.Table] | None = None  # the last group: blocks of rows follow each other

    def __len__(self) -> int:
        return len(self.clip_ids)

    def __getitem__(self, rows: np.ndarray) -> np.ndarray:
        """Some rows as a new matrix, float32 [n, d], contiguous; groups without any of them are not read.

        A matrix that would take more than a third of the machine's memory lies in a file without a name.

        Args:
            rows: int [n], in any order.
        """
        values = _room((len(rows), len(self.names)), self.path.parent)
        order = np.argsort(rows, kind="stable")
        cuts = np.searchsorted(rows[order], self._ends)
        filled: Future[None] | None = None
        # One group is turned into rows while the next is decoded.
        with readable(self.path), ThreadPoolExecutor(1) as other:
            for group, (first, last) in enumerate(pairwise([0, *cuts.tolist()])):
                if first == last:
                    continue
                if self._decoded is None or self._decoded[0] != group:
                    self._decoded = group, self._parquet.read_row_group(group, columns=self.names)
                table = self._decoded[1]
                wanted = order[first:last]
                inside = rows[wanted] - (self._ends[group] - table.num_rows)
                if filled:
                    filled.result()
                filled = other.submit(_fill, values, wanted, table, inside)
            if filled:
                filled.result()
        if len(rows) > _GROUP:  # not one of many blocks
            self._decoded = None
        pa.default_memory_pool().release_unused()
        return values


def read_features(path: Path) -> tuple[list[str], list[str], np.ndarray]:
    """Read a whole feature table as ``(clip_ids, names, float32 [n, d])``, rows contiguous.

    Raises:
        StageFileError: if the file does not exist, is not Parquet or has no ``clip_id`` column.
    """
    table = FeatureTable(path)
    return table.clip_ids, table.names, table[np.arange(len(table))]


def _room(shape: tuple[int, int], folder: Path) -> np.ndarray:
    """float32 [n, d] to be filled: in memory, or in a file if it is large for this machine."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if 4 * shape[0] * shape[1] <= memory // 3:
        return np.empty(shape, np.float32)
    with tempfile.TemporaryFile(dir=folder) as file:
        return np.asarray(np.memmap(file, np.float32, shape=shape))


def _fill(values: np.ndarray, rows: np.ndarray, table: pa.Table, inside: np.ndarray) -> None:
    """Copy some rows of a table of float32 columns to rows of a matrix, a few columns at a time."""
    target, source = _run(rows), _run(inside)
    columns = [column.to_numpy() for column in table.columns]
    for first in range(0, len(columns), _COLUMNS):
        block = [column[source] for column in columns[first : first + _COLUMNS]]
        values[target, first : first + _COLUMNS] = np.stack(block, axis=1)


def _run(rows: np.ndarray) -> np.ndarray | slice:
    """Rows that follow one another as a slice, which is copied faster."""
    return slice(rows[0], rows[-1] + 1) if (np.diff(rows) == 1).all() else rows


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """What pyarrow raises on damaged pages, as an error that names the file.

    Raises:
        StageFileError: if the file is damaged.
    """
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        raise StageFileError(path, f"is damaged ({str(error).splitlines()[0]})") from None


def open_table(path: Path) -> pq.ParquetFile:
    """A Parquet file whose pages are checked when they are read; see :func:`readable`.

    Raises:
        StageFileError: if the file does not exist or is not Parquet.
    """
    try:
        return pq.ParquetFile(path, page_checksum_verification=True)
    except FileNotFoundError:
        raise StageFileError(path, "does not exist") from None
    except pa.ArrowInvalid:
        raise StageFileError(path, "is not a Parquet file") from None
