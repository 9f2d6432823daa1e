import shutil
import subprocess
from pathlib import Path

import pytest

from stages import scores


def git(*words: str) -> None:
    options = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
    subprocess.run(["git", *options, *words], check=True, capture_output=True)


@pytest.fixture
def committed(tmp_path, monkeypatch):
    """A repository with results."""
    monkeypatch.chdir(tmp_path)
    for name in ("metrics/a.json", "plots/b.csv", "dvc.lock", "params.yaml", "stages/x.py"):
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_text("old\n")
    git("init", "--quiet")
    git("add", "--all")
    git("commit", "--quiet", "--message", "Results")


@pytest.mark.usefixtures("committed")
def test_results_are_compared_with_the_committed_ones():
    assert scores.beside_committed() == "These results equal the committed ones."
    Path("metrics/a.json").write_text("new\n")
    text = scores.beside_committed()
    assert "differ from the committed ones in metrics/a.json: the corpus, the versions of packages" in text
    Path("params.yaml").write_text("new\n")
    Path("stages/x.py").write_text("new\n")
    Path("plots/b.csv").unlink()
    text = scores.beside_committed()
    assert "in metrics/a.json, plots/b.csv: params.yaml and stages changed since" in text


@pytest.mark.usefixtures("committed")
def test_the_same_outputs_of_other_code_are_equal():
    lock = "stages: {a: {deps: [{path: a.py, md5: CODE}], outs: [{path: plots/b.csv, md5: OUT}]}}\n"
    Path("dvc.lock").write_text(lock)
    git("commit", "--quiet", "--all", "--message", "Lock")
    Path("dvc.lock").write_text(lock.replace("CODE", "other"))
    assert scores.beside_committed().startswith("These results equal the committed ones; dvc.lock notes")
    Path("dvc.lock").write_text(lock.replace("OUT", "other"))
    assert "differ from the committed ones in dvc.lock" in scores.beside_committed()


@pytest.mark.usefixtures("committed")
def test_without_a_repository_or_committed_results_nothing_is_said():
    git("rm", "--quiet", "--cached", "-r", "metrics", "plots", "dvc.lock")
    git("commit", "--quiet", "--message", "None")
    assert scores.beside_committed() is None
    shutil.rmtree(".git")
    assert scores.beside_committed() is None
