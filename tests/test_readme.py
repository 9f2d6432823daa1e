"""The recipes of README and docs/, run as printed on a tiny project. RECIPES=all includes the slow ones."""

import json
import os
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.helpers import ROOT
from tests.helpers.whole_project import Project

PAGES = {
    str(page.relative_to(ROOT)): page.read_text()
    for page in (ROOT / "README.md", *sorted(ROOT.glob("docs/*.md")))
}
TEXT = "\n".join(PAGES.values())
RECIPES = dict(re.findall(r"<!-- recipe: (\w+) -->\n```(?:sh|python)\n(.*?)```", TEXT, re.DOTALL))
TWO_RUNS = ("compare-mtl1", "compare-mtl2")
FOLDED = ("compare-stl", "compare-mtl2")
UP_TO_DATE = "Data and pipelines are up to date."
SBATCH = """#!/bin/bash
for job; do case $job in --array=1-*) tasks=${job#--array=1-};; --wait) waits=yes;; esac; done
script=$(cat "$job")
for task in $(seq ${tasks:-1}); do
  SLURM_ARRAY_TASK_ID=$task setsid sh -c "$script" > slurm-$$-$task.out 2>&1 < /dev/null &
done
[ -z "$waits" ] || { wait; cat slurm-$$-*.out; echo "jobs are done"; }
echo "Submitted batch job $!"
"""


def slow(test: Callable[..., None]) -> Callable[..., None]:
    """Run a test in `make recipes` alone, where it may take an hour."""
    skipped = pytest.mark.skipif(os.environ.get("RECIPES") != "all", reason="make recipes runs all of them")
    return pytest.mark.timeout(3600)(skipped(test))


def wait_for(condition: Callable[[], bool], seconds: int) -> bool:
    """Whether a condition comes true within some seconds."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(1)
    return True


def recipe(project: Project, name: str) -> str:
    """What a recipe prints."""
    return project.run(RECIPES[name])


def installed(project: Project) -> None:
    """Let make find this environment, ready."""
    (project.folder / ".venv").mkdir()
    for name in ("bin", "lib", "pyvenv.cfg"):
        (project.folder / ".venv" / name).symlink_to(Path(sys.prefix) / name)
    (project.folder / ".venv/ready").touch()


def anchors(text: str) -> set[str]:
    """The anchors that GitHub gives to the headings of a Markdown file."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES)
def test_every_link_has_a_target(page: str) -> None:
    links = [*re.findall(r"\]\(([^)]+)\)", PAGES[page]), *re.findall(r'src="(.+?)"', PAGES[page])]
    for file, _, anchor in (link.partition("#") for link in links if not link.startswith("https:")):
        target = (ROOT / page).parent / file if file else ROOT / page
        assert target.exists(), file
        assert not anchor or anchor in anchors(target.read_text()), anchor


def test_every_file_that_is_named_exists() -> None:
    named = re.findall(r"`((?:stages|tests|docs)/[\w/]+\.\w+)`", TEXT)
    assert len(named) > 10
    assert [name for name in named if not (ROOT / name).is_file()] == []


def test_every_file_that_is_named_beside_another_exists_there() -> None:
    lacking = []
    for line in PAGES["docs/code.md"].splitlines():
        folder = ROOT
        for path, name in re.findall(r"`([\w/]+/)?(\w+\.py)`", line):
            folder = ROOT / path if path else folder
            lacking += [] if (folder / name).is_file() else [f"{folder}/{name}"]
    assert lacking == []


def test_every_parameter_that_is_named_exists() -> None:
    parameters = yaml.safe_load((ROOT / "params.yaml").read_text())
    sections = "|".join(set(parameters) - {"tasks", "features", "models", "runs"})
    named = re.findall(rf"`({sections})\.(\w+)", TEXT)
    assert len(named) > 30
    assert [(section, key) for section, key in named if key not in parameters[section]] == []


def test_each_recipe_is_tested() -> None:
    tests = {name.removeprefix("test_recipe_") for name in globals() if name.startswith("test_recipe_")}
    assert set(RECIPES) == tests


