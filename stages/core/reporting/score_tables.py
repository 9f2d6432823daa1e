"""The report's tables: recordings, scores, comparisons, cost, quarantine."""

from collections import Counter
from collections.abc import Sequence

from stages.core.metrics.metric import METRICS
from stages.core.reporting.numbers import ends, number, p_value, signed
from stages.core.reporting.results import Results
from stages.core.reporting.tables import Cell, Table
from stages.core.scoring.comparison import Comparison
from stages.core.scoring.run_scores import SPLITS, TaskScores, best_run

_SIDES = {  # what the two columns of a comparison are called
    "multi-task": ("Single-task", "Multi-task"),
    "training": ("Common", "Otherwise"),
    "fusion": ("Best member", "Fused"),
}


def corpus_table(results: Results) -> Table:
    """The paper's Table 1, with the values of the balanced column below."""
    split, names = results.split, ["train", "validation", "test", "total"]
    rows = [
        ["Duration (HH:MM:SS)", *(split[name]["duration"] for name in names)],
        ["Clips", *(f"{split[name]['clips']:,}" for name in names)],
        ["Speakers", *(f"{split[name]['speakers']:,}" for name in names)],
    ]
    for country in split["total"].get("countries", {}):
        counts = [split[name]["countries"].get(country, {"clips": 0})["clips"] for name in names]
        rows.append([f" clips, {country}", *(f"{count:,}" for count in counts)])
    caption = f"The splits of {results.corpus_name}; no speaker is in two of them."
    return Table("splits", caption, ["", "Train", "Validation", "Test", "All"], rows)


def quarantine_table(faults: Sequence[tuple[str, str]]) -> Table:
    """How many clips each stage could not use, and why; ``faults`` are pairs of stage and reason."""
    counts = sorted(Counter(faults).items())
    rows = [[stage, reason, f"{count:,}"] for (stage, reason), count in counts]
    return Table("quarantine", "Clips that a stage could not use.", ["Stage", "Reason", "Clips"], rows)


def score_table(
    name: str, caption: str, results: Results, runs: Sequence[str], paper_table: int | None
) -> Table:
    """The paper's Tables 2 and 3: a row per run, validation and test of each task, and what stands below it.

    The seed best on validation ± sd over seeds; the ensemble, which is the mean prediction of the seeds; the
    interval of each; the paper's own values. The best run on test of each task is strong, as in the paper.
    The naive predictor comes last.

    Args:
        name: of the table.
        caption: of the table.
        results: of all stages.
        runs: which of its runs.
        paper_table: the table of the paper whose values stand beside; None for no such values.
    """
    metrics, interval = results.metrics, f" {results.confidence:.0%} interval"
    columns = [(task, split) for task in metrics for split in SPLITS]
    best = {task: best_run(results.runs, runs, task, "test") for task in metrics}
    printed = {
        (row["features"], row["model"], row["task"]): row["paper"]
        for row in results.paper["rows"]
        if row["table"] == paper_table
    }
    rows: list[list[Cell | str]] = []
    for run in runs:
        scores = results.runs[run]
        found = [scores.task(task, split) for task, split in columns]
        cells = [
            Cell(_with_sd(of_task), split == "test" and best[task] == run)
            for of_task, (task, split) in zip(found, columns, strict=True)
        ]
        ensembles = [of_task.ensemble if of_task else None for of_task in found]
        rows.append([run, *cells])
        rows.append([interval, *map(ends, found)])
        rows.append(
            [" ensemble of the seeds", *(number(found.value if found else None) for found in ensembles)]
        )
        rows.append([interval, *map(ends, ensembles)])
        theirs = [printed.get((scores.features, scores.model, task)) for task, _ in columns]
        if any(theirs):
            pairs = zip(theirs, columns, strict=True)
            rows.append(
                [
                    " the paper",
                    *(f"{row[s]:.4f} ± {row[f'{s}_sd']:.4f}" if row else "–" for row, (_, s) in pairs),
                ]
            )
    naive = [results.summary.naive[split].get(task) for task, split in columns]
    rows.append(["naive predictor", *(number(score.value if score else None) for score in naive)])
    header = [f"{task.capitalize()} {METRICS[metrics[task]].label}, {split}" for task, split in columns]
    return Table(name, caption, ["", *header], rows)


def comparison_table(name: str, caption: str, rows: Sequence[Comparison]) -> Table:
    """Paired differences; those whose interval leaves out zero are strong.

    Args:
        name: of the table.
        caption: of the table.
        rows: of one contrast, with intervals.
    """
    cells: list[list[Cell | str]] = [
        [
            f"{row.candidate} against {row.baseline}",
            row.task,
            number(row.baseline_mean),
            number(row.candidate_mean),
            Cell(signed(row.difference), row.leaves_out_zero),
            f"{signed(row.low)} to {signed(row.high)}",
            p_value(row.p),
        ]
        for row in rows
    ]
    header = ["", "Task", *_SIDES[rows[0].contrast], "Difference", "Interval", "p"]
    return Table(name, caption, header, cells)


def cost_table(name: str, caption: str, results: Results) -> Table:
    """What a run costs: weights and multiply-adds of one seed, networks and epochs of all seeds."""
    rows = []
    for run, scores in results.runs.items():
        cost = scores.cost
        counts = [cost.parameters, cost.multiply_adds, cost.networks, cost.epochs]
        exvo = [number(scores.splits[split].exvo) for split in SPLITS]
        rows.append([run, *(f"{count:,}" for count in counts), *exvo])
    header = ["", "Weights", "Multiply-adds per clip", "Networks", "Epochs", "ExVo, validation", "ExVo, test"]
    return Table(name, caption, header, rows)


def _with_sd(scores: TaskScores | None) -> str:
    if scores is None or scores.value is None:
        return "–"
    return number(scores.value) + ("" if scores.sd is None else f" ± {scores.sd:.4f}")
