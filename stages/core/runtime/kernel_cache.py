"""Where numba keeps compiled kernels where it may write neither beside the sources nor in the home."""

import atexit
import os
import shutil
import sys
import tempfile
from pathlib import Path

VARIABLE = "NUMBA_CACHE_DIR"


def ensure_writable(sources: Path) -> None:
    """Give numba a folder of this process alone if it would find none, as in a read-only checkout.

    numba itself tries ``__pycache__`` beside the sources, then the user's cache folder, and fails without
    either. A folder that others may write is no choice: numba would run what it finds there.

    Args:
        sources: the folder of the package, which stands for all of its folders.
    """
    if os.environ.get(VARIABLE) or _may_write(sources / "__pycache__") or _may_write(_user_cache()):
        return
    folder = tempfile.mkdtemp(prefix="numba-")
    os.environ[VARIABLE] = folder
    atexit.register(shutil.rmtree, folder, ignore_errors=True)


def _user_cache() -> Path:
    home = Path(os.path.expanduser("~"))  # noqa: PTH111 (Path.home() fails where nobody has this user id)
    if sys.platform == "darwin":
        return home / "Library/Caches"
    return Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache")


def _may_write(folder: Path) -> bool:
    """Whether a folder, or the nearest that exists above it, may be written."""
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    return os.access(existing, os.W_OK)
