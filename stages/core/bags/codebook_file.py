"""openXBOW's text format of codebooks, to the byte.

A file that asks for something is applied as it says or refused by name; nothing in it is passed over.
"""

import math
from dataclasses import replace
from pathlib import Path
from typing import Literal, NoReturn

import numpy as np

from stages.core.bags.codebook import (
    PLACEHOLDERS,
    Activity,
    Codebook,
    Counting,
    Scaling,
    ScalingMethod,
)
from stages.core.runtime.errors import StageFileError, UserError
from stages.core.runtime.files import write_text

# openXBOW's tables begin with the name of the clip and the time of the frame.
LEADING = 2
LARGEST = 1_000_000
SCALINGS: dict[str, tuple[ScalingMethod, Literal["Input", "Output"]]] = {
    "standardizeInput": ("standardize", "Input"),
    "normalizeInput": ("normalize", "Input"),
    "standardizeOutput": ("standardize", "Output"),
    "normalizeOutput": ("normalize", "Output"),
}


def write_codebook(path: Path, codebook: Codebook) -> None:
    """Write a codebook of descriptors in openXBOW's text format, whole or not at all.

    The name and the time of a frame lead the columns, as in openXBOW's tables.
    """
    if codebook.input is not None:
        width = len(codebook.input.offset) + LEADING
        codebook = replace(codebook, input=codebook.input.spread(np.arange(LEADING, width), width))
    if codebook.activity is not None:
        column = codebook.activity.column + LEADING
        codebook = replace(codebook, activity=replace(codebook.activity, column=column))
    write_text(path, to_text(codebook))


def to_text(codebook: Codebook) -> str:
    """A codebook in openXBOW's text format; its columns are those of the table, the name included."""
    lines = []
    if codebook.activity is not None:
        threshold = java_text(codebook.activity.threshold)
        lines += [f"removeLowEnergy;{codebook.activity.column + 1};{threshold}"]
    lines += scaling_lines(codebook.input, "Input")
    if codebook.log:
        lines += ["log"]
    if codebook.idf is not None:
        lines += ["idf", number_line(codebook.idf)]
    lines += scaling_lines(codebook.output, "Output")
    for words, counting in zip(codebook.words, codebook.counting, strict=True):
        soft = f"{java_text(counting.gaussian)};{java_text(counting.off)}"
        lines += ["codebookNumeric", f"{words.shape[0]};{words.shape[1]};{counting.assignments};{soft}"]
        lines += map(number_line, words)
    return "\n".join(lines) + "\n"


def scaling_lines(scaling: Scaling | None, side: Literal["Input", "Output"]) -> list[str]:
    """The three lines of a scaling, or none."""
    if scaling is None:
        return []
    return [f"{scaling.method}{side}", number_line(scaling.offset), number_line(scaling.divisor)]


def read_codebook(path: Path, columns: int) -> Codebook:
    """Read a codebook for that many descriptors; its table begins with the name and the time of a frame.

    Raises:
        StageFileError: if the file does not exist.
        UserError: if it is not a codebook whose every line can be applied.
    """
    if not path.exists():
        raise StageFileError(path, "does not exist")
    return for_descriptors(load_codebook(path), columns, str(path))


def load_codebook(path: Path) -> Codebook:
    """Read a codebook in openXBOW's text format as it stands: its columns are those of the whole table.

    Raises:
        UserError: if the file does not exist or is not a codebook whose every line can be applied.
    """
    try:
        return from_text(path.read_text(encoding="utf-8"), str(path))
    except (FileNotFoundError, IsADirectoryError):
        raise UserError(f"{path} is no file.") from None
    except UnicodeDecodeError:
        raise UserError(f"{path} is not a numeric codebook in openXBOW's text format.") from None


