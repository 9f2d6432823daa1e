"""A DVC project of a second: stages named as the pipeline's, which copy text instead of computing."""

from pathlib import Path

import pytest

from tests.helpers.whole_project import Project

STAGES = """\
stages:
  split:
    cmd: sort recordings.txt > split.txt
    deps: [recordings.txt]
    outs: [split.txt]
  train:
    foreach: [one, two]
    do:
      cmd: mkdir -p models/${item} && sed s/clip/${item}/ split.txt | tee ${item}.csv > models/${item}/weights
      deps: [split.txt]
      outs:
        - models/${item}
      plots:
        - ${item}.csv: {cache: false}
  report:
    cmd: cat models/one/weights models/two/weights > report.txt
    deps: [models/one, models/two]
    outs: [report.txt]
"""


def write_small_project(folder: Path, environment: dict[str, str]) -> Project:
    """The project in a git repository of its own; nothing is made yet, all is committed."""
    project = Project(folder, environment)
    folder.mkdir(parents=True)
    (folder / "dvc.yaml").write_text(STAGES)
    (folder / "recordings.txt").write_text("".join(f"clip {99 - number}\n" for number in range(50)))
    project.run(
        "git init --quiet && dvc init --quiet && git add --all && git commit --quiet --message 'Small'"
    )
    return project


@pytest.fixture
def small_project(tmp_path: Path, environment: dict[str, str]) -> Project:
    """The small project, nothing made yet."""
    return write_small_project(tmp_path / "small", environment)
