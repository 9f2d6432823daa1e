"""Names that a person gives to tasks, feature sets, recipes, models and runs.

They become words of the shell, keys of DVC's templates and metrics, names of files, of Parquet columns and
of network parameters, and must collide with none of these. Label columns and classes may be any text.
"""

import re
from collections.abc import Iterable, Mapping

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,59}")
RULE = "a name begins with a letter and has at most 60 ASCII letters, digits, - and _"
# Taken, in upper and lower case.
_TAKEN = {
    **dict.fromkeys("true false null".split(), "YAML does not read it as text"),
    **dict.fromkeys(
        ["con", "prn", "aux", "nul", *(f"{port}{digit}" for port in ("com", "lpt") for digit in range(10))],
        "Windows allows no file of this name",
    ),
    **dict.fromkeys(["size", "nfiles"], "DVC's run cache overlooks changes below a key of this name"),
}
_BOAW = {"boaw": "the bags of audio words have it"}
_TAKEN_IN: Mapping[str, Mapping[str, str]] = {
    "tasks": {
        "total": "learning curves call the sum of the losses so",
        "file": "predictions call a column so",
        "error": "predictions call a column so",
    },
    "features": _BOAW,
    "external": _BOAW,
    "fused_features": _BOAW,
}


def problem_with_name(name: object, section: str) -> str | None:
    """Why a section of params.yaml cannot hold a name; None: it can.

    >>> problem_with_name("mtl2-relative", "models")
    >>> problem_with_name("my run", "runs")
    'a name begins with a letter and has at most 60 ASCII letters, digits, - and _'
    >>> problem_with_name("Size", "tasks")
    "DVC's run cache overlooks changes below a key of this name"
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        return RULE
    return _TAKEN.get(name.lower()) or _TAKEN_IN.get(section, {}).get(name.lower())


def equal_but_for_case(names: Iterable[str]) -> tuple[str, str] | None:
    """Two names that are one file where a file system ignores case; None if there are none.

    >>> equal_but_for_case(["stl", "mtl", "STL"])
    ('stl', 'STL')
    """
    seen: dict[str, str] = {}
    for name in names:
        if name.lower() in seen:
            return seen[name.lower()], name
        seen[name.lower()] = name
    return None
