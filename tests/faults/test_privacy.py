"""What git would carry away after a full run: aggregate results, small, and nothing about a person."""

import re
import subprocess
from fnmatch import fnmatch

import pandas as pd

from tests.helpers import ROOT
from tests.helpers.whole_project import Project

ALLOWED = [
    "dvc.lock",
    "metrics/*.json",
    "plots/codebook.png",
    "plots/confusion/*.csv",
    "plots/curves/*.csv",
    "plots/learning.csv",
    "plots/scores.csv",
    "plots/tables.md",
    "plots/tables.tex",
]
WRITTEN_BY_STAGES = ("data/", "metrics/", "plots/", "dvc.lock")


def added_by_a_run(project: Project) -> list[str]:
    """What `git add --all` would take up, without what a new clone holds."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listing = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    cloned = {name for name in listing.stdout.splitlines() if not name.startswith(WRITTEN_BY_STAGES)}
    project.run("git rm -r --cached --quiet .")
    taken = re.findall(r"^add '(.*)'$", project.run("git add --all --dry-run"), re.MULTILINE)
    return [name for name in taken if name not in cloned and not name.endswith("/.gitignore")]


def test_git_takes_up_results_without_persons(finished_copy: Project) -> None:
    added = added_by_a_run(finished_copy)
    assert [name for name in added if not any(fnmatch(name, pattern) for pattern in ALLOWED)] == []
    assert [pattern for pattern in ALLOWED if not any(fnmatch(name, pattern) for name in added)] == []
    assert [name for name in added if (finished_copy.folder / name).stat().st_size > 1_000_000] == []

    recordings = pd.read_parquet(finished_copy.folder / "data/recordings.parquet")
    ids = {str(value) for column in ("clip_id", "speaker") for value in recordings[column]}
    assert len(ids) == 24 + 12
    marks = re.compile(rb"(?<![\w.])(" + "|".join(map(re.escape, ids)).encode() + rb")(?![\w.])")
    assert marks.search((finished_copy.folder / "data/synthetic/data_info.csv").read_bytes())
    assert {
        name: found for name in added if (found := marks.findall((finished_copy.folder / name).read_bytes()))
    } == {}
