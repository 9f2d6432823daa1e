"""The report as a whole: its tables, figures and sections in their order."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import chain

import pandas as pd

from stages.core.reporting import report_figures
from stages.core.reporting.corpus_tables import (
    bill_table,
    corpus_table,
    cost_table,
    model_table,
    quarantine_table,
)
from stages.core.reporting.html import Section, folded, link, page, paragraph
from stages.core.reporting.network_figure import network
from stages.core.reporting.report_figures import Predictions, ReportFigure
from stages.core.reporting.results import Results
from stages.core.reporting.score_tables import (
    TITLES,
    challenge_table,
    comparison_table,
    headline_table,
    part_table,
    task_table,
)
from stages.core.reporting.sentences import (
    CLOSING,
    SYNTHETIC,
    few_speakers,
    finding,
    groups_not_shown,
    imbalance,
    size_of_corpus,
    speakers_known,
    verdict,
)
from stages.core.reporting.tables import Table
from stages.core.scoring import paper
from stages.core.scoring.comparison import Comparison


@dataclass(frozen=True)
class Report:
    """Tables and figures by name, in the order of the page."""

    results: Results
    curves: pd.DataFrame
    tables: Mapping[str, Table]
    figures: Mapping[str, ReportFigure]

    def html(self, parameters: str) -> str:
        """The whole page; ``parameters`` is the text of the file of parameters."""
        results = self.results
        opening = [
            paragraph(size_of_corpus(results), "lead"),
            paragraph(verdict(results)),
            *self._tables("headline"),
            *self._tables("challenge"),
        ]
        if results.corpus["synthetic"]:
            opening.insert(0, paragraph(SYNTHETIC, "notice"))
        if few := few_speakers(results):
            opening.append(paragraph(few))
        digest = sha256(repr(results.summary).encode()).hexdigest()[:12]
        closing = [
            paragraph(CLOSING),
            paragraph(
                f"Results {digest}; `git log -1 -- metrics/details.json` shows the commit that contains them."
            ),
            folded("Parameters", parameters),
        ]
        title = f"State and trait measurement from nonverbal vocalizations: {results.corpus['name']}"
        return page(title, opening, self._sections(), closing)

    def _sections(self) -> list[Section]:
        """Sentences, tables and figures by section; a section with nothing to show is left out."""
        results = self.results
        groups, rows = results.groups, results.on_test("multi-task")
        otherwise = [row for row in rows if not groups.is_common(row.baseline)]
        plain = [row for row in rows if groups.is_common(row.candidate)]
        weighted = [row for row in rows if row not in plain and row not in otherwise]
        content = {
            "The recordings": self._tables("splits", "quarantine"),
            "The runs": [*self._tables("scores"), *self._figures("network"), *self._tables("models")],
            "Does multi-task learning help?": [
                *self._findings("multi-task learning", plain),
                *self._shares(),
                *self._findings("multi-task learning with weighted or scaled losses", weighted),
                *self._findings("multi-task learning with other training options", otherwise),
                *self._figures("multi-task"),
                *self._tables("multi-task"),
            ],
            "Which features?": [*self._figures("features"), *self._tables("features")],
            "Do other training options help?": [
                *self._figures("training"),
                *self._tables("training"),
                *self._speakers(),
            ],
            "Several runs as one": self._tables("fusion"),
            "What is recognized": [
                *self._tables("parts"),
                *self._figures("columns", "confusion", "scatter", "map"),
            ],
            "Scores by group": [
                *self._figures("groups"),
                *map(paragraph, groups_not_shown(results)),
            ],
            "What a run hears": [link(f"explain/{run}/index.html", run) for run in groups.parameters.explain],
            "Training and cost": [*self._figures("curves", "cost"), *self._tables("cost", "bill")],
            "Misprints in the paper": [paragraph(sentence) for sentence in paper.MISPRINTS]
            if self.results.paper["rows"]
            else [],
        }
        return [Section(title, blocks) for title, blocks in content.items() if blocks]

    def _tables(self, kind: str, *others: str) -> list[str]:
        """Tables whose name is one of these, or one of these and a task."""
        return [table.html() for name, table in self.tables.items() if _is_of(name, (kind, *others))]

    def _figures(self, *kinds: str) -> list[str]:
        """Figures whose name is a kind, or a kind and a task."""
        return [
            shown.html(number)
            for number, (name, shown) in enumerate(self.figures.items(), 1)
            if _is_of(name, kinds)
        ]

    def _findings(self, what: str, rows: Iterable[Comparison]) -> list[str]:
        by_task: dict[str, list[Comparison]] = {}
        for row in rows:
            by_task.setdefault(row.task, []).append(row)
        return [paragraph(finding(what, task, of_task, self.results)) for task, of_task in by_task.items()]

    def _speakers(self) -> list[str]:
        """Which runs know more than a clip: a setting of its own."""
        runs = self.results.groups.in_speaker_units
        return [paragraph(speakers_known(runs))] if runs else []

    def _shares(self) -> list[str]:
        """What the tasks contribute to the loss of the multi-task networks with common training options."""
        groups, curves = self.results.groups, self.curves
        chosen = curves["run"].isin(groups.multi_task) & (curves["split"] == "train")
        rows = curves[chosen & (curves["task"] != "total")]
        learnt = rows.groupby("run")["task"].transform("nunique")
        means = rows[learnt == learnt.max()].groupby("task", sort=False)["share"].mean()
        equal = groups.parameters.train.loss_weighting == "equal" and means.notna().all()
        return [paragraph(imbalance(means.to_dict()))] if equal and len(means) > 1 else []


def build(results: Results, labels: pd.DataFrame, curves: pd.DataFrame, predictions: Predictions) -> Report:
    """The report of these results.

    Args:
        results: of all stages.
        labels: clip_id, split and label columns of all clips.
        curves: run, seed, epoch, split, task, share and score of all runs.
        predictions: reads those of a run.
    """
    return Report(results, curves, _tables_of(results), _figures_of(results, labels, curves, predictions))


def _is_of(name: str, kinds: Iterable[str]) -> bool:
    return any(name == kind or name.startswith(f"{kind}-") for kind in kinds)


def _tables_of(results: Results) -> dict[str, Table]:
    contrasts = [contrast for contrast in TITLES if results.on_test(contrast)]
    tables = [
        headline_table(results),
        challenge_table(results),
        corpus_table(results),
        quarantine_table(results),
        *(task_table(task, results) for task in results.tasks),
        model_table(results),
        *(comparison_table(contrast, results) for contrast in contrasts),
        *(part_table(task, results) for task in results.tasks),
        cost_table(results),
        bill_table(results),
    ]
    shown = [table for table in tables if table]
    return {table.name: replace(table, number=number) for number, table in enumerate(shown, 1)}


def _figures_of(
    results: Results, labels: pd.DataFrame, curves: pd.DataFrame, predictions: Predictions
) -> dict[str, ReportFigure]:
    shown = chain(
        network(results),
        *(
            report_figures.differences(results, contrast, title)
            for contrast, title in TITLES.items()
            if contrast != "fusion"
        ),
        report_figures.columns(results),
        report_figures.confusions(results),
        report_figures.scatter(results, labels, predictions),
        report_figures.rating_map(results, labels, predictions),
        report_figures.groups(results),
        [report_figures.learning_curves(curves, results), report_figures.cost(results)],
    )
    return {item.name: item for item in shown}
