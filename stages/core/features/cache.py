"""What openSMILE computed once, kept by content, so that no clip is computed twice.

The key of a clip is a digest of its audio, as FLAC without loss, and of all else that decides its features.
An entry is therefore never stale: whatever changes, changes the key. The store lies outside the pipeline's
outputs, belongs to nobody's history and may be deleted at any time.
"""

import hashlib
import sqlite3
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from stages.core.features.smile import Features
from stages.core.runtime.errors import UserError

_PAGE = 1 << 14
_PAGES_TO_CHECKPOINT = 2000  # 32 MB between two waits for the disk


def key_of(flac: bytes, fingerprint: str) -> bytes:
    """Digest of a clip's FLAC and of the extraction's fingerprint.

    >>> key_of(b"clip", "a") == key_of(b"clip", "b")
    False
    """
    return hashlib.blake2b(flac, digest_size=20, key=fingerprint.encode()).digest()


class Cache:
    """Features and faults by key, in one SQLite file.

    An entry is there whole or not at all, also after ``kill -9``. One process at a time may have the
    file open, which also lets it lie on a network drive.

    Raises:
        UserError: if another process has the file open, or if it is damaged.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = sqlite3.connect(path, isolation_level=None, timeout=1, check_same_thread=False)
        try:
            for pragma in (
                f"page_size = {_PAGE}",
                "locking_mode = EXCLUSIVE",
                "journal_mode = WAL",
                "synchronous = NORMAL",
                f"wal_autocheckpoint = {_PAGES_TO_CHECKPOINT}",
            ):
                self._file.execute(f"PRAGMA {pragma}")
            self._file.execute(
                "CREATE TABLE IF NOT EXISTS clips "
                "(key BLOB PRIMARY KEY, functionals BLOB, descriptors BLOB, reason TEXT, detail TEXT)"
            )
        except sqlite3.DatabaseError as error:
            self._file.close()
            if error.sqlite_errorname == "SQLITE_BUSY":
                raise UserError(f"{path} is in use by another run; wait for its end.") from None
            if error.sqlite_errorname in ("SQLITE_NOTADB", "SQLITE_CORRUPT"):
                raise UserError(f"{path} is damaged; delete it, it is made anew.") from None
            raise

    def __enter__(self) -> "Cache":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def reason(self, key: bytes) -> str | None:
        """Why a clip is unusable; empty if it is usable, None if the clip is unknown."""
        row = self._file.execute("SELECT reason FROM clips WHERE key = ?", (key,)).fetchone()
        return None if row is None else row[0] or ""

    def put(self, key: bytes, outcome: Features | tuple[str, str]) -> None:
        """Keep what came of a clip."""
        if isinstance(outcome, Features):
            query = "INSERT OR REPLACE INTO clips (key, functionals, descriptors) VALUES (?, ?, ?)"
            values: tuple[Any, Any] = outcome.functionals.tobytes(), outcome.descriptors.tobytes()
        else:
            query = "INSERT OR REPLACE INTO clips (key, reason, detail) VALUES (?, ?, ?)"
            values = outcome
        self._file.execute(query, (key, *values))

    def functionals(self, key: bytes) -> np.ndarray:
        """float32 [d] of a usable clip."""
        return np.frombuffer(self._one("SELECT functionals FROM clips WHERE key = ?", key), np.float32)

    def descriptors(self, key: bytes, columns: int) -> np.ndarray:
        """float32 [frames, columns] of a usable clip."""
        blob = self._one("SELECT descriptors FROM clips WHERE key = ?", key)
        return np.frombuffer(blob, np.float32).reshape(-1, columns)

    def detail(self, key: bytes) -> str:
        """Particulars of an unusable clip."""
        return self._one("SELECT detail FROM clips WHERE key = ?", key)

    def _one(self, query: str, key: bytes) -> Any:
        return self._file.execute(query, (key,)).fetchone()[0]
