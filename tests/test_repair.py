import os
from pathlib import Path

import pytest

from stages import repair

LOCK = """schema: '2.0'
stages:
  split:
    cmd: python -m stages.split
    outs:
    - path: data/splits.parquet
      hash: md5
      md5: 0cc175b9c0f1b6a831c399e269772661
      size: 1
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(repair, "PATIENCE", 0.0)
    (tmp_path / ".dvc/tmp").mkdir(parents=True)
    return tmp_path


def test_what_is_whole_stays(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    repair.main()
    (folder / "dvc.lock").write_text(LOCK)
    (folder / ".dvc/tmp/rwlock").write_text('{"read": {}, "write": {}}')
    repair.main()
    assert (folder / "dvc.lock").read_text() == LOCK
    assert (folder / ".dvc/tmp/rwlock").exists()
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("dvc.lock", ""),
        ("dvc.lock", LOCK[: LOCK.index(": python")]),
        ("dvc.lock", LOCK[: LOCK.index(" python")]),
        ("dvc.lock", LOCK[: LOCK.index("    - path")]),
        ("dvc.lock", LOCK[: LOCK.index("      hash")]),
        ("dvc.lock", LOCK[: LOCK.index("      size")]),
        ("dvc.lock", LOCK[:-1]),
        (".dvc/tmp/rwlock", ""),
        (".dvc/tmp/rwlock", '{"read": {'),
    ],
)
def test_what_is_cut_off_goes(
    folder: Path, capsys: pytest.CaptureFixture[str], name: str, content: str
) -> None:
    (folder / name).write_text(content)
    repair.main()
    assert not (folder / name).exists()
    assert capsys.readouterr().out == (
        f"{name} was cut off when a run was killed; removed, `dvc repro` makes it anew\n"
    )


def test_what_the_dead_left_half_written_goes(folder: Path) -> None:
    dead = folder / "plots" / ".codebook.png.999999999.partial"
    dead_folder = folder / "data/lld/.compare.999999999.partial"
    inside = dead_folder / ".0000.parquet.999999999.partial"
    alive = folder / "plots" / f".pca.png.{os.getpid()}.partial"
    alive_folder = folder / "data" / f".audio.{os.getpid()}.partial"
    other = folder / "plots" / ".notes.partial"
    for path in (dead_folder, alive_folder, dead.parent):
        path.mkdir(parents=True)
    for path in (dead, inside, alive, other):
        path.touch()
    repair.main()
    left = [path.exists() for path in (dead, dead_folder, alive, alive_folder, other)]
    assert left == [False, False, True, True, True]
