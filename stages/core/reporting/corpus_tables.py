"""The report's tables of what was scored: recordings, quarantine, models, cost."""

from collections import Counter
from itertools import groupby

from stages.core.reporting.numbers import number
from stages.core.reporting.results import Results
from stages.core.reporting.tables import Row, Table
from stages.core.scoring.run_scores import SPLITS


def corpus_table(results: Results) -> Table:
    """The paper's Table 1, with the values of the balanced column below."""
    split, names = results.split, ["train", "validation", "test", "total"]
    rows: list[Row] = [
        ["Duration (HH:MM:SS)", *(split[name]["duration"] for name in names)],
        ["Clips", *(f"{split[name]['clips']:,}" for name in names)],
        ["Speakers", *(f"{split[name]['speakers']:,}" for name in names)],
    ]
    for column, groups in split["total"].get("groups", {}).items():
        rows.append([f"Clips by {column}"])
        for group in groups:
            counts = [split[name]["groups"][column].get(group, {"clips": 0})["clips"] for name in names]
            rows.append([group, *(f"{count:,}" for count in counts)])
    caption = f"The splits of {results.corpus_name}; no speaker is in two of them."
    return Table("splits", caption, ["", "Train", "Validation", "Test", "All"], rows)


def quarantine_table(results: Results) -> Table | None:
    """How many clips each stage could not use, and why."""
    counts = sorted(Counter(results.quarantined).items())
    rows = [[stage, reason, f"{count:,}"] for (stage, reason), count in counts]
    caption = "Clips that a stage could not use."
    return Table("quarantine", caption, ["Stage", "Reason", "Clips"], rows) if rows else None


def model_table(results: Results) -> Table:
    """What the models are: their networks and how their training differs."""
    parameters = results.groups.parameters
    rows: list[Row] = []
    for name in dict.fromkeys(run.model for run in results.runs.values()):
        run = next(run for run, scores in results.runs.items() if scores.model == name)
        architecture = parameters.architecture(run)
        rows.append(
            [
                name,
                "one for all tasks" if architecture.joint else "one per task",
                ", ".join(map(str, architecture.trunk)),
                ", ".join(map(str, architecture.head)) or "–",
                results.groups.changes(run) or "–",
            ]
        )
    caption = (
        "The models: networks per seed, widths of the layers (shared by all tasks if there is one network), "
        "widths of the layers of each task, and training options that differ from the common ones."
    )
    return Table("models", caption, ["Model", "Networks", "Layers", "Per task", "Training"], rows)


def cost_table(results: Results) -> Table:
    """What a run costs: weights and multiply-adds of one seed, networks and epochs of all seeds."""
    exvo = any(scores.splits[split].exvo is not None for scores in results.runs.values() for split in SPLITS)
    rows = []
    for run, scores in results.runs.items():
        cost = scores.cost
        counts = [cost.parameters, cost.multiply_adds, cost.networks, cost.epochs]
        together = [number(scores.splits[split].exvo) for split in SPLITS] if exvo else []
        rows.append([run, *(f"{count:,}" for count in counts), *together])
    caption = (
        "What the runs cost: weights and multiply-adds per clip of one seed, networks, epochs of all seeds."
    )
    header = ["Run", "Weights", "Multiply-adds", "Networks", "Epochs"]
    if exvo:
        header += ["ExVo, validation", "ExVo, test"]
        caption += (
            " ExVo: the joint score of the ExVo 2022 competition, the harmonic mean of CCC, UAR and 1 / MAE."
        )
    return Table("cost", caption, header, rows)


def bill_table(results: Results) -> Table | None:
    """What multi-task and single-task networks cost until both reach a score; None without a pair."""
    rows: list[Row] = []
    for pair, of_pair in groupby(results.bill, lambda row: (row.candidate, row.baseline)):
        rows.append([" against ".join(pair)])
        rows += [
            [
                row.task,
                number(row.target),
                *(
                    f"{cost.epochs:.1f}" + ("" if cost.epochs_sd is None else f" ± {cost.epochs_sd:.1f}")
                    for cost in (row.baseline_cost, row.candidate_cost)
                ),
                *(
                    f"{cost.multiply_adds / 1e9:.1f}"
                    + ("" if cost.multiply_adds_sd is None else f" ± {cost.multiply_adds_sd / 1e9:.1f}")
                    for cost in (row.baseline_cost, row.candidate_cost)
                ),
                f"{row.ratio:.2f}",
            ]
            for row in of_pair
        ]
    caption = (
        "The bill of multi-task against single-task networks: epochs and multiply-adds of the training (10⁹, "
        "forward and backward) until a score is reached on validation, mean ± standard deviation over seeds."
    )
    notes = (
        "The score is the best that every seed of both runs reaches. For all tasks, the costs of the "
        "single-task networks are added up, and the joint network is trained until each task has reached its "
        "score. Ratio: multiply-adds of the joint network over those of the single-task networks. Processor "
        "seconds differ from machine to machine; `python -m stages.scores` prints them."
    )
    header = ["Task", "Score", "Epochs, single", "Epochs, joint", "10⁹, single", "10⁹, joint", "Ratio"]
    return Table("bill", caption, header, rows, notes) if rows else None
