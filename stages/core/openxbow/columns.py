"""The columns of a table, from ``-attributes``, ``-attributesAlt`` or the table itself.

Without either option the first column is the name, with ``-t`` the second is the time, and all others are the
numbers of one codebook, but for labels: the last column of a CSV file whose header calls it class or
label, and nominal attributes of an ARFF file.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn

import numpy as np

from stages.core.runtime.errors import UserError

MOST = 100_000
PART = re.compile(r"([a-zA-Z0-9])(?:\[(\d{1,6})\])?")
SELECTION = re.compile(r"\[([0-9+-]+)\]")


@dataclass(frozen=True)
class Columns:
    """What the columns of a table are; indices begin with 0.

    Attributes:
        width: number of columns.
        time: the column of times; None: there is none.
        groups: int [columns of the group], the numbers of each codebook, in their order.
        labels: the columns of labels.
    """

    width: int
    time: int | None
    groups: tuple[np.ndarray, ...]
    labels: tuple[int, ...]


def from_attributes(text: str) -> Columns:
    """Columns from ``-attributes``.

    Raises:
        UserError: if the text is no such description.

    >>> columns = from_attributes("nt1[2]r2c")
    >>> columns.width, columns.time, [group.tolist() for group in columns.groups], columns.labels
    (7, 1, [[2, 3], [5]], (6,))
    """
    letters = _expand(text, "-attributes", "ntcr123456789")
    used = sorted({letter for letter in letters if letter.isdigit()})
    if used != [str(number + 1) for number in range(len(used))]:
        _fail("-attributes", f"codebooks {', '.join(used)} should be numbered from 1 without a gap")
    groups = [[place for place, letter in enumerate(letters) if letter == number] for number in used]
    return _columns(letters, groups, "-attributes")


def from_alternative(text: str) -> Columns:
    """Columns from ``-attributesAlt``, where codebooks may share columns.

    Raises:
        UserError: if the text is no such description.

    >>> columns = from_alternative("ntm[4]c_[1+3][2-4]")
    >>> columns.width, [group.tolist() for group in columns.groups]
    (7, [[2, 4], [3, 4, 5]])
    """
    name = "-attributesAlt"
    front, mark, back = text.partition("_")
    if not mark or "".join(f"[{part}]" for part in SELECTION.findall(back)) != back or not back:
        _fail(name, "the columns of each codebook should follow a _, as in ntm[3]_[1+2][3]")
    letters = _expand(front, name, "ntcrm")
    numbers = [place for place, letter in enumerate(letters) if letter == "m"]
    groups = []
    for part in SELECTION.findall(back):
        chosen: list[int] = []
        for piece in part.split("+"):
            ends = re.fullmatch(r"(\d{1,6})(?:-(\d{1,6}))?", piece)
            if not ends:
                _fail(name, f"{part!r} is no list of columns, as 1+2 or 3-5")
            first, last = int(ends[1]), int(ends[2] or ends[1])
            if not 1 <= first <= last <= len(numbers):
                _fail(name, f"[{part}] is not among the {len(numbers)} numeric columns")
            chosen += numbers[first - 1 : last]
        groups.append(chosen)
    return _columns(letters, groups, name)


def from_table(header: Sequence[str] | None, width: int, timed: bool, nominal: Sequence[int] = ()) -> Columns:
    """Columns of a table that nothing describes.

    Args:
        header: names of its columns; None: it has no header.
        width: number of columns.
        timed: whether the second column is the time.
        nominal: columns that are known to hold classes.
    """
    labels = tuple(nominal)
    if header is not None and len(header) > 1 and header[-1].strip().lower() in ("class", "label"):
        labels = (width - 1,)
    time = 1 if timed else None
    rest = [place for place in range(1, width) if place not in labels and place != time]
    if not rest or (timed and 1 in labels):
        raise UserError("the table has no column of numbers; see -attributes.")
    return Columns(width, time, (np.array(rest),), labels)


def _expand(text: str, option: str, allowed: str) -> str:
    """One letter for each column."""
    letters: list[str] = []
    end = 0
    for part in PART.finditer(text):
        if part.start() != end or part[1] not in allowed:
            break
        count = int(part[2]) if part[2] else 1
        if not 1 <= count <= MOST or len(letters) + count > MOST:
            _fail(option, f"{part[0]} is not between 1 and {MOST} columns")
        letters += part[1] * count
        end = part.end()
    if end != len(text):
        if text[end] == "0":
            _fail(option, "0 (text) is not supported here; leave text out with r")
        _fail(option, f"{text[end : end + 12]!r} describes no columns")
    if not letters or letters[0] != "n" or letters.count("n") > 1:
        _fail(option, "the first column, and no other, is the name (n)")
    if letters.count("t") > 1:
        _fail(option, "only one column can be the time (t)")
    return "".join(letters)


def _columns(letters: str, groups: Sequence[Sequence[int]], option: str) -> Columns:
    if not groups:
        _fail(option, "no column holds numbers for a codebook")
    labels = tuple(place for place, letter in enumerate(letters) if letter == "c")
    time = letters.index("t") if "t" in letters else None
    return Columns(len(letters), time, tuple(map(np.array, groups)), labels)


def _fail(option: str, what: str) -> NoReturn:
    raise UserError(f"{option}: {what}.")
