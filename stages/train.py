"""Networks of one run: ``python -m stages.train RUN``.

One network per seed (a joint model) or one per seed and task, as ``models`` and ``train`` in params.yaml say.
Reads data/features, data/recordings.parquet and data/splits.parquet. Writes data/models/RUN and
plots/curves/RUN.csv.
"""

import argparse
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numba.core.event import install_timer

from stages.command import guarded, section
from stages.core.config.load import load
from stages.core.networks.data import labels_among, prepare
from stages.core.networks.run import (
    RunTables,
    Trained,
    in_order_of_seeds,
    model_of,
    number_of_networks,
    train_run,
)
from stages.core.runtime.console import progress, say
from stages.core.runtime.files import write_csv, write_json
from stages.core.runtime.tables import FeatureTable, read_table

FIGURES = ("loss", "share", "score")
CURVES = ("seed", "epoch", "split", "task", *FIGURES)


def main() -> None:
    """Run the stage."""
    parser = argparse.ArgumentParser(prog="python -m stages.train", description=__doc__)
    parser.add_argument("run", help="a run of params.yaml, for example compare-mtl2")
    run = parser.parse_args().run
    parameters = load()
    config, architecture = parameters.recipe(run), parameters.architecture(run)
    options = parameters.runs[run]
    recordings, splits = (read_table(Path(f"data/{name}.parquet")) for name in ("recordings", "splits"))
    features = FeatureTable(Path(f"data/features/{options.features}.parquet"))
    tables = RunTables(features.clip_ids, features.names, features, features.origin, recordings, splits)
    prepared = prepare(recordings, splits, tables.clip_ids, features, parameters.tasks_of(run), config)
    for task, reason in prepared.left_out.items():
        say(f"{run}: task {task} has {reason} in the training split and is left out")
    for column in labels_among(features.names, parameters.tasks_of(run)):
        say(f"note: {run}: {column} names a feature and a label; leave the feature out if it is the label")
    compiling: list[float] = []  # seconds, once on a machine and not for each run
    began, spent = time.perf_counter(), time.process_time()
    trained = train_run(
        prepared.data, architecture, config, parameters.compute, tables.origin, options.features
    )
    number = number_of_networks(prepared.data, architecture, config)
    with section("train"), install_timer("numba:compiler_lock", compiling.append):
        networks = in_order_of_seeds(progress(trained, number, "network"), config)
    seconds = time.perf_counter() - began - sum(compiling)
    processor = time.process_time() - spent
    model = model_of(run, options, tables, prepared, architecture, config, networks)
    model.save(Path("data/models") / run)
    write_csv(Path(f"plots/curves/{run}.csv"), CURVES, curves(networks))
    # Time differs from run to run, so that it stays out of what DVC and git compare.
    taken = {"training": round(seconds, 4), "processor": round(processor, 4)}
    try:
        write_json(Path(f".cache/seconds/{run}.json"), taken)
    except OSError as error:
        say(f"note: .cache/seconds cannot be written ({error.strerror}), so no table says how long this took")
    epochs = np.mean([network.result.epochs for network in networks])
    say(f"{run}: {len(networks)} networks, {epochs:.1f} epochs each on average, {seconds:.1f} s")


def curves(networks: Sequence[Trained]) -> Iterator[list[Any]]:
    """Learning curves as rows of ``CURVES``; the single-task networks of a seed follow each other."""
    for network in networks:
        for row in network.result.curves:
            figures = {key: None if row[key] is None else f"{row[key]:.6g}" for key in FIGURES}
            cells = {"seed": network.seed, **row, **figures}
            yield [cells[name] for name in CURVES]


if __name__ == "__main__":
    guarded(main)
