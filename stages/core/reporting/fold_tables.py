"""Tables of a sweep over folds: scores over all clips, by fold, comparisons, groups that were left out."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from stages.core.config.tasks import Task
from stages.core.metrics.metric import METRICS
from stages.core.reporting.numbers import capitalized, ends, number, p_value, signed, with_ends, with_sd
from stages.core.reporting.score_tables import DAGGER, difference_table
from stages.core.reporting.tables import Row, Table
from stages.core.scoring.comparison import Comparison
from stages.core.scoring.folds import FoldedSummary
from stages.core.scoring.run_groups import NAIVE


@dataclass(frozen=True)
class Beside:
    """Groups that training does not know, beside the same clips in folds by speaker.

    Attributes:
        folds: how many those by speaker are.
        rows: run → group, or all → comparisons; the baseline knows the group, the candidate does not.
    """

    folds: int
    rows: Mapping[str, Mapping[str, Sequence[Comparison]]]


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
        f"{DAGGER}"
    )
    caption = f"{capitalized(task)} of {summary.corpus.name}, {metric.label} ({metric.better} is better)."
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
        f"{capitalized(task)} by fold{left_out}: {metric.label} ({metric.better} is better), with "
        f"{confidence:.0%} interval over speakers and seeds."
    )
    return Table(f"folds-{task}", caption, [first, "Clips", "Speakers", *runs], rows)


def comparison_table(summary: FoldedSummary, tasks: Iterable[str], confidence: float) -> Table:
    """Each run against the first, paired by clip and speaker over all folds."""
    found = [row for row in summary.comparisons if row.contrast == "runs" and row.low is not None]
    caption = f"Each run against the first, on all clips of {summary.corpus.name}."
    return difference_table("comparison", caption, found, tasks, confidence)


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


def beats_naive(summary: FoldedSummary, run: str, task: str) -> bool:
    """Whether the interval of a run's gain over the naive predictor, on the same clips, lies above zero."""
    return any(
        row.low is not None and row.low > 0
        for row in summary.comparisons
        if (row.contrast, row.candidate, row.task) == ("naive", run, task)
    )
