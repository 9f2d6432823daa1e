"""Tables of features in the formats that people keep them in: CSV, ARFF, Parquet, NumPy.

Each reader gives rows as they stand, one at a time: the cell with the clip id, where the row stands (for
messages) and its values. What is hostile stays small: no line beyond 16 MB, no pickle.
"""

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from stages.core.features.sources.pooling import numbered
from stages.core.features.sources.source import SourceError

_LONGEST = 1 << 24  # characters of a line
_BATCH = 64  # rows of Parquet
IDS = ("clip_id", "file_id", "filename", "file", "name", "clip", "id", "path")
"""Columns that hold clip ids, the first of them that is there; any case."""
_TIMES = {"frametime", "frameindex", "start", "end"}
"""Columns that openSMILE and its package write before the features."""
_INDICES = {"unnamed: 0", "__index_level_0__"}
"""What pandas calls the numbers of the rows, as far as it does not leave the first name empty."""

Row = tuple[str, str, Sequence[str] | np.ndarray]


@dataclass(frozen=True)
class Rows:
    """A table, opened.

    Attributes:
        names: of the d columns; empty if they have none.
        width: d.
        rows: cell of the clip id, where the row stands, and d values (text, or float64).
    """

    names: tuple[str, ...]
    width: int
    rows: Iterator[Row]


def read_csv(path: Path, with_ids: bool) -> Rows:
    """Open a CSV: ``;`` or ``,`` or tabs, with or without a header.

    Args:
        path: the file.
        with_ids: whether a column must hold clip ids, the first where there is no header; else such columns
            are left out.

    Raises:
        SourceError: if it is empty, not text, or has no column of ids.
    """
    lines = _lines(path)
    head = next(lines, "")
    if not head.strip():
        raise SourceError(f"{path} is empty; put the features there")
    delimiter = next((mark for mark in ";\t," if mark in head), ",")
    if header := _header(head, delimiter):
        table = _cells(lines, path, delimiter, 1)
        id_column, kept = _columns(header, path, with_ids)
        names = tuple(header[column].strip() for column in kept)
        width = len(header)
    else:
        table = _cells(chain([head], lines), path, delimiter)
        _, first = next(table)
        text = not with_ids and not _is_number(first[0])
        dropped = {0} if with_ids or text or _same(first[0], path.stem) else set()
        id_column = 0
        kept = [column for column in range(len(first)) if column not in dropped]
        names, width = (), len(first)
        table = chain([(1, first)], table)
    if not kept:
        raise SourceError(f"{path} has no columns beside the clip ids; put the features there")
    return Rows(names, len(kept), _picked(table, id_column, kept, width, path))


def read_arff(path: Path, with_ids: bool) -> Rows:
    """Open an ARFF as openSMILE and openXBOW write it; a class and attributes of listed values are left out.

    Raises:
        SourceError: if it has no data, a row that is no ARFF, is sparse, or has no attribute of ids.
    """
    lines = _lines(path)
    names: list[str] = []
    nominal: set[int] = set()
    number = 0
    for line in lines:
        number += 1
        word, _, rest = line.strip().partition(" ")
        if word.lower() == "@data":
            break
        if word.lower() == "@attribute":
            name, kind = _attribute(rest.strip())
            nominal |= {len(names)} if kind.startswith("{") or name.lower() == "class" else set()
            names.append(name)
    else:
        raise SourceError(f"{path} has no @data; name an ARFF file")
    id_column, kept = _columns(names, path, with_ids)
    kept = [column for column in kept if column not in nominal]
    if not kept:
        raise SourceError(f"{path} has no attributes beside the clip ids; put the features there")
    data = ((index, line) for index, line in enumerate(lines, number + 1) if line.strip() and line[0] != "%")

    def rows() -> Iterator[tuple[int, list[str]]]:
        for index, line in data:
            if line.lstrip().startswith("{"):
                raise SourceError(f"{path}, line {index}: sparse rows are not read; write all values")
            try:
                cells = next(csv.reader([line], quotechar="'", skipinitialspace=True))
            except csv.Error as error:
                raise SourceError(f"{path}, line {index} is not ARFF: {error}; write it anew") from None
            yield index, cells

    return Rows(
        tuple(names[column] for column in kept), len(kept), _picked(rows(), id_column, kept, len(names), path)
    )


def read_parquet(path: Path, with_ids: bool) -> Rows:
    """Open a Parquet table.

    Raises:
        SourceError: if it is not Parquet, has no column of ids or a column that holds no numbers.
    """
    try:
        parquet = pq.ParquetFile(path, page_checksum_verification=True)
    except pa.ArrowException:
        raise SourceError(f"{path} is not a Parquet file; write it anew") from None
    schema = parquet.schema_arrow
    id_column, kept = _columns(schema.names, path, with_ids)
    names = [schema.names[column] for column in kept]
    for name in names:
        kind = schema.field(name).type
        if not (pa.types.is_floating(kind) or pa.types.is_integer(kind)):
            raise SourceError(f"{path}, row 1, column {name}: {kind} is no number; take the column out")

    columns = [schema.names[id_column], *names] if with_ids else names

    def rows() -> Iterator[Row]:
        number = 0
        for batch in _batches(parquet, columns, path):
            ids = batch.column(columns[0]).to_pylist() if with_ids else [""] * batch.num_rows
            values = np.stack(
                [batch.column(name).cast(pa.float64()).to_numpy(zero_copy_only=False) for name in names],
                axis=1,
            )
            for raw, row in zip(ids, values, strict=True):
                number += 1
                yield str(raw), f"row {number}", row

    return Rows(tuple(names), len(names), rows())


