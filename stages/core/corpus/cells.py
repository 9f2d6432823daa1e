"""One cell of data_info.csv: a number, a text, or nothing.

An empty cell, NaN and −1 are missing everywhere, as in HUME-VB's files. Other words for *missing* cannot be
numbers, so that they are missing in a column of numbers. In a column of text such a word may be a class or
a name (NA is Namibia, and somebody's initials): there, only the words that the caller lists are missing.
"""

import math
import re
from collections.abc import Collection

from stages.core.runtime.errors import UnusableClipError

UNLABELLED = frozenset(["", "nan", "NaN", "-1", "-1.0"])
LOOKS_MISSING = frozenset(
    "na n/a n.a. #n/a #na <na> nan none null nil ? ?? - -- – — . unknown missing unspecified".split()
    + "undefined nd n.d. tbd refused #value! #ref! #null! #div/0! #name? #num!".split()
    + ["not available", "not applicable", "not known", "not specified", "no answer", "prefer not to say"]
)
_DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+")
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}(\.\d{3})+")


def holds_minus_one(limits: tuple[float, float] | None) -> bool:
    """Whether −1 is a label of a task, by the lowest and the highest number that is believed."""
    return limits is not None and limits[0] <= -1 <= limits[1]


def says_nothing(cell: str, minus_one: bool = False) -> bool:
    """Whether a cell is empty, NaN or −1; ``minus_one``: −1 is a label.

    >>> says_nothing("-1"), says_nothing("-1", minus_one=True), says_nothing("", minus_one=True)
    (True, False, True)
    """
    return cell in UNLABELLED and not (minus_one and cell.startswith("-1"))


def number(column: str, cell: str, limits: tuple[float, float] | None, decimal_comma: bool = False) -> float:
    """The number in a cell; NaN where it is missing.

    Args:
        column: its name, for the error.
        cell: the text.
        limits: the lowest and the highest number that is believed; −1 is missing unless it lies within.
        decimal_comma: whether the numbers of the column have a decimal comma.

    Raises:
        UnusableClipError: if the cell holds another text, or a number beyond the limits.

    >>> number("Age", "27,5", (0, 120), decimal_comma=True), number("Age", "N/A", (0, 120))
    (27.5, nan)
    """
    cell = cell.replace("\N{MINUS SIGN}", "-")
    minus_one = holds_minus_one(limits)
    if cell.lower() in LOOKS_MISSING or says_nothing(cell, minus_one):
        return math.nan
    has_comma = _DECIMAL_COMMA.fullmatch(cell) is not None
    if decimal_comma and _THOUSANDS.fullmatch(cell):
        raise UnusableClipError(
            "label is not a number",
            f"{column} is {cell!r} where other cells have decimal commas; write thousands without a point",
        )
    try:
        if "_" in cell:  # which Python reads over
            raise ValueError
        value = float(cell.replace(",", ".") if has_comma and decimal_comma else cell)
    except ValueError:
        cause = "; write a decimal point" if has_comma else ""
        cause = "; write the number alone" if cell.endswith("%") else cause
        raise UnusableClipError("label is not a number", f"{column} is {cell!r}{cause}") from None
    if math.isnan(value) or (value == -1 and not minus_one):
        return math.nan
    if not math.isfinite(value) or (limits and not limits[0] <= value <= limits[1]):
        raise UnusableClipError(
            "label out of range",
            f"{column} is {cell}" + (f", outside {limits[0]:g} to {limits[1]:g}" if limits else ""),
        )
    return value


def text(cell: str, missing: Collection[str]) -> str | None:
    """The text in a cell; None where it is missing.

    Args:
        cell: the text.
        missing: further words that mean *missing*, in small letters; upper and lower case are the same.

    >>> text("NA", ["n/a"]), text("N/A", ["n/a"])
    ('NA', None)
    """
    return None if says_nothing(cell) or cell.lower() in missing else cell
