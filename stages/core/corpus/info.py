"""data_info.csv as text: header and rows, in any of CSV's dialects."""

import csv
import io
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from stages.core.runtime.errors import OptionError, UserError

INFO = "data_info.csv"
_SEPARATOR_LINE = re.compile(r"sep=(.)\r?\n")  # what Excel writes and reads as a first line


@dataclass(frozen=True)
class Info:
    """The content of data_info.csv.

    Attributes:
        path: the file.
        columns: name → index, in the file's order.
        rows: line number and cells, stripped and in Unicode's composed form, as many as the line has.
        decimal_comma: whether numbers may have a comma, because it does not separate cells.
    """

    path: Path
    columns: dict[str, int]
    rows: Sequence[tuple[int, list[str]]]
    decimal_comma: bool


def read_info(folder: Path) -> Info:
    """Read data_info.csv of a corpus.

    Raises:
        UserError: if it is missing, not CSV in UTF-8 or empty, if File_ID or Subject_ID is missing, a column
            stands twice, or ids are empty or not unique.
    """
    path = folder / INFO
    text = _read_text(folder, path)
    declared = _SEPARATOR_LINE.match(text)
    text = text[declared.end() :] if declared else text
    first = text.partition("\n")[0]
    separator = declared[1] if declared else max(",;\t", key=first.count)
    lines = _parse(path, text, separator, 2 if declared else 1)
    if not lines:
        raise UserError(
            f"{path} is empty; it must begin with a header line that holds File_ID and Subject_ID."
        )
    names = lines[0][1]
    for needed in ("File_ID", "Subject_ID"):
        if needed not in names:
            near = next((name for name in names if _letters(name) == _letters(needed)), None)
            hint = f"rename {near!r}" if near else f"its header has {', '.join(names)[:200]}"
            raise UserError(f"{path} has no column {needed}; {hint}.")
    twice = [column for column, count in Counter(names).items() if count > 1 and column]
    if twice:
        raise UserError(f"{path} has the column {twice[0]} twice; keep one of them.")
    columns = {column: index for index, column in enumerate(names)}
    _refuse_repeated_ids(path, columns["File_ID"], lines[1:])
    if len(lines) == 1:
        raise UserError(f"{path} lists no clips; add one line per clip below the header.")
    return Info(path, columns, lines[1:], separator != ",")


def clip_id_of(text: str) -> str:
    """The id behind a ``File_ID``: brackets and surrounding blanks go, leading zeros stay.

    >>> clip_id_of(" [00012] ")
    '00012'
    """
    text = text.strip()
    return text[1:-1].strip() if text.startswith("[") and text.endswith("]") else text


def _read_text(folder: Path, path: Path) -> str:
    if not folder.is_dir():
        raise OptionError(
            "corpus.path", f"is {str(folder)!r}, which is no folder; name one that holds {INFO}"
        )
    try:
        return path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise UserError(f"{path} does not exist; corpus.path must name a folder that holds it.") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not UTF-8 at byte {error.start}; save it as CSV in UTF-8.") from None
    except OSError as error:
        raise UserError(
            f"{path} cannot be read ({error.strerror}); check what it is and who may read it."
        ) from None


def _parse(path: Path, text: str, separator: str, first_line: int) -> list[tuple[int, list[str]]]:
    """Line numbers and cells; empty lines are left out."""
    text = unicodedata.normalize("NFC", text)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        lines = ((reader.line_num + first_line - 1, [cell.strip() for cell in row]) for row in reader)
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