def _batches(parquet: pq.ParquetFile, columns: Sequence[str], path: Path) -> Iterator[pa.RecordBatch]:
    try:
        yield from parquet.iter_batches(_BATCH, columns=columns)
    except (pa.ArrowException, OSError) as error:
        raise SourceError(f"{path} is damaged ({str(error).splitlines()[0]}); copy it again") from None


READERS: Mapping[str, Callable[[Path, bool], Rows]] = {
    ".csv": read_csv,
    ".arff": read_arff,
    ".parquet": read_parquet,
}


def matrix(path: Path, ids: Path | None) -> Rows:
    """Open a NumPy matrix [n, d] with a text file of n ids; without ids the vector [d] or [1, d] of a clip.

    Raises:
        SourceError: if it is no such matrix of numbers, or the ids are of another number.
    """
    try:
        values = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError, EOFError):
        raise SourceError(f"{path} is no NumPy array of numbers; save it anew with numpy.save") from None
    if ids is None and values.ndim == 1:
        values = values[None]
    if values.ndim != 2 or values.dtype.kind not in "fiu" or not values.shape[1]:
        raise SourceError(f"{path} is {values.dtype} {list(values.shape)}, not numbers [clips, columns]")
    listed = [line.strip() for line in _lines(ids)] if ids else [path.stem]
    while listed and not listed[-1]:
        listed.pop()
    if len(listed) != len(values):
        beside = f"{ids.name} names {len(listed)} clips" if ids else "a clip's file has one"
        raise SourceError(f"{path} has {len(values)} rows, but {beside}; correct it")
    rows = (
        (listed[index], f"row {index + 1}", values[index].astype(np.float64)) for index in range(len(values))
    )
    return Rows(numbered("value", values.shape[1]), values.shape[1], rows)


def _lines(path: Path) -> Iterator[str]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            while line := file.readline(_LONGEST):
                if len(line) == _LONGEST:
                    raise SourceError(
                        f"{path} has a line of more than {_LONGEST:,} characters; is it a table?"
                    )
                yield line
    except UnicodeDecodeError:
        raise SourceError(f"{path} is not text in UTF-8; write it anew") from None


def _cells(
    lines: Iterator[str], path: Path, delimiter: str, before: int = 0
) -> Iterator[tuple[int, list[str]]]:
    """Line number and cells of each line that is not empty, behind ``before`` lines."""
    reader = csv.reader(lines, delimiter=delimiter)
    try:
        for cells in reader:
            if cells:
                yield before + reader.line_num, cells
    except csv.Error as error:
        raise SourceError(
            f"{path}, line {before + reader.line_num} is not CSV: {error}; write it anew"
        ) from None


@lru_cache(maxsize=1)
def _header(line: str, delimiter: str) -> list[str] | None:
    """The names of the columns if a first line holds such; files of one folder begin with the same line."""
    try:
        cells = next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:
        return None
    return cells if cells and _is_header(cells) else None


def _is_header(cells: Sequence[str]) -> bool:
    """Whether cells name columns: none behind the first is a number; or they are pandas' 0, 1, 2, …"""
    if not cells[0].strip() and cells[1:] == [str(column) for column in range(len(cells) - 1)]:
        return True
    behind = [cell for cell in cells[1:] if cell.strip()]
    return bool(behind) and not any(_is_number(cell) for cell in behind)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _same(cell: str, stem: str) -> bool:
    """Whether a cell repeats the name of its file."""
    return cell.strip().strip("'\"[]") == stem


def _columns(names: Sequence[str], path: Path, with_ids: bool) -> tuple[int, list[int]]:
    """The column of clip ids (−1: none), and those of features."""
    lower = [name.strip().lower() for name in names]
    ids = [lower.index(name) for name in IDS if name in lower] or ([0] if lower and not lower[0] else [])
    if with_ids and not ids:
        raise SourceError(f"{path} has no column of clip ids; name it {IDS[0]}")
    left_out = {column for column, name in enumerate(lower) if name in _TIMES} | set(ids[:1])
    left_out |= {column for column, name in enumerate(lower) if name in _INDICES or (not name and not column)}
    return (ids[0] if ids else -1), [column for column in range(len(names)) if column not in left_out]


def _picked(
    table: Iterator[tuple[int, list[str]]], id_column: int, kept: list[int], width: int, path: Path
) -> Iterator[Row]:
    for number, cells in table:
        if len(cells) != width:
            raise SourceError(
                f"{path}, line {number}: {len(cells)} cells, but the first line has {width}; correct it"
            )
        yield cells[id_column], f"line {number}", [cells[column] for column in kept]


def _attribute(rest: str) -> tuple[str, str]:
    """Name and type of an ARFF attribute."""
    if rest[:1] in ("'", '"'):
        name, _, kind = rest[1:].partition(rest[0])
    else:
        name, _, kind = rest.replace("\t", " ").partition(" ")
    return name, kind.strip()