def test_recipe_experiment(finished_copy: Project) -> None:
    shown = recipe(finished_copy, "experiment")
    assert re.search(r"^metrics/scores.json +compare\.mtl2\.test\.emotion\.ccc ", shown, re.MULTILINE)
    assert "learning_rate: 0.0003" in (finished_copy.folder / "params.yaml").read_text()
    assert "learning_rate: 0.0003" in finished_copy.run("git show try-slower:params.yaml")
    assert finished_copy.run("git diff --name-only main try-slower -- metrics/scores.json")


def test_recipe_remote(finished_copy: Project) -> None:
    shown = recipe(finished_copy, "remote")
    assert shown.rstrip().endswith(UP_TO_DATE)
    assert "Running stage" not in shown
    second = finished_copy.folder.parent / "second"
    assert (second / "data/models/compare-mtl2/weights.safetensors").is_file()
    assert (finished_copy.folder.parent / "storage/files/md5").is_dir()


def with_sbatch(project: Project) -> Project:
    """A project whose ``sbatch`` runs jobs on this machine, one process for each task of an array."""
    commands = project.folder.parent / "commands"
    commands.mkdir()
    (commands / "sbatch").write_text(SBATCH)
    (commands / "scancel").write_text('#!/bin/sh\nfor job; do kill -- -"$job"; done\n')
    for command in commands.iterdir():
        command.chmod(0o755)
    path = f"{commands}{os.pathsep}{project.environment['PATH']}"
    return Project(project.folder, {**project.environment, "PATH": path})


def test_recipe_array(small_project: Project) -> None:
    project = with_sbatch(small_project)
    shown = project.run(RECIPES["array"].replace("/shared/dvc-cache", str(project.folder.parent / "cache")))
    before, after = shown.split("jobs are done")
    assert sorted(re.findall(r"Running stage '(.+?)'", before)) == ["split", "train@one", "train@two"]
    assert re.findall(r"Running stage '(.+?)'", after) == ["report"]
    assert re.findall(r"Stage '(.+?)' is cached", after) == ["train@one", "train@two"]
    assert project.run("dvc status").strip() == UP_TO_DATE
    assert "two" in (project.folder / "report.txt").read_text()


def test_recipe_slurm(environment: dict[str, str], tmp_path: Path) -> None:
    pytest.importorskip("dask_jobqueue")
    (tmp_path / "project").mkdir()
    project = with_sbatch(Project(tmp_path / "project", {**environment, "PYTHONPATH": str(ROOT)}))
    use = """
from stages.core.runtime.compute import ComputeOptions
from stages.core.runtime.parallel import parallel_map
print(sorted(parallel_map(abs, enumerate([-3, -4]), ComputeOptions(scheduler=cluster.scheduler_address))))
"""
    assert "\ninput(" in RECIPES["slurm"]
    few = RECIPES["slurm"].replace("jobs=20", "jobs=2").replace("\ninput(", use + "\ninput(")
    shown = project.run(f"echo | python -c '{few}'")
    assert re.search(r"^tcp://[\d.]+:\d+$", shown, re.MULTILINE)
    assert "[(0, 3), (1, 4)]" in shown


def test_recipe_api(finished_copy: Project) -> None:
    finished_copy.run("dvc exp save --name noted")
    code = RECIPES["api"] + "print(predictions.groupby('seed').size().to_list())\n"
    shown = finished_copy.run(f"python - <<'CODE'\n{code}CODE")
    for revision in ("main", "noted"):
        (row,) = re.findall(rf"^{revision} +([\d.]+) +([\d.]+) +([\d.]+)$", shown, re.MULTILINE)
        value, low, high = map(float, row)
        assert low < value < high
    assert re.search(r"^\[\d+(, \d+)*\]$", shown, re.MULTILINE)


def test_recipe_artifact(finished_copy: Project) -> None:
    recipe(finished_copy, "artifact")
    model = (finished_copy.folder / "data/models/compare-mtl2/weights.safetensors").read_bytes()
    for name in ("copy", "version-1"):
        assert (finished_copy.folder.parent / name / "weights.safetensors").read_bytes() == model


