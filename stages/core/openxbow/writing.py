"""The files that openXBOW writes: bags as CSV, ARFF or LibSVM, and the words of each frame."""

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import numpy as np

from stages.core.bags.codebook_file import java_text
from stages.core.openxbow.labels import Key, classes
from stages.core.runtime.files import whole

ROWS = 256
# LibSVM leaves out what is no larger than Java's Float.MIN_NORMAL.
LEAST = np.finfo(np.float32).tiny


@dataclass(frozen=True)
class Bags:
    """Bags and what is written beside them.

    Attributes:
        keys: what each bag stands for.
        bags: float32 [n, bins].
        labels: for each bag its labels, all of one number; None: there are none.
        announced: the classes of each label, as ARFF says them.
        relation: what ARFF calls the bags.
    """

    keys: Sequence[Key]
    bags: np.ndarray
    labels: Sequence[tuple[str, ...]] | None
    announced: Sequence[str]
    relation: str


def write_bags(
    path: Path, content: Bags, names: bool, times: bool, separator: str, header: bool, append: bool
) -> None:
    """Write bags in the format that the name of the file tells, whole or not at all.

    Args:
        path: ends in .csv, .arff or .libsvm.
        content: what to write.
        names: whether the name of the clip is written, in CSV and ARFF.
        times: whether the time of the segment is.
        separator: of CSV.
        header: whether CSV begins with a header line.
        append: keep what the file holds; ARFF then gets no second head, CSV does.
    """
    kept = append and path.is_file()
    with whole(path) as temporary:
        if kept:
            shutil.copyfile(path, temporary)
        with temporary.open("a", encoding="utf-8", newline="\n") as file:
            if path.suffix == ".libsvm":
                file.writelines(_libsvm(content))
                return
            if path.suffix == ".arff":
                separator = ","
                if not kept:
                    file.write(_arff_head(content, names, times))
            elif header:
                file.write(separator.join(_columns(content, names, times)) + "\n")
            file.writelines(_lines(content, names, times, separator))


def announce(labels: Sequence[tuple[str, ...] | None], fixed: str | None) -> list[str]:
    """The classes of each label, from the labels of some bags, or the only ones as ``-arffLabels`` says."""
    if fixed is not None:
        return ["{" + fixed + "}"]
    return [classes(column) for column in zip(*filter(None, labels), strict=True)]


def time_text(time: float) -> str:
    """Seconds with two decimals, halves rounded up, as Java's ``%.2f``.

    >>> time_text(0.125), time_text(2.0)
    ('0.13', '2.00')
    """
    return str(Decimal(time).quantize(Decimal("0.01"), ROUND_HALF_UP))


def word_lines(words: np.ndarray) -> str:
    """Lines of the index file: int [frames, assignments] → the words between semicolons."""
    texts = list(map(str, range(int(words.max(initial=0)) + 1)))
    return "".join(";".join([texts[word] for word in row]) + "\n" for row in words.tolist())


def _columns(content: Bags, names: bool, times: bool) -> list[str]:
    found = ["name"] * names + ["time"] * times + [f"W({place})" for place in range(content.bags.shape[1])]
    if content.labels is not None:
        count = len(content.announced)
        found += ["label"] if count == 1 else [f"label_{place}" for place in range(count)]
    return found


def _arff_head(content: Bags, names: bool, times: bool) -> str:
    lines = [f"@relation 'bag-of-features representation of {content.relation}'", ""]
    lines += ["@attribute name string"] * names + ["@attribute time numeric"] * times
    lines += [f"@attribute W({place}) numeric" for place in range(content.bags.shape[1])]
    if content.labels is not None:
        for place, announced in enumerate(content.announced):
            lines += [f"@attribute class{place or ''} {announced}"]
    return "\n".join([*lines, "", "@data", ""])


def _lines(content: Bags, names: bool, times: bool, separator: str) -> Iterator[str]:
    for row, values in enumerate(_texts(content.bags)):
        name, time = content.keys[row]
        front = [f"'{name}'"] * names + ([time_text(time)] if times and time is not None else [])
        back = content.labels[row][: len(content.announced)] if content.labels is not None else ()
        yield separator.join([*front, *values, *back]) + "\n"


def _libsvm(content: Bags) -> Iterator[str]:
    for row, (bag, values) in enumerate(zip(content.bags, _texts(content.bags), strict=True)):
        label = content.labels[row][0] if content.labels is not None else "0"
        yield (
            f"{label} "
            + "".join(f"{place + 1}:{values[place]} " for place in np.flatnonzero(abs(bag) > LEAST))
            + "\n"
        )


def _texts(bags: np.ndarray) -> Iterator[list[str]]:
    """The numbers of each bag as Java prints them."""
    for start in range(0, len(bags), ROWS):
        # Equal bits rather than equal numbers: -0.0 has a text of its own.
        bits, place = np.unique(bags[start : start + ROWS].view(np.int32), return_inverse=True)
        texts = np.array([java_text(value) for value in bits.view(np.float32)], object)
        for row in place.reshape(-1, bags.shape[1]):
            yield texts[row].tolist()
