"""Which acoustics a run hears: ``python -m stages.explain RUN``.

Reads data/models/RUN, its features, the labels, the splits, metrics/corpus.json and metrics/comparison.json.
Writes metrics/explain/RUN.json, plots/explain/RUN/index.html with its pictures (300 dots per inch) and
plots/explain/RUN-*.csv: families, features, what tasks share, gaps between groups. All is measured on the
test split.
"""

import argparse
from pathlib import Path

from stages.command import guarded, section
from stages.core.config.load import Parameters, load
from stages.core.dataset.join import join_clips
from stages.core.figures.charts import save_png
from stages.core.networks.model import Model
from stages.core.relevance.by_family import Relevance
from stages.core.relevance.by_feature import Feature
from stages.core.relevance.explaining import Corpus, explain
from stages.core.relevance.explanation import table_of
from stages.core.relevance.gaps import Gap
from stages.core.relevance.recovery import quantities_of
from stages.core.relevance.sharing import Shared
from stages.core.reporting.explanation import figures_of, page_of
from stages.core.runtime.console import say
from stages.core.runtime.files import read_json, whole_folder, write_csv, write_json, write_text
from stages.core.runtime.tables import read_features, read_table
from stages.core.scoring.comparison import Comparison
from stages.core.scoring.run_scores import read_record

EMBEDDED = Path("data/synthetic")
PLOTS = Path("plots/explain")


def main() -> None:
    """Run the stage."""
    parser = argparse.ArgumentParser(prog="python -m stages.explain", description=__doc__)
    parser.add_argument("run", help="a run of params.yaml, for example compare-stl")
    run = parser.parse_args().run
    parameters = load()
    options = parameters.explain_options(run)
    model, corpus = Model.load(Path("data/models") / run), corpus_of(run, parameters)
    with section(f"explain.{run}"):
        found = explain(run, model, corpus, options, parameters.evaluate, parameters.compute.workers)
    write_json(Path(f"metrics/explain/{run}.json"), found.metrics())
    write_csv(PLOTS / f"{run}-families.csv", *table_of(found.relevance, Relevance))
    write_csv(PLOTS / f"{run}-features.csv", *table_of(found.features, Feature))
    write_csv(PLOTS / f"{run}-shared.csv", *table_of(found.shared, Shared))
    write_csv(PLOTS / f"{run}-gaps.csv", *table_of(found.gaps, Gap))
    figures = figures_of(found)
    with whole_folder(PLOTS / run) as folder:
        for figure in figures:
            save_png(figure.figure, folder / f"{figure.name}.png")
        corpus_facts = read_json(Path("metrics/corpus.json"))
        write_text(folder / "index.html", page_of(found, figures, corpus_facts, joint_gains(run)))
    say(f"{run}: {len(found.families)} acoustic families; see {PLOTS / run}/index.html")
    for row in found.recovery:
        say(f"{run}: recovery of the generator's weights, {row.kind}, {row.task}: {row.value}")


def joint_gains(run: str) -> list[Comparison]:
    """What joint learning gains on test, of the comparisons in which a run takes part."""
    return [
        row
        for row in read_record(list[Comparison], Path("metrics/comparison.json"))
        if row.contrast == "multi-task" and row.split == "test" and run in (row.baseline, row.candidate)
    ]


def corpus_of(run: str, parameters: Parameters) -> Corpus:
    """The clips of a run, with what the generator made audible where the corpus is the embedded one."""
    clip_ids, _, features = read_features(Path(f"data/features/{parameters.run(run).features}.parquet"))
    labels = join_clips(
        read_table(Path("data/recordings.parquet")), read_table(Path("data/splits.parquet")), clip_ids
    )
    embedded = Path(parameters.corpus.path).resolve() == EMBEDDED.resolve()
    quantities = quantities_of(parameters.synthesize, clip_ids) if embedded else None
    return Corpus(labels, features, parameters.split.balance, quantities)


if __name__ == "__main__":
    guarded(main)
