"""The scores of all runs together, and what ``dvc metrics diff`` compares."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from stages.core.scoring.naive_scores import NaiveScore
from stages.core.scoring.run_scores import RunScores


@dataclass(frozen=True)
class CorpusName:
    """What the corpus is called, and whether its voices are computed."""

    name: str
    synthetic: bool


@dataclass(frozen=True)
class Summary:
    """All scores of all runs.

    Attributes:
        corpus: whose scores they are.
        runs: run → scores.
        naive: split → task → score of the naive predictor.
    """

    corpus: CorpusName
    runs: dict[str, RunScores]
    naive: dict[str, dict[str, NaiveScore]]

    def ordered(self, runs: Iterable[str], tasks: Iterable[str]) -> "Summary":
        """The same with runs and tasks in this order; JSON has them sorted by name."""
        tasks = list(tasks)
        return replace(self, runs={run: _ordered(self.runs[run], tasks) for run in runs if run in self.runs})


def _ordered(run: RunScores, tasks: Iterable[str]) -> RunScores:
    return replace(
        run,
        splits={
            name: replace(split, tasks={task: split.tasks[task] for task in tasks if task in split.tasks})
            for name, split in run.splits.items()
        },
    )


def nested_scores(runs: Mapping[str, RunScores]) -> dict[str, Any]:
    """``features.model.split.task.figure``, rounded to 4 places."""
    nested: dict[str, Any] = {}
    for run in runs.values():
        model = nested.setdefault(run.features, {}).setdefault(run.model, {})
        for split, scores in run.splits.items():
            for name, task in scores.tasks.items():
                values = {
                    task.score: task.value,
                    **{f"{task.score}_{key}": getattr(task, key) for key in ("mean", "sd", "low", "high")},
                }
                model.setdefault(split, {})[name] = {
                    key: None if value is None else round(value, 4) for key, value in values.items()
                }
    return nested