def for_descriptors(codebook: Codebook, columns: int, file: str) -> Codebook:
    """The codebook for tables of descriptors alone, without the name and the time that lead openXBOW's.

    Args:
        codebook: as its file says.
        columns: how many descriptors there are.
        file: what messages call it.

    Raises:
        UserError: if it scales other columns.
    """
    if codebook.input is not None:
        if len(codebook.input.offset) != columns + LEADING:
            raise UserError(
                f"{file} scales {len(codebook.input.offset)} columns, but name, time and descriptors are "
                f"{columns + LEADING}."
            )
        leading = np.stack([codebook.input.offset, codebook.input.divisor])[:, :LEADING].T
        if not (leading == np.array(PLACEHOLDERS[codebook.input.method], np.float32)).all():
            raise UserError(
                f"{file} scales the first two columns of its table, which are no name and time; "
                "learn it from a table that begins with both (-attributes nt…)."
            )
    return of_columns(codebook, np.arange(LEADING, LEADING + columns), file)


def of_columns(codebook: Codebook, columns: np.ndarray, file: str) -> Codebook:
    """The codebook for a table of some of its table's columns.

    Raises:
        UserError: if it needs others.
    """
    scaling, activity = codebook.input, codebook.activity
    if scaling is not None:
        if len(columns) and columns.max() >= len(scaling.offset):
            raise UserError(f"{file} scales {len(scaling.offset)} columns, fewer than the table has.")
        scaling = scaling.pick(columns)
        if not np.isfinite(scaling.offset).all():
            raise UserError(f"{file} gives no minimum for a column that holds numbers in this table.")
    if activity is not None:
        place = np.flatnonzero(columns == activity.column)
        if not len(place):
            raise UserError(
                f"{file} removes frames by column {activity.column + 1}, which holds no descriptor."
            )
        activity = replace(activity, column=int(place[0]))
    return replace(codebook, input=scaling, activity=activity)


class _Lines:
    """The lines of a codebook file; every complaint names file and line."""

    def __init__(self, text: str, file: str) -> None:
        self._lines, self._file, self.at = text.splitlines(), file, 0
        self._seen: set[str] = set()

    def next(self) -> str | None:
        """The next line, None at the end."""
        self.at += 1
        return self._lines[self.at - 1] if self.at <= len(self._lines) else None

    def once(self, section: str) -> None:
        """Refuse the second section of its kind."""
        if section in self._seen:
            self.fail(f"a second {section}; a codebook has one at most")
        self._seen.add(section)

    def fail(self, what: str) -> NoReturn:
        """Raise a UserError that says what is wrong with the line read last."""
        raise UserError(f"{self._file}: line {self.at}: {what}.")

    def numbers(self, what: str, length: int | None = None, finite: bool = True) -> np.ndarray:
        """The next line as float32 numbers."""
        line = self.next()
        try:
            values = np.array((line or "").split(";"), dtype=np.float32)
        except ValueError:
            self.fail(f"{what} expected, but this is no line of numbers between semicolons")
        if length is not None and len(values) != length:
            self.fail(f"{length} numbers expected ({what}), but there are {len(values)}")
        if finite and not np.isfinite(values).all():
            self.fail(f"{what} should be finite")
        return values

    def scaling(self, method: ScalingMethod) -> Scaling:
        """The next two lines as a scaling."""
        offset = self.numbers("an offset for each column", finite=False)
        infinite = np.isposinf(offset) if method == "normalize" else np.zeros(len(offset), bool)
        if not (np.isfinite(offset) | infinite).all():
            self.fail("an offset should be finite")
        divisor = self.numbers("a divisor for each column", len(offset))
        if not (divisor > 0).all():
            self.fail("a divisor should be above 0")
        return Scaling(method, offset, divisor)

    def activity(self, line: str) -> Activity:
        """Which frames count, from ``removeLowEnergy;column;threshold``; columns begin with 1."""
        try:
            column, threshold = int(line.split(";")[1]), float(np.float32(line.split(";", 2)[2]))
        except (ValueError, IndexError):
            self.fail("removeLowEnergy;column;threshold expected")
        if not (1 <= column <= LARGEST and math.isfinite(threshold)):
            self.fail("removeLowEnergy takes a column from 1 on and a finite threshold")
        return Activity(column - 1, threshold)

    def group(self) -> tuple[np.ndarray, Counting]:
        """The next lines as the words of a group and how they count."""
        fields = (self.next() or "").split(";")
        try:
            size, width, assignments = (int(field) for field in fields[:3])
            gaussian, off = (float(np.float32(field)) for field in fields[3:])
        except ValueError:
            self.fail("words;columns;assignments;gaussian;off expected")
        if not (1 <= size <= LARGEST and 1 <= width <= LARGEST):
            self.fail(f"{size} words of {width} columns are no codebook")
        if not 1 <= assignments <= size:
            self.fail(f"{assignments} assignments, but a frame counts at least 1 and at most {size} words")
        if not (math.isfinite(gaussian) and math.isfinite(off) and gaussian >= 0 and off >= 0):
            self.fail("gaussian and off should be 0 or above")
        words = [self.numbers("a word", width) for _ in range(size)]
        return np.stack(words), Counting(assignments, gaussian, off)


