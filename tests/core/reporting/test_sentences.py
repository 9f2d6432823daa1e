import pytest

from stages.core.reporting.sentences import (
    best_run,
    comparison_table,
    corpus_table,
    cost_table,
    finding,
    quarantine_table,
    score_table,
    signed,
    tasks_of,
)


def task(value, score="ccc", sd=0.01, low=0.1):
    high = None if low is None else value + 0.1
    ends = {"low": None, "high": None} if low is None else {"low": low + 0.1, "high": high + 0.1}
    ensemble = {"value": value, **ends}
    return {"score": score, "value": value, "sd": sd, "low": low, "high": high, "ensemble": ensemble}


def run(emotion, age, features="compare", model="stl"):
    tasks = {"emotion": task(emotion), "age": task(age, "mae")}
    splits = {split: {"joint": None, "tasks": dict(tasks)} for split in ("validation", "test")}
    cost = {"parameters": 1234567, "multiply_adds": 10, "networks": 3, "epochs": 40}
    return {"features": features, "model": model, "cost": cost, "splits": splits}


@pytest.fixture
def details():
    naive = {split: {"age": {"value": 5.0}} for split in ("validation", "test")}
    return {"runs": {"one": run(0.4, 3.0), "two": run(0.5, 4.0, model="mtl1")}, "naive": naive}


def texts(table):
    return [[cell if isinstance(cell, str) else cell.text for cell in row] for row in table.rows]


def strong(table):
    return [
        (row[0], place)
        for row in table.rows
        for place, cell in enumerate(row)
        if getattr(cell, "strong", False)
    ]


def test_the_best_run_has_the_highest_ccc_and_the_lowest_mae(details):
    assert best_run(details, ["one", "two"], "emotion", "test") == "two"
    assert best_run(details, ["one", "two"], "age", "test") == "one"
    assert best_run(details, ["one", "two"], "country", "test") is None
    details["runs"]["two"]["splits"]["test"]["tasks"]["emotion"]["value"] = None
    assert best_run(details, ["one", "two"], "emotion", "test") == "one"


def test_score_table_has_the_papers_form(details):
    printed = {"validation": 0.1, "validation_sd": 0.01, "test": 0.2, "test_sd": 0.02}
    paper = [{"features": "compare", "model": "stl", "task": "emotion", "paper": printed}]
    table = score_table("single", "caption", details, ["one", "two"], paper, 0.95)
    assert table.header == [
        "",
        "Emotion CCC, validation",
        "Emotion CCC, test",
        "Age MAE, validation",
        "Age MAE, test",
    ]
    rows = texts(table)
    assert rows[0] == ["one", *["0.4000 ± 0.0100"] * 2, *["3.0000 ± 0.0100"] * 2]
    assert rows[1] == [" 95% interval", *["0.100 to 0.500"] * 2, *["0.100 to 3.100"] * 2]
    assert rows[2][0] == " ensemble of the seeds"
    assert rows[3] == [" 95% interval", *["0.200 to 0.600"] * 2, *["0.200 to 3.200"] * 2]
    assert rows[4] == [" the paper", "0.1000 ± 0.0100", "0.2000 ± 0.0200", "–", "–"]
    assert rows[5][0] == "two" and rows[-1] == ["naive predictor", "–", "–", "5.0000", "5.0000"]
    assert strong(table) == [("one", 4), ("two", 2)]


def test_undefined_scores_are_dashes(details):
    details["runs"]["one"]["splits"]["test"]["tasks"]["age"] = {
        **task(3.0, "mae", sd=None, low=None),
        "value": None,
    }
    details["runs"]["two"]["splits"]["validation"]["tasks"].clear()
    rows = texts(score_table("x", "c", details, ["one", "two"], [], 0.95))
    assert rows[0][1:] == ["0.4000 ± 0.0100", "0.4000 ± 0.0100", "3.0000 ± 0.0100", "–"]
    assert (
        rows[1][4] == "–"
        and rows[3][4] == "–"
        and rows[4][1:] == ["–", "0.5000 ± 0.0100", "–", "4.0000 ± 0.0100"]
    )
    assert tasks_of(details) == {"emotion": "ccc", "age": "mae"}


def comparison(difference, low, high, name="m"):
    figures = {"single_value": 0.5, "multi_value": 0.5 + difference, "p": 0.04}
    return {
        "task": "emotion",
        "score": "ccc",
        "single": "s",
        "multi": name,
        "difference": difference,
        "low": low,
        "high": high,
        **figures,
    }


def test_findings_count_sure_differences_and_name_the_median():
    worse, unsure, better = (
        comparison(-0.2, -0.3, -0.1, "a"),
        comparison(0.0, -0.1, 0.1, "b"),
        comparison(0.2, 0.1, 0.3, "c"),
    )
    assert "does worse in 1 of 2 comparisons and better in none" in finding("emotion", [worse, unsure], 0.95)
    both = finding("emotion", [worse, unsure, better, better], 0.9)
    assert "does better in 2 of 4 comparisons and worse in 1" in both and "90% interval" in both
    neither = finding("emotion", [unsure], 0.95)
    assert "joint learning makes no measurable difference; b against s differs by" in neither
    assert "in any of 2 comparisons; the median one, b against s, differs" in finding("x", [unsure] * 2, 0.95)


def test_comparison_table_marks_what_leaves_out_zero():
    rows = [comparison(-0.2, -0.3, -0.1), comparison(0.1, -0.1, 0.3)]
    table = comparison_table("joint", "caption", rows, "single", "multi")
    assert texts(table)[0] == [
        "m against s",
        "emotion",
        "0.5000",
        "0.3000",
        "−0.200",
        "−0.300 to −0.100",
        "0.040",
    ]
    assert strong(table) == [("m against s", 4)]


def test_corpus_cost_and_quarantine_tables(details):
    part = {"duration": "00:01:00", "clips": 1200, "speakers": 4, "countries": {"China": {"clips": 7}}}
    split = {**dict.fromkeys(("train", "validation", "total"), part), "test": {**part, "countries": {}}}
    rows = texts(corpus_table({"name": "toy", "synthetic": True}, split))
    assert rows[1] == ["Clips", *["1,200"] * 4] and rows[3] == [" clips, China", "7", "7", "0", "7"]
    assert texts(cost_table("cost", "c", details))[0] == ["one", "1,234,567", "10", "3", "40", "–", "–"]
    faults = [("preprocess", "silent"), ("preprocess", "silent"), ("labels", "missing")]
    assert texts(quarantine_table(faults)) == [["labels", "missing", "1"], ["preprocess", "silent", "2"]]


def test_minus_signs_are_minus_signs_and_zero_has_none(details):
    details["runs"]["one"]["splits"]["test"]["tasks"]["emotion"] |= {
        "value": -0.00001,
        "low": -0.25,
        "sd": None,
    }
    rows = texts(score_table("x", "c", details, ["one"], [], 0.95))
    assert rows[0][2] == "0.0000"
    assert rows[1][2].startswith("−0.250 to")
    assert signed(-0.0001) == "+0.000"
