import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from stages import fold_workspaces
from stages.core.runtime.errors import UserError
from stages.fold_workspaces import Workspace, alone, copy_code, plan, share_computed
from tests.helpers import ROOT


@pytest.fixture
def workspace(project: Path) -> Workspace:
    """A workspace of an empty project with the real params.yaml, whose lock is any open file."""
    (project / "stages/core/__pycache__").mkdir(parents=True)
    (project / "stages/core/a.py").write_text("a = 1")
    for name in ("kernels.a.1.nbi", "a.cpython-311.pyc.4711", "kernels.a.nbc.tmp.0af"):
        (project / "stages/core/__pycache__" / name).touch()
    with (project / "lock").open("w") as lock:
        yield Workspace(project / ".cache/folds/of-5/2", lock)


def test_a_workspace_has_the_projects_parameters_but_for_the_fold(
    workspace: Workspace, project: Path
) -> None:
    path = project / "params.yaml"
    text = (
        path.read_text()
        .replace("path: data/synthetic ", "path: ../mine ")
        .replace("external: {}", "external: {t: {kind: table, path: t.csv}}")
    )
    path.write_text(text)
    workspace.write(copy_code(), project / "cache", {"method": "folds", "folds": 5, "fold": 2}, 1)
    written = (workspace.folder / "params.yaml").read_text()
    content, before = yaml.safe_load(written), yaml.safe_load(text)
    assert content.pop("split") == {**before.pop("split"), "method": "folds", "folds": 5, "fold": 2}
    assert content["corpus"].pop("path") == str(project.absolute() / "../mine")
    assert content["external"]["t"].pop("path") == str(project / "t.csv")
    assert content["compute"].pop("processes") == 1
    for changed in (before["corpus"], before["compute"]):
        changed.pop("path", None), changed.pop("processes", None)
    before["external"] = {"t": {"kind": "table"}}
    assert content == before
    assert "# " in written
    assert path.read_text() == text


def test_what_dvc_has_made_stays_and_all_else_is_as_it_is_now(workspace: Workspace, project: Path) -> None:
    for name in ("dvc.yaml", "dvc.lock", ".dvcignore"):
        (project / name).write_text(f"{name} one\n")
    content = yaml.safe_load((project / "params.yaml").read_text())
    content["codebook"]["file"], content["external"] = "own/codebook.txt", None
    (project / "params.yaml").write_text(yaml.safe_dump(content))
    code = copy_code()
    workspace.write(code, project / "cache", {"fold": 1}, 3)
    written = yaml.safe_load((workspace.folder / "params.yaml").read_text())
    assert written["codebook"]["file"] == str(project / "own/codebook.txt")
    assert (written["compute"]["processes"], written["split"]["fold"]) == (3, 1)
    assert (workspace.folder / ".dvc/config").read_text() == (
        "[core]\n    no_scm = true\n    analytics = false\n    check_update = false\n"
        f"[cache]\n    dir = {project / 'cache'}\n    type = reflink,hardlink,symlink,copy\n"
    )
    (workspace.folder / "dvc.lock").write_text("what DVC has made\n")
    for name in ("dvc.yaml", "dvc.lock"):
        (project / name).write_text(f"{name} two\n")
    workspace.write(code, project / "elsewhere", {"fold": 2}, 1)
    read = {name: (workspace.folder / name).read_text() for name in ("dvc.yaml", "dvc.lock", ".dvcignore")}
    assert read == {
        "dvc.yaml": "dvc.yaml two\n",
        "dvc.lock": "what DVC has made\n",
        ".dvcignore": ".dvcignore one\n",
    }
    assert f"dir = {project / 'elsewhere'}\n" in (workspace.folder / ".dvc/config").read_text()
    assert (workspace.folder / "stages").samefile(code)


