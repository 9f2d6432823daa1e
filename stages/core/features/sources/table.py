"""Features that somebody else made, joined to the clips by their ids.

A table with a row per clip (see :mod:`stages.core.features.sources.formats`), a folder with a file per clip,
as HUME-VB brings its organizers' features, or a folder with one .npy and one .txt of ids. Memory holds a row
at a time: what is joined lies in a file.
"""

import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path, PurePath

import numpy as np

from stages.core.config.sources import TableSource
from stages.core.features.sources.formats import READERS, Rows, matrix
from stages.core.features.sources.pooling import numbered
from stages.core.features.sources.source import SourceError
from stages.core.runtime.console import progress


@dataclass(frozen=True)
class Joined:
    """The rows of the clips.

    Attributes:
        names: d names of the columns.
        values: float32 [n, d] in a file; rows of clips that the table lacks mean nothing.
        found: bool [n], which clips the table has.
        others: rows of the table that belong to no clip.
    """

    names: tuple[str, ...]
    values: np.ndarray
    found: np.ndarray
    others: int


def join(options: TableSource, clip_ids: Sequence[str], scratch: Path) -> Joined:
    """Find each clip's row.

    Args:
        options: the table.
        clip_ids: n clips.
        scratch: a folder with room for the joined rows; nothing stays in it.

    Raises:
        SourceError: if the table is not there, cannot be read, has two rows of a clip, a value that is no
            finite number, or rows of other clips alone.
    """
    path = Path(options.path)
    index = {clip_id: row for row, clip_id in enumerate(clip_ids)}
    table = _open(path, index, options.ending)
    names = table.names or numbered("value", table.width)
    twice = [name for name, times in Counter(names).items() if times > 1]
    if twice:
        raise SourceError(f"{path} has two columns named {twice[0]}; rename one of them")
    scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=scratch) as file:
        values = np.memmap(file, np.float32, "w+", shape=(max(1, len(clip_ids)), table.width))
    found = np.zeros(len(clip_ids), bool)
    others: list[str] = []
    number = 0
    for raw, where, row in progress(table.rows, len(clip_ids), "row"):
        clip_id = _clip_of(raw, options.ending)
        at = index.get(clip_id)
        if at is None:
            number += 1
            others += [raw] if len(others) < 1000 else []
            continue
        if found[at]:
            raise SourceError(
                f"{path} has several rows of clip {clip_id}, one of them {where}; keep one per clip"
            )
        values[at] = checked(row, names, path, where)
        found[at] = True
    if not found.any():
        raise SourceError(_stranger(path, others, clip_ids))
    return Joined(names, values, found, number)


def id_of(text: str) -> str:
    """The clip id within a cell: without quotes, spaces around it, and brackets.

    >>> id_of("'[00012]' ")
    '00012'
    """
    text = text.strip()
    for opening, closing in ("''", '""', "[]"):
        if len(text) > 1 and text[0] == opening and text[-1] == closing:
            text = text[1:-1]
    return text


def _clip_of(raw: str, ending: str) -> str:
    return id_of(raw).removesuffix(ending)


def checked(row: Sequence[str] | np.ndarray, names: Sequence[str], path: Path, where: str) -> np.ndarray:
    """The values of a row, float32 [d].

    Raises:
        SourceError: if there are not d, or one is text, NaN or beyond float32; row and column are named.
    """
    if len(row) != len(names):
        raise SourceError(
            f"{path}, {where}: {len(row)} values, but there are {len(names)} columns; correct it"
        )
    try:
        numbers = np.array(row if isinstance(row, np.ndarray) else list(map(float, row)), np.float64)
    except ValueError:
        numbers = np.array([_number(value) for value in row])
    with np.errstate(over="ignore"):
        values = numbers.astype(np.float32)
    if not np.isfinite(values).all():
        column = int(np.flatnonzero(~np.isfinite(values))[0])
        shown = str(row[column]).strip()[:40] or "empty"
        raise SourceError(
            f"{path}, {where}, column {names[column]}: {shown} is not a finite number; "
            "correct it, or take the clip or the column out"
        )
    return values


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")


