"""One page with the paper's tables and figures beside ours: ``python -m stages.report``.

Reads metrics/, plots/curves/, data/predictions/, the labels, the splits and the quarantine. Writes
plots/report.html (self-contained, opens from disk), plots/figures/*.png (300 dots an inch),
plots/tables.md and plots/tables.tex, and data/quarantine.csv (all clips that some stage could not use).
"""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

import pandas as pd

from stages.command import guarded
from stages.core.config.load import Parameters, load
from stages.core.figures.charts import save_png, svg
from stages.core.reporting import exhibits
from stages.core.reporting.exhibits import Exhibit
from stages.core.reporting.html import Section, figure, page, paragraph
from stages.core.reporting.sentences import (
    best_run,
    comparison_table,
    corpus_table,
    cost_table,
    finding,
    imbalance,
    quarantine_table,
    score_table,
    with_article,
)
from stages.core.reporting.tables import Table
from stages.core.runtime.console import say
from stages.core.runtime.files import read_json, write_csv, write_text
from stages.core.runtime.tables import read_table
from stages.core.scoring import paper

PLOTS = Path("plots")
ORDER = (
    "splits",
    "quarantine",
    "single",
    "multi",
    "joint",
    "own",
    "recipes",
    "cost",
)  # of tables on the page
FEW_SPEAKERS = 20  # below it percentile intervals are markedly too narrow
Json = Mapping[str, Any]


def main() -> None:
    """Run the stage."""
    parameters = load()
    names = ("corpus", "split", "details", "comparison", "paper")
    metrics = {name: read_json(Path(f"metrics/{name}.json")) for name in names}
    metrics["details"]["runs"] = in_order(metrics["details"]["runs"], parameters)
    faults = gather_quarantine()
    tables = tables_of(parameters, metrics, faults)
    curves = pd.concat(
        pd.read_csv(f"plots/curves/{run}.csv").assign(run=run) for run in metrics["details"]["runs"]
    )
    shown = exhibits_of(parameters, metrics, curves)
    sections = sections_of(parameters, metrics, tables, shown, curves)
    write_figures(list(shown.values()))
    write_text(PLOTS / "tables.md", "\n".join(table.markdown() for table in tables.values()))
    write_text(PLOTS / "tables.tex", "\n".join(table.latex() for table in tables.values()))
    write_text(PLOTS / "report.html", page(*opening_of(metrics), sections, closing_of()))
    say(f"plots/report.html: {len(tables)} tables, {len(shown)} figures")


def in_order(runs: Json, parameters: Parameters) -> Json:
    """Runs and their tasks in the order of params.yaml; JSON has them sorted by name."""
    for run in runs.values():
        for split in run["splits"].values():
            split["tasks"] = {
                name: split["tasks"][name] for name in parameters.tasks if name in split["tasks"]
            }
    return {run: runs[run] for run in parameters.runs}


def gather_quarantine() -> list[tuple[str, str]]:
    """Join the stages' quarantine files into data/quarantine.csv; stage and reason of each clip."""
    rows: list[list[str]] = []
    header: list[str] = []
    for path in sorted(Path("data/quarantine").glob("*.csv")):
        header, *found = csv.reader(io.StringIO(path.read_text(encoding="utf-8"), newline=""))
        rows += found
    write_csv(Path("data/quarantine.csv"), header, sorted(rows))
    return [(stage, reason) for _, stage, reason, _ in rows]


