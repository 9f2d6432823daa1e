"""One page with the paper's tables and figures beside ours: ``python -m stages.report``.

Reads metrics/, plots/curves/, data/predictions/, the labels, the splits and the quarantine. Writes
plots/report.html (self-contained, opens from disk), plots/figures/*.png (300 dots per inch),
plots/tables.md and plots/tables.tex, plots/learning.csv and plots/scores.csv for ``dvc plots``, and
data/quarantine.csv (all clips that some stage could not use).
"""

import csv
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import pandas as pd
import yaml

from stages.command import guarded
from stages.core.config.load import FILE, load
from stages.core.dataset.join import join_clips
from stages.core.figures.charts import save_png
from stages.core.reporting.report import build
from stages.core.reporting.report_figures import ReportFigure
from stages.core.reporting.results import Results
from stages.core.runtime.console import say
from stages.core.runtime.files import read_json, write_csv, write_text
from stages.core.runtime.tables import read_table
from stages.core.scoring.bill import BillRow
from stages.core.scoring.comparison import Comparison
from stages.core.scoring.predictions import RunPredictions
from stages.core.scoring.run_groups import RunGroups
from stages.core.scoring.run_scores import read_record
from stages.core.scoring.summary import Summary

METRICS, PLOTS = Path("metrics"), Path("plots")
SECTIONS = ("tasks", "train", "recipes", "models", "runs", "evaluate")  # of params.yaml, shown on the page


def main() -> None:
    """Run the stage."""
    parameters = load()
    results = Results(
        corpus=read_json(METRICS / "corpus.json"),
        split=read_json(METRICS / "split.json"),
        summary=read_record(Summary, METRICS / "details.json").ordered(parameters.runs, parameters.tasks),
        comparisons=read_record(list[Comparison], METRICS / "comparison.json"),
        bill=read_record(list[BillRow], METRICS / "bill.json"),
        paper=read_json(METRICS / "paper.json"),
        quarantined=gather_quarantine(),
        groups=RunGroups(parameters),
    )
    labels = join_clips(read_table(Path("data/recordings.parquet")), read_table(Path("data/splits.parquet")))
    curves = pd.concat(pd.read_csv(PLOTS / f"curves/{run}.csv").assign(run=run) for run in results.runs)
    report = build(results, labels, curves, predictions_of)
    write_text(PLOTS / "tables.md", "\n".join(table.markdown() for table in report.tables.values()))
    write_text(PLOTS / "tables.tex", "\n".join(table.latex() for table in report.tables.values()))
    write_text(PLOTS / "report.html", report.html(parameters_text()))
    write_figures(report.figures.values())
    write_text(PLOTS / "learning.csv", report.figures["curves"].csv())
    write_csv(PLOTS / "scores.csv", ["task", "run", "value", "low", "high"], test_scores(results))
    say(f"plots/report.html: {len(report.tables)} tables, {len(report.figures)} figures")


@cache
def predictions_of(run: str) -> RunPredictions:
    """The predictions of a run."""
    return RunPredictions.of(read_table(Path(f"data/predictions/{run}.parquet")))


def parameters_text() -> str:
    """The sections of params.yaml that decide results."""
    content = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    shown = {name: content[name] for name in SECTIONS if name in content}
    return yaml.safe_dump(shown, sort_keys=False, allow_unicode=True, width=100)


def test_scores(results: Results) -> list[tuple[str, str, float | None, float | None, float | None]]:
    """Task, run, score and interval on test, for ``dvc plots``."""
    return [
        (task, run, found.value, found.low, found.high)
        for task in results.tasks
        for run, scores in results.runs.items()
        if (found := scores.task(task, "test"))
    ]


def gather_quarantine() -> list[tuple[str, str]]:
    """Join the stages' quarantine files into data/quarantine.csv; stage and reason of each clip."""
    rows: list[list[str]] = []
    header: list[str] = []
    for path in sorted(Path("data/quarantine").glob("*.csv")):
        with path.open(encoding="utf-8", newline="") as file:
            header, *found = csv.reader(file)
        rows += found
    write_csv(Path("data/quarantine.csv"), header, sorted(rows))
    return [(stage, reason) for _, stage, reason, _ in rows]


def write_figures(shown: Iterable[ReportFigure]) -> None:
    """Write plots/figures, and delete the pictures of figures that are no longer shown."""
    paths = {PLOTS / "figures" / f"{item.name}.png": item.figure for item in shown}
    for path, drawn in paths.items():
        save_png(drawn, path)
    for path in set((PLOTS / "figures").glob("*.png")) - set(paths):
        path.unlink()


if __name__ == "__main__":
    guarded(main)
