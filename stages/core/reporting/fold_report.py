"""The page of a sweep over folds: its tables, figures and sentences, and its lines for the terminal."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from stages.core.config.data import SPEAKERS
from stages.core.config.tasks import Task
from stages.core.figures import charts
from stages.core.figures.charts import Interval
from stages.core.metrics.metric import METRICS
from stages.core.reporting.fold_tables import Beside, beside_table, comparison_table, fold_table, score_table
from stages.core.reporting.html import Section, page, paragraph
from stages.core.reporting.numbers import capitalized, ends, number, p_equals, signed
from stages.core.reporting.report_figures import ReportFigure
from stages.core.reporting.sentences import CLOSING, SYNTHETIC
from stages.core.reporting.tables import Table
from stages.core.scoring.folds import FoldedSummary
from stages.core.scoring.run_groups import NAIVE
from stages.core.scoring.run_scores import PartScore

MANY = 30
"""With more folds than this none is shown apart: a fold may be a person, whose own score is private."""


@dataclass(frozen=True)
class FoldReport:
    """The tables and figures of a sweep, in the order of the page."""

    summary: FoldedSummary
    tables: Sequence[Table]
    figures: Sequence[ReportFigure]
    sentences: Sequence[str]

    def html(self) -> str:
        """The whole page."""
        summary = self.summary
        clips = sum(size.clips for size in summary.folds.values())
        speakers = sum(size.speakers for size in summary.folds.values())
        opening = [
            paragraph(
                f"{clips:,} clips of {speakers:,} speakers in {len(summary.folds)} folds, "
                f"{kind_of(summary)}. Each clip is tested once, by networks trained without its fold; the "
                "next fold is their validation split, and all others are their training split.",
                "lead",
            ),
            *map(paragraph, self.sentences),
            *(paragraph(f"{note[0].upper()}{note[1:]}.") for note in summary.notes),
        ]
        if summary.corpus.synthetic:
            opening.insert(0, paragraph(SYNTHETIC, "notice"))
        figures = [shown.html(place) for place, shown in enumerate(self.figures, 1)]
        content = {
            "All clips": self._tables("scores"),
            "By fold": [*figures, *self._tables("folds")],
            "Which run is better?": self._tables("comparison"),
            "Beside folds by speaker": self._tables("beside"),
        }
        sections = [Section(title, blocks) for title, blocks in content.items() if blocks]
        return page(f"Folds: {summary.corpus.name}", opening, sections, [paragraph(CLOSING)])

    def _tables(self, kind: str) -> list[str]:
        return [table.html() for table in self.tables if table.name.startswith(kind)]


def build(
    summary: FoldedSummary, tasks: Mapping[str, Task], confidence: float, beside: Beside | None
) -> FoldReport:
    """The report of a sweep.

    Args:
        summary: its scores.
        tasks: those that are scored, in order.
        confidence: of the intervals.
        beside: the same clips in folds by speaker; None: there are none.
    """
    shown = {name: task for name, task in tasks.items() if name in summary.runs[NAIVE].tasks}
    tables = [score_table(summary, name, confidence) for name in shown]
    if len(summary.folds) <= MANY:
        tables += [fold_table(summary, name, confidence) for name in shown]
    tables += [comparison_table(summary, shown, confidence)] if len(summary.runs) > 2 else []
    tables += [beside_table(summary, beside, shown, confidence)] if beside else []
    numbered = [replace(table, number=place) for place, table in enumerate(tables, 1)]
    sentences = [across(summary, name, beside) for name in shown] if summary.is_of_groups else []
    return FoldReport(
        summary, numbered, [fold_figure(summary, name, confidence) for name in shown], sentences
    )


def kind_of(summary: FoldedSummary) -> str:
    """What makes the folds, in words."""
    if summary.of == SPEAKERS:
        return "one speaker left out at a time"
    return f"one {summary.of} left out at a time" if summary.is_of_groups else "by speaker"


def fold_figure(summary: FoldedSummary, task: str, confidence: float) -> ReportFigure:
    """The score of each fold with its interval; of many folds the scores in order."""
    label = charts.axis_label(summary.runs[NAIVE].tasks[task].score)
    names = {fold: fold if summary.is_of_groups else f"fold {fold}" for fold in summary.folds}
    series = {
        run: [
            _drawn(names[fold], part) for fold, part in scores.folds[task].items() if part.value is not None
        ]
        for run, scores in summary.runs.items()
        if task in scores.tasks
    }
    rows: list[tuple[object, ...]]
    if len(summary.folds) <= MANY:
        drawn, what = (
            charts.dots(series, label, list(names.values())),
            f"with {confidence:.0%} intervals over speakers and seeds",
        )
        rows = [(run, i.name, i.value, i.low, i.high) for run, found in series.items() for i in found]
    else:  # in order of their score, so that it is nobody's
        values = {run: sorted(interval.value for interval in found) for run, found in series.items()}
        drawn, what = charts.in_order(values, label), "in order of their score"
        rows = [(run, "", value, None, None) for run, of_run in values.items() for value in of_run]
    return ReportFigure(
        f"folds-{task}",
        drawn,
        f"{capitalized(task)} on each of {len(summary.folds)} folds, {kind_of(summary)}, {what}.",
        f"The score of {task} on each fold, for each run.",
        ["run", "fold", "value", "low", "high"],
        rows,
    )


def _drawn(name: str, part: PartScore) -> Interval:
    """A score for the figure; without an interval, its own."""
    value = part.value or 0.0
    return Interval(
        name, value, value if part.low is None else part.low, value if part.high is None else part.high
    )


def across(summary: FoldedSummary, task: str, beside: Beside | None) -> str:
    """Whether a task is learnt across groups, by the first run that learns it, in one sentence or two."""
    metric = METRICS[summary.runs[NAIVE].tasks[task].score]
    run = next((run for run, scores in summary.runs.items() if run != NAIVE and task in scores.tasks), None)
    if run is None:
        return f"{capitalized(task)} is learnt by none of the runs."
    scores, naive = summary.runs[run], summary.runs[NAIVE]
    gains = [
        metric.gain(guess, part.value)
        for fold, part in scores.folds[task].items()
        if part.value is not None and (guess := naive.folds[task][fold].value) is not None
    ]
    found, of = scores.tasks[task], summary.of
    text = (
        f"{capitalized(task)}, with the {of} left out of training: {run} has {metric.label} "
        f"{number(found.value)} ({ends(found.low, found.high)}), the naive predictor "
        f"{number(naive.tasks[task].value)}; {run} is better than it in {sum(gain > 0 for gain in gains)} of "
        f"{len(gains)} folds."
    )
    for row in beside.rows.get(run, {}).get("all", []) if beside else []:
        if row.task == task and row.low is not None:
            text += (
                f" Trained on other speakers of the same {of}, {run} has {number(row.baseline_mean)} on the "
                f"same clips; leaving the {of} out makes a difference of {signed(row.difference)} "
                f"({signed(row.low)} to {signed(row.high)}, positive: better)."
            )
    return text


def score_lines(summary: FoldedSummary, tasks: Mapping[str, Task], confidence: float) -> Iterator[str]:
    """The scores over all clips for the terminal, line by line."""
    width = max(map(len, summary.runs)) + 2
    yield (
        f"\nScores of the corpus {summary.corpus.name!r} over {len(summary.folds)} folds ({kind_of(summary)})"
        + (": synthetic voices, so that they say nothing about people" if summary.corpus.synthetic else "")
    )
    yield (
        f"All clips: mean over seeds ± sd, [{confidence:.0%} interval over speakers and seeds]; "
        "mean of folds ± sd over folds"
    )
    for task in tasks:
        if task in summary.runs[NAIVE].tasks:
            table = score_table(summary, task, confidence)
            metric = METRICS[summary.runs[NAIVE].tasks[task].score]
            yield f"\n{task}, {metric.label} ({metric.better} is better)"
            for run, value, interval, _, mean, _ in table.rows:
                yield f"  {run:{width}}{value:22}[{interval}]    {mean}"
    pairs = [row for row in summary.comparisons if row.contrast == "runs" and row.p_corrected is not None]
    if pairs:
        yield "\nEach run against the first, on all clips (positive: better); p is corrected by Holm's method"
    for row in pairs:
        what = f"{row.candidate} – {row.baseline}, {row.task}"
        interval = f"[{signed(row.low)}, {signed(row.high)}]"
        yield f"  {what:{2 * width + 12}}{signed(row.difference)} {interval}   {p_equals(row.p_corrected)}"
