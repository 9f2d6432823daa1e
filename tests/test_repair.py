import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
import yaml

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
    monkeypatch.setattr("sys.argv", ["repair"])
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
        ("dvc.lock", LOCK + LOCK[LOCK.index("  split") : LOCK.index("      size")].replace("split", "train")),
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


def test_what_becomes_whole_meanwhile_stays(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lock = folder / "dvc.lock"
    lock.write_text(LOCK[:-1])
    waited = []

    def finish(seconds: float) -> None:
        waited.append(seconds)
        lock.write_text(LOCK)

    monkeypatch.setattr(repair, "PATIENCE", 7.0)
    monkeypatch.setattr(repair.time, "sleep", finish)
    repair.main()
    assert (lock.read_text(), waited, capsys.readouterr().out) == (LOCK, [7.0], "")


def test_what_the_dead_left_half_written_goes(folder: Path) -> None:
    dead = folder / "plots" / ".codebook.png.999999999.partial"
    dead_folder = folder / "data/lld/.compare.999999999.partial"
    inside = dead_folder / ".0000.parquet.999999999.partial"
    alive = folder / "plots" / f".pca.png.{os.getpid()}.partial"
    alive_folder = folder / "data" / f".audio.{os.getpid()}.partial"
    other = folder / "plots" / ".notes.partial"
    reused = folder / "plots" / f".old.png.{os.getpid()}.partial"
    top = folder / ".params.yaml.999999999.partial"
    for path in (dead_folder, alive_folder, dead.parent):
        path.mkdir(parents=True)
    for path in (dead, inside, alive, other, reused, top):
        path.touch()
    os.utime(reused, (0, 0))  # before the process of this number began
    repair.main()
    assert not reused.exists()
    left = [path.exists() for path in (top, dead, dead_folder, alive, alive_folder, other)]
    assert left == [False, False, False, True, True, True]


def test_processes_that_die_are_waited_for(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with subprocess.Popen(["sleep", "0.5"]) as process:
        (folder / ".dvc/tmp/rwlock").write_text(
            json.dumps({"x": {"write": {"pid": process.pid, "cmd": "dvc"}}})
        )
        repair.main()
        assert process.poll() is not None or not repair._is_alive(process.pid)
    monkeypatch.setattr(repair, "DYING", 0.0)
    (folder / ".dvc/tmp/rwlock").write_text(json.dumps({"x": {"write": {"pid": os.getpid(), "cmd": "dvc"}}}))
    repair.main()
    assert (folder / ".dvc/tmp/rwlock").exists()


def test_what_the_dead_held_is_free(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that ended stays in the table of processes until its parent asks; DVC takes it for alive."""
    rwlock = folder / ".dvc/tmp/rwlock"
    process = subprocess.Popen(["true"])
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert psutil.pid_exists(process.pid)
    rwlock.write_text(json.dumps({"write": {"x": {"pid": process.pid, "cmd": "dvc"}}, "read": {}}))
    repair.main()
    assert not rwlock.exists()
    monkeypatch.setattr(repair, "DYING", 0.0)
    both = {"x": {"pid": process.pid, "cmd": "dvc"}, "y": {"pid": os.getpid(), "cmd": "dvc"}}
    rwlock.write_text(json.dumps({"write": both, "read": {}}))
    repair.main()
    assert rwlock.exists()  # one of them lives
    process.wait()


@pytest.fixture
def pipeline(folder: Path) -> Path:
    """A repository whose runs a and b have outputs, and so has c, which dvc.yaml no longer has."""
    shutil.rmtree(folder / ".dvc")
    subprocess.run(["git", "init", "--quiet"], cwd=folder, check=True)
    subprocess.run([sys.executable, "-m", "dvc", "init", "--quiet"], cwd=folder, check=True)
    stages = {"run": {"foreach": ["a", "b"], "do": {"cmd": "true", "outs": ["data/models/${item}"]}}}
    (folder / "dvc.yaml").write_text(yaml.safe_dump({"stages": stages}))
    for name in "abc":
        (folder / "data/models" / name).mkdir(parents=True)
    (folder / "data/own corpus").mkdir()
    out = {"hash": "md5", "md5": "0cc175b9c0f1b6a831c399e269772661.dir", "size": 0, "nfiles": 0}
    entries = {
        f"run@{name}": {"cmd": "true", "outs": [{"path": f"data/models/{name}", **out}]} for name in "cba"
    }
    (folder / "dvc.lock").write_text(yaml.safe_dump({"schema": "2.0", "stages": entries}, sort_keys=False))
    return folder


def test_outputs_of_removed_runs_are_listed_and_pruned(
    pipeline: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (pipeline / "data/models/.hidden").touch()
    (pipeline / "data/models/0").touch()
    (pipeline / "data/models/z").symlink_to("c")
    what = "3 outputs of runs or feature sets that params.yaml no longer has, such as data/models/0"
    repair.main()
    said = f"note: {what}; `python -m stages.repair --prune` deletes them\n"
    assert capsys.readouterr().out == said
    assert (pipeline / "data/models/c").exists()
    assert list(yaml.safe_load((pipeline / "dvc.lock").read_text())["stages"]) == ["run@a", "run@b", "run@c"]
    monkeypatch.setattr("sys.argv", ["repair", "--prune"])
    repair.main()
    assert capsys.readouterr().out == f"deleted {what}\n"
    assert sorted(path.name for path in (pipeline / "data/models").iterdir()) == [".hidden", "a", "b"]
    assert (pipeline / "data/own corpus").exists()
    assert list(yaml.safe_load((pipeline / "dvc.lock").read_text())["stages"]) == ["run@a", "run@b"]
    repair.main()
    assert capsys.readouterr().out == ""
