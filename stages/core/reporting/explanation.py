"""The page of what a run hears: its figures, tables and sentences."""

from collections.abc import Mapping, Sequence
from dataclasses import astuple, fields, replace
from typing import Any

from matplotlib.figure import Figure

from stages.core.figures.relevance import Panel, heat_maps, panel_of
from stages.core.metrics.metric import METRICS
from stages.core.relevance.by_family import ALONE, GIVEN_REST, Relevance
from stages.core.relevance.explanation import Explanation
from stages.core.reporting.explanation_tables import (
    SURE,
    family_table,
    feature_table,
    gain_table,
    gap_table,
    recovery_table,
    shared_table,
)
from stages.core.reporting.html import Section, page, paragraph
from stages.core.reporting.numbers import number, signed
from stages.core.reporting.report_figures import ReportFigure
from stages.core.scoring.comparison import Comparison

_MEANING: Mapping[str, str] = {
    ALONE: (
        "Loss of score when the features of a family are exchanged between speakers. Families correlate, so "
        "information that two of them share counts for both."
    ),
    GIVEN_REST: (
        "Loss of score when the part of a family that the other families do not predict is exchanged between "
        "speakers: what no other family can replace."
    ),
}


def figures_of(found: Explanation) -> list[ReportFigure]:
    """A heat map of all tasks for each kind of relevance, and one of all groups for each task and kind."""
    figures = []
    for kind in (GIVEN_REST, ALONE):
        panels = [_panel(found, kind, task) for task in found.scores]
        name = f"families-{kind.replace(' ', '-')}"
        caption = f"{found.run}, acoustic families {kind}. {_MEANING[kind]} {SURE} Grey: not above it."
        drawn = heat_maps(_names(found), panels, len(panels))
        figures.append(_figure(name, drawn, caption, [row for row in found.relevance if row.kind == kind]))
    for task in found.scores:
        groups = list(dict.fromkeys(row.group for row in found.relevance if row.group and row.task == task))
        if not groups or len(_parts(found, task)) < 2:
            continue
        rows = [row for row in found.relevance if row.task == task and row.group and row.kind == GIVEN_REST]
        limit = max((row.value or 0.0 for row in rows if row.part), default=1.0)
        panels = [_panel(found, GIVEN_REST, task, group, limit) for group in groups]
        caption = (
            f"{found.run}, {task}: acoustic families given the rest, in groups of the test clips. Bold: the "
            "interval over speakers lies above 0."
        )
        figures.append(_figure(f"groups-{task}", heat_maps(_names(found), panels, 2), caption, rows))
    return figures


def page_of(
    found: Explanation,
    figures: Sequence[ReportFigure],
    corpus: Mapping[str, Any],
    gains: Sequence[Comparison],
) -> str:
    """The whole page, which loads nothing.

    Args:
        found: of the run.
        figures: of :func:`figures_of`.
        corpus: metrics/corpus.json.
        gains: how much better joint networks are, for the run and those that it is compared with.
    """
    opening = [
        paragraph(
            f"Which acoustics the run {found.run} hears: {corpus['name']}, {found.clips} test clips of "
            f"{found.speakers} speakers.",
            "lead",
        )
    ]
    if corpus["synthetic"]:
        opening.insert(0, paragraph("The voices are synthetic: this says nothing about people.", "notice"))
    shown = {drawn.name: drawn.html(number) for number, drawn in enumerate(figures, 1)}
    tables = _tables(found, gains)
    content = {
        "Acoustic families": [
            *(text for name, text in shown.items() if name.startswith("families")),
            *_of(tables, "families"),
        ],
        "Single features": _of(tables, "features"),
        "What tasks share": [
            *([paragraph(_shared_sentence(found))] if found.shared else []),
            *_of(tables, "shared", "gains"),
        ],
        "Groups of clips": [
            *(text for name, text in shown.items() if name.startswith("groups")),
            *_of(tables, "gaps"),
        ],
        "What the generator put in": _of(tables, "recovery"),
    }
    sections = [Section(title, blocks) for title, blocks in content.items() if blocks]
    return page(f"What is heard: {found.run}", opening, sections, [])


def _tables(found: Explanation, gains: Sequence[Comparison]) -> dict[str, str]:
    """Name → HTML of the tables that have rows, numbered from 1."""
    tables = [
        family_table(found),
        feature_table(found),
        shared_table(found),
        gain_table(found, gains),
        gap_table(found),
        recovery_table(found),
    ]
    filled = [table for table in tables if table.rows]
    return {table.name: replace(table, number=place).html() for place, table in enumerate(filled, 1)}


def _of(tables: Mapping[str, str], *names: str) -> list[str]:
    """Some of the tables, those that there are."""
    return [tables[name] for name in names if name in tables]


def _shared_sentence(found: Explanation) -> str:
    """What the gradients, or else the overlap of features, lead one to expect of joint learning."""
    gradients = [row for row in found.shared if row.measure == "gradients" and row.value is not None]
    if gradients:
        least = min(gradients, key=lambda row: row.value or 0.0)
        against = (least.high or 0.0) < 0
        return (
            f"The losses of {least.first} and {least.second} agree least about the shared layers: their "
            f"gradients have a cosine of {signed(least.value)}. "
            + ("They pull against each other." if against else "They do not pull against each other.")
        )
    overlaps = [row for row in found.shared if row.measure == "features" and row.value is not None]
    most = max(overlaps, key=lambda row: row.value or 0.0)
    return (
        f"{most.first} and {most.second} share most: the features' correlations with one and with the other "
        f"have a rank correlation of {number(most.value)}."
    )


def _panel(found: Explanation, kind: str, task: str, group: str = "", limit: float | None = None) -> Panel:
    rows = {}
    for row in found.of_task(kind, task, group):
        rows[row.family, row.part] = row.value, row.sure
    metric = METRICS[found.scores[task]]
    name = "recall" if metric.kind == "classification" else metric.label
    label = f"{'loss' if metric.higher_is_better else 'rise'} of {name}"
    return panel_of(group or task, _names(found), _parts(found, task), rows, label, limit)


def _names(found: Explanation) -> list[str]:
    return [family.name for family in found.families]


def _parts(found: Explanation, task: str) -> list[str]:
    return list(dict.fromkeys(row.part for row in found.relevance if row.task == task and row.part))


def _figure(name: str, drawn: Figure, caption: str, rows: Sequence[Relevance]) -> ReportFigure:
    alternative = "Heat map with a row for each acoustic family; the numbers are in the CSV file."
    header = [entry.name for entry in fields(Relevance)]
    return ReportFigure(name, drawn, caption, alternative, header, list(map(astuple, rows)))