def test_programs_run_in_the_workspace_and_what_they_say_goes_to_its_log(
    workspace: Workspace, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A package takes DVC's place: it says its folder and words, and fails where a file says so."""
    monkeypatch.setenv("PYTHONPATH", str(project / "fake"))
    (project / "fake").mkdir()
    (project / "fake/dvc.py").write_text(
        "import os, pathlib, sys\n"
        "print(\"Stage 'split' didn't change, skipping\")\n"
        "print('not the beginning: Running stage \\'x\\'')\n"
        "print(\"Running stage 'train@a b':\")\n"
        "print(pathlib.Path.cwd().name, *sys.argv[1:], os.environ['PATH'].split(os.pathsep)[0])\n"
        "if pathlib.Path('fail').exists():\n"
        "    print('error: it will not.', file=sys.stderr)\n"
        "    sys.exit(1)\n"
    )
    workspace.folder.mkdir(parents=True)
    begun: list[str] = []
    workspace.reproduce_fold(["split", "train@a b"], begun.append)
    assert begun == ["split", "train@a b"]
    log = (workspace.folder / "log.txt").read_text().splitlines()
    assert log[-1] == f"2 repro --single-item split train@a b {Path(sys.executable).parent}"
    workspace.reproduce("preprocess")
    (workspace.folder / "fail").touch()
    with pytest.raises(UserError, match="fold 2: it will not; all that it said is in"):
        workspace.reproduce_fold(["split"], begun.append)
    with pytest.raises(UserError, match="what all folds share could not be made; correct what stands above"):
        workspace.reproduce("preprocess")


def test_a_workspace_is_repaired_where_dvc_has_been(
    workspace: Workspace, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(project / "fake"))
    (project / "fake/stages").mkdir(parents=True)
    (project / "fake/stages/__init__.py").touch()
    repair = project / "fake/stages/repair.py"
    repair.write_text("import pathlib; pathlib.Path('repaired').touch()")
    workspace.folder.mkdir(parents=True)
    assert workspace.repair() and not (workspace.folder / "repaired").exists()
    (workspace.folder / ".dvc/tmp").mkdir(parents=True)
    assert workspace.repair() and (workspace.folder / "repaired").exists()
    repair.write_text("import sys; sys.exit('error: too damaged')")
    assert not workspace.repair()
    with pytest.raises(UserError, match="fold 2: too damaged; all that it said is in"):
        workspace.reproduce_fold(["split"], lambda _: None)


def test_the_embedded_corpus_is_made_in_the_workspace(workspace: Workspace, project: Path) -> None:
    workspace.write(copy_code(), project / "cache", {"fold": 2}, 1)
    content = yaml.safe_load((workspace.folder / "params.yaml").read_text())
    assert content["corpus"]["path"] == "data/synthetic"


def test_code_is_copied_once_with_its_kernels_and_what_is_gone_goes(
    workspace: Workspace, project: Path
) -> None:
    code = copy_code()
    assert {path.name for path in code.rglob("*") if path.is_file()} == {"a.py", "kernels.a.1.nbi"}
    (project / "stages/core/a.py").rename(project / "stages/core/b.py")
    (code / "core/__pycache__/kernels.b.1.nbi").touch()
    workspace.write(copy_code(), project / "cache", {}, 1)
    found = {path.name for path in (workspace.folder / "stages").resolve().rglob("*") if path.is_file()}
    assert found == {"b.py", "kernels.a.1.nbi", "kernels.b.1.nbi"}
    assert (code / "core/b.py").stat().st_mtime == (project / "stages/core/b.py").stat().st_mtime


def test_files_of_the_base_are_linked_and_replaced(workspace: Workspace, tmp_path: Path) -> None:
    base = tmp_path / "base"
    (base / "data/lld").mkdir(parents=True)
    for text in ("first", "second"):
        for name in ("data/one.parquet", "data/lld/0000.parquet"):
            (base / name).unlink(missing_ok=True)
            (base / name).write_text(text)
            (base / name).chmod(0o444)
        workspace.take(base, [Path("data/one.parquet"), Path("data/lld")])
        for name in ("data/one.parquet", "data/lld/0000.parquet"):
            assert (workspace.folder / name).read_text() == text
            assert (workspace.folder / name).samefile(base / name)


def test_what_was_computed_is_shared(project: Path) -> None:
    for _ in range(2):
        share_computed(project / ".cache/folds/base")
    for kept in (".cache/audio", ".cache/features"):
        assert (project / ".cache/folds/base" / kept).samefile(project / kept)


def test_the_stages_that_a_fold_changes_are_those_from_split_on() -> None:
    found = plan(ROOT, ["compare-mtl2"])
    assert found.before == ["check", "synthesize", "preprocess", "features@compare"]
    assert found.after == ["split", "train@compare-mtl2", "evaluate@compare-mtl2"]
    assert {Path("data/recordings.parquet"), Path("data/features/compare.parquet")} <= set(found.shared)
    fused = plan(ROOT, ["all-fused-mtl"])
    assert fused.after == [
        "split",
        "codebook",
        "boaw",
        "fuse_features@all",
        "train@all-fused-mtl",
        "evaluate@all-fused-mtl",
    ]
    assert {Path("data/lld/compare"), Path("data/features/egemaps.parquet")} <= set(fused.shared)
    assert not {path for path in fused.shared if "boaw" in path.name or "splits" in path.name}


@pytest.mark.usefixtures("project")
def test_a_sweep_waits_for_what_a_killed_one_left_running(capsys: pytest.CaptureFixture[str]) -> None:
    with alone() as lock:
        left = subprocess.Popen(
            [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, pass_fds=(lock.fileno(),)
        )
    waiting = subprocess.Popen(
        [sys.executable, "-c", "from stages.fold_workspaces import alone\nwith alone(): print('began')"],
        env={"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert waiting.stdout is not None
    assert "waiting for it" in waiting.stdout.readline()
    assert waiting.poll() is None
    left.communicate(b"\n")
    assert waiting.communicate(timeout=60)[0] == "began\n"
    with alone():
        pass
    assert capsys.readouterr().out == ""


def test_what_a_stage_said_before_it_failed_is_the_error(tmp_path: Path) -> None:
    log = tmp_path / "3/log.txt"
    log.parent.mkdir()
    log.write_text("> python -m stages.split\nerror: it will not.\nERROR: failed to reproduce 'split'\n")
    assert str(fold_workspaces._failed(log)) == f"fold 3: it will not; all that it said is in {log}."


def test_a_failure_without_a_word_of_a_stage_shows_the_end_of_the_log(tmp_path: Path) -> None:
    log = tmp_path / "7/log.txt"
    log.parent.mkdir()
    log.write_text("\n".join(f"line {number}" for number in range(40)) + "\nERROR: disk full\n")
    text = str(fold_workspaces._failed(log))
    assert text.startswith("fold 7: line 29 / ")
    assert "ERROR: disk full; all that it said is in" in text
    assert text.count(" / ") == 11 and "line 39 / ERROR" in text
    log.write_text("error: first.\nwords\nerror: second.\n")
    assert str(fold_workspaces._failed(log)).startswith("fold 7: second; all")
