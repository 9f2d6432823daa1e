"""The groups of columns that have audio words of their own."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

import numpy as np

from stages.core.bags.codebook import Codebook
from stages.core.runtime.errors import OptionError

Layout = Literal["joint", "split"] | Mapping[str, Sequence[str]]
_DELTA = re.compile(r"_de(\[\d+\])?$")


def column_groups(columns: Sequence[str], layout: Layout) -> list[np.ndarray]:
    """Indices of the columns that each codebook covers.

    Args:
        columns: names of the low-level descriptors and deltas.
        layout: ``joint``: one group of all columns; ``split``: descriptors, then deltas (openSMILE
            ends their names in ``_de``); or name of a group → patterns of its columns, in which
            ``*`` stands for any text. Columns that no pattern covers are left out.

    Raises:
        OptionError: if a pattern or a group covers no column, or two groups share one.

    >>> names = ["F0_sma", "mfcc_sma[1]", "F0_sma_de"]
    >>> [group.tolist() for group in column_groups(names, "split")]
    [[0, 1], [2]]
    >>> [group.tolist() for group in column_groups(names, {"pitch": ["F0*"]})]
    [[0, 2]]
    """
    if layout == "joint":
        return [np.arange(len(columns))]
    if layout == "split":
        delta = np.array([bool(_DELTA.search(column)) for column in columns])
        if delta.all() or not delta.any():
            raise OptionError("layout", "is split, but the descriptors have no deltas; use joint")
        return [np.flatnonzero(~delta), np.flatnonzero(delta)]
    found: list[np.ndarray] = []
    owner: dict[int, str] = {}
    for name, patterns in layout.items():
        covered: set[int] = set()
        for pattern in patterns:
            matching = set(_matching(columns, pattern))
            if not matching:
                raise OptionError(
                    f"layout.{name}",
                    f"has {pattern!r}, which covers no column; columns are named like {columns[0]} and "
                    f"{columns[-1]}",
                )
            covered |= matching
        if not covered:
            raise OptionError(f"layout.{name}", "is empty; give it at least one pattern of columns")
        for column in covered:
            if owner.setdefault(column, name) != name:
                raise OptionError(
                    "layout",
                    f"has column {columns[column]} in both {owner[column]} and {name}; "
                    "a column belongs to one group",
                )
        found.append(np.array(sorted(covered)))
    if not found:
        raise OptionError("layout", "names no group; use joint, split or {name: [columns]}")
    return found


def _matching(columns: Sequence[str], pattern: str) -> Iterator[int]:
    # fnmatch would take the brackets of mfcc_sma[1] for a set of characters.
    expression = re.compile(".*".join(map(re.escape, pattern.split("*"))))
    return (index for index, column in enumerate(columns) if expression.fullmatch(column))


def check_groups(codebook: Codebook, groups: Sequence[np.ndarray], file: str) -> None:
    """Refuse a codebook whose groups are not of the wanted sizes.

    Args:
        codebook: the audio words.
        groups: the columns of each group.
        file: what messages call the codebook.

    Raises:
        OptionError: if they are not.
    """
    have, want = [words.shape[1] for words in codebook.words], [len(group) for group in groups]
    if have != want:
        raise OptionError("layout", f"gives groups of {want} columns, but {file} has words of {have}")
