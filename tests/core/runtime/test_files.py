import errno
import os
from pathlib import Path

import pytest

from stages.core.runtime.errors import StageFileError
from stages.core.runtime.files import (
    read_json,
    whole,
    whole_folder,
    write_csv,
    write_json,
    writer_of,
)


def test_an_interrupted_write_leaves_the_old_file(tmp_path: Path) -> None:
    write_json(tmp_path / "x.json", {"a": 1})
    with pytest.raises(RuntimeError), whole(tmp_path / "x.json") as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert (tmp_path / "x.json").read_text() == '{\n  "a": 1\n}\n'
    assert [path.name for path in tmp_path.iterdir()] == ["x.json"]
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "x.json", {"a": float("nan")})


def test_an_interrupted_write_leaves_the_old_folder(tmp_path: Path) -> None:
    for content in ("old", "new"):
        with whole_folder(tmp_path / "deep/x") as folder:
            (folder / content).mkdir()
        assert [path.name for path in (tmp_path / "deep/x").iterdir()] == [content]
    with pytest.raises(RuntimeError), whole_folder(tmp_path / "deep/x") as folder:
        (folder / "half").touch()
        raise RuntimeError
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["x"]
    assert [path.name for path in (tmp_path / "deep/x").iterdir()] == ["new"]


def test_what_a_kill_leaves_behind_names_its_writer(tmp_path: Path) -> None:
    with whole(tmp_path / "x") as file, whole_folder(tmp_path / "y") as folder:
        assert writer_of(file) == writer_of(folder) == os.getpid()
        file.touch()
    assert writer_of(tmp_path / ".notes.partial") is None


def test_csv_quotes_what_needs_it(tmp_path: Path) -> None:
    write_csv(tmp_path / "x.csv", ["a", "b"], [["1,5", None], ['"', "é"]])
    assert (tmp_path / "x.csv").read_bytes() == 'a,b\n"1,5",\n"""",é\n'.encode()


def test_json_of_an_earlier_stage(tmp_path: Path) -> None:
    with pytest.raises(StageFileError, match="does not exist"):
        read_json(tmp_path / "x.json")
    (tmp_path / "x.json").write_text('{"a": ')
    with pytest.raises(StageFileError, match="is damaged"):
        read_json(tmp_path / "x.json")


def test_a_full_disk_names_the_file_and_not_its_temporary_name(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    with pytest.raises(OSError, match="No space") as without_name, whole(path):
        raise OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(OSError, match="Read-only") as with_name, whole(path) as temporary:
        raise OSError(errno.EROFS, "Read-only file system", str(temporary))
    assert without_name.value.filename == with_name.value.filename == str(path)
    with pytest.raises(OSError, match="Permission") as another, whole(path):
        raise OSError(errno.EACCES, "Permission denied", "other.txt")
    assert another.value.filename == "other.txt"
    assert list(tmp_path.iterdir()) == []