def _open(path: Path, wanted: dict[str, int], ending: str) -> Rows:
    if path.is_dir():
        return _folder(path, wanted, ending)
    if not path.is_file():
        raise SourceError(f"path {path} does not exist; correct it, or put the table there")
    if path.suffix.lower() == ".npy":
        raise SourceError(
            f"{path} says nothing of its clips; move it to a folder of its own with ids.txt, one clip id per "
            "line in the order of its rows, and name the folder"
        )
    if path.suffix.lower() not in READERS:
        raise SourceError(f"{path} is of no known kind; a table is {', '.join(READERS)} or a folder")
    return READERS[path.suffix.lower()](path, True)


def _folder(folder: Path, wanted: dict[str, int], ending: str) -> Rows:
    """A file per clip, or one matrix and its ids."""
    files = sorted(file for file in folder.iterdir() if file.is_file() and not file.name.startswith("."))
    matrices = [file for file in files if file.suffix.lower() == ".npy"]
    lists = [file for file in files if file.suffix.lower() == ".txt"]
    if len(matrices) == len(lists) == 1 and len(files) == 2:
        return matrix(matrices[0], lists[0])
    kinds = Counter(file.suffix.lower() for file in files if file.suffix.lower() in (*READERS, ".npy"))
    if len(kinds) != 1:
        found = f"files of {len(kinds)} kinds ({', '.join(sorted(kinds))})" if kinds else "no table"
        raise SourceError(
            f"{folder} holds {found}; name a folder with a file per clip, all .csv, .arff or .npy"
        )
    (kind,) = kinds
    files = [file for file in files if file.suffix.lower() == kind]
    mine = [file for file in files if _clip_of(file.stem, ending) in wanted]
    if not mine:
        return Rows(("none",), 1, iter([(file.stem, file.name, []) for file in files[:1000]]))
    first = _one_row(mine[0])

    def rows() -> Iterator[tuple[str, str, Sequence[str] | np.ndarray]]:
        for file in files:
            if _clip_of(file.stem, ending) not in wanted:
                yield file.stem, file.name, []
                continue
            table = _one_row(file)
            if table.names != first.names:
                raise SourceError(f"{folder}: {file.name} has other columns than {mine[0].name}; correct it")
            (_, where, row) = next(table.rows)
            yield file.stem, f"{file.name}, {where}", row

    return Rows(first.names, first.width, rows())


def _one_row(file: Path) -> Rows:
    """A clip's file, opened.

    Raises:
        SourceError: if it has no row or several.
    """
    if file.suffix.lower() == ".npy":
        return matrix(file, None)
    table = READERS[file.suffix.lower()](file, False)
    found = list(islice(table.rows, 2))
    if len(found) != 1:
        number = "several rows" if found else "no row"
        raise SourceError(f"{file} has {number}; a clip's file has one")
    return Rows(table.names, table.width, iter(found))


def _stranger(path: Path, others: Sequence[str], clip_ids: Sequence[str]) -> str:
    """Why no row belongs to a clip, and what to do."""
    if not others:
        return f"{path} has no rows; name the table of this corpus"
    known = set(clip_ids)
    for other in others:
        name = PurePath(id_of(other))
        if name.stem in known and str(name) == name.name:
            return (
                f"{path} names clips with the ending {name.suffix} ({name}), the corpus without "
                f"({name.stem}); set ending: {name.suffix}"
            )
        if name.stem in known or name.name in known:
            return f"{path} names clips by their path ({name}); write the clip id alone ({name.stem})"
        if id_of(other).lstrip("0") in {clip_id.lstrip("0") for clip_id in islice(known, 1000)} - {""}:
            return (
                f"{path} has lost the leading zeros of the clip ids ({other}); write them as the corpus does"
            )
    return (
        f"{path} has rows of other clips alone, such as {id_of(others[0])}; the corpus has clips such as "
        f"{min(known, default='none')}; name the table of this corpus"
    )
