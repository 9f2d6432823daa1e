"""The headline of results by hand, whose best run on validation is not the best on test."""

from dataclasses import replace
from typing import Any

import pytest

from stages.core.scoring.challenge_scores import ChallengeScores
from stages.core.scoring.comparison import Comparison
from stages.core.scoring.naive_scores import NaiveScore
from stages.core.scoring.run_scores import Interval, RunScores
from stages.core.scoring.summary import CorpusName, Summary, headline, nested_scores
from tests.helpers.results import Numbers, results, run_scores


def run_of(model: str, validation: float, test: float, score: str = "mae", task: str = "age") -> RunScores:
    """A run with these scores of a task."""
    run = run_scores(Numbers(), "compare", model)
    values = {"validation": validation, "test": test}
    splits = {
        name: replace(split, tasks={task: replace(split.tasks[task], value=values[name], score=score)})
        for name, split in run.splits.items()
    }
    return replace(run, splits=splits)


def comparison(difference: float | None, **changes: Any) -> Comparison:
    row = Comparison(
        "multi-task", "age", "mae", "test", "compare-stl", "compare-mtl2", 9, 8, difference, 0, 1, 0.5
    )
    return replace(row, **changes)


RUNS = {"compare-stl": run_of("stl", 7.0, 8.123456), "compare-mtl2": run_of("mtl2", 7.5, 6.0)}
NAIVE = {"validation": {"age": NaiveScore(99.0, "mean")}, "test": {"age": NaiveScore(9.87654, "mean")}}
SUMMARY = Summary(CorpusName("tiny", True), RUNS, NAIVE)


def test_the_run_is_chosen_on_validation_and_shown_on_test() -> None:
    assert headline(SUMMARY, []) == {"age": {"mae": 8.1235, "naive": 9.8765}}
    moods = {
        "one": run_of("stl", 0.2, 0.1, "ccc", "emotion"),
        "two": run_of("mtl2", 0.1, 0.3, "ccc", "emotion"),
    }
    naive = {"validation": {}, "test": {"emotion": NaiveScore(0.0, "mean")}}
    assert headline(replace(SUMMARY, runs=moods, naive=naive), []) == {"emotion": {"ccc": 0.1, "naive": 0.0}}


@pytest.mark.parametrize(
    ("differences", "gain"), [([0.3, 0.1, 0.7], 0.3), ([0.4, 0.1, 0.7, 0.3], 0.3), ([None, 0.2], 0.2)]
)
def test_the_gain_of_learning_jointly_is_the_median_of_the_test_split(
    differences: list[float | None], gain: float
) -> None:
    """Of an even number the lower; other splits, contrasts and tasks do not count."""
    others = [
        comparison(50, split="validation"),
        comparison(60, contrast="features"),
        comparison(70, task="emotion"),
    ]
    rows = [*others, *map(comparison, differences)]
    assert headline(SUMMARY, rows)["age"]["multi_task_gain"] == gain


def test_a_task_without_a_score_on_test_is_left_out() -> None:
    unscored = {
        name: replace(run, splits={**run.splits, "test": replace(run.splits["test"], tasks={})})
        for name, run in RUNS.items()
    }
    assert headline(replace(SUMMARY, runs=unscored), []) == {}


def test_runs_tasks_and_challenges_are_in_the_order_that_is_asked_for() -> None:
    found = results().summary
    scores = {run: ChallengeScores(None, None, None) for run in ("compare-other", "compare-stl")}
    found = replace(found, challenge=scores)
    ordered = found.ordered(["compare-stl", "missing", "compare-other"], ["age", "emotion", "never"])
    assert list(ordered.runs) == list(ordered.challenge) == ["compare-stl", "compare-other"]
    for run, of_run in ordered.runs.items():
        for split, of_split in of_run.splits.items():
            assert list(of_split.tasks) == ["age", "emotion"]
            assert of_split.tasks["age"] == found.runs[run].task("age", split)
            assert of_split.exvo == found.runs[run].splits[split].exvo
    assert replace(found, challenge=None).ordered(["compare-stl"], []).challenge is None


def test_all_figures_of_a_task_are_nested_for_dvc() -> None:
    runs = {"a": run_scores(Numbers(), "compare", "stl"), "b": run_scores(Numbers(), "compare", "mtl2")}
    age = runs["a"].splits["test"].tasks["age"]
    also = {"rmse": Interval(9.12361, None, 9.5)}
    runs["a"].splits["test"].tasks["age"] = age = replace(age, value=5.123456, low=None, also=also)
    nested = nested_scores(runs)
    assert list(nested) == ["compare"] and list(nested["compare"]) == ["stl", "mtl2"]
    assert nested["compare"]["stl"]["test"]["age"] == {
        "mae": 5.1235,
        "mae_sd": age.sd,
        "mae_low": None,
        "mae_high": age.high,
        "mae_best_seed": age.best_seed.value,
        "mae_ensemble": age.ensemble.value,
        "rmse": 9.1236,
        "rmse_low": None,
        "rmse_high": 9.5,
    }
    validation = nested["compare"]["mtl2"]["validation"]
    assert list(validation) == ["emotion", "country", "age"]
    assert validation["country"]["uar"] == runs["b"].task("country", "validation").value
