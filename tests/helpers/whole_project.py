"""The whole pipeline on a tiny corpus: a copy of the project in a git repository of its own."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.helpers import ROOT

TINY: dict[str, dict[str, Any]] = {
    "synthesize": {"speakers": 12, "clips_per_speaker": 2},
    "codebook": {"size": 20, "frames": 1000},
    "train": {"epochs": 1, "seeds": [1]},
    "evaluate": {"bootstrap": 20},
    "compute": {"processes": 1},
}

OUTPUTS = (
    "metrics/*.json",
    "plots/**/*.csv",
    "plots/*.tex",
    "data/**/*.parquet",
    "data/**/*.csv",
    "data/models/*/*",
)


class Project:
    """A copy of the project in a folder of its own, in a git repository of its own."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder = folder
        self.environment = environment

    def run(self, text: str) -> str:
        """What a script prints, errors included; the test fails if the script does."""
        command = ["bash", "-euo", "pipefail", "-c", text]
        ended = subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert ended.returncode == 0, f"{text}\n{ended.stdout}"
        return ended.stdout

    def set_runs(self, **runs: dict[str, str]) -> None:
        """Change ``runs`` in params.yaml and commit."""
        path = self.folder / "params.yaml"
        path.write_text(
            yaml.safe_dump({**yaml.safe_load(path.read_text()), "runs": runs}, sort_keys=False),
            encoding="utf-8",
        )
        self.run("git commit --quiet --all --message 'Other runs'")


def digests(folder: Path) -> dict[str, str]:
    """What a run leaves, file by file."""
    files = sorted({file for pattern in OUTPUTS for file in folder.glob(pattern) if file.is_file()})
    return {str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def from_nothing(project: Project) -> dict[str, str]:
    """Delete all that was made, and every memory of it; what was there."""
    expected = digests(project.folder)
    project.run("git clean --force -d -x --quiet data metrics plots .cache")
    project.run("git ls-files -z data metrics plots dvc.lock | grep -z -v gitignore | xargs -0 rm -f")
    project.run("rm -rf .dvc/tmp ../cache-of-this && dvc cache dir --local ../cache-of-this")
    assert digests(project.folder) == {}
    return expected


@pytest.fixture(scope="session")
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


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory, environment: dict[str, str]) -> Project:
    """A project with one run, whose results are committed; copies of it share its DVC cache."""
    project = Project(tmp_path_factory.mktemp("finished") / "project", environment)
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True, check=True)
    for name in filter(None, listed.stdout.split("\0")):
        result = name.startswith(("metrics/", "plots/", "dvc.lock")) and not name.endswith(".gitignore")
        if (ROOT / name).is_file() and not result:
            (project.folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, project.folder / name)
    parameters = yaml.safe_load((ROOT / "params.yaml").read_text())
    for section, keys in TINY.items():
        parameters[section].update(keys)
    parameters["features"] = {"compare": parameters["features"]["compare"]}
    parameters["fused_features"] = {"all": ["compare", "boaw"]}
    parameters["runs"] = {"compare-mtl2": parameters["runs"]["compare-mtl2"]}
    (project.folder / "params.yaml").write_text(yaml.safe_dump(parameters, sort_keys=False))
    project.run(f"git init --quiet && dvc cache dir --local {project.folder.parent / 'cache'}")
    project.run("dvc repro --quiet && git add --all && git commit --quiet --message 'A tiny project'")
    return project


@pytest.fixture
def finished_copy(finished: Project, environment: dict[str, str], tmp_path: Path) -> Project:
    """A copy of the finished project."""
    return Project(shutil.copytree(finished.folder, tmp_path / "project", symlinks=True), environment)
