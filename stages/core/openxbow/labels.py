"""Labels of clips or segments, and the classes that an ARFF file announces."""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from stages.core.openxbow.parsing import exact
from stages.core.openxbow.table import unquoted
from stages.core.runtime.errors import UserError

LARGEST = 1 << 30
WHOLE = re.compile(r"(-?\d*)\.0")
# What a bag stands for: a clip, or a segment of it around a time.
Key = tuple[str, float | None]


def read_labels(path: Path, known: Sequence[Key]) -> dict[Key, tuple[str, ...]]:
    """Read the labels file (``-l``): name;label;... or, for segments, name;time;label;...

    Lines about anything but the known clips, such as a header, are passed over, as openXBOW does; so are
    times that are not exactly those of a segment. The last of several lines about the same counts.

    Args:
        path: the file, with semicolons between its columns.
        known: all clips, or all segments; their times are float32 numbers.

    Returns:
        The labels of those that have some.

    Raises:
        UserError: if there is no such file, a line lacks a label, or lines have different numbers of labels.
    """
    timed = any(time is not None for _, time in known)
    wanted = set(known)
    found: dict[Key, tuple[str, ...]] = {}
    if not path.is_file():
        raise UserError(f"-l {path} is no file.")
    if path.stat().st_size > LARGEST:
        raise UserError(f"-l {path} is larger than {LARGEST >> 20} MB.")
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise UserError(f"-l {path} is no UTF-8 text.") from None
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        fields = line.split(";")
        while len(fields) > 1 and not fields[-1]:
            fields.pop()
        if len(fields) < 2 + timed:
            what = "name;time;label" if timed else "name;label"
            raise UserError(f"-l {path}: line {number} has {len(fields)} columns; {what} is expected.")
        name, time = unquoted(fields[0], "'"), None
        if timed:
            value = exact(fields[1])
            if value is None and number > 1:
                raise UserError(f"-l {path}: line {number}: {fields[1][:40]!r} is no time.")
            time = None if value is None else float(value)
        if (name, time) in wanted:
            found[name, time] = tuple(fields[1 + timed :])
    if len({len(labels) for labels in found.values()}) > 1:
        raise UserError(f"-l {path}: lines have different numbers of labels.")
    return found


def shown(label: str) -> str:
    """A label as openXBOW writes it: without the .0 of a whole number.

    >>> shown("3.0"), shown("3.00"), shown("a.0")
    ('3', '3.00', 'a.0')
    """
    whole = WHOLE.fullmatch(label)
    return whole[1] if whole else label


def classes(labels: Sequence[str]) -> str:
    """What ARFF says of labels: ``numeric`` if one is a number but not a whole one, else the classes.

    >>> classes(["b", "1", "b"]), classes(["b", "1.5"])
    ('{1,b}', 'numeric')
    """
    if any(map(_fractional, labels)):
        return "numeric"
    return "{" + ",".join(sorted(set(labels))) + "}"


def _fractional(label: str) -> bool:
    if label in ("NaN", "Infinity", "-Infinity"):
        return True
    value = exact(label)
    return value is not None and float(value) != np.rint(float(value))
