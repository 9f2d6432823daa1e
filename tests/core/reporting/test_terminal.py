from dataclasses import replace

import pytest
import yaml

from stages.core.reporting.terminal import bill_lines, challenge_lines, score_lines
from stages.core.scoring.bill import TOGETHER, BillRow, Reaching
from stages.core.scoring.challenge_scores import ChallengeScores
from stages.core.scoring.run_scores import Interval
from tests.helpers import ROOT
from tests.helpers.results import RUNS, beating, changed, comparison, groups, results


def test_every_number_stands_in_its_column():
    found = results(
        comparisons=[comparison(0.1, 0.05, 0.2), comparison(0.3, 0.2, 0.4, split="validation"), *beating()]
    )
    found = changed(found, "compare-mtl2", "age", "validation", value=10000.5, low=10000.25, high=10000.75)
    lines = list(score_lines(found.summary, found.comparisons, found.tasks, 0.95, {"compare-stl": 12.4}))
    assert lines[0] == "Scores of the corpus 'toy': synthetic voices, so that they say nothing about people"
    tables = "\n".join(lines).split("\n\n")
    assert [table.split(",")[0] for table in tables[1:4]] == ["emotion", "country", "age"]
    for task, table in zip(("emotion", "country", "age"), tables[1:4], strict=True):
        _, header, *rows, naive = table.split("\n")
        starts = [header.index(name) for name in ("validation", "test", "test, ensemble")]
        for run, row in zip(RUNS, rows, strict=True):
            validation, test = (found.runs[run].task(task, split) for split in ("validation", "test"))
            cells = [
                f"{scores.value:.4f} ±{scores.sd:.4f} [{scores.low:.4f}, {scores.high:.4f}]"
                for scores in (validation, test)
            ]
            assert row.split()[0] == run
            assert row[starts[0] :].startswith(cells[0]) and row[starts[1] :].startswith(cells[1])
            assert row[starts[2] :] == f"{test.ensemble.value:.4f}"
        scores = [found.summary.naive[split][task] for split in ("validation", "test")]
        assert naive.split()[:3] == ["naive", *(f"{score.value:.4f}" for score in scores)]
    assert tables[3].startswith("age, MAE (lower is better)")
    cost = tables[4].split("\n")[2].split()
    exvo = [f"{found.runs['compare-stl'].splits[split].exvo:.4f}" for split in ("validation", "test")]
    assert cost == ["compare-stl", "1,234,567", "10", "3", "40", "12.4", *exvo]
    assert " ".join(tables[5].split("\n")[1].split()) == (
        "compare-mtl2 – compare-stl emotion +0.1000 [+0.0500, +0.2000] p = 0.050"
    )
    assert len(tables[5].split("\n")) == 2


def test_the_bill_shows_all_tasks_together_and_shares_of_the_seconds():
    sides = Reaching(12.0, 1.0, 4e9, 1e8, 0.5), Reaching(18.25, None, 5e9, None, 0.25)
    rows = [BillRow(task, None, "compare-stl", "compare-mtl2", *sides, 1.25) for task in ("age", TOGETHER)]
    title, *lines = bill_lines(rows, {"compare-stl": 3.0})
    assert "validation" in title
    assert [" ".join(line.split()) for line in lines] == [
        "compare-mtl2 against compare-stl epochs 12.0 → 18.2 multiply-adds × 1.25 processor seconds 1.5 → –"
    ]
    assert list(bill_lines(rows[:1], {})) == []


def test_runs_stand_above_the_organizers_of_their_challenge():
    chosen = groups(corpus={"path": "data/synthetic", "challenge": "a-vb-high"}).parameters
    scores = {
        "compare-stl": ChallengeScores(
            Interval(0.31, 0.3, 0.32), Interval(0.41, None, None), Interval(0.51, 0.5, 0.52)
        ),
        "b": ChallengeScores(Interval(None, None, None), None, None),
    }
    summary = replace(results().summary, challenge=scores)
    assert list(challenge_lines(chosen, summary)) == [
        "\nA-VB 2022 High, mean CCC (higher is better)",
        "               validation                test                      test, ensemble",
        "  compare-stl  0.3100 [0.3000, 0.3200]   0.4100                    0.5100 [0.5000, 0.5200]",
        "  b            –                         –                         –",
        "  organizers   –                         0.5686                    –   end-to-end model (End2You)",
        "  The organizers' value is on the challenge's test split. Ours are on another split "
        "(split.method) and must "
        "not be ranked against it. This corpus is synthetic: its scores must not be ranked against it.",
    ]
    assert list(challenge_lines(chosen, replace(summary, challenge=None))) == []
    assert list(challenge_lines(groups().parameters, summary)) == []


def test_further_scores_and_what_is_missing_keep_their_columns():
    content = yaml.safe_load((ROOT / "params.yaml").read_text())
    tasks = {**content["tasks"], "emotion": {**content["tasks"]["emotion"], "also": ["pearson", "mae"]}}
    found = results(groups=groups(tasks=tasks), comparisons=[])
    also = {"mae": Interval(12.25, 12, 13), "pearson": Interval(0.75, 0.7, 0.8)}
    found = changed(found, "compare-stl", "emotion", "test", also=also)
    found.runs["compare-mtl2"].splits["test"].tasks.pop("emotion")
    found = changed(found, "compare-other", "emotion", "validation", value=None)
    found = changed(found, "compare-other", "emotion", "test", sd=None, low=None, high=None)
    lines = list(score_lines(found.summary, [], found.tasks, 0.95, {}))
    start = next(place for place, line in enumerate(lines) if line.startswith("\nemotion, CCC"))
    header, stl, mtl, other = lines[start + 1 : start + 5]
    assert header.endswith("test, ensemble   Pearson's r       MAE")
    assert stl.endswith("        0.7500   12.2500") and len(stl) == len(header)
    assert mtl.split()[5:] == ["–", "–", "–", "–"]
    value = found.runs["compare-other"].task("emotion", "test").value
    assert other.split()[:3] == ["compare-other", "–", f"{value:.4f}"]
    assert lines[0].startswith("Scores of the corpus 'toy': synthetic") and "[95% interval" in lines[1]


@pytest.mark.parametrize("split", ["validation", "test"])
def test_a_naive_predictor_without_a_score_on_a_split_is_a_dash_there(split):
    found = results()
    del found.summary.naive[split]["age"]
    lines = list(score_lines(found.summary, [], found.tasks, 0.95, {}))
    naive = [line for line in lines if line.startswith("  naive")][-1].split()
    other = "test" if split == "validation" else "validation"
    value = f"{found.summary.naive[other]['age'].value:.4f}"
    assert naive == [
        "naive",
        *(("–", value) if split == "validation" else (value, "–")),
        "always",
        "the",
        "same",
    ]
    for run in RUNS:
        found.runs[run].splits["test"] = replace(found.runs[run].splits["test"], exvo=None)
    assert "ExVo" not in "".join(score_lines(found.summary, [], found.tasks, 0.95, {}))
