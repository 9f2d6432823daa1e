import errno
import sqlite3
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from stages.core.runtime import store as store_module
from stages.core.runtime.errors import UserError
from stages.core.runtime.store import Store, disk_may_be_full


def opened(path: Path) -> Store:
    return Store(path, ("wide", "narrow"))


def test_entries_come_back_after_reopening(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "store.sqlite"
    with opened(path) as store:
        store.write(b"a", wide=b"first", narrow=b"1")
        store.write(b"b", narrow=b"2")
    with opened(path) as store:
        assert b"a" in store
        assert (store.read(b"a", "wide"), store.read(b"a", "narrow")) == (b"first", b"1")
        assert (store.read(b"b", "wide"), store.read(b"b", "narrow")) == (b"", b"2")
        assert b"c" not in store


def test_the_last_entry_counts(tmp_path: Path) -> None:
    with opened(tmp_path / "store.sqlite") as store:
        store.write(b"a", wide=b"first")
        store.write(b"a", narrow=b"last")
        assert (store.read(b"a", "wide"), store.read(b"a", "narrow")) == (b"", b"last")


def test_entries_outlive_a_process_that_never_closed(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    store = opened(path)
    store.write(b"a", wide=b"kept")
    copy = tmp_path / "copy.sqlite"
    for suffix in ("", "-wal"):  # what a killed process leaves on the disk
        copy.with_name(copy.name + suffix).write_bytes(path.with_name(path.name + suffix).read_bytes())
    with opened(copy) as after:
        assert after.read(b"a", "wide") == b"kept"


def test_a_second_run_is_told_to_wait(tmp_path: Path) -> None:
    with (
        opened(tmp_path / "store.sqlite"),
        pytest.raises(UserError, match=r"store\.sqlite is in use by another run; wait until it ends"),
    ):
        opened(tmp_path / "store.sqlite")


@pytest.mark.parametrize("content", [b"no database at all" * 100, b"SQLite format 3\0" + b"\1" * 5000])
def test_a_damaged_file_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "store.sqlite").write_bytes(content)
    with pytest.raises(UserError, match=r"store\.sqlite is damaged; delete it"):
        opened(tmp_path / "store.sqlite")


def test_a_flipped_bit_is_noticed_and_the_entry_removed(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    with opened(path) as store:
        store.write(b"a", wide=b"of the one", narrow=b"1")
        store.write(b"b", wide=b"of another", narrow=b"2")
    damaged = bytearray(path.read_bytes())
    damaged[damaged.index(b"of another") + 3] ^= 1
    path.write_bytes(damaged)
    with opened(path) as store:
        assert store.read(b"a", "wide") == b"of the one"
        with pytest.raises(UserError, match=r"an entry of .*store\.sqlite was damaged and has been removed"):
            store.read(b"b", "wide")
        assert b"a" in store
        assert b"b" not in store


def test_an_entry_under_another_key_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    with opened(path) as store:
        store.write(b"a", wide=b"of a")
    file = sqlite3.connect(path)
    file.execute("UPDATE clips SET key = ?", (b"b",))
    file.commit()
    file.close()
    with opened(path) as store, pytest.raises(UserError, match="was damaged"):
        store.read(b"b", "wide")


def test_any_damage_is_one_sentence_or_leaves_the_content_right(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    rng = np.random.default_rng(2)
    entries = {bytes([key]) * 20: rng.bytes(12_000) for key in range(40)}
    with opened(path) as store:
        for key, content in entries.items():
            store.write(key, wide=content, narrow=content[::-1])
    whole = path.read_bytes()
    named = 0
    for _ in range(200):
        damaged = bytearray(whole)
        for index in rng.integers(0, len(whole), 4):
            damaged[index] ^= 1 << rng.integers(8)
        damaged[int(rng.integers(0, 16_384 * 3))] ^= 0xFF  # the first pages hold the schema and the tree
        path.write_bytes(damaged[: int(rng.choice([len(whole), rng.integers(1, len(whole))]))])
        try:
            with opened(path) as store:
                for key, content in entries.items():
                    if key in store:
                        assert store.read(key, "wide") == content
                        assert store.read(key, "narrow") == content[::-1]
                store.write(b"new", wide=b"new")
        except UserError as error:
            named += 1
            assert "damaged" in str(error)
    assert named > 50


def test_a_file_of_an_older_version_is_emptied(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    file = sqlite3.connect(path)
    file.execute("CREATE TABLE clips (key BLOB PRIMARY KEY, wide BLOB, reason TEXT, detail TEXT)")
    file.execute("INSERT INTO clips VALUES (?, ?, NULL, NULL)", (b"a", b"\0" * 12))
    file.commit()
    file.close()
    with opened(path) as store:
        assert b"a" not in store
        store.write(b"a", wide=b"new", narrow=b"1")
        assert store.read(b"a", "narrow") == b"1"


def works(store: Store) -> bool:
    """Whether entries come back and other entries are not there."""
    store.write(b"a", wide=b"of a", narrow=b"1")
    store.write(b"b", narrow=b"2")
    return store.read(b"a", "wide") == b"of a" and store.read(b"b", "narrow") == b"2" and b"c" not in store


def a_folder(path: Path) -> None:
    path.mkdir(parents=True)


def below_a_file(path: Path) -> None:
    path.parent.write_text("a file")


@pytest.mark.parametrize("make", [a_folder, below_a_file])
def test_work_goes_on_without_a_store_that_cannot_be_used(
    tmp_path: Path, make: Callable[[Path], None], capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "cache" / "store.sqlite"
    make(path)
    before = sorted(tmp_path.rglob("*"))
    with opened(path) as store:
        assert works(store)
    assert sorted(tmp_path.rglob("*")) == before
    assert capsys.readouterr().out == (
        f"note: {path} cannot be written, so that what is computed now is not kept for the next run; "
        f"give {path.parent} to the user who runs this, or delete it\n"
    )


def replace_connect(monkeypatch: pytest.MonkeyPatch, connect: Callable[..., Any]) -> None:
    """Give the stores alone, not all that uses SQLite in this process, another way to open files."""
    monkeypatch.setattr(store_module, "sqlite3", SimpleNamespace(**{**vars(sqlite3), "connect": connect}))


def test_a_store_that_may_only_be_read_is_left_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "store.sqlite"
    with opened(path) as store:
        store.write(b"c", wide=b"kept")
    content = path.read_bytes()

    def read_only(name: str, **options: Any) -> sqlite3.Connection:
        """A file of another user, for whoever runs this test: also root, who may write all files."""
        return sqlite3.connect(f"file:{name}?mode=ro" if name else "", uri=bool(name), **options)

    replace_connect(monkeypatch, read_only)
    with opened(path) as store:
        assert works(store)
    assert path.read_bytes() == content
    assert capsys.readouterr().out.startswith(f"note: {path} cannot be written, so that")


def sqlite_error(name: str, text: str, code: int = 0) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError(text)
    error.sqlite_errorname, error.sqlite_errorcode = name, code
    return error


def test_other_errors_of_the_database_are_not_hidden(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise sqlite_error("SQLITE_NOMEM", "out of memory")

    replace_connect(monkeypatch, fail)
    with pytest.raises(sqlite3.OperationalError, match="out of memory"):
        opened(tmp_path / "store.sqlite")
    with pytest.raises(sqlite3.OperationalError, match="of another kind"), disk_may_be_full(tmp_path):
        raise sqlite_error("SQLITE_NOMEM", "of another kind")


def test_a_full_disk_is_no_store_that_cannot_be_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "mkdir", fail)
    with pytest.raises(OSError, match="No space left"):
        opened(tmp_path / "store.sqlite")


def test_a_failing_drive_is_one_sentence() -> None:
    with (
        pytest.raises(
            UserError, match=r"kept cannot be read or written \(disk I/O error\); look at the drive"
        ),
        disk_may_be_full(Path("kept")),
    ):
        raise sqlite_error("SQLITE_IOERR_WRITE", "disk I/O error")


def full_database() -> sqlite3.OperationalError:
    """What SQLite raises on a full disk."""
    with pytest.raises(sqlite3.OperationalError) as caught, sqlite3.connect(":memory:") as file:
        file.execute("PRAGMA max_page_count = 1")
        file.execute("CREATE TABLE clips (key BLOB)")
        file.execute("CREATE TABLE more (key BLOB)")
    return caught.value


@pytest.mark.parametrize(
    "error",
    [OSError(errno.ENOSPC, "No space left"), OSError(errno.EDQUOT, "Quota exceeded"), full_database()],
)
def test_full_disk_is_one_sentence(error: Exception) -> None:
    expected = "the disk is full; free some space and run the stage again; kept/here keeps what is computed"
    with pytest.raises(UserError, match=expected), disk_may_be_full(Path("kept/here")):
        raise error


def test_other_errors_are_not_taken_for_a_full_disk() -> None:
    with pytest.raises(PermissionError), disk_may_be_full(Path("kept")):
        raise PermissionError(errno.EACCES, "no")
