"""Results by hand, all of whose numbers differ: a report that reads a wrong one is noticed."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import count
from typing import Any

import yaml

from stages.core.config.load import parse
from stages.core.reporting.results import Results
from stages.core.scoring.comparison import Comparison
from stages.core.scoring.naive_scores import NaiveScore
from stages.core.scoring.paper import beside_paper
from stages.core.scoring.run_groups import RunGroups
from stages.core.scoring.run_scores import (
    Confusion,
    Cost,
    Groups,
    Interval,
    PartScore,
    RunScores,
    SeedScore,
    SplitScores,
    TaskScores,
)
from stages.core.scoring.summary import CorpusName, Summary
from tests.helpers import ROOT

RUNS = {
    "compare-stl": {"features": "compare", "model": "stl"},
    "compare-mtl2": {"features": "compare", "model": "mtl2"},
    "compare-other": {"features": "compare", "model": "other"},
}
OTHER = {"joint": False, "trunk": [16], "train": {"learning_rate": 0.01}}
COUNTRIES = ["China", "Venezuela"]


def groups(runs: Mapping[str, Any] = RUNS, **sections: Any) -> RunGroups:
    """The groups of these runs; ``sections`` replace sections of params.yaml."""
    content = yaml.safe_load((ROOT / "params.yaml").read_text())
    content["models"]["other"] = OTHER
    return RunGroups(parse({**content, "runs": dict(runs), **sections}))


class Numbers:
    """Numbers that rise by a thousandth, so that no two are the same."""

    def __init__(self) -> None:
        self._next = count(100)

    def __call__(self) -> float:
        return next(self._next) / 1000

    def interval(self) -> Interval:
        low, value, high = self(), self(), self()
        return Interval(value, low, high)


def task_scores(numbers: Numbers, score: str, columns: Sequence[str] = ()) -> TaskScores:
    """Scores of a task: of a classification without columns, with the classes COUNTRIES."""
    low, value, high = numbers(), numbers(), numbers()
    parts = {name: PartScore(*vars(numbers.interval()).values(), clips=7) for name in ("first", "second")}
    scores = TaskScores(
        value,
        low,
        high,
        score=score,
        sd=numbers(),
        seeds={"1": numbers(), "2": numbers()},
        best_seed=SeedScore(2, numbers()),
        ensemble=numbers.interval(),
        groups=Groups("Country", True, parts),
    )
    if columns:
        return replace(scores, columns={column: numbers.interval() for column in columns})
    recalls = {name: PartScore(*vars(numbers.interval()).values(), clips=9) for name in COUNTRIES}
    cells = [[round(1000 * numbers()) for _ in COUNTRIES] for _ in COUNTRIES]
    return replace(scores, classes=recalls, confusion=Confusion(COUNTRIES, cells))


def run_scores(numbers: Numbers, features: str, model: str) -> RunScores:
    """A run with the tasks of params.yaml."""
    splits = {
        split: SplitScores(
            clips=20,
            speakers=5,
            exvo=numbers(),
            tasks={
                "emotion": task_scores(numbers, "ccc", ["Awe", "Fear", "Horror"]),
                "country": task_scores(numbers, "uar"),
                "age": task_scores(numbers, "mae", ["Age"]),
            },
        )
        for split in ("validation", "test")
    }
    return RunScores(features, model, Cost(1_234_567, 10, 3, 40), splits)


def beating(runs: Iterable[str] = RUNS, but: Iterable[tuple[str, str, str]] = ()) -> list[Comparison]:
    """Every run beats the naive predictor, ``but`` for some (run, task, split)."""
    return [
        comparison(
            0.1,
            0.0 if (run, task, split) in but else 0.05,
            0.2,
            run,
            contrast="naive",
            baseline="naive predictor",
            task=task,
            split=split,
        )
        for run in runs
        for task in ("emotion", "country", "age")
        for split in ("validation", "test")
    ]


def results(runs: Mapping[str, Mapping[str, str]] = RUNS, **changes: Any) -> Results:
    """Results of these runs; all beat the naive predictor, unless ``changes`` say otherwise."""
    numbers, chosen = Numbers(), changes.get("groups") or groups(runs)
    scored = {name: run_scores(numbers, run["features"], run["model"]) for name, run in runs.items()}
    naive = {
        split: {task: NaiveScore(numbers(), "always the same") for task in ("emotion", "country", "age")}
        for split in ("validation", "test")
    }
    parts = {
        split: {"duration": f"00:00:{row}9", "clips": 1000 + row, "speakers": 40 + row, "seconds": 60.0}
        for row, split in enumerate(("train", "validation", "test", "total"))
    }
    fields = {
        "corpus": {"name": "toy", "synthetic": True, "clips": {"listed": 1010}},
        "split": parts,
        "summary": Summary(CorpusName("toy", True), scored, naive),
        "comparisons": beating(runs),
        "bill": [],
        "paper": {"same_corpus": False, "rows": beside_paper(scored, chosen.parameters.tasks, False)},
        "quarantined": [],
        "groups": chosen,
    }
    return Results(**{**fields, **changes})


def changed(found: Results, run: str, task: str, split: str, **values: Any) -> Results:
    """The results with other values of a task's scores."""
    scores = found.runs[run]
    of_split = scores.splits[split]
    tasks = {**of_split.tasks, task: replace(of_split.tasks[task], **values)}
    splits = {**scores.splits, split: replace(of_split, tasks=tasks)}
    runs = {**found.runs, run: replace(scores, splits=splits)}
    return replace(found, summary=replace(found.summary, runs=runs))


def comparison(
    difference: float, low: float | None, high: float | None, candidate: str = "compare-mtl2", **values: Any
) -> Comparison:
    """A multi-task run against compare-stl."""
    fields = {
        "contrast": "multi-task",
        "task": "emotion",
        "score": "ccc",
        "split": "test",
        "baseline": "compare-stl",
        "candidate": candidate,
        "baseline_mean": 0.5,
        "candidate_mean": 0.5 + difference,
        "difference": difference,
        "low": low,
        "high": high,
        "p": 0.04,
        "p_corrected": 0.05 if low and high and low * high > 0 else 1.0,
    }
    return Comparison(**{**fields, **values})


def texts(rows: Iterable[Sequence[Any]]) -> list[list[str]]:
    """The texts of a table's cells."""
    return [[cell if isinstance(cell, str) else cell.text for cell in row] for row in rows]
