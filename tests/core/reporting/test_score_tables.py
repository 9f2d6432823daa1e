from dataclasses import replace

import pytest
import yaml

from stages.core.reporting.score_tables import (
    challenge_table,
    comparison_table,
    headline_table,
    part_table,
    task_table,
)
from stages.core.scoring.challenge_scores import ChallengeScores
from stages.core.scoring.run_scores import Interval
from tests.helpers import ROOT
from tests.helpers.results import OTHER, RUNS, beating, changed, comparison, groups, results, texts

TASKS = yaml.safe_load((ROOT / "params.yaml").read_text())["tasks"]
LABELS = {"emotion": "CCC", "country": "UAR", "age": "MAE"}


def strong(table):
    return [
        (row[0], column)
        for row in table.rows
        for column, cell in enumerate(row)
        if getattr(cell, "strong", False)
    ]


@pytest.mark.parametrize("task", LABELS)
def test_every_number_of_a_task_stands_in_its_column(task):
    found = results()
    table = task_table(task, found)
    assert table.header[:6] == [
        "Run", "Validation", "Test", "95% interval", "Ensemble, test", "Best seed, test"
    ]  # fmt: skip
    assert LABELS[task] in table.caption
    rows = texts(table.rows)
    assert [row[0] for row in rows] == [
        "Single-task networks",
        "compare-stl",
        "Multi-task networks",
        "compare-mtl2",
        "Other training options",
        "compare-other",
        "naive predictor",
    ]
    for row in rows:
        if row[0] in RUNS:
            validation, test = (found.runs[row[0]].task(task, split) for split in ("validation", "test"))
            ensemble = test.ensemble
            assert row[1:6] == [
                f"{validation.value:.3f} ± {validation.sd:.3f}",
                f"{test.value:.3f} ± {test.sd:.3f}",
                f"{test.low:.3f} to {test.high:.3f}",
                f"{ensemble.value:.3f} [{ensemble.low:.3f}, {ensemble.high:.3f}]",
                f"{test.best_seed.value:.3f}",
            ]
    naive = [found.summary.naive[split][task].value for split in ("validation", "test")]
    assert rows[-1][:3] == ["naive predictor", *(f"{value:.3f}" for value in naive)]
    assert len({len(row) for row in rows} - {1}) == 1


def test_the_best_run_on_test_is_strong_and_errors_are_better_below():
    # Numbers rise from run to run: the last has the highest CCC, the first the lowest MAE.
    assert strong(task_table("emotion", results())) == [("compare-other", 2)]
    assert strong(task_table("age", results())) == [("compare-stl", 2)]
    worse = changed(results(), "compare-other", "emotion", "test", value=-1.0)
    assert strong(task_table("emotion", worse)) == [("compare-mtl2", 2)]
    other = changed(results(), "compare-other", "emotion", "validation", value=-1.0)
    assert strong(task_table("emotion", other)) == [("compare-other", 2)]


def test_what_does_not_beat_the_naive_predictor_is_marked_and_never_strong():
    rows = beating(but=[("compare-other", "emotion", "test")])
    table = task_table("emotion", results(comparisons=rows))
    cells = {row[0]: row for row in texts(table.rows)}
    assert cells["compare-other"][2].endswith(" †") and not cells["compare-other"][1].endswith("†")
    assert not any("†" in cell for cell in cells["compare-stl"])
    assert strong(table) == []
    headline = headline_table(results(comparisons=rows))
    assert strong(headline) == [("country, UAR", 2), ("age, MAE", 2)]
    assert texts(headline.rows)[0][2].endswith(" †")


def test_the_headline_chooses_on_validation_and_shows_test():
    found = changed(results(), "compare-mtl2", "emotion", "validation", value=0.99)
    found = changed(found, "compare-stl", "emotion", "test", value=0.98)
    row = texts(headline_table(found).rows)[0]
    scores = found.runs["compare-mtl2"].task("emotion", "test")
    assert row[:5] == [
        "emotion, CCC",
        "compare-mtl2",
        f"{scores.value:.3f} ± {scores.sd:.3f}",
        f"{scores.low:.3f} to {scores.high:.3f}",
        f"{found.summary.naive['test']['emotion'].value:.3f}",
    ]


def test_the_headline_counts_what_is_significant():
    rows = [
        comparison(-0.3, -0.4, -0.2),
        comparison(0.3, 0.2, 0.4),
        comparison(0.2, 0.1, 0.3, p_corrected=0.2),
        comparison(0.9, 0.8, 0.95, split="validation"),
    ]
    table = headline_table(results(comparisons=[*beating(), *rows]))
    assert table.header[5:] == ["Multi-task"]
    assert [row[5] for row in texts(table.rows)] == ["1 better, 1 worse of 3", "–", "–"]