def tables_of(
    parameters: Parameters, metrics: Mapping[str, Any], faults: Sequence[tuple[str, str]]
) -> dict[str, Table]:
    """All tables by name, in the order of the page."""
    details, corpus = metrics["details"], metrics["corpus"]
    confidence = parameters.evaluate.confidence
    printed = {
        number: [row for row in metrics["paper"]["rows"] if row["table"] == number] for number in (2, 3)
    }
    note = "" if metrics["paper"]["same_corpus"] else " The paper's values are of another corpus, HUME-VB."
    common = [run for run in details["runs"] if parameters.recipe(run) == parameters.train]
    single = [run for run in common if not parameters.architecture(run).joint]
    multi = [run for run in common if run not in single]
    own = [run for run in details["runs"] if run not in common]
    of = f"of {with_article(corpus)}"
    tables = [corpus_table(corpus, metrics["split"])]
    for name, caption, runs, rows in (
        ("single", f"Scores {of}, single-task networks.{note}", single, printed[2]),
        ("multi", f"Scores {of}, multi-task networks.{note}", multi, printed[3]),
        ("own", f"Scores {of}, runs with a recipe of their own.", own, []),
    ):
        if runs:
            tables.append(score_table(name, caption, details, runs, rows, confidence))
    for name, caption, rows, first, second in (
        (
            "joint",
            "Multi-task against single-task networks",
            metrics["comparison"],
            "single",
            "multi",
        ),
        (
            "recipes",
            "Recipes of their own against the common one",
            details["recipes"],
            "common",
            "own",
        ),
    ):
        shown = on_test(rows)
        if shown:
            ending = f", test split {of}: means over seeds, positive differences are better."
            tables.append(comparison_table(name, caption + ending, shown, first, second))
    caption = f"What the runs cost, and their joint ExVo score {of}."
    tables.append(cost_table("cost", caption, details))
    if faults:
        tables.append(quarantine_table(faults))
    ordered = sorted(tables, key=lambda table: ORDER.index(table.name))
    return {table.name: replace(table, number=place) for place, table in enumerate(ordered, 1)}


def on_test(rows: Sequence[Json]) -> list[Json]:
    """The comparisons on the test split that have an interval."""
    return [row for row in rows if row["split"] == "test" and row["low"] is not None]


def exhibits_of(
    parameters: Parameters, metrics: Mapping[str, Any], curves: pd.DataFrame
) -> dict[str, Exhibit]:
    """All figures by name; ``curves`` are those of training."""
    details = metrics["details"]
    joint, own = on_test(metrics["comparison"]), on_test(details["recipes"])
    pairs = list(dict.fromkeys((row["single"], row["multi"]) for row in metrics["comparison"]))
    labels = read_table(Path("data/recordings.parquet")).merge(
        read_table(Path("data/splits.parquet")), on="clip_id", validate="one_to_one"
    )
    rating = next((name for name, task in parameters.tasks.items() if len(task.columns) >= 3), None)
    run = rating and best_run(details, list(details["runs"]), rating, "validation")
    maps = (
        exhibits.emotion_map(
            labels, read_table(Path(f"data/predictions/{run}.parquet")), parameters.tasks, run
        )
        if run
        else ()
    )
    found = chain(
        exhibits.differences(joint, "single", "multi", "multi-task against single-task networks", "joint"),
        exhibits.differences(own, "common", "own", "recipes of their own against the common one", "recipes"),
        maps,
        exhibits.columns(details, pairs),
        exhibits.confusions(details, pairs, with_article(metrics["corpus"])),
        exhibits.groups(details, pairs),
        [exhibits.learning_curves(curves, details), exhibits.cost(details)],
    )
    return {exhibit.name: exhibit for exhibit in found}


