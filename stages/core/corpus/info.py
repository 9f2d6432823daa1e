"""The label files of a corpus as text: headers and rows, in any of CSV's dialects, joined by File_ID."""

import csv
import io
import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from stages.core.corpus.cells import says_nothing
from stages.core.runtime.errors import OptionError, UnusableClipError, UserError

INFO = "data_info.csv"
_HEADER = 100_000  # characters among which the first line ends
_KNOWN = 1 << 16  # different cells that are remembered while a file is read
_SEPARATOR_LINE = re.compile(r'"?sep=(.)"?\r?\n', re.IGNORECASE)  # a first line that Excel writes and reads
_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")  # xlsx and ods, xls
_UNSEEN = "\u200b\u200c\u200d\u200e\u200f\u2060\ufeff"  # zero-width characters, marks of direction


class Cells(Mapping[str, str]):
    """Column → text of one line; a million lines share the names of their columns."""

    __slots__ = ("_places", "_texts")

    def __init__(self, places: Mapping[str, int], texts: Sequence[str]) -> None:
        self._places, self._texts = places, texts

    def __getitem__(self, column: str) -> str:
        return self._texts[self._places[column]]

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


@dataclass(frozen=True, slots=True)
class Row:
    """What the label files say of one clip.

    Attributes:
        clip_id: its File_ID without brackets.
        where: file and line, of each file.
        cells: column → text, stripped and in Unicode's composed form; empty if the clip has a problem.
        problem: why the row cannot be used; None: it can.
    """

    clip_id: str
    where: str
    cells: Mapping[str, str] = field(default_factory=dict)
    problem: UnusableClipError | None = None


@dataclass(frozen=True)
class Info:
    """The content of one label file, or of several that were joined.

    Attributes:
        files: the files, as corpus.labels names them.
        columns: in the files' order.
        rows: in the order of the first file.
        decimal_comma: the columns whose numbers may have a comma, because it does not separate cells there.
    """

    files: tuple[str, ...]
    columns: tuple[str, ...]
    rows: Sequence[Row]
    decimal_comma: frozenset[str]

    @property
    def name(self) -> str:
        """What sentences call it."""
        return " and ".join(self.files)

    @property
    def has(self) -> str:
        """The name and its verb."""
        return f"{self.name} {'have' if len(self.files) > 1 else 'has'}"


def read_info(
    folder: Path,
    files: Sequence[str] = (INFO,),
    speaker: str | None = "Subject_ID",
    minus_one: Collection[str] = (),
) -> Info:
    """Read the label files of a corpus and join them by File_ID.

    A clip that is not in all files, or of which two say different things, becomes a row with a problem. A
    cell without a label says nothing, so that another file's counts.

    Args:
        folder: the corpus.
        files: the files below it.
        speaker: the column that names the speaker, which one of them must have; None: none does.
        minus_one: the columns in which −1 is a label.

    Raises:
        UserError: if a file is missing, not CSV in UTF-8 or empty, File_ID or the speaker's column is
            missing, a column stands twice, or ids are empty or not unique.
    """
    found = [_read_file(folder, name) for name in files]
    info = found[0] if len(found) == 1 else _joined(found, minus_one)
    if speaker and speaker not in info.columns:
        where = replace(info, files=tuple(str(folder / name) for name in files))
        raise UserError(
            f"{where.has} no column {speaker}; {_nearest(speaker, info.columns)}, or say in corpus.speaker "
            "which column names the speaker (empty: none does)."
        )
    return info


def clip_id_of(text: str) -> str:
    """The id behind a ``File_ID``: brackets and surrounding blanks go, leading zeros stay.

    >>> clip_id_of(" [00012] ")
    '00012'
    """
    text = text.strip()
    return text[1:-1].strip() if text.startswith("[") and text.endswith("]") else text


def _read_file(folder: Path, name: str) -> Info:
    path = folder / name
    text = _read_text(folder, path)
    declared = _SEPARATOR_LINE.match(text)
    text = text[declared.end() :] if declared else text
    first = next(io.StringIO(text[:_HEADER]), "")
    separator = declared[1] if declared else _separator(first)
    lines = _parse(path, text, separator, 2 if declared else 1)
    if not lines:
        raise UserError(f"{path} is empty; it must begin with a header line that holds File_ID.")
    columns = tuple(lines[0][1])
    if "File_ID" not in columns:
        raise UserError(f"{path} has no column File_ID; {_nearest('File_ID', columns)}.")
    twice = [column for column, count in Counter(columns).items() if count > 1 and column]
    if twice:
        raise UserError(f"{path} has the column {twice[0]} twice; keep one of them.")
    place = columns.index("File_ID")
    _refuse_repeated_ids(path, place, lines[1:])
    if len(lines) == 1:
        raise UserError(f"{path} lists no clips; add one line per clip below the header.")
    places = {column: index for index, column in enumerate(columns)}
    rows = [_row(name, places, len(columns), line, cells) for line, cells in lines[1:]]
    return Info((name,), columns, rows, frozenset(columns if separator != "," else ()))


def _separator(header: str) -> str:
    """What stands between the cells of a header line: most often, among those that leave File_ID a cell.

    >>> _separator('File_ID;"Age, in years, as told";Country')
    ';'
    """

    def fitness(separator: str) -> tuple[bool, int]:
        try:
            cells = next(csv.reader(io.StringIO(header, newline=""), delimiter=separator), [])
        except csv.Error:
            cells = []
        return "File_ID" in map(_bare, cells), header.count(separator)

    return max(",;\t|", key=fitness)


