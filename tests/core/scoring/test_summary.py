"""The headline of results by hand, whose best run on validation is not the best on test."""

from dataclasses import replace
from typing import Any

import pytest

from stages.core.scoring.comparison import Comparison
from stages.core.scoring.naive_scores import NaiveScore
from stages.core.scoring.run_scores import RunScores
from stages.core.scoring.summary import CorpusName, Summary, headline
from tests.helpers.results import Numbers, run_scores


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