def from_text(text: str, file: str = "the codebook") -> Codebook:
    """A codebook from openXBOW's text format; nothing in it is passed over.

    Args:
        text: the whole file.
        file: what messages call it.

    Raises:
        UserError: if a line or a number does not belong there, or asks for what is not done here.
    """
    lines = _Lines(text, file)
    scalings: dict[str, Scaling] = {}
    log, idf, activity = False, None, None
    groups: list[tuple[np.ndarray, Counting]] = []
    while (line := lines.next()) is not None:
        if line in SCALINGS:
            method, side = SCALINGS[line]
            if side in scalings:
                lines.fail(f"{line} follows another scaling of the {side.lower()}")
            scalings[side] = lines.scaling(method)
        elif line.startswith("removeLowEnergy;"):
            lines.once("removeLowEnergy")
            activity = lines.activity(line)
        elif line == "log":
            lines.once(line)
            log = True
        elif line == "idf":
            lines.once(line)
            idf = lines.numbers("an idf factor for each word")
        elif line == "codebookNumeric":
            groups.append(lines.group())
        elif line.startswith("codebook"):
            lines.fail(f"{line[:40]} is not supported; only codebooks of numeric words are (codebookNumeric)")
        else:
            lines.fail(f"{line[:40]!r} is no section of an openXBOW codebook that is known here")
    if not groups:
        raise UserError(f"{file} holds no words (codebookNumeric).")
    words, counting = zip(*groups, strict=True)
    codebook = Codebook(words, counting, log, scalings.get("Input"), idf, scalings.get("Output"), activity)
    for what, values in (("idf", idf), ("output scaling", codebook.output)):
        count = len(values.offset if isinstance(values, Scaling) else values) if values is not None else None
        if count not in (None, codebook.bins):
            raise UserError(f"{file}: its {what} has {count} numbers for {codebook.bins} words.")
    return codebook


def number_line(values: np.ndarray) -> str:
    """Numbers between semicolons, as Java prints them."""
    return ";".join(map(java_text, values))


def java_text(value: np.float32 | float) -> str:
    """``Float.toString``: the fewest digits that tell the number from its neighbours.

    That is what Java 19 and later print; earlier ones add a digit to some numbers above 10⁷ or below 10⁻⁸.

    >>> [java_text(np.float32(value)) for value in (0, 0.1, 5e-4, 12345678, 1e10, 1e-45, np.inf)]
    ['0.0', '0.1', '5.0E-4', '1.2345678E7', '1.0E10', '1.4E-45', 'Infinity']
    """
    value = np.float32(value)
    if not np.isfinite(value):
        return "NaN" if np.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if value == 0 or 1e-3 <= abs(value) < 1e7:
        return np.format_float_positional(value, unique=True, trim="0")
    text = np.format_float_scientific(value, unique=True, trim="0", exp_digits=1).upper().replace("E+", "E")
    # Java prints two digits at least, the right ones also where one would tell the number from others.
    two = f"{float(value):.1e}".replace("e-", "E-").replace("E-0", "E-")
    return two if ".0E-" in text and np.float32(two) == value else text
