"""Codebooks of audio words: what they hold, openXBOW's text format, and the columns that they cover.

A codebook file says everything that turns frames into bags except the normalization: the statistics
that standardize the input, the words, how many of them a frame counts, and whether the logarithm and
the inverse document frequency follow. It is the file that openXBOW 1.3.1 writes with ``-B`` and reads
with ``-b``, to the byte.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from stages.core.runtime.errors import UserError
from stages.core.runtime.files import write_text

Layout = Literal["joint", "split"] | Mapping[str, Sequence[str]]

ROWS = 65_536
# openXBOW's tables begin with the name of the clip and the time of the frame.
LEADING = 2
DELTA = re.compile(r"_de(\[\d+\])?$")


@dataclass(frozen=True)
class Codebook:
    """One or several groups of audio words, and how frames are counted.

    Attributes:
        words: for each group of columns float32 [words, columns of the group], standardized.
        assignments: how many nearest words a frame counts, in each group.
        log: whether counts become log10(count + 1).
        mean: of each column, float32; None: the input is not standardized.
        deviation: standard deviation of each column, float32; None along with ``mean``.
        idf: factor of each bin, float32 [bins]; None: no weighting.
    """

    words: tuple[np.ndarray, ...]
    assignments: int
    log: bool = False
    mean: np.ndarray | None = None
    deviation: np.ndarray | None = None
    idf: np.ndarray | None = None

    @property
    def bins(self) -> int:
        """Length of a bag: the words of all groups."""
        return sum(len(group) for group in self.words)

    def standardize(self, frames: np.ndarray, group: np.ndarray) -> np.ndarray:
        """Columns of a group in the codebook's units: float32 [n, columns] → [n, columns of group]."""
        part = frames[:, group]
        if self.mean is not None and self.deviation is not None:
            part -= self.mean[group]
            part /= self.deviation[group]
        return part


