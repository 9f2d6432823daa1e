"""The README's recipes, run as printed on a tiny project. RECIPES=all runs the slow ones, too."""

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import ROOT

RECIPES = dict(
    re.findall(r"<!-- recipe: (\w+) -->\n```sh\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
)
TINY: dict[str, dict[str, Any]] = {
    "synthesize": {"speakers": 12, "clips_per_speaker": 2},
    "codebook": {"size": 20, "frames": 1000},
    "train": {"epochs": 1, "seeds": [1]},
    "evaluate": {"bootstrap": 20},
    "compute": {"processes": 1},
}
UP_TO_DATE = "Data and pipelines are up to date."
slow = pytest.mark.skipif(os.environ.get("RECIPES") != "all", reason="make recipes runs all of them")


class Project:
    """A copy of the project in a folder of its own, in a git repository of its own."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder = folder
        self._environment = environment

    def run(self, text: str) -> str:
        """What a script prints, errors included; the test fails if the script does."""
        command = ["bash", "-euo", "pipefail", "-c", text]
        ended = subprocess.run(
            command,
            cwd=self.folder,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
            check=False,
        )
        assert ended.returncode == 0, f"{text}\n{ended.stdout}"
        return ended.stdout

    def recipe(self, name: str) -> str:
        """What a recipe of the README prints."""
        return self.run(RECIPES[name])

    def set_runs(self, **runs: dict[str, str]) -> None:
        """Change ``runs`` in params.yaml and commit."""
        path = self.folder / "params.yaml"
        path.write_text(
            yaml.safe_dump({**yaml.safe_load(path.read_text()), "runs": runs}, sort_keys=False),
            encoding="utf-8",
        )
        self.run("git commit --quiet --all --message 'Other runs'")


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Settings of git and DVC that are nobody's own, in a terminal of 120 columns."""
    settings = tmp_path_factory.mktemp("settings")
    (settings / "gitconfig").write_text(
        "[user]\nname = Somebody\nemail = somebody@example.org\n[init]\ndefaultBranch = main\n"
    )
    return {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "GIT_CONFIG_GLOBAL": str(settings / "gitconfig"),
        "GIT_CONFIG_SYSTEM": os.devnull,
        "DVC_GLOBAL_CONFIG_DIR": str(settings),
        "DVC_SYSTEM_CONFIG_DIR": str(settings),
        "DVC_SITE_CACHE_DIR": str(settings / "site"),
        "DVC_NO_ANALYTICS": "1",
        "OMP_NUM_THREADS": "1",
        "COLUMNS": "120",
    }


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, environment: dict[str, str]) -> Project:
    """A project with one run, whose results are committed; copies of it share its DVC cache."""
    project = Project(tmp_path_factory.mktemp("finished") / "project", environment)
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True, check=True)
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file() and name != "dvc.lock":
            (project.folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, project.folder / name)
    parameters = yaml.safe_load((ROOT / "params.yaml").read_text())
    for section, keys in TINY.items():
        parameters[section].update(keys)
    parameters["features"] = {"compare": parameters["features"]["compare"]}
    parameters["runs"] = {"compare-mtl2": parameters["runs"]["compare-mtl2"]}
    (project.folder / "params.yaml").write_text(yaml.safe_dump(parameters, sort_keys=False))
    project.run(f"git init --quiet && dvc cache dir --local {project.folder.parent / 'cache'}")
    project.run("dvc repro --quiet && git add --all && git commit --quiet --message 'A tiny project'")
    return project


@pytest.fixture
def project(finished: Project, environment: dict[str, str], tmp_path: Path) -> Project:
    """A copy of the finished project."""
    return Project(shutil.copytree(finished.folder, tmp_path / "project", symlinks=True), environment)


def wait_for(condition: Callable[[], bool], seconds: int) -> bool:
    """Whether a condition comes true within some seconds."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(1)
    return True


def test_each_recipe_is_tested() -> None:
    tests = {name.removeprefix("test_recipe_") for name in globals() if name.startswith("test_recipe_")}
    assert set(RECIPES) == tests


def test_recipe_experiment(project: Project) -> None:
    shown = project.recipe("experiment")
    table = [
        line for line in shown.splitlines() if re.match(r"\s+(Experiment|main|└── .*\[slower\])\s", line)
    ]
    assert [line.split()[-1] for line in table] == ["train.learning_rate", "0.001", "0.0003"]
    assert "compare.mtl2.test.emotion.ccc" in table[0]
    assert max(map(len, table)) <= 120
    assert "learning_rate: 0.0003" in (project.folder / "params.yaml").read_text()
    assert "learning_rate: 0.0003" in project.run("git show try-slower:params.yaml")
    assert project.run("git diff --name-only main try-slower -- metrics/scores.json")


def test_recipe_remote(project: Project) -> None:
    shown = project.recipe("remote")
    assert shown.rstrip().endswith(UP_TO_DATE)
    assert "Running stage" not in shown
    second = project.folder.parent / "second"
    assert (second / "data/models/compare-mtl2/weights.safetensors").is_file()
    assert (project.folder.parent / "storage/files/md5").is_dir()


@slow
def test_recipe_grid(project: Project) -> None:
    project.recipe("grid")
    assert set(project.run("dvc exp list --name-only").split()) == {"rate-0.0001", "rate-0.003"}
    assert project.run("git status --porcelain") == ""
    changed = project.run("dvc params diff rate-0.0001 rate-0.003")
    assert changed.splitlines()[-1].split()[1:] == ["train.learning_rate", "0.0001", "0.003"]
    assert "compare.mtl2.test" in project.run("dvc metrics diff rate-0.0001 rate-0.003")


@slow
def test_recipe_queue(project: Project) -> None:
    project.recipe("queue")
    try:
        assert wait_for(lambda: project.run("dvc queue status").count("Success") == 2, 240)
    finally:
        project.run("dvc queue stop --kill")
    names = project.run("dvc exp list --name-only").split()
    rates = [project.run(f"dvc params diff main {name}").split()[-1] for name in names]
    assert sorted(rates) == ["0.0002", "0.002"]


@slow
def test_recipe_branch(project: Project) -> None:
    project.set_runs(**{"boaw-mtl2": {"features": "boaw", "model": "mtl2"}})
    project.run("dvc repro --quiet && git add --all && git commit --quiet --message 'Bags of audio words'")
    shown = [line.split() for line in project.recipe("branch").splitlines()]
    assert ["params.yaml", "codebook.size", "20", "500"] in shown
    assert any(line[1].startswith("boaw.mtl2.test.") for line in shown if line[:1] == ["metrics/scores.json"])
    page = Path(shown[-1][0].removeprefix("file://"))
    assert {'"rev": "main"', '"rev": "workspace"'} <= set(re.findall(r'"rev": "\w+"', page.read_text()))
    assert project.run("git status --porcelain") == ""


@slow
def test_recipe_parallel(project: Project) -> None:
    project.set_runs(
        **{
            "compare-mtl1": {"features": "compare", "model": "mtl1"},
            "boaw-mtl2": {"features": "boaw", "model": "mtl2"},
        }
    )
    (project.folder / ".venv").mkdir()
    for name in ("bin", "lib", "pyvenv.cfg"):
        (project.folder / ".venv" / name).symlink_to(Path(sys.prefix) / name)
    (project.folder / ".venv/ready").touch()
    shown = project.recipe("parallel")
    assert "Scores of the corpus 'synthetic corpus'" in shown
    assert "compare-mtl1" in shown
    assert "boaw-mtl2" in shown
    assert project.run("dvc status").strip() == UP_TO_DATE