def _row(name: str, places: Mapping[str, int], width: int, line: int, cells: Sequence[str]) -> Row:
    row = partial(Row, clip_id_of(cells[places["File_ID"]]), f"{name} line {line}")
    if len(cells) == width:
        return row(Cells(places, cells))
    detail = f"{len(cells)} fields where the header has {width}"
    return row(problem=UnusableClipError("malformed row", detail))


def _joined(found: Sequence[Info], minus_one: Collection[str]) -> Info:
    """Several files as one."""
    by_id = [{row.clip_id: row for row in info.rows} for info in found]
    every = dict.fromkeys(clip_id for rows in by_id for clip_id in rows)
    rows = []
    for clip_id in every:
        of_clip = [rows_of[clip_id] for rows_of in by_id if clip_id in rows_of]
        lacking = [info.name for info, rows_of in zip(found, by_id, strict=True) if clip_id not in rows_of]
        rows.append(_joined_row(of_clip, lacking, minus_one))
    return Info(
        tuple(info.name for info in found),
        tuple(dict.fromkeys(column for info in found for column in info.columns)),
        rows,
        frozenset[str]().union(*(info.decimal_comma for info in found)),
    )


def _joined_row(rows: Sequence[Row], lacking: Sequence[str], minus_one: Collection[str]) -> Row:
    """What several files say of one clip; ``lacking`` are those that do not have it."""
    joined = partial(Row, rows[0].clip_id, " and ".join(row.where for row in rows))
    if lacking:
        return joined(
            problem=UnusableClipError("not in all label files", f"it is not in {' and '.join(lacking)}")
        )
    for row in rows:
        if row.problem:
            return Row(row.clip_id, row.where, problem=row.problem)
    cells: dict[str, str] = {}
    origin: dict[str, Row] = {}
    for row in rows:
        for column, cell in row.cells.items():
            if column == "File_ID" or says_nothing(cell, column in minus_one):
                cells.setdefault(column, cell)
            elif column not in origin:
                cells[column], origin[column] = cell, row
            elif not _same(cells[column], cell):
                detail = (
                    f"{column} is {cells[column]!r} in {origin[column].where} and {cell!r} in {row.where}"
                )
                return joined(problem=UnusableClipError("label files disagree", detail))
    return joined(cells)


def _same(one: str, other: str) -> bool:
    """Whether two cells say the same, as texts or as numbers.

    >>> _same("0.5", "0.50"), _same("China", "Venezuela")
    (True, False)
    """
    try:
        return one == other or float(one) == float(other)
    except ValueError:
        return False


def _nearest(column: str, columns: Sequence[str]) -> str:
    """What to do about a column that is not there."""
    near = next((name for name in columns if _letters(name) == _letters(column)), None)
    return f"rename {near!r}" if near else f"its header has {', '.join(columns)[:200]}"


def _read_text(folder: Path, path: Path) -> str:
    if not folder.is_dir():
        raise OptionError(
            "corpus.path", f"is {str(folder)!r}, which is no folder; name one that holds {INFO}"
        )
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise UserError(
            f"{path} does not exist; corpus.path must name a folder that holds it, and corpus.labels its "
            "label files."
        ) from None
    except UnicodeDecodeError as error:
        if error.object.startswith(_WORKBOOKS):
            raise UserError(f"{path} is a workbook of a spreadsheet; save it as CSV in UTF-8.") from None
        raise UserError(f"{path} is not UTF-8 at byte {error.start}; save it as CSV in UTF-8.") from None
    except OSError as error:
        raise UserError(
            f"{path} cannot be read ({error.strerror}); check what it is and who may read it."
        ) from None
    if "\0" in text[:8]:
        raise UserError(f"{path} is not UTF-8 but looks like UTF-16; save it as CSV in UTF-8.")
    return text


def _bare(cell: str) -> str:
    """A cell without blanks and characters that are not seen at its ends.

    >>> _bare(" China\\u200b ")
    'China'
    """
    return cell.strip().strip(_UNSEEN).strip()


def _parse(path: Path, text: str, separator: str, first_line: int) -> list[tuple[int, list[str]]]:
    """Line numbers and cells; empty lines are left out."""
    text = unicodedata.normalize("NFC", text)
    # A StringIO would take four bytes for each character.
    content = io.TextIOWrapper(io.BytesIO(text.encode()), "utf-8", newline="")
    reader = csv.reader(content, delimiter=separator, strict=True)
    known: dict[str, str] = {}  # cells that occur often are held once

    def once(cell: str) -> str:
        return known.setdefault(cell, cell) if len(known) < _KNOWN else known.get(cell, cell)

    try:
        lines = ((reader.line_num + first_line - 1, [once(_bare(cell)) for cell in row]) for row in reader)
        return [(number, cells) for number, cells in lines if any(cells)]
    except csv.Error as error:
        raise UserError(
            f"{path} line {reader.line_num + first_line - 1} is not CSV ({error}); correct the quotes there."
        ) from None


def _refuse_repeated_ids(path: Path, column: int, rows: Sequence[tuple[int, list[str]]]) -> None:
    seen: dict[str, int] = {}
    for line, row in rows:
        clip_id = clip_id_of(row[column]) if len(row) > column else ""
        if not clip_id:
            raise UserError(f"{path} line {line} has no File_ID; give each clip one.")
        if clip_id in seen:
            raise UserError(
                f"{path} lines {seen[clip_id]} and {line} have the same File_ID {clip_id!r}; keep one."
            )
        seen[clip_id] = line


def _letters(name: str) -> str:
    """A column's name without case, blanks and punctuation.

    >>> _letters("file id") == _letters("File_ID")
    True
    """
    return re.sub(r"[\W_]", "", name).lower()
