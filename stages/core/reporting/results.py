"""Everything that the report shows, as the earlier stages left it, and what several of its parts ask."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from stages.core.config.tasks import Task
from stages.core.scoring.bill import BillRow
from stages.core.scoring.comparison import Comparison
from stages.core.scoring.run_groups import Contrast, RunGroups
from stages.core.scoring.run_scores import RunScores, best_run, has_scores
from stages.core.scoring.summary import Summary

Json = Mapping[str, Any]


@dataclass(frozen=True)
class Results:
    """The results of all stages.

    Attributes:
        corpus: metrics/corpus.json.
        split: metrics/split.json.
        summary: every score, runs and tasks in the order of params.yaml.
        comparisons: of pairs of runs.
        bill: what single-task and multi-task runs cost until they reach the same score.
        paper: metrics/paper.json: whether the corpus is the paper's, and the paper's rows beside ours.
        quarantined: stage and reason of each clip that a stage could not use.
        groups: which runs belong together.
    """

    corpus: Json
    split: Json
    summary: Summary
    comparisons: Sequence[Comparison]
    bill: Sequence[BillRow]
    paper: Json
    quarantined: Sequence[tuple[str, str]]
    groups: RunGroups

    @property
    def runs(self) -> dict[str, RunScores]:
        """Run → scores."""
        return self.summary.runs

    @property
    def tasks(self) -> dict[str, Task]:
        """The declared tasks that some run has a score of."""
        declared = self.groups.parameters.tasks
        return {name: task for name, task in declared.items() if has_scores(self.runs, name)}

    @property
    def confidence(self) -> float:
        """Of all intervals."""
        return self.groups.parameters.evaluate.confidence

    @property
    def corpus_name(self) -> str:
        """What sentences call the corpus: with an article where it is the synthetic one."""
        return f"the {self.corpus['name']}" if self.corpus["synthetic"] else self.corpus["name"]

    def on_test(self, contrast: Contrast) -> list[Comparison]:
        """The comparisons on the test split that have an interval."""
        return [
            row
            for row in self.comparisons
            if row.contrast == contrast and row.split == "test" and row.low is not None
        ]

    def is_sure(self, row: Comparison) -> bool:
        """Whether a difference is significant after correction for the number of comparisons."""
        return row.is_sure(self.confidence)

    @cached_property
    def _against_naive(self) -> dict[tuple[str, str, str], Comparison]:
        return {
            (row.candidate, row.task, row.split): row for row in self.comparisons if row.contrast == "naive"
        }

    def beats_naive(self, run: str, task: str, split: str) -> bool:
        """Whether the interval of a run's gain over the naive predictor lies above zero."""
        row = self._against_naive.get((run, task, split))
        return row is not None and row.low is not None and row.low > 0

    def best(self, task: str) -> str | None:
        """The run to recommend for a task: the best on validation."""
        return best_run(self.runs, self.runs, task, "validation")

    def shown_runs(self, task: str) -> list[str]:
        """The runs whose details are shown: a single-task and a multi-task one, and the best on validation.

        The pair is the paper's, ComParE's STL and MTL 2, or else that of the best multi-task run.
        """
        pairs = list(self.groups.multi_task_pairs())
        models = {run: (scores.features, scores.model) for run, scores in self.runs.items()}
        papers = [
            pair
            for pair in pairs
            if (models[pair.baseline], models[pair.candidate]) == (("compare", "stl"), ("compare", "mtl2"))
        ]
        multi = best_run(self.runs, [pair.candidate for pair in pairs], task, "validation")
        chosen = papers or [pair for pair in pairs if pair.candidate == multi]
        runs = [run for pair in chosen[:1] for run in (pair.baseline, pair.candidate)]
        return list(dict.fromkeys([*runs, *filter(None, [self.best(task)])]))
