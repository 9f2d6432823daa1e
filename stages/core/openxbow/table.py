"""Tables of frames, CSV or ARFF, read block by block: memory does not grow with their length.

A CSV file has columns between semicolons and may begin with a header: a line without a number. An ARFF file
has columns between commas; sparse ones are not read. Names and labels may stand in single or double quotes;
a quoted separator separates nothing. Blank lines are passed over. What else is odd is refused with its line.
"""

from codecs import BOM_UTF8
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, NoReturn

import numpy as np

from stages.core.openxbow.columns import Columns, from_table
from stages.core.openxbow.parsing import NUMBER, SKIP, TEXT, TOO_FEW, TOO_MANY, Parsed, exact, parse
from stages.core.runtime.errors import UserError

BLOCK = 2 << 20
LONGEST = 32 << 20


@dataclass(frozen=True)
class Block:
    """Some frames that follow one another.

    Attributes:
        names: the clips that they belong to; neighbours differ.
        starts: int64 [names], where the frames of each name begin.
        labels: for each name the labels of its first frame.
        numbers: float32 [n, numeric columns], finite.
    """

    names: list[str]
    starts: np.ndarray
    labels: list[tuple[str, ...]]
    numbers: np.ndarray


@dataclass(frozen=True)
class Table:
    """An opened table.

    Attributes:
        path: the file.
        relation: what ARFF calls it.
        separator: between columns.
        columns: what they are.
        numeric: int [numeric columns], the columns that are read as numbers, ascending.
        names: of all columns, for messages; None: unknown.
        start: where the frames begin, in bytes; ``first_line`` is the number of the line there, from 1.
        arff: whether lines may be comments.
    """

    path: Path
    relation: str
    separator: str
    columns: Columns
    numeric: np.ndarray
    names: tuple[str, ...] | None
    start: int
    first_line: int
    arff: bool

    def reading(self, *others: int | None) -> "Table":
        """The table with these columns read as numbers too."""
        wanted = sorted({*self.numeric.tolist(), *(column for column in others if column is not None)})
        for column in others:
            if column is not None and not 1 <= column < self.columns.width:
                raise UserError(f"{self.path} has no column {column + 1} of numbers.")
        return replace(self, numeric=np.array(wanted))

    def raw_blocks(self) -> Iterator[tuple[int, bytes]]:
        """Whole lines, some megabytes at a time, each with the number of its first line."""
        line = self.first_line
        with _opened(self.path) as file:
            file.seek(self.start)
            while text := file.read(BLOCK):
                end = file.readline(LONGEST)
                if len(end) == LONGEST:
                    raise UserError(
                        f"{self.path}: a line after line {line} is longer than {LONGEST >> 20} MB."
                    )
                text += end
                if not text.endswith(b"\n"):
                    text += b"\n"
                yield line, text
                line += text.count(b"\n")

    def block(self, first_line: int, text: bytes) -> Block:
        """Parse whole lines.

        Raises:
            UserError: if a line has other columns, a number is none, or a name is empty.
        """
        if self.arff and b"%" in text:
            lines = text.split(b"\n")
            text = b"\n".join(b"" if line.lstrip().startswith(b"%") else line for line in lines)
        kinds = np.full(self.columns.width, SKIP, np.int8)
        kinds[self.numeric] = NUMBER
        kinds[[0, *self.columns.labels]] = TEXT
        parsed = parse(text, self.separator, kinds)
        if parsed.fault:
            self._complain(first_line + parsed.fault_line, text.split(b"\n")[parsed.fault_line], parsed.fault)
        for row, number, begin, end in parsed.odd.tolist():
            value = exact(text[begin:end].decode(errors="replace"))
            if value is None:
                column = int(self.numeric[number])
                self._refuse(first_line + int(parsed.lines[row]), column, text[begin:end])
            parsed.numbers[row, number] = value
        return self._grouped(text, first_line, parsed)

    def _grouped(self, text: bytes, first_line: int, parsed: Parsed) -> Block:
        """Frames whose name is the same, together."""
        names: list[str] = []
        starts: list[int] = []
        labels: list[tuple[str, ...]] = []
        for row in parsed.starts.tolist():
            line = first_line + int(parsed.lines[row])
            fields = [self._decoded(text[begin:end], line) for begin, end in parsed.texts[row].tolist()]
            name, *own = (unquoted(field.rstrip("\r")) for field in fields)
            if not name.strip():
                raise UserError(f"{self.path}: line {line} has no name.")
            if not names or names[-1] != name:
                names.append(name)
                starts.append(row)
                labels.append(tuple(own))
        return Block(names, np.array(starts, np.int64), labels, parsed.numbers)

    def _decoded(self, text: bytes, line: int) -> str:
        try:
            return text.decode()
        except UnicodeDecodeError:
            raise UserError(f"{self.path}: line {line} is no UTF-8 text.") from None

    def _complain(self, line: int, text: bytes, fault: int) -> NoReturn:
        if fault not in (TOO_FEW, TOO_MANY):
            raise UserError(f"{self.path}: line {line} opens a quote that it does not close.")
        count = len(split(text.decode(errors="replace"), self.separator))
        raise UserError(f"{self.path}: line {line} has {count} columns instead of {self.columns.width}.")

    def _refuse(self, line: int, column: int, text: bytes) -> NoReturn:
        name = f" ({self.names[column][:40]})" if self.names and column < len(self.names) else ""
        shown = text.decode(errors="replace").strip()[:40]
        what = f"{shown!r}, which is no finite number" if shown else "empty"
        raise UserError(f"{self.path}: line {line}: column {column + 1}{name} is {what}.")