def test_the_papers_values_stand_beside_its_runs_alone():
    table = task_table("emotion", results())
    assert table.header[-1] == "Paper, test" and "another corpus" in table.notes
    cells = {row[0]: row[-1] for row in texts(table.rows)}
    assert cells["compare-stl"] == "0.449 ± 0.005"
    assert cells["compare-other"] == "–"
    found = results()
    none = replace(found, paper={**found.paper, "rows": []})
    assert "Paper, test" not in task_table("emotion", none).header
    assert "paper" not in task_table("emotion", none).notes


def test_undefined_scores_are_dashes_and_minus_signs_are_minus_signs():
    found = changed(results(), "compare-stl", "emotion", "test", value=-0.00001, low=-0.25, high=0.5, sd=None)
    row = next(row for row in texts(task_table("emotion", found).rows) if row[0] == "compare-stl")
    assert row[2:4] == ["0.000", "−0.250 to 0.500"]
    found.runs["compare-stl"].splits["test"].tasks.pop("country")
    row = next(row for row in texts(task_table("country", found).rows) if row[0] == "compare-stl")
    assert row[2:6] == ["–"] * 4 and row[1] != "–"


def test_parts_are_of_test_and_sorted_by_the_best_run():
    found = results()
    columns = found.runs["compare-other"].task("emotion", "test").columns
    columns["Fear"] = replace(columns["Fear"], value=0.99)
    columns["Awe"] = replace(columns["Awe"], value=-0.5)
    table = part_table("emotion", found)
    assert table.header == ["", "compare-stl", "compare-mtl2", "compare-other"]
    rows = texts(table.rows)
    assert [row[0] for row in rows] == ["Fear", "Horror", "Awe"]
    shown = found.runs["compare-stl"].task("emotion", "test").columns["Fear"]
    assert rows[0][1] == f"{shown.value:.3f} [{shown.low:.3f}, {shown.high:.3f}]"
    recall = found.runs["compare-mtl2"].task("country", "test").classes["China"]
    by_class = {row[0]: row for row in texts(part_table("country", found).rows)}
    assert by_class["China"][2] == f"{recall.value:.3f} [{recall.low:.3f}, {recall.high:.3f}]"
    assert part_table("age", found) is None


def test_comparison_table_marks_what_is_significant_after_correction():
    rows = [
        comparison(-0.2, -0.3, -0.1),
        comparison(0.1, 0.05, 0.3, p_corrected=0.051),
        comparison(0.9, 0.8, 0.95, split="validation"),
    ]
    table = comparison_table("multi-task", results(comparisons=rows))
    assert texts(table.rows) == [
        ["emotion, CCC"],
        [
            "compare-mtl2 against compare-stl",
            "0.500",
            "0.300",
            "−0.200",
            "−0.300 to −0.100",
            "0.040",
            "0.050",
        ],
        [
            "compare-mtl2 against compare-stl",
            "0.500",
            "0.600",
            "+0.100",
            "+0.050 to +0.300",
            "0.040",
            "0.051",
        ],
    ]
    assert strong(table) == [("compare-mtl2 against compare-stl", 3)]
    assert "corrected for the 2 comparisons" in table.notes and "There are 3 here." in table.notes


def test_the_run_with_the_fewest_seeds_decides_what_is_said_of_p():
    models = yaml.safe_load((ROOT / "params.yaml").read_text())["models"]
    many = {**OTHER, "train": {**OTHER.get("train", {}), "seeds": list(range(1, 13))}}
    found = results(
        groups=groups(models={**models, "other": many}),
        comparisons=[comparison(0.2, 0.1, 0.3, "compare-other", contrast="training")],
    )
    assert "There are 3 here." in comparison_table("training", found).notes


@pytest.mark.parametrize(("seeds", "said"), [(1, "There is one here."), (9, "There are 9 here."), (10, "")])
def test_ten_seeds_are_enough(seeds, said):
    content = yaml.safe_load((ROOT / "params.yaml").read_text())
    train = {**content["train"], "seeds": list(range(seeds))}
    chosen = groups(models={**content["models"], "other": OTHER}, train=train)
    found = results(groups=chosen, comparisons=[comparison(0.2, 0.1, 0.3)])
    notes = comparison_table("multi-task", found).notes
    said = f" 0.05 in 11 to 15 of 100 comparisons of equal models. {said}" if said else " at most 0.05."
    assert notes.endswith(said)
    assert "corrected for the one comparison of this table. Bold: p (Holm) at most 0.05." in notes


