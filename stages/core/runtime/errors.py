"""What a person reads while a stage runs: plain lines, progress bars, one-sentence errors."""

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """A mistake that its user can mend; the message names file, field and remedy in one sentence.

    It stays on one line, and sends nothing to the terminal, whatever names of files or fields it repeats.

    >>> str(UserError("params.yaml: corpus.a\\nb is not a parameter."))
    'params.yaml: corpus.a\\\\nb is not a parameter.'
    """

    def __init__(self, message: str) -> None:
        super().__init__("".join(c if c.isprintable() else repr(c)[1:-1] for c in message))


def nearest(name: str, known: Iterable[str]) -> str:
    """The name that was meant, or all that there are, in brackets.

    >>> nearest("compare-mlt2", ["compare-stl", "compare-mtl2"])
    ' (did you mean compare-mtl2?)'
    """
    known = list(known)
    match = difflib.get_close_matches(str(name), known, n=1)
    return f" (did you mean {match[0]}?)" if match else f" (there are {', '.join(known)})"


class UnusableClipError(Exception):
    """A recording that cannot be used: ``reason`` is a short class of faults, ``detail`` the particulars."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail
