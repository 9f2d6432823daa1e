"""The page of a sweep over folds: scores over all clips, by fold, comparisons, groups that were left out."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from stages.core.config.data import SPEAKERS
from stages.core.config.tasks import Task
from stages.core.figures import charts
from stages.core.figures.charts import Interval, svg
from stages.core.metrics.metric import METRICS
from stages.core.reporting.html import Section, figure, page, paragraph
from stages.core.reporting.numbers import ends, number, p_equals, p_value, signed, with_ends, with_sd
from stages.core.reporting.report_figures import ReportFigure
from stages.core.reporting.sentences import CLOSING, SYNTHETIC
from stages.core.reporting.tables import Cell, Row, Table, download
from stages.core.scoring.comparison import Comparison
from stages.core.scoring.folds import FoldedSummary
from stages.core.scoring.run_groups import NAIVE
from stages.core.scoring.run_scores import PartScore

MANY = 30
"""Folds of which none is shown apart: a person's own score says little, and is nobody else's business."""


@dataclass(frozen=True)
class Beside:
    """Groups that training does not know, beside the same clips in folds by speaker.

    Attributes:
        folds: how many those by speaker are.
        rows: run → group, or all → comparisons; the baseline knows the group, the candidate does not.
    """

    folds: int
    rows: Mapping[str, Mapping[str, Sequence[Comparison]]]


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
                f"{kind_of(summary)}. Each clip is tested once, by networks that know nobody of its fold; "
                "the next fold chooses their epochs, the others train them.",
                "lead",
            ),
            *map(paragraph, self.sentences),
            *(paragraph(f"{note[0].upper()}{note[1:]}.") for note in summary.notes),
        ]
        if summary.corpus.synthetic:
            opening.insert(0, paragraph(SYNTHETIC, "notice"))
        content = {
            "All clips": self._tables("scores"),
            "By fold": [*self._figures(), *self._tables("folds")],
            "Which run is better?": self._tables("comparison"),
            "Beside folds by speaker": self._tables("beside"),
        }
        sections = [Section(title, blocks) for title, blocks in content.items() if blocks]
        return page(f"Folds: {summary.corpus.name}", opening, sections, [paragraph(CLOSING)])

    def _tables(self, kind: str) -> list[str]:
        return [table.html() for table in self.tables if table.name.startswith(kind)]

    def _figures(self) -> list[str]:
        return [
            figure(
                svg(shown.figure),
                f"Figure {place}. {shown.caption}",
                shown.alternative,
                download(shown.name, "csv", shown.csv()),
            )
            for place, shown in enumerate(self.figures, 1)
        ]


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


def score_table(summary: FoldedSummary, task: str, confidence: float) -> Table:
    """All runs by one task, over all clips."""
    metric = METRICS[summary.runs[NAIVE].tasks[task].score]
    rows: list[Row] = []
    for run, scores in summary.runs.items():
        if task not in scores.tasks:
            continue
        found = scores.tasks[task]
        of_folds = [part.value for part in scores.folds[task].values() if part.value is not None]
        mean, low, high = (float(f(of_folds)) for f in (np.mean, np.min, np.max)) if of_folds else (None,) * 3
        sd = float(np.std(of_folds, ddof=1)) if len(of_folds) > 1 else None
        better = run == NAIVE or beats_naive(summary, run, task)
        rows.append(
            [
                run,
                with_sd(found.value, found.sd) + ("" if better else " †"),
                ends(found.low, found.high),
                number(found.ensemble.value),
                with_sd(mean, sd),
                ends(low, high),
            ]
        )
    header = ["Run", "All clips", f"{confidence:.0%} interval", "Ensemble", "Mean of folds", "Range of folds"]
    notes = (
        f"{metric.label}: {metric.definition}. All clips: the predictions of all folds, scored at once; mean "
        "± standard deviation over seeds, interval over speakers and seeds. Ensemble: the mean prediction of "
        "the seeds. Mean of folds ± standard deviation over folds, and the lowest and the highest of them. "
        "† No better than the naive predictor: the interval of the gain over it reaches 0."
    )
    caption = f"{task.capitalize()} of {summary.corpus.name}, {metric.label} ({metric.better} is better)."
    return Table(f"scores-{task}", caption, header, rows, notes)


def fold_table(summary: FoldedSummary, task: str, confidence: float) -> Table:
    """The score of each fold: where groups are left out, of each group that training does not know."""
    runs = {run: scores for run, scores in summary.runs.items() if task in scores.tasks}
    metric = METRICS[summary.runs[NAIVE].tasks[task].score]
    rows = []
    for fold, size in summary.folds.items():
        cells = (with_ends(scores.folds[task].get(fold)) for scores in runs.values())
        rows.append([fold, f"{size.clips:,}", f"{size.speakers:,}", *cells])
    first = summary.of if summary.is_of_groups else "Fold"
    left_out = f", the {summary.of} of each row left out of training" if summary.is_of_groups else ""
    caption = (
        f"{task.capitalize()} by fold{left_out}: {metric.label} ({metric.better} is better), with "
        f"{confidence:.0%} interval over speakers and seeds."
    )
    return Table(f"folds-{task}", caption, [first, "Clips", "Speakers", *runs], rows)


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
        f"{task.capitalize()} on each of {len(summary.folds)} folds, {kind_of(summary)}, {what}.",
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


def comparison_table(summary: FoldedSummary, tasks: Mapping[str, Task], confidence: float) -> Table:
    """Each run against the first, paired by clip and speaker over all folds."""
    found = [row for row in summary.comparisons if row.contrast == "runs" and row.low is not None]
    rows: list[Row] = []
    for task in tasks:
        of_task = [row for row in found if row.task == task]
        rows += [[f"{task}, {METRICS[of_task[0].score].label}"]] if of_task else []
        rows += [_comparison_row(row, confidence) for row in of_task]
    notes = (
        "Means over seeds on all clips; positive differences are better. p: two-sided, by bootstrap over "
        f"speakers and seeds; p (Holm): corrected for the {len(found)} comparisons of this table. Bold: p "
        f"(Holm) at most {1 - confidence:.2g}."
    )
    header = [
        "Candidate against baseline",
        "Baseline",
        "Candidate",
        "Difference",
        "Interval",
        "p",
        "p (Holm)",
    ]
    caption = f"Each run against the first, on all clips of {summary.corpus.name}."
    return Table("comparison", caption, header, rows, notes, wide=["Baseline", "Candidate", "p"])


def _comparison_row(row: Comparison, confidence: float) -> list[Cell | str]:
    sure = row.p_corrected is not None and row.p_corrected <= 1 - confidence
    return [
        f"{row.candidate} against {row.baseline}",
        number(row.baseline_mean),
        number(row.candidate_mean),
        Cell(signed(row.difference), sure),
        f"{signed(row.low)} to {signed(row.high)}",
        p_value(row.p),
        p_value(row.p_corrected),
    ]


def beside_table(
    summary: FoldedSummary, beside: Beside, tasks: Mapping[str, Task], confidence: float
) -> Table:
    """The same clips, by networks whose training knows their group and by networks whose does not."""
    rows: list[Row] = []
    for task in tasks:
        for run, groups in beside.rows.items():
            found = {group: row for group, part in groups.items() for row in part if row.task == task}
            rows += [[f"{task}, {METRICS[tasks[task].score].label}, {run}"]] if found else []
            rows += [
                [
                    group,
                    number(row.baseline_mean),
                    number(row.candidate_mean),
                    signed(row.difference),
                    f"{signed(row.low)} to {signed(row.high)}",
                    p_value(row.p),
                ]
                for group, row in found.items()
            ]
    header = [summary.of, "Known", "Left out", "Difference", f"{confidence:.0%} interval", "p"]
    caption = (
        f"The same clips by networks that were trained on other speakers of their {summary.of} "
        f"({beside.folds} folds by speaker) and by networks that were trained on no one of it."
    )
    notes = (
        "Positive differences: better where it was left out. p is not corrected. Both are trained on all "
        f"folds but two, so that their training differs in size, too: {beside.folds - 2} of {beside.folds} "
        f"folds of equal size against {len(summary.folds) - 2} of {len(summary.folds)} groups."
    )
    return Table("beside", caption, header, rows, notes)


def across(summary: FoldedSummary, task: str, beside: Beside | None) -> str:
    """Whether a task is learnt across groups, by the first run that learns it, in one sentence or two."""
    metric = METRICS[summary.runs[NAIVE].tasks[task].score]
    run = next((run for run, scores in summary.runs.items() if run != NAIVE and task in scores.tasks), None)
    if run is None:
        return f"{task.capitalize()} is learnt by none of the runs."
    scores, naive = summary.runs[run], summary.runs[NAIVE]
    gains = [
        metric.gain(guess, part.value)
        for fold, part in scores.folds[task].items()
        if part.value is not None and (guess := naive.folds[task][fold].value) is not None
    ]
    found, of = scores.tasks[task], summary.of
    text = (
        f"{task.capitalize()} where training never heard the {of}: {run} has {metric.label} "
        f"{number(found.value)} ({ends(found.low, found.high)}), the naive predictor "
        f"{number(naive.tasks[task].value)}; {run} does better than it on {sum(gain > 0 for gain in gains)} "
        f"of {len(gains)}."
    )
    for row in beside.rows.get(run, {}).get("all", []) if beside else []:
        if row.task == task and row.low is not None:
            text += (
                f" Trained on other speakers of the same {of}, {run} has {number(row.baseline_mean)} on the "
                f"same clips; leaving the {of} out makes a difference of {signed(row.difference)} "
                f"({signed(row.low)} to {signed(row.high)}, positive: better)."
            )
    return text


def beats_naive(summary: FoldedSummary, run: str, task: str) -> bool:
    """Whether the interval of a run's gain over the naive predictor, on the same clips, lies above zero."""
    return any(
        row.low is not None and row.low > 0
        for row in summary.comparisons
        if (row.contrast, row.candidate, row.task) == ("naive", run, task)
    )


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
