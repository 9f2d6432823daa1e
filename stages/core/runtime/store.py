"""A store of what was computed before, by content, so that nothing is computed twice.

A key is a digest of everything that decides an entry, so that an entry is never stale: whatever changes the
result changes the key. A store is not an output of the pipeline and may be deleted at any time.
"""

import errno
import sqlite3
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from stages.core.runtime.console import say
from stages.core.runtime.errors import UserError

_VERSION = 1  # of the table; a file of another version is emptied
_PAGE = 1 << 14
_PAGES_PER_CHECKPOINT = 2000  # 32 MB between two waits for the disk
_CHECKSUM = 4  # bytes
_FULL = "the disk is full; free some space and run the stage again; {} keeps what is computed."
_UNWRITABLE = ("SQLITE_CANTOPEN", "SQLITE_IOERR", "SQLITE_READONLY", "SQLITE_PERM", "SQLITE_AUTH")
_NOT_OURS = (errno.EACCES, errno.EPERM, errno.EROFS, errno.EEXIST, errno.ENOTDIR)
_DAMAGED = ("SQLITE_NOTADB", "SQLITE_CORRUPT", "SQLITE_FORMAT", "SQLITE_IOERR_SHORT_READ", "SQLITE_ERROR")


class Store:
    """Bytes by key and column, in one SQLite file; a context manager.

    An entry is there completely or not at all, even after ``kill -9``, and carries a checksum. One process
    at a time may have the file open, so that it may also lie on a network drive.

    Every method raises a UserError if the file is damaged. If it may not be written, what is computed is kept
    in a temporary file until the store is closed, and a note says so.

    Args:
        path: the file.
        columns: what an entry consists of; names that SQL takes as they are.

    Raises:
        UserError: if another process has the file open, or if it is damaged.
    """

    def __init__(self, path: Path, columns: Sequence[str]) -> None:
        self._path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._opened(str(path), columns)
        except (OSError, sqlite3.OperationalError) as error:
            if isinstance(error, OSError):
                known = error.errno in _NOT_OURS
            else:
                known = error.sqlite_errorname.startswith(_UNWRITABLE)
            if not known:
                raise
            say(
                f"note: {path} cannot be written, so that what is computed now is not kept for the next run; "
                f"give {path.parent} to the user who runs this, or delete it"
            )
            self._file = self._opened("", columns)  # a file of SQLite's own, which ends with the connection

    def _opened(self, name: str, columns: Sequence[str]) -> sqlite3.Connection:
        """Open a file and make its table where that is missing."""
        file = sqlite3.connect(name, isolation_level=None, timeout=1, check_same_thread=False)
        try:
            with self._damage_named():
                for pragma in (
                    f"page_size = {_PAGE}",
                    "locking_mode = EXCLUSIVE",
                    "journal_mode = WAL",
                    "synchronous = NORMAL",
                    f"wal_autocheckpoint = {_PAGES_PER_CHECKPOINT}",
                ):
                    file.execute(f"PRAGMA {pragma}")
                if file.execute("PRAGMA user_version").fetchone() != (_VERSION,):
                    file.execute("DROP TABLE IF EXISTS clips")
                file.execute(
                    "CREATE TABLE IF NOT EXISTS clips "
                    f"(key BLOB PRIMARY KEY, {', '.join(f'{column} BLOB' for column in columns)})"
                )
                file.execute(f"PRAGMA user_version = {_VERSION}")
        except BaseException as error:
            file.close()
            if getattr(error, "sqlite_errorname", "").startswith("SQLITE_BUSY"):
                raise UserError(f"{self._path} is in use by another run; wait until it ends.") from None
            raise
        return file

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def __contains__(self, key: bytes) -> bool:
        with self._damage_named():
            return self._file.execute("SELECT 1 FROM clips WHERE key = ?", (key,)).fetchone() is not None

    def write(self, key: bytes, **contents: bytes) -> None:
        """Store an entry, in place of an older one; columns that are not named stay empty."""
        columns = ", ".join(["key", *contents])
        cells = [key, *(_seal(key, content) for content in contents.values())]
        with self._damage_named():
            self._file.execute(
                f"INSERT OR REPLACE INTO clips ({columns}) VALUES ({', '.join('?' * len(cells))})",  # noqa: S608
                cells,
            )

    def read(self, key: bytes, column: str) -> bytes:
        """A column of an entry; no bytes if it is empty.

        Raises:
            UserError: if the entry is damaged; it is removed then.
        """
        with self._damage_named():
            query = f"SELECT {column} FROM clips WHERE key = ?"  # noqa: S608
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


@contextmanager
def disk_may_be_full(store: Path) -> Iterator[None]:
    """Turn what a full disk, a used-up quota or a failing drive raises into one sentence.

    Args:
        store: the file or folder that keeps what is computed.

    Raises:
        UserError: if there is no space left, or SQLite can neither read nor write.
    """
    try:
        yield
    except sqlite3.OperationalError as error:
        if error.sqlite_errorname.startswith("SQLITE_IOERR"):
            raise UserError(f"{store} cannot be read or written ({error}); look at the drive.") from None
        if error.sqlite_errorcode != sqlite3.SQLITE_FULL:
            raise
        raise UserError(_FULL.format(store)) from None
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise UserError(_FULL.format(store)) from None
