"""The page of what a run hears: its figures, tables and sentences."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure

from stages.core.figures.charts import svg
from stages.core.figures.relevance import Panel, heat_maps, panel_of
from stages.core.metrics.metric import METRICS
from stages.core.relevance.by_family import ALONE, GIVEN_REST, Relevance
from stages.core.relevance.explanation import Explanation
from stages.core.reporting.html import Section, figure, page, paragraph
from stages.core.reporting.numbers import number, with_ends
from stages.core.reporting.report_figures import ReportFigure
from stages.core.reporting.tables import Cell, Row, Table, download
from stages.core.scoring.run_scores import Interval

_MEANING: Mapping[str, str] = {
    ALONE: (
        "Loss of score when the features of a family are exchanged between speakers. Families correlate, so "
        "that what two of them tell counts for both."
    ),
    GIVEN_REST: (
        "Loss of score when only that part of a family is exchanged between speakers that the other families "
        "do not tell: what no other family can replace."
    ),
}
_MARKS = "Bold: above the 95th percentile of what exchanged labels give; grey: not."
_HEADER = ("kind", "family", "task", "part", "group", "value", "low", "high", "floor", "p")


def figures_of(found: Explanation) -> list[ReportFigure]:
    """A heat map of all tasks for each kind of relevance, and one of all groups for each task and kind."""
    figures = []
    for kind in (GIVEN_REST, ALONE):
        panels = [_panel(found, kind, task) for task in found.scores]
        name = f"families-{kind.replace(' ', '-')}"
        caption = f"{found.run}, acoustic families {kind}. {_MEANING[kind]} {_MARKS}"
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


def page_of(found: Explanation, figures: Sequence[ReportFigure], corpus: Mapping[str, Any]) -> str:
    """The whole page, which loads nothing."""
    opening = [
        paragraph(
            f"Which acoustics the run {found.run} hears in {corpus['name']}: {found.clips} test clips of "
            f"{found.speakers} speakers.",
            "lead",
        )
    ]
    if corpus["synthetic"]:
        opening.insert(0, paragraph("The voices are synthetic: this says nothing about people.", "notice"))
    shown = {
        drawn.name: figure(
            svg(drawn.figure),
            f"Figure {number}. {drawn.caption}",
            drawn.alternative,
            download(drawn.name, "csv", drawn.csv()),
        )
        for number, drawn in enumerate(figures, 1)
    }
    content = {
        "Acoustic families": [
            *(text for name, text in shown.items() if name.startswith("families")),
            family_table(found).html(),
        ],
        "Single features": [feature_table(found).html()],
        "Groups of clips": [text for name, text in shown.items() if name.startswith("groups")],
        "What the generator put in": [recovery_table(found).html()] if found.recovery else [],
    }
    sections = [Section(title, blocks) for title, blocks in content.items() if blocks]
    return page(f"What is heard: {found.run}", opening, sections, [])


def family_table(found: Explanation) -> Table:
    """Families: how many features, how much the others tell of them, and the loss of each task as a whole."""
    of = {(row.kind, row.family, row.task): row for row in found.relevance if not row.part and not row.group}
    rows: list[Row] = []
    for kind in (GIVEN_REST, ALONE):
        rows.append([kind])
        for family in found.families:
            cells = [_with_floor(of[kind, family.name, task]) for task in found.scores]
            rows.append([family.name, str(family.columns), number(family.told), *cells])
    return Table(
        "families",
        f"Loss of score when a family is exchanged between speakers, with {found.confidence:.0%} intervals.",
        ["family", "features", "told by the rest", *(_labelled(found, task) for task in found.scores)],
        rows,
        "Told by the rest: share of the variance of the family's features that ridge regression on all other "
        "families predicts. " + _MARKS,
    )


def feature_table(found: Explanation) -> Table:
    """The strongest features of each part of each task, in words and units."""
    rows: list[Row] = []
    heading = ""
    for feature in found.features:
        if heading != f"{feature.task}: {feature.part}":
            heading = f"{feature.task}: {feature.part}"
            rows.append([heading])
        correlation = Interval(feature.correlation, feature.low, feature.high)
        loss = Interval(feature.loss, feature.loss_low, feature.loss_high)
        rows.append(
            [
                feature.words,
                _shifted(feature.shift, feature.unit),
                with_ends(correlation),
                with_ends(loss),
                feature.family,
                feature.name,
            ]
        )
    return Table(
        "features",
        "The features that go most with each emotion, class and trait, the strongest of each descriptor.",
        ["what is heard", "shift", "correlation", "loss of score", "family", "feature"],
        rows,
        "Chosen on the training split, judged on the test split. Shift: median where the rating is at least "
        "half of the largest, where the clip is of the class, or in the highest third, minus the median of "
        "the other clips; without a unit where openSMILE gives none. Correlation: Spearman's. Loss of score: "
        f"of this part, when the feature alone is exchanged. Brackets: {found.confidence:.0%} intervals over "
        "speakers.",
    )


def recovery_table(found: Explanation) -> Table:
    """How well relevance follows the weights of the generator."""
    kinds = list(dict.fromkeys(row.kind for row in found.recovery))
    of = {(row.task, row.kind): row for row in found.recovery}
    rows = [
        [task, str(of[task, kinds[0]].cells), *(number(of[task, kind].value) for kind in kinds)]
        for task in dict.fromkeys(row.task for row in found.recovery)
    ]
    return Table(
        "recovery",
        "Rank correlation of relevance with what the generator of the voices put in, by part and family.",
        ["task", "pairs", *kinds],
        rows,
        "The generator's weight of a family for a label: its squared correlation with each quantity of "
        "the voice, times the share of that quantity's variance that no other family tells, added up.",
    )


def _panel(found: Explanation, kind: str, task: str, group: str = "", limit: float | None = None) -> Panel:
    rows = {}
    for row in found.of_task(kind, task, group):
        sure = (row.low or 0.0) > 0 if group else (row.value or 0.0) > (row.floor or 0.0)
        rows[row.family, row.part] = row.value, sure
    metric = METRICS[found.scores[task]]
    name = "recall" if metric.kind == "classification" else metric.label
    label = f"{'loss' if metric.higher_is_better else 'rise'} of {name}"
    return panel_of(group or task, _names(found), _parts(found, task), rows, label, limit)


def _labelled(found: Explanation, task: str) -> str:
    return f"{task} ({METRICS[found.scores[task]].label})"


def _names(found: Explanation) -> list[str]:
    return [family.name for family in found.families]


def _parts(found: Explanation, task: str) -> list[str]:
    return list(dict.fromkeys(row.part for row in found.relevance if row.task == task and row.part))


def _figure(name: str, drawn: Figure, caption: str, rows: Sequence[Relevance]) -> ReportFigure:
    numbers = [[getattr(row, column) for column in _HEADER] for row in rows]
    alternative = "Heat map with a row for each acoustic family; the numbers are in the CSV file."
    return ReportFigure(name, drawn, caption, alternative, _HEADER, numbers)


def _with_floor(row: Relevance) -> Cell:
    sure = (row.value or 0.0) > (row.floor or 0.0)
    return Cell(with_ends(Interval(row.value, row.low, row.high)), strong=sure)


def _shifted(shift: float | None, unit: str) -> str:
    """A shift with its sign and unit, three digits that count.

    >>> _shifted(-312.4, "Hz"), _shifted(0.01234, ""), _shifted(None, "Hz")
    ('−312 Hz', '+0.0123', '–')
    """
    if shift is None:
        return "–"
    return f"{shift:+.3g} {unit}".strip().replace("-", "−")
