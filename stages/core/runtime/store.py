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

from stages.core.runtime.errors import UserError

_VERSION = 1  # of the table; a file of another version is emptied
_PAGE = 1 << 14
_PAGES_PER_CHECKPOINT = 2000  # 32 MB between two waits for the disk
_CHECKSUM = 4  # bytes
_DAMAGED = ("SQLITE_NOTADB", "SQLITE_CORRUPT", "SQLITE_FORMAT", "SQLITE_IOERR_SHORT_READ", "SQLITE_ERROR")


class Store:
    """Bytes by key and column, in one SQLite file; a context manager.

    An entry is there completely or not at all, even after ``kill -9``, and carries a checksum. One process
    at a time may have the file open, so that it may also lie on a network drive.

    Every method raises a UserError if the file is damaged.

    Args:
        path: the file.
        columns: what an entry consists of; names that SQL takes as they are.

    Raises:
        UserError: if another process has the file open, or if it is damaged.
    """

    def __init__(self, path: Path, columns: Sequence[str]) -> None:
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
                    f"(key BLOB PRIMARY KEY, {', '.join(f'{column} BLOB' for column in columns)})"
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
    """Turn what a full disk raises into one sentence.

    Args:
        store: the file or folder that keeps what is computed.

    Raises:
        UserError: if there is no space left.
    """
    try:
        yield
    except (OSError, sqlite3.OperationalError) as error:
        full = (
            error.sqlite_errorcode == sqlite3.SQLITE_FULL
            if isinstance(error, sqlite3.OperationalError)
            else error.errno == errno.ENOSPC
        )
        if not full:
            raise
        raise UserError(
            f"the disk is full; free some space and run the stage again; {store} keeps what is computed."
        ) from None