def sections_of(
    parameters: Parameters,
    metrics: Mapping[str, Any],
    tables: Mapping[str, Table],
    shown: Mapping[str, Exhibit],
    curves: pd.DataFrame,
) -> list[Section]:
    """The page's sections: sentences, tables, figures; a section with nothing to show is left out."""
    numbers = {name: place for place, name in enumerate(shown, 1)}

    def blocks(*names: str) -> list[str]:
        return [tables[name].html() for name in names if name in tables]

    def figures(*beginnings: str) -> list[str]:
        chosen = [exhibit for name, exhibit in shown.items() if name.split("-")[0] in beginnings]
        return [
            figure(svg(e.figure), f"Figure {numbers[e.name]}. {e.caption}", e.alternative) for e in chosen
        ]

    def is_common(run: str) -> bool:
        return parameters.recipe(run) == parameters.train

    joint = on_test(metrics["comparison"])
    own = [row for row in joint if not is_common(row["single"])]
    weighed = [row for row in joint if row not in own and not is_common(row["multi"])]
    plain = [row for row in joint if row not in own and row not in weighed]

    def findings(rows: Sequence[Json], opening: str = "") -> list[str]:
        by_task = {row["task"]: [other for other in rows if other["task"] == row["task"]] for row in rows}
        return [
            paragraph(opening + finding(task, rows, parameters.evaluate.confidence))
            for task, rows in by_task.items()
        ]

    def shares() -> list[str]:
        """What the tasks contribute to the loss of the joint networks of the common recipe."""
        runs = [run for run in parameters.runs if parameters.architecture(run).joint and is_common(run)]
        rows = curves[curves["run"].isin(runs) & (curves["split"] == "train") & (curves["task"] != "total")]
        learnt = rows.groupby("run")["task"].transform("nunique")
        means = rows[learnt == learnt.max()].groupby("task", sort=False)["share"].mean()
        equal = parameters.train.loss_weighting == "equal" and means.notna().all()
        return [paragraph(imbalance(means.to_dict()))] if equal and len(means) > 1 else []

    misprints = [paragraph(sentence) for sentence in paper.MISPRINTS]
    content = {
        "The recordings": blocks("splits", "quarantine"),
        "Single-task networks": blocks("single"),
        "Multi-task networks": blocks("multi"),
        "Does joint learning help?": [
            *findings(plain),
            *shares(),
            *findings(weighed, "With losses weighed or scaled otherwise, "),
            *figures("joint"),
            *blocks("joint"),
        ],
        "Recipes of their own": [
            *blocks("own"),
            *findings(own),
            *figures("recipes"),
            *blocks("recipes"),
        ],
        "What is heard": figures("map", "columns", "confusion"),
        "For whom it works": figures("groups"),
        "Training and cost": [*figures("curves", "cost"), *blocks("cost")],
        "Misprints in the paper": misprints,
    }
    return [Section(title, parts) for title, parts in content.items() if parts]


def opening_of(metrics: Mapping[str, Any]) -> tuple[str, list[str]]:
    """Title and first paragraphs."""
    corpus, total = metrics["corpus"], metrics["split"]["total"]
    clips = corpus["clips"]
    lost = clips["listed"] - total["clips"]
    first = (
        f"{total['clips']:,} clips of {total['speakers']:,} speakers, {total['seconds'] / 3600:.2f} hours; "
        f"{clips['listed']:,} listed, {lost:,} not usable before training."
    )
    blocks = [paragraph(first, "lead")]
    if corpus["synthetic"]:
        sentence = (
            "This corpus is synthetic: its voices are computed, not recorded. "
            "Its scores show that the pipeline works; they say nothing about people."
        )
        blocks.insert(0, paragraph(sentence, "notice"))
    few = metrics["split"]["test"]["speakers"]
    if few < FEW_SPEAKERS:
        sentence = (
            f"Only {few} speakers are in test. Intervals and p-values of so few are too sure of themselves."
        )
        blocks.append(paragraph(sentence))
    return f"State and trait measurement from nonverbal vocalizations: {corpus['name']}", blocks


def closing_of() -> str:
    """What the page reproduces."""
    return (
        "After Baird, Tzirakis, Brooks, Kim, Opara, Gregory, Metrick, Boseck, Keltner and Cowen (2022), "
        "State & Trait Measurement from Nonverbal Vocalizations: A Multi-Task Joint Learning Approach. "
        "Values are of the seed best on validation, ± the standard deviation over seeds; the ensemble is the "
        "mean prediction of the seeds; means over seeds are means of their scores. Intervals are by "
        "bootstrap over speakers; with n replicates no p-value falls below 2 / (n + 1). The best run on test "
        "is bold, and so are differences whose interval leaves out zero."
    )


def write_figures(shown: Sequence[Exhibit]) -> None:
    """Write plots/figures; pictures of figures that are no longer shown go."""
    paths = {PLOTS / "figures" / f"{exhibit.name}.png": exhibit.figure for exhibit in shown}
    for path, drawn in paths.items():
        save_png(drawn, path)
    for path in set((PLOTS / "figures").glob("*.png")) - set(paths):
        path.unlink()


if __name__ == "__main__":
    guarded(main)
