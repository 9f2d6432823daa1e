"""Everything that the report shows, as the earlier stages left it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stages.core.config.tasks import Task
from stages.core.scoring.comparison import Comparison
from stages.core.scoring.run_groups import Contrast, RunGroups
from stages.core.scoring.run_scores import RunScores, has_scores
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
        paper: metrics/paper.json: whether the corpus is the paper's, and the paper's rows beside ours.
        quarantined: stage and reason of each clip that a stage could not use.
        groups: which runs belong together.
    """

    corpus: Json
    split: Json
    summary: Summary
    comparisons: Sequence[Comparison]
    paper: Json
    quarantined: Sequence[tuple[str, str]]
    groups: RunGroups

    @property
    def runs(self) -> dict[str, RunScores]:
        """Run → scores."""
        return self.summary.runs

    @property
    def tasks(self) -> dict[str, Task]:
        """The declared tasks."""
        return self.groups.parameters.tasks

    @property
    def metrics(self) -> dict[str, str]:
        """Task → name of its metric, for the tasks that have scores."""
        return {name: task.score for name, task in self.tasks.items() if has_scores(self.runs, name)}

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
