"""Records of scores: what is asked of them, and their way to JSON and back."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from stages.core.runtime.errors import StageFileError
from stages.core.runtime.files import write_json
from stages.core.scoring.run_scores import RunScores, best_run, has_scores, read_record, to_json
from tests.helpers.results import COUNTRIES, Numbers, run_scores


def without(run: RunScores, task: str, *splits: str) -> RunScores:
    """The run without a task on some splits."""
    changed = {}
    for split in splits:
        scores = run.splits[split]
        kept = {name: of for name, of in scores.tasks.items() if name != task}
        changed[split] = replace(scores, tasks=kept)
    return replace(run, splits={**run.splits, **changed})


@pytest.mark.parametrize("split", ["validation", "test"])
def test_one_split_with_labels_is_enough_to_know_the_classes(split: str) -> None:
    run = run_scores(Numbers(), "compare", "stl")
    one = without(run, "country", split)
    assert one.classes_of("country") == COUNTRIES and one.classes_of("age") == []
    assert one.task("country", split) is None and has_scores({"one": one}, "country")
    neither = without(run, "country", "validation", "test")
    assert neither.classes_of("country") is None and not has_scores({"one": neither}, "country")
    assert has_scores({"neither": neither, "one": one}, "country")


def test_the_best_run_is_the_best_of_those_named_that_have_a_score() -> None:
    numbers = Numbers()  # they rise from run to run
    runs = {name: run_scores(numbers, "compare", name) for name in ("low", "middle", "high")}
    assert best_run(runs, ["low", "middle"], "emotion", "test") == "middle"
    assert best_run(runs, runs, "age", "test") == "low"
    runs["high"] = without(runs["high"], "emotion", "validation")
    assert best_run(runs, runs, "emotion", "validation") == "middle"
    assert best_run(runs, runs, "emotion", "test") == "high"
    tasks = runs["middle"].splits["validation"].tasks
    tasks["emotion"] = replace(tasks["emotion"], value=None)
    assert best_run(runs, runs, "emotion", "validation") == "low"
    assert best_run(runs, ["high"], "emotion", "validation") is None
    assert best_run(runs, [], "emotion", "validation") is None


def test_json_holds_all_that_a_task_has_and_nothing_else(tmp_path: Path) -> None:
    run = run_scores(Numbers(), "compare", "stl")
    run = replace(run, cost=replace(run.cost, epoch={"age": 3}))
    content = to_json(run)
    tasks = content["splits"]["test"]["tasks"]
    assert {"columns", "groups"} <= set(tasks["age"]) and not {"classes", "confusion", "ccc"} & set(
        tasks["age"]
    )
    assert {"classes", "confusion"} <= set(tasks["country"]) and "columns" not in tasks["country"]
    assert content["splits"]["test"]["exvo"] is not None and content["cost"]["epoch"] == {"age": 3}
    write_json(tmp_path / "run.json", content)
    assert read_record(RunScores, tmp_path / "run.json") == run
    undefined = replace(run, splits={split: replace(of, exvo=None) for split, of in run.splits.items()})
    assert to_json(undefined)["splits"]["test"]["exvo"] is None  # undefined, but not optional


def test_a_record_of_another_form_is_named(tmp_path: Path) -> None:
    content = to_json(run_scores(Numbers(), "compare", "stl"))
    (tmp_path / "old.json").write_text(json.dumps({**content, "cost": {"weights": 3}}))
    with pytest.raises(StageFileError, match=r"old\.json does not hold what this version writes"):
        read_record(RunScores, tmp_path / "old.json")
