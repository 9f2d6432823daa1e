"""The workflow of GitHub Actions: its last step, run as printed on a tiny project with a changed score."""

import json
from pathlib import Path

import yaml

from tests.helpers import ROOT
from tests.helpers.whole_project import Project

STEPS = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())["jobs"]["test"]["steps"]


def test_it_runs_what_ci_runs() -> None:
    assert {"run": "bash .ci/run"} in STEPS
    assert (ROOT / ".ci/run").is_file()


def test_a_pull_request_shows_its_scores(finished_copy: Project) -> None:
    base = finished_copy.run("git rev-parse HEAD").strip()
    metrics = finished_copy.folder / "metrics/scores.json"
    scores = json.loads(metrics.read_text())
    scores["compare"]["mtl2"]["test"]["age"]["mae"] = 4.75
    metrics.write_text(json.dumps(scores))
    parameters = finished_copy.folder / "params.yaml"
    parameters.write_text(parameters.read_text().replace("learning_rate: 0.001", "learning_rate: 0.002"))
    finished_copy.run("git commit --quiet --all --message 'A pull request'")
    activate = finished_copy.folder / ".venv/bin/activate"
    activate.parent.mkdir(parents=True)
    activate.touch()
    summary = finished_copy.folder.parent / "summary.md"
    finished_copy.environment |= {"BASE": base, "GITHUB_STEP_SUMMARY": str(summary)}
    finished_copy.run(STEPS[-1]["run"])
    rows = [
        [cell.strip() for cell in line.split("|")[1:-1]] for line in Path(summary).read_text().splitlines()
    ]
    score = next(row for row in rows if row[1:2] == ["compare.mtl2.test.age.mae"])
    assert score[3] == "4.75"
    assert ["params.yaml", "train.learning_rate", "0.001", "0.002"] in rows
