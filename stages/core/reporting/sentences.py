"""The report's tables and sentences, from the figures in metrics/."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from stages.core.reporting.tables import Cell, Table

Json = Mapping[str, Any]
SPLITS = ("validation", "test")
UNITS = {"ccc": "CCC", "uar": "UAR", "mae": "years"}


def corpus_table(corpus: Json, split: Json) -> Table:
    """The paper's Table 1, with the values of the balanced column below."""
    names = ["train", "validation", "test", "total"]
    rows = [
        ["Duration (HH:MM:SS)", *(split[name]["duration"] for name in names)],
        ["Clips", *(f"{split[name]['clips']:,}" for name in names)],
        ["Speakers", *(f"{split[name]['speakers']:,}" for name in names)],
    ]
    for country in split["total"].get("countries", {}):
        counts = [split[name]["countries"].get(country, {"clips": 0})["clips"] for name in names]
        rows.append([f" clips, {country}", *(f"{count:,}" for count in counts)])
    caption = f"The splits of {with_article(corpus)}; no speaker is in two of them."
    return Table("splits", caption, ["", "Train", "Validation", "Test", "All"], rows)


def with_article(corpus: Json) -> str:
    """What sentences call the corpus of metrics/corpus.json.

    >>> with_article({"name": "EmoGator", "synthetic": False})
    'EmoGator'
    """
    return f"the {corpus['name']}" if corpus["synthetic"] else corpus["name"]


def quarantine_table(faults: Sequence[tuple[str, str]]) -> Table:
    """How many clips each stage could not use, and why; ``faults`` are pairs of stage and reason."""
    counts = sorted(Counter(faults).items())
    rows = [[stage, reason, f"{count:,}"] for (stage, reason), count in counts]
    return Table("quarantine", "Clips that a stage could not use.", ["Stage", "Reason", "Clips"], rows)


def score_table(
    name: str, caption: str, details: Json, runs: Sequence[str], printed: Sequence[Json], confidence: float
) -> Table:
    """The paper's Tables 2 and 3: a row a run, validation and test of each task, and what stands below it.

    The seed best on validation ± sd over seeds; the ensemble, which is the mean prediction of the seeds; the
    interval of each; the paper's own values. The best run on test of each task is strong, as in the paper.
    The naive predictor comes last.

    Args:
        name: of the table.
        caption: of the table.
        details: metrics/details.json.
        runs: which of its runs.
        printed: rows of metrics/paper.json, or none.
        confidence: of the intervals.
    """
    tasks = tasks_of(details)
    columns = [(task, split) for task in tasks for split in SPLITS]
    best = {task: best_run(details, runs, task, "test") for task in tasks}
    paper = {(row["features"], row["model"], row["task"]): row["paper"] for row in printed}
    rows: list[list[Cell | str]] = []
    for run in runs:
        content = details["runs"][run]
        figures = [content["splits"][split]["tasks"].get(task) for task, split in columns]
        theirs = [paper.get((content["features"], content["model"], task)) for task, _ in columns]
        cells = [
            Cell(_with_sd(each), split == "test" and best[task] == run)
            for each, (task, split) in zip(figures, columns, strict=True)
        ]
        rows.append([run, *cells])
        rows.append([f" {confidence:.0%} interval", *map(_interval, figures)])
        together = [each and each["ensemble"] for each in figures]
        rows.append([" ensemble of the seeds", *(_number(each and each["value"]) for each in together)])
        rows.append([f" {confidence:.0%} interval", *map(_interval, together)])
        if any(theirs):
            pairs = zip(theirs, columns, strict=True)
            rows.append(
                [
                    " the paper",
                    *(f"{row[s]:.4f} ± {row[f'{s}_sd']:.4f}" if row else "–" for row, (_, s) in pairs),
                ]
            )
    naive = [details["naive"][split].get(task) for task, split in columns]
    rows.append(["naive predictor", *(_number(each and each["value"]) for each in naive)])
    header = [f"{task.capitalize()} {tasks[task].upper()}, {split}" for task, split in columns]
    return Table(name, caption, ["", *header], rows)


def tasks_of(details: Json) -> dict[str, str]:
    """Task → score, in the order of the first run."""
    return {
        task: figures["score"]
        for run in details["runs"].values()
        for split in SPLITS
        for task, figures in run["splits"][split]["tasks"].items()
    }


def best_run(details: Json, runs: Sequence[str], task: str, split: str) -> str | None:
    """The run with the best score of a task; None if no run has one."""
    known = {}
    for run in runs:
        figures = details["runs"][run]["splits"][split]["tasks"].get(task)
        if figures and figures["value"] is not None:
            known[run] = -figures["value"] if figures["score"] == "mae" else figures["value"]
    return max(known, key=known.__getitem__) if known else None