@slow
def test_recipe_grid(finished_copy: Project) -> None:
    finished_copy.set_runs(
        **{name: {"features": "compare", "model": name.removeprefix("compare-")} for name in TWO_RUNS}
    )
    finished_copy.run("dvc repro --quiet && git add --all && git commit --quiet --message 'Two runs'")
    shown = recipe(finished_copy, "grid")
    assert re.findall(r"Running stage 'train@(.+?)'", shown) == ["compare-mtl2"] * 2
    assert set(finished_copy.run("dvc exp list --name-only").split()) == {"rate-0.0001", "rate-0.003"}
    assert finished_copy.run("git status --porcelain") == ""
    changed = finished_copy.run("dvc params diff rate-0.0001 rate-0.003")
    assert changed.splitlines()[-1].split()[1:] == ["train.learning_rate", "0.0001", "0.003"]
    changed = finished_copy.run("dvc metrics diff rate-0.0001 rate-0.003 --targets metrics/scores.json")
    assert "compare.mtl2.test" in changed


@slow
def test_recipe_queue(finished_copy: Project) -> None:
    recipe(finished_copy, "queue")
    try:
        assert wait_for(lambda: finished_copy.run("dvc queue status").count("Success") == 2, 3000)
    finally:
        finished_copy.run("dvc queue stop --kill")
    names = finished_copy.run("dvc exp list --name-only").split()
    rates = [finished_copy.run(f"dvc params diff main {name}").split()[-1] for name in names]
    assert sorted(rates) == ["0.0002", "0.002"]


@slow
def test_recipe_branch(finished_copy: Project) -> None:
    finished_copy.set_runs(**{"boaw-mtl2": {"features": "boaw", "model": "mtl2"}})
    finished_copy.run(
        "dvc repro --quiet && git add --all && git commit --quiet --message 'Bags of audio words'"
    )
    shown = [line.split() for line in recipe(finished_copy, "branch").splitlines()]
    assert ["params.yaml", "codebook.size", "20", "500"] in shown
    assert any(line[1].startswith("boaw.mtl2.test.") for line in shown if line[:1] == ["metrics/scores.json"])
    page = Path(shown[-1][0].removeprefix("file://"))
    assert {'"rev": "main"', '"rev": "workspace"'} <= set(re.findall(r'"rev": "\w+"', page.read_text()))
    assert finished_copy.run("git status --porcelain") == ""


@slow
def test_recipe_parallel(finished_copy: Project) -> None:
    finished_copy.set_runs(
        **{
            "compare-mtl1": {"features": "compare", "model": "mtl1"},
            "boaw-mtl2": {"features": "boaw", "model": "mtl2"},
        }
    )
    installed(finished_copy)
    shown = recipe(finished_copy, "parallel")
    assert "Scores of the corpus 'synthetic corpus'" in shown
    assert "compare-mtl1" in shown
    assert "boaw-mtl2" in shown
    assert finished_copy.run("dvc status").strip() == UP_TO_DATE


@slow
def test_recipe_folds(finished_copy: Project) -> None:
    finished_copy.set_runs(
        **{name: {"features": "compare", "model": name.removeprefix("compare-")} for name in FOLDED}
    )
    installed(finished_copy)
    shown = recipe(finished_copy, "folds")
    assert "note: country is not scored" in shown
    assert finished_copy.run("git status --porcelain") == ""
    scores = json.loads((finished_copy.folder / "data/folds/Country/scores.json").read_text())
    assert list(scores["folds"]) == ["China", "South Africa", "United States", "Venezuela"]
    tasks = {run: sorted(found["tasks"]) for run, found in scores["runs"].items()}
    assert tasks == {run: ["age", "emotion"] for run in (*FOLDED, "naive predictor")}
    page = (finished_copy.folder / "data/folds/Country/report.html").read_text()
    assert "Beside folds by speaker" in page
    recipe(finished_copy, "folds")
    logs = list((finished_copy.folder / ".cache/folds").glob("of-*/*/log.txt"))
    assert len(logs) == 9
    assert all("Running stage" not in log.read_text() for log in logs)
