"""Compiled functions, kept for every copy of the project on this machine.

numba keeps compiled code beside the source, so that each clone and each temporary folder of an experiment
compiles anew, and it looks for changes in one file alone. Here the code lies in the user's cache folder, or
in NUMBA_CACHE_DIR, under a digest of all sources that may be part of it. numba itself tells processors, types
and its own versions apart.
"""

import hashlib
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from numba import config, njit
from numba.core.caching import CompileResultCacheImpl, FunctionCache, _CacheLocator
from numba.misc.appdirs import AppDirs

ARITHMETIC = Path(__file__).parents[1] / "arithmetic"


def compiled(**options: Any) -> Callable[[Any], Any]:
    """A decorator that compiles a function when it is first called, once for each combination of types.

    It may call compiled functions and read constants of its own package and of :mod:`stages.core.arithmetic`:
    a change of any file of these compiles it anew.

    Args:
        options: of :func:`numba.njit`.
    """

    def decorate(function: Any) -> Any:
        dispatcher = njit(**options)(function)
        with suppress(RuntimeError):  # without a folder that can be written every process compiles for itself
            dispatcher._cache = _Cache(function)
        return dispatcher

    return decorate


@cache
def sources_digest(folder: Path) -> str:
    """A digest of the Python files of a package and of the arithmetic."""
    digest = hashlib.blake2b(digest_size=16)
    for path in (*sorted(folder.glob("*.py")), *sorted(ARITHMETIC.glob("*.py"))):
        digest.update(path.read_bytes())
    return digest.hexdigest()


class _Locator(_CacheLocator):
    """Where the compiled code of a function lies."""

    def __init__(self, function: Any, file: str) -> None:
        self._py_file, self._line = file, function.__code__.co_firstlineno  # numba's warnings read the file
        self._stamp = sources_digest(Path(file).parent)
        own = AppDirs("nonverbal-vocalizations", appauthor=False).user_cache_dir
        base = getattr(config, "CACHE_DIR", None) or own
        self._folder = Path(base) / self._stamp

    @classmethod
    def from_function(cls, function: Any, file: str) -> "_Locator | None":
        locator = cls(function, file)
        try:
            locator.ensure_cache_path()
        except OSError:
            return None
        return locator

    def get_cache_path(self) -> str:
        return str(self._folder)

    def get_source_stamp(self) -> str:
        return self._stamp

    def get_disambiguator(self) -> str:
        return str(self._line)


class _Implementation(CompileResultCacheImpl):
    _locator_classes = [_Locator]  # noqa: RUF012 (as numba declares it)


class _Cache(FunctionCache):
    _impl_class = _Implementation