def open_table(path: Path, columns: Columns | None, timed: bool) -> Table:
    """Open a table; only its head is read.

    Args:
        path: CSV, or ARFF if its name ends so.
        columns: what its columns are; None: find out.
        timed: whether the second column is the time, if nothing else says so.

    Raises:
        UserError: if there is no such file, or its head is no table with these columns.
    """
    if path.suffix.lower() == ".arff":
        return _open_arff(path, columns, timed)
    with _opened(path) as file:
        first_line, line = 1, file.readline(LONGEST)
        while line and not line.strip():
            first_line, line = first_line + 1, file.readline(LONGEST)
        end = file.tell()
    text = _text(path, first_line, line).rstrip("\r\n")
    if not text:
        raise UserError(f"{path} is empty.")
    fields = split(text, ";")
    numbers = [exact(field) is not None for field in fields[1:]]
    header = tuple(unquoted(field) for field in fields) if not any(numbers) else None
    if columns is None:
        columns = from_table(header, len(fields), timed)
    if columns.width != len(fields):
        raise UserError(
            f"{path} has {len(fields)} columns in line {first_line}, but -attributes names {columns.width}."
        )
    start, line_number = (end, first_line + 1) if header else (end - len(line), first_line)
    return _table(path, path.name.removesuffix(path.suffix), ";", columns, header, start, line_number, False)


def _open_arff(path: Path, columns: Columns | None, timed: bool) -> Table:
    relation, names, nominal = path.stem, list[str](), list[int]()
    with _opened(path) as file:
        number = 0
        for line in iter(lambda: file.readline(LONGEST), b""):
            number += 1
            text = _text(path, number, line).strip()
            word = text[:10].lower()
            if word.startswith("@relation"):
                relation = text[9:].strip()
            elif word.startswith("@attribute"):
                name, kind = _attribute(path, number, text[10:].strip())
                if kind.startswith("{"):
                    nominal.append(len(names))
                names.append(name)
            elif word.startswith("@data"):
                break
            elif text and not text.startswith("%"):
                raise UserError(f"{path}: line {number} belongs into no ARFF head.")
        else:
            raise UserError(f"{path} has no @data.")
        start = file.tell()
    if columns is None:
        columns = from_table(None, len(names), timed, [place for place in nominal if place])
    if columns.width != len(names):
        raise UserError(f"{path} has {len(names)} attributes, but -attributes names {columns.width}.")
    return _table(path, relation.replace("'", ""), ",", columns, tuple(names), start, number + 1, True)


def _attribute(path: Path, line: int, text: str) -> tuple[str, str]:
    """Name and kind of an attribute."""
    if text[:1] in ("'", '"') and text.find(text[0], 1) > 0:
        end = text.index(text[0], 1)
        name, kind = text[1:end], text[end + 1 :].strip()
    else:
        name, _, kind = text.replace("\t", " ").partition(" ")
        kind = kind.strip()
    if not name or not kind:
        raise UserError(f"{path}: line {line}: an attribute has a name and a kind.")
    return name, kind


def _table(
    path: Path,
    relation: str,
    separator: str,
    columns: Columns,
    names: tuple[str, ...] | None,
    start: int,
    first_line: int,
    arff: bool,
) -> Table:
    numeric = np.unique(np.concatenate(columns.groups))
    return Table(path, relation, separator, columns, numeric, names, start, first_line, arff)


def split(line: str, separator: str) -> list[str]:
    """Columns of a line; separators in quotes separate nothing, empty columns at the end do not count.

    >>> split("'a;b';1;;", ";")
    ["'a;b'", '1']
    """
    if "'" not in line and '"' not in line:
        fields = line.split(separator)
    else:
        fields, field, quote = [], "", ""
        for letter in line:
            if letter == separator and not quote:
                fields, field = [*fields, field], ""
                continue
            if letter in ("'", '"') and (quote == letter or (not quote and not field)):
                quote = "" if quote else letter
            field += letter
        fields.append(field)
    while len(fields) > 1 and not fields[-1]:
        fields.pop()
    return fields


def unquoted(text: str, quotes: str = "'\"") -> str:
    """A name or label without the quotes around it."""
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in quotes else text


def _text(path: Path, number: int, line: bytes) -> str:
    if len(line) >= LONGEST:
        raise UserError(f"{path}: line {number} is longer than {LONGEST >> 20} MB.")
    try:
        return line.decode()
    except UnicodeDecodeError:
        raise UserError(f"{path}: line {number} is no UTF-8 text.") from None


def _opened(path: Path) -> BinaryIO:
    """The file, behind its byte order mark if it has one."""
    if not path.is_file():
        raise UserError(f"{path} is no file.")
    file = path.open("rb")
    if file.read(len(BOM_UTF8)) != BOM_UTF8:
        file.seek(0)
    return file