def finding(task: str, rows: Sequence[Json], confidence: float) -> str:
    """One sentence on joint learning for a task, from comparisons on one split that have an interval.

    >>> row = {"score": "uar", "single": "a-stl", "multi": "a-mtl1", "difference": -0.05, "p": 0.01}
    >>> finding("country", [{**row, "low": -0.08, "high": -0.02}], 0.95)
    'country: joint learning does worse; a-mtl1 against a-stl differs by −0.050 UAR (95% interval −0.080 to \
−0.020, p = 0.010).'
    """
    better = sum(row["low"] > 0 for row in rows)
    worse = sum(row["high"] < 0 for row in rows)
    of = f" of {len(rows)} comparisons"
    (most, adverb), (least, other) = sorted([(better, "better"), (worse, "worse")], reverse=True)
    if most:
        verdict = f"does {adverb}" + (
            f" in {most}{of} and {other} in {least or 'none'}" if len(rows) > 1 else ""
        )
    else:
        verdict = "makes no measurable difference" + (f" in any{of}" if len(rows) > 1 else "")
    median = sorted(rows, key=lambda row: row["difference"])[(len(rows) - 1) // 2]
    pair = f"{median['multi']} against {median['single']}"
    gain = "" if median["score"] != "mae" else " (positive: fewer)"
    return (
        f"{task}: joint learning {verdict}; "
        f"{f'the median one, {pair},' if len(rows) > 1 else pair} differs by "
        f"{signed(median['difference'])} {UNITS[median['score']]}{gain} ({confidence:.0%} interval "
        f"{signed(median['low'])} to {signed(median['high'])}, p = {median['p']:.3f})."
    )


def imbalance(shares: Mapping[str, float]) -> str:
    """One sentence on what the tasks contribute to the total loss.

    Args:
        shares: task → its share of the total training loss, mean over epochs and networks.

    >>> imbalance({"emotion": 0.004, "country": 0.05, "age": 0.946})
    'Equal weights are not equal shares: age makes up 94.6% of the total training loss, country 5.0%, \
emotion 0.4%.'
    """
    ordered = sorted(shares.items(), key=lambda share: -share[1])
    (first, most), *others = [(task, f"{share:.1%}") for task, share in ordered]
    rest = ", ".join(f"{task} {share}" for task, share in others)
    return f"Equal weights are not equal shares: {first} makes up {most} of the total training loss, {rest}."


def signed(value: float) -> str:
    """A difference with its sign, the minus a real one.

    >>> signed(-0.1234)
    '−0.123'
    """
    return f"{value:+z.3f}".replace("-", "−")


def comparison_table(name: str, caption: str, rows: Sequence[Json], first: str, second: str) -> Table:
    """Paired differences; those whose interval leaves out zero are strong.

    Args:
        name: of the table.
        caption: of the table.
        rows: as in metrics/comparison.json, with intervals.
        first: key of the run that is compared with.
        second: key of the run that is compared.
    """
    cells: list[list[Cell | str]] = [
        [
            f"{row[second]} against {row[first]}",
            row["task"],
            _number(row[f"{first}_value"]),
            _number(row[f"{second}_value"]),
            Cell(signed(row["difference"]), row["low"] > 0 or row["high"] < 0),
            f"{signed(row['low'])} to {signed(row['high'])}",
            f"{row['p']:.3f}",
        ]
        for row in rows
    ]
    header = ["", "Task", first.capitalize(), second.capitalize(), "Difference", "Interval", "p"]
    return Table(name, caption, header, cells)


def cost_table(name: str, caption: str, details: Json) -> Table:
    """What a run costs: weights and multiply-adds of one seed, networks and epochs of all seeds."""
    rows = []
    for run, content in details["runs"].items():
        cost = content["cost"]
        figures = [cost["parameters"], cost["multiply_adds"], cost["networks"], cost["epochs"]]
        joint = [_number(content["splits"][split]["joint"]) for split in SPLITS]
        rows.append([run, *(f"{figure:,}" for figure in figures), *joint])
    header = ["", "Weights", "Multiply-adds a clip", "Networks", "Epochs", "Joint, validation", "Joint, test"]
    return Table(name, caption, header, rows)


def _number(value: float | None) -> str:
    return "–" if value is None else _shown(value, 4)


def _with_sd(figures: Json | None) -> str:
    if not figures or figures["value"] is None:
        return "–"
    return _shown(figures["value"], 4) + ("" if figures["sd"] is None else f" ± {figures['sd']:.4f}")


def _interval(figures: Json | None) -> str:
    if not figures or figures["low"] is None:
        return "–"
    return f"{_shown(figures['low'], 3)} to {_shown(figures['high'], 3)}"


def _shown(value: float, places: int) -> str:
    return f"{value:z.{places}f}".replace("-", "−")
