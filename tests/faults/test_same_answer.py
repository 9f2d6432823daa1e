"""The same bytes from one process or two, in any language, and from a corpus copied in any order.

At once in the short form, one by one in the full form, which tells the culprit.
"""

import locale
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.helpers import FAULTS
from tests.helpers.whole_project import Project

STAGES = """
import sys
from stages import boaw, codebook, features, preprocess, split
if __name__ == "__main__":
    sys.argv = ["stage", "egemaps"]
    for stage in (preprocess, split, features, codebook, boaw):
        stage.main()
"""
WRITTEN = (
    "data/*.parquet",
    "data/audio/*",
    "data/features/*",
    "data/lld/**/*.parquet",
    "data/codebook.txt",
    "metrics/*",
)


def german() -> str:
    """A locale with a comma in its numbers, if this machine has one."""
    for name in ("de_DE.UTF-8", "fr_FR.UTF-8"):
        try:
            locale.setlocale(locale.LC_NUMERIC, name)
        except locale.Error:
            continue
        locale.setlocale(locale.LC_NUMERIC, "C")
        return name
    return "C.UTF-8"


ONE_BY_ONE: dict[str, dict[str, Any]] = {
    "processes": {"processes": 2},
    "no language": {"LC_ALL": "C", "LANG": "C"},
    "no language, and Python does not guess one": {
        "LC_ALL": "C",
        "PYTHONUTF8": "0",
        "PYTHONCOERCECLOCALE": "0",
    },
    "another language": {"LC_ALL": german(), "LANG": german()},
    "another time zone": {"TZ": "Asia/Kathmandu"},
    "another order of sets": {"PYTHONHASHSEED": "4711"},
    "another order of files and rows": {"backwards": True},
}
AT_ONCE = {"all at once": {key: value for one in ONE_BY_ONE.values() for key, value in one.items()}}
VARIANTS = AT_ONCE if FAULTS <= 2 else {**ONE_BY_ONE, **AT_ONCE}


def reverse(corpus: Path) -> None:
    """Copy a corpus file by file, last first, its rows too."""
    copy = corpus.with_name("copy")
    (copy / "wav").mkdir(parents=True)
    for path in sorted((corpus / "wav").iterdir(), reverse=True):
        shutil.copyfile(path, copy / "wav" / path.name)
    for path in corpus.glob("*.json"):
        shutil.copyfile(path, copy / path.name)
    header, *rows = (corpus / "data_info.csv").read_text(encoding="utf-8").splitlines()
    (copy / "data_info.csv").write_text("\n".join([header, *rows[::-1], ""]), encoding="utf-8")
    shutil.rmtree(corpus)
    copy.rename(corpus)


def written(
    project: Project, processes: int = 1, backwards: bool = False, **environment: str
) -> dict[str, bytes]:
    """What the stages up to the bags of audio words write."""
    folder = project.folder
    for name in (".cache", "data/features", "data/lld", "data/audio", "metrics"):
        shutil.rmtree(folder / name)
    if backwards:
        reverse(folder / "data/synthetic")
    path = folder / "params.yaml"
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    content["features"] = {"egemaps": "eGeMAPSv02"}
    content["fused_features"] = {}
    content["runs"] = {"boaw-mtl1": {"features": "boaw", "model": "mtl1"}}
    content["codebook"]["features"] = "egemaps"
    content["compute"]["processes"] = processes
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    (folder / "several.py").write_text(STAGES)
    Project(folder, {**project.environment, "PYTHONHASHSEED": "1", **environment}).run("python several.py")
    files = sorted({file for pattern in WRITTEN for file in folder.glob(pattern) if file.is_file()})
    return {str(file.relative_to(folder)): file.read_bytes() for file in files}


@pytest.fixture(scope="module")
def expected(finished: Project, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What one process writes."""
    folder = tmp_path_factory.mktemp("expected") / "project"
    return written(Project(shutil.copytree(finished.folder, folder, symlinks=True), finished.environment))


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_same_bytes(finished_copy: Project, expected: dict[str, bytes], variant: str) -> None:
    found = written(finished_copy, **VARIANTS[variant])
    assert {"data/recordings.parquet", "data/features/boaw.parquet", "data/codebook.txt"} <= set(found)
    assert [name for name in expected if found.get(name) != expected[name]] == []
    assert set(found) == set(expected)