def statistics(frames: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and sample standard deviation of each column, a deviation of 0 replaced by 1.

    The sums run in float32, frame after frame, as openXBOW's do: its words and bags depend on the last bit.

    Args:
        frames: float32 [n, d].

    Returns:
        Two float32 [d].
    """
    count = np.float32(len(frames))
    mean = _running_sum(frames, np.zeros(frames.shape[1], np.float32), square=False) / count
    squares = _running_sum(frames, mean, square=True)
    deviation = np.sqrt(squares / max(count - np.float32(1), np.float32(1)))
    deviation[deviation == 0] = 1
    return mean, deviation


def _running_sum(frames: np.ndarray, origin: np.ndarray, square: bool) -> np.ndarray:
    """Sum of (frame − origin), or of its square, in float32 and frame order, block by block."""
    total = np.zeros(frames.shape[1], np.float32)
    for start in range(0, len(frames), ROWS):
        block = np.ascontiguousarray(frames[start : start + ROWS]) - origin
        if square:
            block *= block
        block[0] += total
        # Along the rows of a C-contiguous array NumPy adds one row after the other.
        np.add.reduce(block, axis=0, out=total)
    return total


def groups(columns: Sequence[str], layout: Layout) -> list[np.ndarray]:
    """Indices of the columns that each codebook covers.

    Args:
        columns: names of the low-level descriptors and deltas.
        layout: ``joint``: one group of all columns; ``split``: descriptors, then deltas (openSMILE
            ends their names in ``_de``); or name of a group → patterns of its columns, in which
            ``*`` stands for any text. Columns that no pattern covers are left out.

    Raises:
        UserError: if a pattern or a group covers no column, or two groups share one.

    >>> [group.tolist() for group in groups(["F0_sma", "mfcc_sma[1]", "F0_sma_de"], "split")]
    [[0, 1], [2]]
    >>> [group.tolist() for group in groups(["F0_sma", "mfcc_sma[1]", "F0_sma_de"], {"pitch": ["F0*"]})]
    [[0, 2]]
    """
    if layout == "joint":
        return [np.arange(len(columns))]
    if layout == "split":
        delta = np.array([bool(DELTA.search(column)) for column in columns])
        if delta.all() or not delta.any():
            raise UserError(
                "codebook.layout is split, but the low-level descriptors have no deltas; use joint."
            )
        return [np.flatnonzero(~delta), np.flatnonzero(delta)]
    found: list[np.ndarray] = []
    owner: dict[int, str] = {}
    for name, patterns in layout.items():
        covered: set[int] = set()
        for pattern in patterns:
            matching = set(_matching(columns, pattern))
            if not matching:
                raise UserError(
                    f"codebook.layout.{name}: {pattern!r} covers no column; columns are named like "
                    f"{columns[0]} and {columns[-1]}."
                )
            covered |= matching
        if not covered:
            raise UserError(f"codebook.layout.{name} is empty; give it at least one pattern of columns.")
        for column in covered:
            if owner.setdefault(column, name) != name:
                raise UserError(
                    f"codebook.layout: column {columns[column]} is in both {owner[column]} and {name}; "
                    "a column belongs to one group."
                )
        found.append(np.array(sorted(covered)))
    if not found:
        raise UserError("codebook.layout names no group; use joint, split or {name: [columns]}.")
    return found


def _matching(columns: Sequence[str], pattern: str) -> Iterator[int]:
    # fnmatch would take the brackets of mfcc_sma[1] for a set of characters.
    expression = re.compile(".*".join(map(re.escape, pattern.split("*"))))
    return (index for index, column in enumerate(columns) if expression.fullmatch(column))


def check(codebook: Codebook, groups: Sequence[np.ndarray], columns: int, file: str) -> None:
    """Refuse a codebook that does not fit the descriptors.

    Raises:
        UserError: if its groups, their columns or its statistics are of other sizes.
    """
    have, want = [words.shape[1] for words in codebook.words], [len(group) for group in groups]
    if have != want:
        raise UserError(
            f"{file} covers groups of {have} columns, codebook.layout and codebook.features give {want}; "
            "change one of them in params.yaml."
        )
    if codebook.mean is not None and len(codebook.mean) != columns:
        raise UserError(
            f"{file} standardizes {len(codebook.mean)} columns, the descriptors have {columns}; "
            "see codebook.features in params.yaml."
        )
    if any(codebook.assignments > len(words) for words in codebook.words):
        raise UserError(
            f"{file} has fewer words than its {codebook.assignments} assignments; see boaw.assignments."
        )


def write(path: Path, codebook: Codebook) -> None:
    """Write a codebook in openXBOW's text format, whole or not at all."""
    write_text(path, to_text(codebook))


def to_text(codebook: Codebook) -> str:
    """A codebook in openXBOW's text format; name and time of a frame stand as mean 0 and deviation 1."""
    lines = []
    if codebook.mean is not None and codebook.deviation is not None:
        lines += ["standardizeInput"]
        lines += [_line(np.concatenate([np.zeros(LEADING, np.float32), codebook.mean]))]
        lines += [_line(np.concatenate([np.ones(LEADING, np.float32), codebook.deviation]))]
    if codebook.log:
        lines += ["log"]
    if codebook.idf is not None:
        lines += ["idf", _line(codebook.idf)]
    for words in codebook.words:
        lines += ["codebookNumeric", f"{words.shape[0]};{words.shape[1]};{codebook.assignments};0.0;0.0"]
        lines += map(_line, words)
    return "\n".join(lines) + "\n"


def read(path: Path) -> Codebook:
    """Read a codebook in openXBOW's text format.

    Raises:
        UserError: if the file does not exist or is not such a codebook.
    """
    try:
        return from_text(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path} does not exist; `dvc repro codebook` makes data/codebook.txt.") from None
    except (ValueError, StopIteration):
        raise UserError(f"{path} is not a numeric codebook in openXBOW's text format.") from None


def from_text(text: str) -> Codebook:
    """A codebook from openXBOW's text format.

    Raises:
        ValueError: if a line or a number does not belong there.
        StopIteration: if the text ends early.
    """
    lines = iter(text.splitlines())
    mean = deviation = idf = None
    log, words, assignments = False, [], set()
    for line in lines:
        if line == "standardizeInput":
            mean, deviation = _numbers(next(lines))[LEADING:], _numbers(next(lines))[LEADING:]
        elif line == "log":
            log = True
        elif line == "idf":
            idf = _numbers(next(lines))
        elif line == "codebookNumeric":
            size, width, counted, *_ = next(lines).split(";")
            group = np.stack([_numbers(next(lines)) for _ in range(int(size))])
            if group.shape[1] != int(width):
                raise ValueError(f"{group.shape[1]} columns where {width} were announced")
            words.append(group)
            assignments.add(int(counted))
        else:
            raise ValueError(f"unknown section {line[:40]!r}")
    if len(assignments) != 1 or not all(np.isfinite(group).all() for group in words):
        raise ValueError("no codebook, different numbers of assignments, or words that are not finite")
    codebook = Codebook(tuple(words), assignments.pop(), log, mean, deviation, idf)
    if idf is not None and len(idf) != codebook.bins:
        raise ValueError(f"{len(idf)} idf factors for {codebook.bins} words")
    return codebook


def _numbers(line: str) -> np.ndarray:
    return np.array(line.split(";"), dtype=np.float32)


def _line(values: np.ndarray) -> str:
    return ";".join(map(_java_text, values))


def _java_text(value: np.float32) -> str:
    """``Float.toString``: the fewest digits that tell the number from its neighbours.

    >>> [_java_text(np.float32(value)) for value in (0, 0.1, 5e-4, 12345678, 1e10)]
    ['0.0', '0.1', '5.0E-4', '1.2345678E7', '1.0E10']
    """
    if value == 0 or 1e-3 <= abs(value) < 1e7:
        return np.format_float_positional(value, unique=True, trim="0")
    return np.format_float_scientific(value, unique=True, trim="0", exp_digits=1).upper().replace("E+", "E")
