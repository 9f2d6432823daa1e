import errno
import os
from pathlib import Path

import pytest

from stages.core.runtime import files as module
from stages.core.runtime.errors import StageFileError
from stages.core.runtime.files import (
    digest_of,
    read_json,
    whole,
    whole_folder,
    write_csv,
    write_json,
    write_text,
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


def test_text_and_json_to_the_byte(tmp_path: Path) -> None:
    write_json(tmp_path / "deep/x.json", {"b": [1, None], "a": "é"})
    assert (tmp_path / "deep/x.json").read_bytes() == (
        '{\n  "a": "é",\n  "b": [\n    1,\n    null\n  ]\n}\n'.encode()
    )
    assert read_json(tmp_path / "deep/x.json") == {"a": "é", "b": [1, None]}
    write_text(tmp_path / "x", "a\nb\r\n")
    assert (tmp_path / "x").read_bytes() == b"a\nb\r\n"


def test_what_a_killed_process_of_this_id_left_behind_is_replaced(tmp_path: Path) -> None:
    with whole_folder(tmp_path / "x") as folder:
        name = folder.name
    (tmp_path / name).mkdir()
    (tmp_path / name / "old").touch()
    with whole_folder(tmp_path / "x") as folder:
        (folder / "new").touch()
    assert [path.name for path in (tmp_path / "x").iterdir()] == ["new"]
    for path, writer in (
        (".x.12.partial", 12),
        ("x.12.partial", None),
        (".x.y.partial", None),
        (".12.partial", None),
    ):
        assert writer_of(tmp_path / path) == writer


def test_csv_quotes_what_needs_it(tmp_path: Path) -> None:
    write_csv(tmp_path / "x.csv", ["a", "b"], [["1,5", None], ['"', "é"]])
    assert (tmp_path / "x.csv").read_bytes() == 'a,b\n"1,5",\n"""",é\n'.encode()


def test_the_digest_of_a_file_and_of_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of content, of names below the folder and of nothing else: neither order nor place."""
    for name in ("one", "two"):
        for file, content in (("b/1.py", "x"), ("a.py", "yz"), ("b/2.txt", "w")):
            (tmp_path / name / file).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name / file).write_text(content)
    one, two = tmp_path / "one", tmp_path / "two"
    before = digest_of(one)
    assert (len(before), digest_of(two), digest_of(one, "*.py") == digest_of(two, "*.py")) == (
        16,
        before,
        True,
    )
    assert digest_of(one, "*.py") != before
    assert digest_of(one / "a.py") != digest_of(one / "b/1.py")
    (two / "copy").write_text("yz")
    assert digest_of(two / "copy") == digest_of(one / "a.py")
    (two / "copy").unlink()
    seen = {before}
    for change in (
        lambda: (two / "b/1.py").rename(two / "b/3.py"),
        lambda: (two / "b/3.py").rename(two / "3.py"),
        lambda: (two / "3.py").write_text("X"),
        lambda: (two / "new").write_text(""),
        lambda: (two / "a.py").write_text("yzX"),
    ):
        change()
        seen.add(digest_of(two))
    assert len(seen) == 6
    (tmp_path / "large").write_bytes(bytes(range(256)) * 10)
    at_once = digest_of(tmp_path / "large")
    monkeypatch.setattr(module, "_BLOCK", 7)
    assert digest_of(tmp_path / "large") == at_once


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
    with pytest.raises(OSError, match="Quota") as over, whole(path):
        raise OSError(errno.EDQUOT, "Quota exceeded")
    assert over.value.filename == str(path)
    with pytest.raises(OSError, match="No space") as elsewhere, whole(path):
        raise OSError(errno.ENOSPC, "No space left on device", "other.txt")
    assert elsewhere.value.filename == "other.txt"
    with pytest.raises(OSError, match="Permission") as another, whole(path):
        raise OSError(errno.EACCES, "Permission denied", "other.txt")
    assert another.value.filename == "other.txt"
    assert list(tmp_path.iterdir()) == []
