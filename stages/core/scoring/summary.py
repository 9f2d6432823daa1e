"""The scores of all runs together, and what ``dvc metrics diff`` compares."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from stages.core.scoring.challenge_scores import ChallengeScores
from stages.core.scoring.comparison import Comparison
from stages.core.scoring.naive_scores import NaiveScore
from stages.core.scoring.run_scores import RunScores, best_run


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
        challenge: run → score by the challenge whose corpus it is; None if it is of none.
    """

    corpus: CorpusName
    runs: dict[str, RunScores]
    naive: dict[str, dict[str, NaiveScore]]
    challenge: dict[str, ChallengeScores] | None = None

    def ordered(self, runs: Iterable[str], tasks: Iterable[str]) -> "Summary":
        """The same with runs and tasks in this order; JSON has them sorted by name."""
        tasks = list(tasks)
        runs = [run for run in runs if run in self.runs]
        challenge = self.challenge and {run: self.challenge[run] for run in runs if run in self.challenge}
        return replace(self, runs={run: _ordered(self.runs[run], tasks) for run in runs}, challenge=challenge)


def _ordered(run: RunScores, tasks: Iterable[str]) -> RunScores:
    return replace(
        run,
        splits={
            name: replace(split, tasks={task: split.tasks[task] for task in tasks if task in split.tasks})
            for name, split in run.splits.items()
        },
    )


def nested_scores(runs: Mapping[str, RunScores]) -> dict[str, Any]:
    """``features.model.split.task``, then a metric as the mean over seeds and what stands beside it.

    ``ccc``, ``ccc_sd`` over seeds, ``ccc_low`` and ``ccc_high`` of the interval, ``ccc_best_seed`` and
    ``ccc_ensemble``, rounded to 4 places; of further metrics value and interval.
    """
    nested: dict[str, Any] = {}
    for run in runs.values():
        model = nested.setdefault(run.features, {}).setdefault(run.model, {})
        for split, scores in run.splits.items():
            for name, task in scores.tasks.items():
                values = {
                    task.score: task.value,
                    f"{task.score}_sd": task.sd,
                    f"{task.score}_low": task.low,
                    f"{task.score}_high": task.high,
                    f"{task.score}_best_seed": task.best_seed.value,
                    f"{task.score}_ensemble": task.ensemble.value,
                }
                for also, interval in (task.also or {}).items():
                    values |= {
                        also: interval.value,
                        f"{also}_low": interval.low,
                        f"{also}_high": interval.high,
                    }
                model.setdefault(split, {})[name] = {
                    key: None if value is None else round(value, 4) for key, value in values.items()
                }
    return nested


def headline(summary: Summary, comparisons: Iterable[Comparison]) -> dict[str, dict[str, float]]:
    """The numbers that decide, per task, all of the test split.

    The score of the run that is best on validation, that of the naive predictor, and the median gain of
    multi-task over single-task networks.
    """
    found: dict[str, dict[str, float]] = {}
    rows = [row for row in comparisons if row.contrast == "multi-task" and row.split == "test"]
    for task, naive in summary.naive["test"].items():
        best = best_run(summary.runs, summary.runs, task, "validation")
        scores = summary.runs[best].task(task, "test") if best else None
        if scores is None or scores.value is None:
            continue
        gains = sorted(row.difference for row in rows if row.task == task and row.difference is not None)
        values = {
            scores.score: scores.value,
            "naive": naive.value,
            "multi_task_gain": gains[(len(gains) - 1) // 2] if gains else None,
        }
        found[task] = {key: round(value, 4) for key, value in values.items() if value is not None}
    return found
