"""The errors that a person reads: mistakes that the user can correct, and clips that cannot be used."""

import difflib
from collections.abc import Iterable
from pathlib import Path


class UserError(Exception):
    """A mistake that the user can correct; the message names file, field and remedy in one sentence.

    It stays on one line and sends nothing to the terminal, whatever names of files or fields it repeats.

    >>> str(UserError("labels.csv: column a\\nb is not a number."))
    'labels.csv: column a\\\\nb is not a number.'
    """

    def __init__(self, message: str) -> None:
        super().__init__("".join(c if c.isprintable() else repr(c)[1:-1] for c in message))


class OptionError(UserError):
    """An option whose value does not fit the data; the caller knows where the option is set.

    >>> str(OptionError("size", "is 500, but there are only 20 frames; lower it"))
    'size is 500, but there are only 20 frames; lower it.'
    """

    def __init__(self, option: str, problem: str) -> None:
        super().__init__(f"{option} {problem}.")


class StageFileError(UserError):
    """A file that an earlier stage makes is missing or damaged; the caller knows how it is made.

    >>> str(StageFileError(Path("splits.parquet"), "does not exist"))
    'splits.parquet does not exist'
    """

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(f"{path} {problem}")


class UnusableClipError(Exception):
    """A clip that cannot be used: ``reason`` is a short class of faults, ``detail`` the particulars.

    Processes return it as a value: it can be pickled.

    >>> str(UnusableClipError("too short", "0.01 s, at least 0.1 s"))
    'too short: 0.01 s, at least 0.1 s'
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}"


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The name that was meant, or all that there are, in brackets.

    >>> did_you_mean("compare-mlt2", ["compare-stl", "compare-mtl2"])
    ' (did you mean compare-mtl2?)'
    >>> did_you_mean("compare_2016", ["eGeMAPSv02", "ComParE_2016"])
    ' (did you mean ComParE_2016?)'
    """
    by_lower = {entry.lower(): entry for entry in known}
    match = difflib.get_close_matches(str(name).lower(), by_lower, n=1)
    if match:
        return f" (did you mean {by_lower[match[0]]}?)"
    return f" (there are {', '.join(by_lower.values())})"
