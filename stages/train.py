"""Networks of one run: ``python -m stages.train RUN``.

One network per seed (a joint model) or one per seed and task, as ``models`` and ``train`` in params.yaml say.
Reads data/features, data/recordings.parquet and data/splits.parquet. Writes data/models/RUN and
plots/curves/RUN.csv.
"""

import argparse
import csv
import io
import math
import signal
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import version
from itertools import product
from pathlib import Path

import numpy as np

from stages.command import guarded
from stages.core.config.load import load
from stages.core.config.training import Architecture, TrainingConfig
from stages.core.networks import compiled
from stages.core.networks.data import MultiTaskData, prepare
from stages.core.networks.description import ModelDescription, NetworkSummary
from stages.core.networks.model import Model
from stages.core.networks.selection import select
from stages.core.networks.stopping import TrainingResult
from stages.core.runtime.console import progress, say
from stages.core.runtime.device import accelerator
from stages.core.runtime.files import write_json, write_text
from stages.core.runtime.tables import origin_of, read_features, read_table

FIGURES = ("loss", "share", "score")
CURVES = ("seed", "epoch", "split", "task", *FIGURES)


def main() -> None:
    """Run the stage."""
    parser = argparse.ArgumentParser(prog="python -m stages.train", description=__doc__)
    parser.add_argument("run", help="a run of params.yaml, for example compare-mtl2")
    run = parser.parse_args().run
    parameters = load()
    config, architecture = parameters.recipe(run), parameters.architecture(run)
    source = parameters.runs[run]
    table = Path(f"data/features/{source.features}.parquet")
    clip_ids, names, features = read_features(table)
    recordings, splits = (read_table(Path(f"data/{name}.parquet")) for name in ("recordings", "splits"))
    prepared = prepare(recordings, splits, clip_ids, features, parameters.tasks_of(run), config)
    for task, reason in prepared.left_out.items():
        say(f"{run}: task {task} has {reason} in the training split and is left out")
    data = prepared.data
    began = time.perf_counter()
    networks = train(data, architecture, config, parameters.compute.workers)
    seconds = time.perf_counter() - began
    description = ModelDescription(
        run=run,
        features=source.features,
        model=source.model,
        origin=origin_of(table),
        feature_names=names,
        tasks=dict(data.tasks),
        outputs=dict(data.outputs),
        classes=dict(prepared.classes),
        scales=dict(data.scales),
        architecture=architecture,
        training=config,
        clips={"train": len(data.train), "validation": len(data.validation)},
        networks=[network.summary for network in networks],
        versions={package: version(package) for package in ("numba", "numpy", "torch", "opensmile")},
    )
    weights = {
        f"{network.name}/{parameter}": values
        for network in networks
        for parameter, values in network.parameters.items()
    }
    Model(description, weights, prepared.scaling).save(Path("data/models") / run)
    write_text(Path(f"plots/curves/{run}.csv"), curves(networks))
    # Time differs from run to run, so that it stays out of what DVC and git compare.
    write_json(Path(f".cache/seconds/{run}.json"), {"training": round(seconds, 2)})
    epochs = np.mean([network.result.epochs for network in networks])
    say(f"{run}: {len(networks)} networks, {epochs:.1f} epochs each on average, {seconds:.1f} s")


@dataclass(frozen=True)
class Trained:
    """One network of a run: its name, seed and tasks, the features that it reads, and how it was trained."""

    name: str
    seed: int
    tasks: list[str]
    columns: np.ndarray | None
    result: TrainingResult

    @property
    def parameters(self) -> dict[str, np.ndarray]:
        """What the model keeps of it."""
        columns = {} if self.columns is None else {"columns": self.columns}
        return {**self.result.weights, **columns}

    @property
    def summary(self) -> NetworkSummary:
        """How its training went, with the scores of the epoch whose weights were kept."""
        best = self.result.best_epoch
        scores = {
            row["task"]: None if math.isnan(row["score"]) else row["score"]
            for row in self.result.curves
            if row["epoch"] == best and row["split"] == "validation" and row["task"] in self.tasks
        }
        return NetworkSummary(self.name, self.seed, self.tasks, best, self.result.epochs, scores)


def train(
    data: MultiTaskData, architecture: Architecture, config: TrainingConfig, threads: int
) -> list[Trained]:
    """Train one network per seed, or one per seed and task where the architecture is not joint."""
    groups = [list(data.tasks)] if architecture.joint else [[name] for name in data.tasks]
    selected = [select(data.only(group), config.columns) for group in groups]
    results = _train_all([reduced for reduced, _ in selected], architecture, config, threads)
    jobs = product(zip(groups, selected, strict=True), config.seeds)
    trained = []
    for ((tasks, (_, columns)), seed), result in zip(
        jobs, progress(results, len(groups) * len(config.seeds), "network"), strict=True
    ):
        name = f"seed{seed}" if architecture.joint else f"seed{seed}-{tasks[0]}"
        trained.append(Trained(name, seed, tasks, columns, result))
    return sorted(trained, key=lambda network: config.seeds.index(network.seed))


def _train_all(
    parts: Sequence[MultiTaskData], architecture: Architecture, config: TrainingConfig, threads: int
) -> Iterator[TrainingResult]:
    """Each part with each seed: on a GPU all seeds at once, on a processor side by side on threads."""
    device = accelerator(config.device, "train.device")
    if device:
        from stages.core.networks import vmapped  # torch takes seconds to load

        for data in parts:
            yield from vmapped.train_networks(data, architecture, config, device)
        return

    def train_one(job: tuple[MultiTaskData, int]) -> TrainingResult:
        data, seed = job
        return compiled.train_network(data, architecture, config, seed)

    with ThreadPoolExecutor(threads) as pool:
        yield from pool.map(train_one, product(parts, config.seeds))


def curves(networks: Sequence[Trained]) -> str:
    """Learning curves as CSV in long form; the single-task networks of a seed follow each other."""
    text = io.StringIO()
    writer = csv.DictWriter(text, CURVES, lineterminator="\n")
    writer.writeheader()
    for network in networks:
        for row in network.result.curves:
            figures = {key: None if row[key] is None else f"{row[key]:.6g}" for key in FIGURES}
            writer.writerow({"seed": network.seed, **row, **figures})
    return text.getvalue()


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C ends it at once: Python would wait for the threads
    guarded(main)
