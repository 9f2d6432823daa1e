import re

import pytest

from stages.core.config.tasks import Task
from stages.core.metrics.formulas import exvo
from stages.core.scoring.paper import ROWS, TASKS, beside_paper, has_paper_values, is_same_corpus
from tests.helpers import SHARED
from tests.helpers.results import changed, groups, results

PRINTED_NAMES = {"EGEMAPS": "egemaps", "COMPARE": "compare", "BoAW 2000": "boaw"}


def by_name(table):
    return {(row.features, row.model, row.task): row for row in ROWS if row.table == table}


def test_tables_have_the_papers_rows():
    assert len(by_name(2)) == 9
    assert len(by_name(3)) == 18
    assert {row.score for row in ROWS if row.task == "age"} == {"mae"}
    assert by_name(2)["boaw", "stl", "emotion"].test == max(row.test for row in ROWS if row.task == "emotion")
    assert by_name(3)["compare", "mtl2", "country"].test == max(
        row.test for row in ROWS if row.task == "country"
    )


def test_misprints_are_as_described():
    def repeats(table, figure):
        rows = by_name(table)
        return {
            (features, model)
            for features, model, task in rows
            if task == "age"
            and getattr(rows[features, model, "age"], figure)
            == getattr(rows[features, model, "emotion"], figure)
        }

    assert len(repeats(3, "test_sd")) == 6
    assert len(repeats(3, "validation_sd")) == 5
    assert repeats(2, "test_sd") == {("compare", "stl")}
    assert repeats(2, "validation_sd") == {("compare", "stl"), ("boaw", "stl")}
    assert by_name(3)["compare", "mtl1", "country"].test == 0.4965


def test_joint_score_puts_single_task_first():
    def joint(table, features, model):
        return exvo(*(by_name(table)[features, model, task].test for task in ("emotion", "country", "age")))

    for features in ("compare", "boaw"):
        assert all(
            joint(2, features, "stl") > joint(3, features, model) for model in ("mtl1", "mtl2", "mtl3")
        )


@pytest.mark.skipif(not (SHARED / "paper.md").exists(), reason="the paper's text is not here")
def test_every_number_is_the_papers():
    text = (SHARED / "paper.md").read_text(encoding="utf-8")
    cells = re.findall(
        r"^(.*?)\t(Emo CCC|Cou UAR|Age MAE)\t([\d.]+)\t([\d.]+)\t([\d.]+)\t([\d.]+)", text, re.MULTILINE
    )
    assert len(cells) == len(ROWS) == 27
    tasks = {"Emo CCC": "emotion", "Cou UAR": "country", "Age MAE": "age"}
    features = ""
    for row, (name, task, *numbers) in zip(ROWS, cells, strict=True):
        features = PRINTED_NAMES.get(name.strip(), features)
        assert (row.features, row.task) == (features, tasks[task])
        assert [row.validation, row.validation_sd, row.test, row.test_sd] == [
            float(number) for number in numbers
        ]


@pytest.mark.parametrize(("name", "same"), [("HUME-VB", True), ("hume vb", True), ("HUME-VB-like", False)])
def test_same_corpus_by_name(name, same):
    assert is_same_corpus(name) is same


def test_only_a_corpus_with_all_of_the_papers_tasks_stands_beside_it():
    tasks = groups().parameters.tasks
    found = results()
    all_rows = beside_paper(found.runs, tasks, same_corpus=False)
    assert {(row["task"], row["model"]) for row in all_rows} == {
        (task, model) for task in tasks for model in ("stl", "mtl2")
    }
    age = {"age": tasks["age"], "sex": tasks["country"]}
    assert beside_paper(found.runs, age, same_corpus=False) == []
    assert [row["task"] for row in beside_paper(found.runs, age, same_corpus=True)] == ["age", "age"]


def test_a_task_is_the_papers_by_its_name_metric_and_columns():
    emotions = TASKS["emotion"][1]
    shuffled = Task("regression", (*emotions[5:], *emotions[:5]), "ccc")
    assert has_paper_values("emotion", shuffled) and not has_paper_values("mood", shuffled)
    assert not has_paper_values("emotion", Task("regression", emotions[1:], "ccc"))
    assert has_paper_values("age", Task("regression", ("Age",), "mae", range=(0, 120)))
    assert not has_paper_values("age", Task("regression", ("Age",), "rmse"))


def test_ours_are_of_the_best_seed_with_the_deviation_of_all():
    found = results()
    del found.runs["compare-mtl2"].splits["test"].tasks["age"]
    found = changed(found, "compare-mtl2", "age", "validation", sd=None)
    rows = beside_paper(found.runs, groups().parameters.tasks, same_corpus=True)
    assert [(row["table"], row["model"], row["task"]) for row in rows] == [
        (table, model, task)
        for table, model in ((2, "stl"), (3, "mtl2"))
        for task in ("emotion", "country", "age")
    ]
    validation, test = (found.runs["compare-stl"].task("country", split) for split in ("validation", "test"))
    assert rows[1] == {
        "table": 2,
        "features": "compare",
        "model": "stl",
        "task": "country",
        "score": "uar",
        "paper": {"validation": 0.5227, "validation_sd": 0.0031, "test": 0.4996, "test_sd": 0.0039},
        "ours": {
            "validation": validation.best_seed.value,
            "validation_sd": validation.sd,
            "test": test.best_seed.value,
            "test_sd": test.sd,
        },
        "difference": {
            "validation": round(validation.best_seed.value - 0.5227, 6),
            "test": round(test.best_seed.value - 0.4996, 6),
        },
    }
    age = found.runs["compare-mtl2"].task("age", "validation").best_seed.value
    assert rows[5]["ours"] == {"validation": age, "validation_sd": None, "test": None, "test_sd": None}
    assert rows[5]["difference"] == {"validation": round(age - 4.2706, 6)}