def test_the_challenge_stands_beside_its_organizers():
    """The split is the project's own, and the corpus synthetic: both forbid a ranking."""
    corpus = {"path": "data/synthetic", "challenge": "exvo-multitask"}
    found = results(groups=groups(corpus=corpus))
    scores = {
        "compare-mtl2": ChallengeScores(
            Interval(0.31, 0.3, 0.32), Interval(0.41, 0.4, 0.42), Interval(0.51, 0.5, 0.52)
        ),
        "compare-stl": ChallengeScores(Interval(0.11, None, None), None, None),
    }
    found = replace(found, summary=replace(found.summary, challenge=scores))
    table = challenge_table(found)
    assert table.header == ["System", "Validation", "Test", "Ensemble, test"]
    assert texts(table.rows) == [
        ["Organizers"],
        ["best baseline", "–", "0.335", "–"],
        ["Here"],
        ["compare-mtl2", "0.310 [0.300, 0.320]", "0.410 [0.400, 0.420]", "0.510 [0.500, 0.520]"],
        ["compare-stl", "0.110", "–", "–"],
    ]
    assert table.caption == (
        "ExVo 2022 MultiTask on the toy, S_MTL, the harmonic mean of CCC, UAR and 1 / MAE (higher is "
        "better), "
        "beside the organizers' baseline."
    )
    assert table.notes.endswith(
        "The organizers' value is on the challenge's test split. Ours are on another split (split.method) "
        "and "
        "must not be ranked against it. This corpus is synthetic: its scores must not be ranked against it."
    )
    official = groups(corpus=corpus, split={"method": "official", "balance": "Country", "seed": 1})
    people = replace(found, groups=official, corpus={**found.corpus, "name": "HUME-VB", "synthetic": False})
    assert challenge_table(people).notes.endswith("The organizers' value is on the challenge's test split.")
    assert challenge_table(people).caption.startswith("ExVo 2022 MultiTask on HUME-VB, S_MTL")
    assert challenge_table(results()) is None
    other = groups(corpus={**corpus, "challenge": "a-vb-two"})
    assert challenge_table(replace(found, groups=other)) is None


def test_errors_of_columns_are_best_first_where_they_are_least():
    tasks = {**TASKS, "emotion": {**TASKS["emotion"], "score": "mae", "output": "linear"}}
    found = results(groups=groups(tasks=tasks))
    for run in RUNS:
        scores = found.runs[run].task("emotion", "test")
        found = changed(found, run, "emotion", "test", score="mae")
        found = changed(found, run, "emotion", "validation", score="mae")
        assert list(scores.columns) == ["Awe", "Fear", "Horror"]
    # Numbers rise, so that the first run is the best and its first column the least.
    best = found.runs["compare-stl"].task("emotion", "test").columns
    best["Awe"] = replace(best["Awe"], value=best["Horror"].value + 1)
    table = part_table("emotion", found)
    assert table.header == ["", "compare-stl", "compare-mtl2"]
    assert [row[0] for row in texts(table.rows)] == ["Fear", "Horror", "Awe"]
    assert table.caption == (
        "MAE of each column of emotion on the test split of the toy: mean over seeds with 95% interval over "
        "speakers and seeds, best first by the run that is best on validation, compare-stl."
    )
    assert part_table("country", results()).caption.startswith("Recall of each class of country on the test")


def test_a_task_that_no_run_has_a_score_of_on_test_is_not_in_the_headline():
    found = results()
    for run in RUNS:
        found.runs[run].splits["test"].tasks.pop("country")
    assert [row[0] for row in texts(headline_table(found).rows)] == ["emotion, CCC", "age, MAE"]
    del found.summary.naive["test"]["age"]
    assert texts(headline_table(found).rows)[1][4] == "–"
    assert headline_table(found).header[:5] == ["Task", "Best run", "Test", "Interval", "Naive"]
    assert "significant comparisons" not in headline_table(found).notes


def test_further_scores_have_a_column_of_their_own():
    found = results(groups=groups(tasks={**TASKS, "emotion": {**TASKS["emotion"], "also": ["pearson"]}}))
    found = changed(found, "compare-stl", "emotion", "test", also={"pearson": Interval(0.6, 0.5, 0.7)})
    table = task_table("emotion", found)
    place = table.header.index("Pearson's r, test")
    rows = {row[0]: row for row in texts(table.rows)}
    assert rows["compare-stl"][place] == "0.600 [0.500, 0.700]"
    assert rows["compare-mtl2"][place] == "–"
    assert len({len(row) for row in rows.values()} - {1}) == 1
    assert "Pearson's r: correlation coefficient" in table.notes
    assert "Pearson's r, test" not in task_table("age", found).header
