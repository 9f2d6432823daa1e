import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from stages import scores
from stages.core.runtime.files import write_json
from stages.core.scoring.bill import TOGETHER, BillRow, Reaching
from stages.core.scoring.challenge_scores import ChallengeScores
from stages.core.scoring.run_scores import Interval, to_json
from tests.helpers.results import RUNS, comparison, results


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
    for number in range(5):
        Path(f"plots/{number}.csv").write_text("old\n")
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
def test_of_many_files_that_differ_five_are_named():
    for number in range(5):
        Path(f"plots/{number}.csv").write_text("new\n")
    Path("stages/x.py").write_text("new\n")
    assert scores.beside_committed() == (
        "These results differ from the committed ones in plots/0.csv, plots/1.csv, plots/2.csv, plots/3.csv, "
        "plots/4.csv: stages changed since; `git diff --stat` shows where."
    )
    Path("metrics/a.json").write_text("new\n")
    Path("dvc.lock").write_text("stages: {}\n")
    assert scores.beside_committed() == (
        "These results differ from the committed ones in dvc.lock, metrics/a.json, plots/0.csv, plots/1.csv, "
        "plots/2.csv and 2 more: stages changed since; `git diff --stat` shows where."
    )


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


def test_seconds_are_by_the_clock_or_of_the_processor(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_json(Path(".cache/seconds/a.json"), {"training": 12, "processor": 30.5})
    write_json(Path(".cache/seconds/b.json"), {"training": 7.25})
    assert scores.training_seconds(["c", "b", "a"], "training") == {"b": 7.25, "a": 12.0}
    assert scores.training_seconds(["c", "b", "a"], "processor") == {"a": 30.5}


def test_all_that_is_printed(project, capsys):
    """The clock's seconds beside the cost, the processor's in the bill, and what is of another setting."""
    content = yaml.safe_load((project / "params.yaml").read_text())
    other = {"joint": False, "trunk": [16], "train": {"scaling": "speaker"}}
    content["models"]["other"], content["runs"] = other, RUNS
    content["corpus"]["challenge"], content["evaluate"]["confidence"] = "exvo-multitask", 0.9
    (project / "params.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    sides = Reaching(12.0, 1.0, 4e9, 1e8, 0.5), Reaching(18.25, None, 5e9, None, 0.25)
    row = BillRow(TOGETHER, None, "compare-stl", "compare-mtl2", *sides, 1.25)
    challenge = {"compare-mtl2": ChallengeScores(None, Interval(0.3, 0.2, 0.4), Interval(0.35, 0.3, 0.4))}
    found = results(comparisons=[comparison(0.1, 0.05, 0.2)])
    summary = replace(found.summary, challenge=challenge)
    summary = replace(summary, runs=dict(reversed(summary.runs.items())))
    write_json(Path("metrics/details.json"), to_json(summary))
    write_json(Path("metrics/comparison.json"), [to_json(row) for row in found.comparisons])
    write_json(Path("metrics/bill.json"), [to_json(row)])
    write_json(Path(".cache/seconds/compare-stl.json"), {"training": 12.5, "processor": 30.0})
    write_json(Path(".cache/seconds/compare-mtl2.json"), {"training": 9.5, "processor": 20.0})
    scores.main()
    text = capsys.readouterr().out
    assert "[90% interval over speakers and seeds]" in text
    lines = [" ".join(line.split()) for line in text.splitlines()]
    cost = {line.split()[0]: line.split()[5] for line in lines if "1,234,567" in line}
    assert cost == {"compare-stl": "12.5", "compare-mtl2": "9.5", "compare-other": "–"}
    assert list(cost) == list(RUNS)
    assert lines[-3].startswith("compare-mtl2 against compare-stl epochs 12.0 → 18.2 multiply-adds × 1.25")
    assert lines[-3].endswith(" processor seconds 15.0 → 5.0")
    assert lines[-1] == "In another setting, where it is known which clips are of one speaker: compare-other."
    assert "compare-mtl2 – 0.3000 [0.2000, 0.4000] 0.3500 [0.3000, 0.4000]" in lines
    assert "organizers – 0.3350 – best baseline" in lines
    starts = ("Multi-task against", "ExVo 2022 MultiTask", "Training until")
    assert [line[: len(start)] for line in lines for start in starts if line.startswith(start)] == list(
        starts
    )
