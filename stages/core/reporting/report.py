"""The report as a whole: its tables, figures and sections in their order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain

import pandas as pd

from stages.core.figures.charts import svg
from stages.core.reporting import report_figures
from stages.core.reporting.html import Section, figure, page, paragraph
from stages.core.reporting.report_figures import ReportFigure
from stages.core.reporting.results import Results
from stages.core.reporting.score_tables import (
    comparison_table,
    corpus_table,
    cost_table,
    quarantine_table,
    score_table,
)
from stages.core.reporting.sentences import (
    CLOSING,
    SYNTHETIC,
    few_speakers,
    finding,
    imbalance,
    size_of_corpus,
    speakers_known,
)
from stages.core.reporting.tables import Table
from stages.core.scoring import paper
from stages.core.scoring.comparison import Comparison
from stages.core.scoring.run_scores import best_run


@dataclass(frozen=True)
class Report:
    """Tables and figures by name, in the order of the page."""

    results: Results
    curves: pd.DataFrame
    tables: Mapping[str, Table]
    figures: Mapping[str, ReportFigure]

    def html(self) -> str:
        """The whole page."""
        results = self.results
        opening = [paragraph(size_of_corpus(results), "lead")]
        if results.corpus["synthetic"]:
            opening.insert(0, paragraph(SYNTHETIC, "notice"))
        if few := few_speakers(results):
            opening.append(paragraph(few))
        title = f"State and trait measurement from nonverbal vocalizations: {results.corpus['name']}"
        return page(title, opening, self._sections(), CLOSING)

    def _sections(self) -> list[Section]:
        """Sentences, tables and figures by section; a section with nothing to show is left out."""
        groups, rows = self.results.groups, self.results.on_test("multi-task")
        otherwise = [row for row in rows if not groups.is_common(row.baseline)]
        plain = [row for row in rows if groups.is_common(row.candidate)]
        weighed = [row for row in rows if row not in plain and row not in otherwise]
        content = {
            "The recordings": self._tables("splits", "quarantine"),
            "Single-task networks": self._tables("single"),
            "Multi-task networks": self._tables("multi"),
            "Does joint learning help?": [
                *self._findings(plain),
                *self._shares(),
                *self._findings(weighed, "With losses weighed or scaled otherwise, "),
                *self._figures("multi-task"),
                *self._tables("multi-task"),
            ],
            "Other ways of training": [
                *self._tables("otherwise"),
                *self._findings(otherwise),
                *self._figures("training"),
                *self._tables("training"),
                *self._speakers(),
            ],
            "Several runs as one": self._tables("fusion"),
            "What is recognized": self._figures("map", "columns", "confusion"),
            "For whom it works": self._figures("groups"),
            "Training and cost": [*self._figures("curves", "cost"), *self._tables("cost")],
            "Misprints in the paper": [paragraph(sentence) for sentence in paper.MISPRINTS],
        }
        return [Section(title, blocks) for title, blocks in content.items() if blocks]

    def _tables(self, *names: str) -> list[str]:
        return [self.tables[name].html() for name in names if name in self.tables]

    def _figures(self, *kinds: str) -> list[str]:
        """Figures whose name is a kind, or a kind and a task."""
        return [
            figure(svg(shown.figure), f"Figure {number}. {shown.caption}", shown.alternative)
            for number, (name, shown) in enumerate(self.figures.items(), 1)
            if any(name == kind or name.startswith(f"{kind}-") for kind in kinds)
        ]

    def _findings(self, rows: Sequence[Comparison], opening: str = "") -> list[str]:
        by_task = {row.task: [other for other in rows if other.task == row.task] for row in rows}
        return [
            paragraph(opening + finding(task, of_task, self.results.confidence))
            for task, of_task in by_task.items()
        ]

    def _speakers(self) -> list[str]:
        """Which runs know more than a clip: a setting of its own."""
        runs = self.results.groups.in_speaker_units
        return [paragraph(speakers_known(runs))] if runs else []

    def _shares(self) -> list[str]:
        """What the tasks contribute to the loss of the multi-task networks of the common training."""
        groups, curves = self.results.groups, self.curves
        chosen = curves["run"].isin(groups.multi_task) & (curves["split"] == "train")
        rows = curves[chosen & (curves["task"] != "total")]
        learnt = rows.groupby("run")["task"].transform("nunique")
        means = rows[learnt == learnt.max()].groupby("task", sort=False)["share"].mean()
        equal = groups.parameters.train.loss_weighting == "equal" and means.notna().all()
        return [paragraph(imbalance(means.to_dict()))] if equal and len(means) > 1 else []


def build(
    results: Results, labels: pd.DataFrame, curves: pd.DataFrame, predictions: pd.DataFrame | None
) -> Report:
    """The report of these results.

    Args:
        results: of all stages.
        labels: clip_id, split and label columns of all clips.
        curves: run, seed, epoch, split, task, share and score of all runs.
        predictions: of :func:`mapped_run`; None if there is none.
    """
    return Report(results, curves, _tables_of(results), _figures_of(results, labels, curves, predictions))


def mapped_task(results: Results) -> str | None:
    """The first task that rates clips on three columns or more."""
    return next(
        (name for name, task in results.tasks.items() if len(task.columns) >= 3 and name in results.metrics),
        None,
    )


def mapped_run(results: Results) -> str | None:
    """The run whose predictions the map of :func:`mapped_task` shows: the best on validation."""
    task = mapped_task(results)
    return best_run(results.runs, results.runs, task, "validation") if task else None


def _tables_of(results: Results) -> dict[str, Table]:
    groups, of = results.groups, f"of {results.corpus_name}"
    note = "" if results.paper["same_corpus"] else " The paper's values are of another corpus, HUME-VB."
    tables = [corpus_table(results)]
    if results.quarantined:
        tables.append(quarantine_table(results.quarantined))
    for name, what, runs, paper_table in (
        ("single", f"single-task networks.{note}", groups.single_task, 2),
        ("multi", f"multi-task networks.{note}", groups.multi_task, 3),
    ):
        if runs:
            tables.append(score_table(name, f"Scores {of}, {what}", results, runs, paper_table))
    ending = f", test split {of}: means over seeds, positive differences are better."
    if rows := results.on_test("multi-task"):
        caption = "Multi-task against single-task networks"
        tables.append(comparison_table("multi-task", caption + ending, rows))
    if groups.trained_otherwise:
        caption = f"Scores {of}, runs trained otherwise."
        tables.append(score_table("otherwise", caption, results, groups.trained_otherwise, None))
    if rows := results.on_test("training"):
        caption = "Runs trained otherwise against the best run of the common training"
        tables.append(comparison_table("training", caption + ending, rows))
    if rows := results.on_test("fusion"):
        caption = f"Fused runs against the best of their members on validation, test split {of}: mean"
        tables.append(
            comparison_table(
                "fusion", f"{caption} predictions of the seeds, positive differences are better.", rows
            )
        )
    tables.append(cost_table("cost", f"What the runs cost, and their joint ExVo score {of}.", results))
    return {table.name: replace(table, number=number) for number, table in enumerate(tables, 1)}


def _figures_of(
    results: Results, labels: pd.DataFrame, curves: pd.DataFrame, predictions: pd.DataFrame | None
) -> dict[str, ReportFigure]:
    task, run = mapped_task(results), mapped_run(results)
    shown = chain(
        report_figures.differences(
            results.on_test("multi-task"), "multi-task", "Multi-task against single-task networks"
        ),
        report_figures.differences(
            results.on_test("training"), "training", "Runs trained otherwise against the common training"
        ),
        report_figures.rating_map(labels, predictions, task, results.tasks[task], run)
        if task and run and predictions is not None
        else (),
        report_figures.columns(results),
        report_figures.confusions(results),
        report_figures.groups(results),
        [report_figures.learning_curves(curves, results), report_figures.cost(results)],
    )
    return {item.name: item for item in shown}
