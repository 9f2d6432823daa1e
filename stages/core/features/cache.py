"""A store of what openSMILE computed, by content, so that no clip is computed twice.

The key of a clip is a digest of its losslessly compressed audio and of everything else that decides its
features. An entry is therefore never stale: whatever changes the features changes the key. The store is not
an output of the pipeline and may be deleted at any time.
"""

import hashlib
import json
import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

import numpy as np

from stages.core.features.extractor import Features
from stages.core.runtime.errors import UnusableClipError, UserError

_VERSION = 1  # of the table; a file of another version is emptied
_PAGE = 1 << 14
_PAGES_PER_CHECKPOINT = 2000  # 32 MB between two waits for the disk
_CHECKSUM = 4  # bytes
_DAMAGED = ("SQLITE_NOTADB", "SQLITE_CORRUPT", "SQLITE_FORMAT", "SQLITE_IOERR_SHORT_READ", "SQLITE_ERROR")


def key_of(flac: bytes, fingerprint: str) -> bytes:
    """Digest of a clip's FLAC and of the extraction's fingerprint.

    >>> key_of(b"clip", "a") == key_of(b"clip", "b")
    False
    """
    return hashlib.blake2b(flac, digest_size=20, key=fingerprint.encode()).digest()


class Cache:
    """Features and faults by key, in one SQLite file.

    An entry is there completely or not at all, even after ``kill -9``, and carries a checksum. One process
    at a time may have the file open, so that it may also lie on a network drive.

    Every method raises a UserError if the file is damaged.

    Raises:
        UserError: if another process has the file open, or if it is damaged.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = sqlite3.connect(path, isolation_level=None, timeout=1, check_same_thread=False)
        try:
            with self._damage_named():
                for pragma in (
                    f"page_size = {_PAGE}",
                    "locking_mode = EXCLUSIVE",
                    "journal_mode = WAL",
                    "synchronous = NORMAL",
                    f"wal_autocheckpoint = {_PAGES_PER_CHECKPOINT}",
                ):
                    self._file.execute(f"PRAGMA {pragma}")
                if self._file.execute("PRAGMA user_version").fetchone() != (_VERSION,):
                    self._file.execute("DROP TABLE IF EXISTS clips")
                self._file.execute(
                    "CREATE TABLE IF NOT EXISTS clips "
                    "(key BLOB PRIMARY KEY, functionals BLOB, descriptors BLOB, fault BLOB)"
                )
                self._file.execute(f"PRAGMA user_version = {_VERSION}")
        except sqlite3.OperationalError as error:
            self._file.close()
            if error.sqlite_errorname == "SQLITE_BUSY":
                raise UserError(f"{path} is in use by another run; wait until it ends.") from None
            raise
        except UserError:
            self._file.close()
            raise

    def __enter__(self) -> "Cache":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def __contains__(self, key: bytes) -> bool:
        with self._damage_named():
            return self._file.execute("SELECT 1 FROM clips WHERE key = ?", (key,)).fetchone() is not None

    def put(self, key: bytes, outcome: Features | UnusableClipError) -> None:
        """Store what was computed for a clip."""
        functionals = descriptors = fault = None
        if isinstance(outcome, Features):
            functionals = _seal(key, outcome.functionals.tobytes())
            descriptors = _seal(key, outcome.descriptors.tobytes())
        else:
            fault = _seal(key, json.dumps([outcome.reason, outcome.detail]).encode())
        with self._damage_named():
            self._file.execute(
                "INSERT OR REPLACE INTO clips VALUES (?, ?, ?, ?)", (key, functionals, descriptors, fault)
            )

    def functionals(self, key: bytes) -> np.ndarray:
        """float32 [d] of a usable clip."""
        return np.frombuffer(self._content("functionals", key), np.float32)

    def descriptors(self, key: bytes, columns: int) -> np.ndarray:
        """float32 [frames, columns] of a usable clip."""
        return np.frombuffer(self._content("descriptors", key), np.float32).reshape(-1, columns)

    def fault(self, key: bytes) -> UnusableClipError | None:
        """Why a clip that is in the cache cannot be used; None: it can be used."""
        content = self._content("fault", key)
        return UnusableClipError(*json.loads(content)) if content else None

    def _content(self, column: str, key: bytes) -> bytes:
        """A cell without its checksum; empty if it is NULL. A damaged entry is removed."""
        with self._damage_named():
            query = f"SELECT {column} FROM clips WHERE key = ?"  # noqa: S608 (a name of this file)
            (cell,) = self._file.execute(query, (key,)).fetchone() or (b"",)
            if cell is None:
                return b""
            content = cell[_CHECKSUM:]
            if cell != _seal(key, content):
                self._file.execute("DELETE FROM clips WHERE key = ?", (key,))
                raise UserError(
                    f"an entry of {self._path} was damaged and has been removed; run the command again, "
                    "which computes it anew."
                )
            return content

    @contextmanager
    def _damage_named(self) -> Iterator[None]:
        """Name the file if SQLite finds it damaged."""
        try:
            yield
        except sqlite3.DatabaseError as error:
            if not error.sqlite_errorname.startswith(_DAMAGED):
                raise
            raise UserError(f"{self._path} is damaged; delete it and run the command again.") from None


def _seal(key: bytes, content: bytes) -> bytes:
    """The content behind its checksum, which also covers the key."""
    return zlib.crc32(content, zlib.crc32(key)).to_bytes(_CHECKSUM) + content
