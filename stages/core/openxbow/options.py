"""The options of the command line, as openXBOW 1.3.1 takes them.

Options are words with a hyphen, each followed by its values. What openXBOW can do and this command cannot
is refused by the option's name.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from stages.core.bags.codebook import Counting, ScalingMethod
from stages.core.bags.learning import Method
from stages.core.runtime.errors import UserError, did_you_mean

HELP = """usage: python -m stages.openxbow OPTIONS

openXBOW 1.3.1's bags of words of numeric features, without Java.

-i FILE                  table of frames, CSV (between semicolons) or ARFF; its first column names the clip
-attributes TEXT         columns of the table: n name, t time, 1-9 numbers of a codebook, c label, r none;
                         1[65] stands for 65 columns, as in nt1[65]2[65]c
-attributesAlt TEXT      the same with m for all numbers, then the columns of each codebook: ntm[9]_[1+2][3-9]
-o FILE                  the bags: .csv, .arff or .libsvm
-oi FILE                 the words of each frame, CSV
-writeName               name of the clip before each bag; -writeTimeStamp: time of the segment (with -t)
-csvHeader, -csvSep C    a header line, another separator in the CSV of bags
-l FILE                  labels of clips (name;label;...) or of segments (name;time;label;...), CSV
-noLabels                no labels in the output; -arffLabels A,B: the classes that ARFF announces
-append                  add to the output file
-t WIDTH HOP             a bag for each segment of WIDTH seconds, each HOP seconds
-e COLUMN MINIMUM        leave out frames whose value in that column of the table is below the minimum
-standardizeInput, -normalizeInput, -standardizeOutput, -normalizeOutput
-size N[,N...]           words of each codebook (500); -a N[,N...]: words that a frame counts (1)
-gaussian S[,S...]       weights by distance; -off D[,D...]: words farther than that do not count
-c METHOD                random++, random, kmeans or kmeans++; -seed N (10)
-supervised              words of each class apart; -numTrain N: learn from so many frames
-log, -idf, -norm 1|2|3  logarithm, inverse document frequency, normalization by frames, sum or length
-b FILE, -B FILE         read the codebook, write it
"""

FLAGS = {
    "writeName": "write_name",
    "writeTimeStamp": "write_time",
    "csvHeader": "header",
    "noLabels": "no_labels",
    "append": "append",
    "supervised": "supervised",
    "log": "log",
    "idf": "idf",
}
SCALINGS = {"standardizeInput", "normalizeInput", "standardizeOutput", "normalizeOutput"}
OTHERS = (
    "svmModel oJson gen reduce unigram bigram trigram minTermFreq maxTermFreq stopChar nGram nCharGram gmm"
).split()
METHODS = ("random++", "random", "kmeans", "kmeans++")
# What a codebook file decides, whatever else is asked for.
DECIDED = ("size", "a", "gaussian", "off", "c", "seed", "numTrain", "supervised", "log", "idf", "e")


def _number(name: str, text: str, kind: type, least: float, most: float = math.inf) -> Any:
    """An integer, or a float32 as Java reads it."""
    try:
        value = kind(text) if kind is int else float(np.float32(text))
    except (ValueError, OverflowError):
        raise UserError(f"-{name}: {text!r} is no {'whole ' * (kind is int)}number.") from None
    if not (least <= value <= most and math.isfinite(value)):
        allowed = f"at least {least:g}" if most == math.inf else f"{least:g} to {most:g}"
        raise UserError(f"-{name}: {text} is out of range ({allowed}).")
    return value


def _numbers(name: str, kind: type, least: float) -> Callable[[str], tuple[Any, ...]]:
    """Reads a list of numbers between commas."""
    return lambda text: tuple(_number(name, part, kind, least) for part in text.split(","))


def _method(name: str) -> str:
    if name not in METHODS:
        raise UserError(f"-c {name} is not supported here; there are {', '.join(METHODS)}.")
    return name


# Options with values: the field of :class:`Options`, and what makes its value of the words that follow.
VALUES: dict[str, tuple[str, Callable[..., Any]]] = {
    "i": ("input", Path),
    "o": ("output", Path),
    "oi": ("index", Path),
    "l": ("labels", Path),
    "b": ("load", Path),
    "B": ("save", Path),
    "attributes": ("attributes", str),
    "attributesAlt": ("alternative", str),
    "arffLabels": ("arff_labels", str),
    "csvSep": ("separator", str),
    "c": ("method", _method),
    "size": ("sizes", _numbers("size", int, 1)),
    "a": ("assignments", _numbers("a", int, 1)),
    "gaussian": ("gaussian", _numbers("gaussian", float, 0)),
    "off": ("off", _numbers("off", float, 0)),
    "seed": ("seed", lambda text: _number("seed", text, int, -(2**31), 2**31 - 1)),
    "numTrain": ("train", lambda text: _number("numTrain", text, int, 0)),
    "norm": ("norm", lambda text: _number("norm", text, int, 0, 3)),
    "t": ("window", lambda *texts: tuple(_number("t", text, float, 1e-6) for text in texts)),
    "e": (
        "activity",
        lambda column, least: (_number("e", column, int, 1), _number("e", least, float, -math.inf)),
    ),
}


@dataclass(frozen=True)
class Options:
    """What one call asks for; see :data:`HELP`.

    ``sizes``, ``assignments``, ``gaussian`` and ``off`` are lists for the codebooks, as given; ``window`` is
    width and hop in seconds, ``activity`` a column of the table (from 1) and the least value of a frame that
    counts; ``ignored`` names options that a loaded codebook overrides.
    """

    input: Path
    attributes: str | None = None
    alternative: str | None = None
    output: Path | None = None
    index: Path | None = None
    write_name: bool = False
    write_time: bool = False
    header: bool = False
    separator: str = ";"
    labels: Path | None = None
    no_labels: bool = False
    arff_labels: str | None = None
    append: bool = False
    window: tuple[float, float] | None = None
    activity: tuple[int, float] | None = None
    input_scaling: ScalingMethod | None = None
    output_scaling: ScalingMethod | None = None
    sizes: tuple[int, ...] = (500,)
    assignments: tuple[int, ...] = (1,)
    gaussian: tuple[float, ...] = (0.0,)
    off: tuple[float, ...] = (0.0,)
    method: Method = "random++"
    seed: int = 10
    supervised: bool = False
    train: int = 0
    log: bool = False
    idf: bool = False
    norm: Literal[0, 1, 2, 3] = 0
    load: Path | None = None
    save: Path | None = None
    ignored: tuple[str, ...] = field(default=())

    def size(self, group: int) -> int:
        """Words of a codebook; the last of the list holds for the codebooks that it leaves out."""
        return self.sizes[min(group, len(self.sizes) - 1)]

    def counting(self, group: int) -> Counting:
        """How a codebook counts.

        openXBOW takes as many assignments from the list as there are sizes, and one more of the other two.
        """
        count = len(self.sizes)
        gaussian, off = self.gaussian[: count + 1], self.off[: count + 1]
        return Counting(
            self.assignments[min(group, count - 1, len(self.assignments) - 1)],
            gaussian[min(group, len(gaussian) - 1)],
            off[min(group, len(off) - 1)],
        )


def parse(arguments: Sequence[str]) -> Options:
    """Read the options.

    Raises:
        UserError: if an option is unknown, not supported, lacks a value or contradicts another.
    """
    given = _split(arguments)
    found: dict[str, Any] = {FLAGS[name]: True for name in given if name in FLAGS}
    found |= {key: values(*given[name]) for name, (key, values) in VALUES.items() if name in given}
    for side in ("Input", "Output"):
        methods = [method for method in ("standardize", "normalize") if method + side in given]
        if len(methods) == 2:
            raise UserError(f"-standardize{side} and -normalize{side} exclude each other; give one of them.")
        if methods:
            found[f"{side.lower()}_scaling"] = methods[0]
    if "b" in given:
        found["ignored"] = tuple(name for name in (*DECIDED, *sorted(SCALINGS)) if name in given)
    return _checked(found)


def _split(arguments: Sequence[str]) -> dict[str, list[str]]:
    """Options by name, each with its values."""
    given: dict[str, list[str]] = {}
    rest = list(arguments)
    while rest:
        word = rest.pop(0)
        name = word.removeprefix("-")
        if name in OTHERS:
            raise UserError(f"-{name} is not supported here; of openXBOW, only bags of numeric words are.")
        count = 2 if name in ("t", "e") else int(name in VALUES)
        if word == name or not (count or name in FLAGS or name in SCALINGS):
            raise UserError(f"{word} is no option{did_you_mean(name, [*FLAGS, *VALUES, *SCALINGS])}.")
        if name in given:
            raise UserError(f"-{name} is given twice.")
        if len(rest) < count:
            raise UserError(f"-{name} needs {count} value{'s' * (count > 1)}.")
        given[name] = [rest.pop(0) for _ in range(count)]
    return given


def _checked(found: dict[str, Any]) -> Options:
    """Options that do not contradict each other."""
    if "input" not in found:
        raise UserError("-i is missing; it names the table of frames.")
    options = Options(**found)
    if options.attributes is not None and options.alternative is not None:
        raise UserError("-attributes and -attributesAlt exclude each other; give one of them.")
    if options.write_time and options.window is None:
        raise UserError("-writeTimeStamp needs -t, which cuts clips into segments.")
    if options.output is None and options.index is None and options.save is None:
        raise UserError("there is nothing to write; give -o, -oi or -B.")
    if options.output is not None and options.output.suffix not in (".csv", ".arff", ".libsvm"):
        raise UserError(f"-o {options.output} ends neither in .csv nor in .arff nor in .libsvm.")
    if options.supervised and options.window is not None:
        raise UserError("-supervised and -t exclude each other; learn the codebook in a call without -t.")
    if options.window is not None and options.window[1] > 1e6:
        raise UserError(f"-t: a hop of {options.window[1]:g} seconds is too long.")
    return options
