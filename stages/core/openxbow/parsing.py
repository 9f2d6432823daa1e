"""Compiled parsing of lines of text to float32 numbers, rounded as Java's ``Float.parseFloat`` rounds.

A decimal number is a whole number times a power of ten. Both are turned into float64, whose product errs by
less than :data:`MARGIN` units in its last place; unless a border between two float32 numbers lies so
close, its rounding to float32 is the right one. Numbers at such borders, very large and very small ones and
all unusual spellings are left to :func:`exact`.
"""

import re
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from stages.core.runtime.compiling import compiled

MARGIN = 8
LONGEST = 1000
SKIP, NUMBER, TEXT = 0, 1, 2
POWERS = np.array([float(f"1e{exponent}") for exponent in range(-70, 71)])
SPELLING = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,4})?)[fFdD]?")
# What is wrong with a line.
FINE, TOO_FEW, TOO_MANY, OPEN_QUOTE = 0, 1, 2, 3


@dataclass(frozen=True)
class Parsed:
    """What a block of lines holds.

    Attributes:
        numbers: float32 [lines, numeric columns].
        texts: int64 [lines, text columns, 2], where each text begins and ends in the block.
        starts: int64 [n], lines whose first text is not that of the line before.
        lines: int64 [lines], number of each line within the block; empty lines are left out.
        odd: int64 [n, 4]: row, numeric column, begin and end of what :func:`exact` should read.
        fault: what is wrong with the line ``fault_line``.
    """

    numbers: np.ndarray
    texts: np.ndarray
    starts: np.ndarray
    lines: np.ndarray
    odd: np.ndarray
    fault: int
    fault_line: int


def parse(text: bytes, separator: str, kinds: np.ndarray) -> Parsed:
    """Parse whole lines.

    Args:
        text: lines that end in a line feed.
        separator: between the columns.
        kinds: int8 [columns]: SKIP, NUMBER or TEXT.
    """
    block, most = np.frombuffer(text, np.uint8), text.count(b"\n")
    numbers = np.empty((most, int((kinds == NUMBER).sum())), np.float32)
    texts = np.empty((most, int((kinds == TEXT).sum()), 2), np.int64)
    lines = np.empty(most, np.int64)
    odd = np.empty((256, 4), np.int64)
    while True:
        rows, count, fault, fault_line = _parse(block, ord(separator), kinds, numbers, texts, lines, odd)
        if count <= len(odd):
            starts = _starts(block, texts[:rows, 0])
            return Parsed(numbers[:rows], texts[:rows], starts, lines[:rows], odd[:count], fault, fault_line)
        odd = np.empty((numbers.size + 1, 4), np.int64)


def exact(text: str) -> np.float32 | None:
    """``Float.parseFloat`` of a decimal number; None if it is none, not finite or very long.

    >>> exact(" +1.00000005960464477539062500001f "), exact("1e-46"), exact("x"), exact("1e39")
    (np.float32(1.0000001), np.float32(0.0), None, None)
    """
    spelled = SPELLING.fullmatch(text.strip()) if len(text) <= LONGEST else None
    if not spelled:
        return None
    double = float(spelled[1])
    with np.errstate(over="ignore"):
        single = np.float32(double)
    if not np.isfinite(single):
        return None
    # Where the float64 is a border between two float32 numbers, what was lost on the way to it decides.
    lost, rounded = Fraction(spelled[1]) - Fraction(double), float(single)
    other = float(np.nextafter(single, np.float32(np.inf if double > rounded else -np.inf)))
    if lost and double != rounded and abs(double - other) == abs(double - rounded):
        return np.float32(max(rounded, other) if lost > 0 else min(rounded, other))
    return single


