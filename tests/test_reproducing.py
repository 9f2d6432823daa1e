import json
import os
import subprocess
from pathlib import Path

import pytest
import yaml

from stages import reproducing
from stages.reproducing import LockFile, reproduce
from tests.helpers.whole_project import Project

TRAIN = ["train@one", "train@two"]


@pytest.fixture
def project(small_project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.chdir(small_project.folder)
    return small_project


def test_entries_are_what_dvc_writes(project: Project) -> None:
    with LockFile() as lock_file:
        for name in ("split", *TRAIN, "report"):
            entries = reproduce(name, project.environment)
            assert entries is not None
            assert list(entries) == [name]
            lock_file.add(entries)
    ours = Path("dvc.lock").read_bytes()
    assert "up to date" in project.run("dvc repro")
    assert Path("dvc.lock").read_bytes() == ours
    Path("dvc.lock").unlink()
    project.run("dvc repro --quiet")
    assert yaml.safe_load(Path("dvc.lock").read_bytes()) == yaml.safe_load(ours)


def test_other_entries_stay_as_they_are(project: Project) -> None:
    project.run("dvc repro --quiet")
    before = Path("dvc.lock").read_text()
    Path("recordings.txt").write_text("clip 1\n")
    with LockFile() as lock_file:
        lock_file.add(reproduce("split", project.environment) or {})
    after = yaml.safe_load(Path("dvc.lock").read_text())["stages"]
    changed = {name for name, entry in yaml.safe_load(before)["stages"].items() if after[name] != entry}
    assert changed == {"split"}
    assert project.run("dvc status split").startswith("Data and pipelines are up to date")


def test_a_stage_that_did_not_change_has_no_entry(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    project.run("dvc repro --quiet")
    assert reproduce("split", project.environment) == {}
    assert capsys.readouterr().out == ""


def test_entries_are_written_before_long(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    entries = reproduce("split", project.environment) or {}
    with LockFile() as lock_file:
        lock_file.add(entries)
        lock_file.write_if_due()
        assert not Path("dvc.lock").exists()
        monkeypatch.setattr(reproducing, "WRITE_EVERY", 0.0)
        lock_file.write_if_due()
        assert list(yaml.safe_load(Path("dvc.lock").read_text())["stages"]) == ["split"]


def test_entries_outlive_an_error(project: Project) -> None:
    entries = reproduce("split", project.environment) or {}
    with pytest.raises(KeyboardInterrupt), LockFile() as lock_file:
        lock_file.add(entries)
        raise KeyboardInterrupt
    assert Path("dvc.lock").exists()


def test_a_stage_gets_its_environment_and_its_words_are_passed_on(
    project: Project, capfd: pytest.CaptureFixture[str]
) -> None:
    Path("dvc.yaml").write_text("stages: {x: {cmd: 'echo on $OMP_NUM_THREADS; echo both >&2', outs: []}}")
    assert reproduce("x", {**project.environment, "OMP_NUM_THREADS": "3"}) is not None
    assert capfd.readouterr().out.splitlines() == [f"{'x':32} on 3", f"{'x':32} both"]


def test_entries_of_several_stages_are_written_together_and_staged(project: Project) -> None:
    project.run("dvc config core.autostage true")
    with LockFile() as lock_file:
        lock_file.add({"a": {"cmd": "one"}, "b": {"cmd": "two"}})
        lock_file.add({"c": {"cmd": "three"}, "a": {"cmd": "four"}})
    content = yaml.safe_load(Path("dvc.lock").read_text())
    assert content == {
        "schema": "2.0",
        "stages": {"a": {"cmd": "four"}, "b": {"cmd": "two"}, "c": {"cmd": "three"}},
    }
    assert "dvc.lock" in project.run("git diff --cached --name-only").split()
    with LockFile():
        Path("dvc.lock").write_text("unchanged")
    assert Path("dvc.lock").read_text() == "unchanged"  # there was nothing to write


def test_a_stage_that_fails_says_so(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    Path("dvc.yaml").write_text("stages: {x: {cmd: 'echo wrong; exit 3', outs: [y]}}")
    assert reproduce("x", project.environment) is None
    said = capsys.readouterr().out
    assert "wrong" in said
    assert "ERROR: failed to reproduce 'x': failed to run: echo wrong; exit 3, exited with 3" in said
    assert reproduce("nothing", project.environment) is None
    assert "'nothing' not found" in capsys.readouterr().out


def test_a_stage_whose_process_dies_has_failed(project: Project) -> None:
    Path("dvc.yaml").write_text("stages: {x: {cmd: 'kill -9 $PPID', outs: [y]}}")
    assert reproduce("x", project.environment) is None


def test_dvc_is_asked_again_while_another_process_holds_a_file(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with subprocess.Popen(["sleep", "600"]) as holder:
        held = {str(project.folder / "split.txt"): {"pid": holder.pid, "cmd": "another dvc"}}
        Path(".dvc/tmp/rwlock").write_text(json.dumps({"write": held, "read": {}}))

        def end_holder(_: float) -> None:
            holder.kill()
            holder.wait()

        monkeypatch.setattr("time.sleep", end_holder)  # what passes between two attempts
        assert reproduce("split", project.environment) is not None
    assert Path("split.txt").exists()
    said = capsys.readouterr().out
    assert "is busy" in said
    assert "Running stage" not in said


def test_dvc_is_not_asked_for_ever(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(reproducing, "PATIENCE", 0.0)
    held = {str(project.folder / "split.txt"): {"pid": os.getpid(), "cmd": "another dvc"}}
    Path(".dvc/tmp/rwlock").write_text(json.dumps({"write": held, "read": {}}))
    assert reproduce("split", project.environment) is None
    assert "is busy" in capsys.readouterr().out