@compiled(nogil=True)
def _parse(  # noqa: PLR0912 (one pass over the text)
    block: np.ndarray,
    separator: int,
    kinds: np.ndarray,
    numbers: np.ndarray,
    texts: np.ndarray,
    lines: np.ndarray,
    odd: np.ndarray,
) -> tuple[int, int, int, int]:
    """Fill the arrays of :class:`Parsed`; return rows, odd numbers (all there are), fault and its line."""
    at, row, count, line = 0, 0, 0, -1
    bits = np.empty(1, np.float64)
    while at < len(block):
        line += 1
        if block[at] == 10 or (block[at] == 13 and block[at + 1] == 10):
            at += 1 if block[at] == 10 else 2
            continue
        number = text = 0
        for column in range(len(kinds)):
            begin = at
            quote = block[at]
            if quote == 34 or quote == 39:  # noqa: PLR1714 (numba compares, it does not search)
                at += 1
                while block[at] != 10 and block[at] != quote:
                    at += 1
                if block[at] == 10:
                    return row, count, OPEN_QUOTE, line
            if kinds[column] == NUMBER:
                value, at, fine = _number(block, at, separator, bits)
                numbers[row, number] = value
                if not fine:
                    if count < len(odd):
                        odd[count, 0], odd[count, 1], odd[count, 2], odd[count, 3] = row, number, begin, at
                    count += 1
                number += 1
            else:
                while block[at] != separator and block[at] != 10:
                    at += 1
                if kinds[column] == TEXT:
                    texts[row, text, 0], texts[row, text, 1] = begin, at
                    text += 1
            if column < len(kinds) - 1:
                if block[at] == 10:
                    return row, count, TOO_FEW, line
                at += 1
        # openXBOW does not see empty columns at the end of a line.
        while block[at] == separator:
            at += 1
        if block[at] == 13:
            at += 1
        if block[at] != 10:
            return row, count, TOO_MANY, line
        at += 1
        lines[row] = line
        row += 1
    return row, count, FINE, 0


@compiled(nogil=True)
def _number(  # noqa: PLR0912
    block: np.ndarray, at: int, separator: int, bits: np.ndarray
) -> tuple[np.float32, int, bool]:
    """A number, where it ends, and whether it is surely right."""
    negative = block[at] == 45
    if negative:
        at += 1
    # More than 19 digits overflow: they are counted, and left to exact().
    whole, first = np.uint64(0), at
    while True:
        digit = np.uint8(block[at] - np.uint8(48))
        if digit > 9:
            break
        whole = whole * np.uint64(10) + np.uint64(digit)
        at += 1
    digits, decimals = at - first, 0
    if block[at] == 46:
        at += 1
        first = at
        while True:
            digit = np.uint8(block[at] - np.uint8(48))
            if digit > 9:
                break
            whole = whole * np.uint64(10) + np.uint64(digit)
            at += 1
        decimals = at - first
    fine = 0 < digits + decimals <= 19
    power = 0
    if block[at] == 69 or block[at] == 101:
        at += 1
        minus = block[at] == 45
        if minus or block[at] == 43:
            at += 1
        first = at
        while 48 <= block[at] <= 57:
            power = min(power * 10 + int(block[at]) - 48, 100_000)
            at += 1
        fine = fine and at > first
        if minus:
            power = -power
    if not (block[at] == separator or block[at] == 10 or (block[at] == 13 and block[at + 1] == 10)):
        fine = False
        while block[at] != separator and block[at] != 10:
            at += 1
    power -= decimals
    if fine and whole == 0:
        return np.float32(-0.0 if negative else 0.0), at, True
    if not fine or power < -70 or power > 70:
        return np.float32(0), at, False
    value = np.float64(whole) * POWERS[power + 70] if power > 0 else np.float64(whole) / POWERS[70 - power]
    bits[0] = value
    rest = (bits.view(np.int64)[0] & 0x1FFFFFFF) - 0x10000000
    fine = (rest > MARGIN or rest < -MARGIN) and 1.2e-38 < value < 3.4e38
    return np.float32(-value if negative else value), at, fine


@compiled(nogil=True)
def _starts(block: np.ndarray, texts: np.ndarray) -> np.ndarray:
    found = np.empty(len(texts), np.int64)
    count = last = 0
    for row in range(len(texts)):
        begin, end = texts[row]
        same = row > 0 and end - begin == texts[last, 1] - texts[last, 0]
        if same:
            for place in range(end - begin):
                if block[begin + place] != block[texts[last, 0] + place]:
                    same = False
                    break
        if not same:
            found[count] = last = row
            count += 1
    return found[:count]
