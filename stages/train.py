"""Networks of one run: ``python -m stages.train RUN``.

One network a seed (a joint model) or one a seed and task, as ``models`` and ``train`` in params.yaml say.
Reads data/features, data/recordings.parquet and data/splits.parquet. Writes data/models/RUN and
plots/curves/RUN.csv.
"""

import argparse
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from importlib.metadata import version
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from stages.command import guarded
from stages.core.config.load import load
from stages.core.config.tasks import Task
from stages.core.config.training import Architecture, TrainingConfig
from stages.core.dataset.labels import classes_of, targets_of
from stages.core.networks import compiled as fast
from stages.core.networks import training
from stages.core.networks import vmapped as stacked
from stages.core.networks.data import MultiTaskData, SplitData
from stages.core.networks.model import Model
from stages.core.networks.scaling import Scaling, fit_scaling
from stages.core.networks.selection import select
from stages.core.networks.stopping import TrainingResult
from stages.core.runtime.console import progress, say
from stages.core.runtime.device import accelerator
from stages.core.runtime.errors import UserError
from stages.core.runtime.files import write_csv, write_json
from stages.core.runtime.tables import origin_of, read_features, read_table

FIGURES = ("loss", "share", "score")
CURVES = ("seed", "epoch", "split", "task", *FIGURES)


def main() -> None:
    """Run the stage."""
    parser = argparse.ArgumentParser(prog="python -m stages.train", description=__doc__)
    parser.add_argument("run", help="a run of params.yaml, for example compare-mtl2")
    run = parser.parse_args().run
    parameters = load()
    recipe, architecture = parameters.recipe(run), parameters.architecture(run)
    source = parameters.runs[run]
    table = Path(f"data/features/{source.features}.parquet")
    clip_ids, names, features = read_features(table)
    problem, scaling, classes = prepare(run, clip_ids, features, parameters.tasks_of(run), recipe)
    began = time.perf_counter()
    threads = parameters.compute.workers
    networks = train(problem, architecture, recipe, threads)
    seconds = time.perf_counter() - began
    origin = origin_of(table)
    codebook = origin["bags"].pop("codebook") if "bags" in origin else None
    description = {
        "run": run,
        "features": source.features,
        "model": source.model,
        "origin": origin,
        "feature_names": names,
        "tasks": {name: asdict(task) for name, task in problem.tasks.items()},
        "outputs": problem.outputs,
        "classes": classes,
        "scales": problem.scales,
        "architecture": asdict(architecture),
        "recipe": asdict(recipe),
        "clips": {"train": len(problem.train), "validation": len(problem.validation)},
        "networks": [_entry(network) for network in networks],
        "versions": {package: version(package) for package in ("torch", "numpy", "opensmile")},
    }
    weights = {
        f"{network.name}/{parameter}": values
        for network in networks
        for parameter, values in network.parameters.items()
    }
    Model(description, weights, scaling, codebook).save(Path("data/models") / run)
    write_csv(Path(f"plots/curves/{run}.csv"), CURVES, curves(networks))
    # Time differs from run to run, so that it stays out of what DVC and git compare.
    write_json(Path(f".cache/seconds/{run}.json"), {"training": round(seconds, 2)})
    epochs = np.mean([network.fitted.epochs for network in networks])
    say(f"{run}: {len(networks)} networks, {epochs:.1f} epochs each on average, {seconds:.1f} s")


@dataclass(frozen=True)
class Trained:
    """One network of a run: its name, seed and tasks, the features that it reads, and how it was trained."""

    name: str
    seed: int
    tasks: list[str]
    columns: np.ndarray | None
    fitted: TrainingResult

    @property
    def parameters(self) -> dict[str, np.ndarray]:
        """What the model keeps of it."""
        columns = {} if self.columns is None else {"columns": self.columns}
        return {**self.fitted.weights, **columns}


def train(
    problem: MultiTaskData, architecture: Architecture, recipe: TrainingConfig, threads: int
) -> list[Trained]:
    """One network a seed, or one a seed and task where the architecture is not joint."""
    groups = [list(problem.tasks)] if architecture.joint else [[name] for name in problem.tasks]
    selected = [select(problem.only(group), recipe.columns) for group in groups]
    fitted = _fit_all([reduced for reduced, _ in selected], architecture, recipe, threads)
    results = progress(fitted, len(groups) * len(recipe.seeds), "network")
    trained = [
        Trained(
            f"seed{seed}" if architecture.joint else f"seed{seed}-{group[0]}", seed, group, columns, result
        )
        for ((group, (_, columns)), seed), result in zip(
            product(zip(groups, selected, strict=True), recipe.seeds), results, strict=True
        )
    ]
    return sorted(trained, key=lambda network: recipe.seeds.index(network.seed))


def _fit_all(
    problems: Sequence[MultiTaskData], architecture: Architecture, recipe: TrainingConfig, threads: int
) -> Iterator[TrainingResult]:
    """Each problem with each seed: on a GPU all seeds at once, on a processor side by side on threads."""
    device = accelerator(recipe.device, "train.device")
    if device:
        for problem in problems:
            yield from stacked.fit(problem, architecture, recipe, device)
        return
    one = fast.fit if fast.covers(architecture, recipe) else training.fit
    with ThreadPoolExecutor(threads) as pool:
        yield from pool.map(
            lambda job: one(job[0], architecture, recipe, job[1]), product(problems, recipe.seeds)
        )


def prepare(
    run: str, clip_ids: list[str], features: np.ndarray, tasks: Mapping[str, Task], recipe: TrainingConfig
) -> tuple[MultiTaskData, Scaling, dict[str, list[str]]]:
    """Join features, labels and splits by clip; scale by the training split alone.

    Returns:
        The problem, the scaling of the features, and the classes of each classification.
    """
    labels = read_table(Path("data/recordings.parquet")).merge(
        read_table(Path("data/splits.parquet")), on="clip_id", validate="one_to_one"
    )
    labels = labels.set_index("clip_id").reindex(clip_ids)
    rows = {name: np.flatnonzero(labels["split"] == name) for name in ("train", "validation")}
    kept, classes, targets = _targets(tasks, labels, rows["train"], run)
    scaling = fit_scaling(recipe.scaling, features[rows["train"]])
    scales = {name: _scale(task, targets[name][rows["train"]], recipe) for name, task in kept.items()}
    train, validation = (
        _examples(rows[split], scaling(features[rows[split]]), targets, scales)
        for split in ("train", "validation")
    )
    outputs = {name: len(classes.get(name, task.columns)) for name, task in kept.items()}
    return MultiTaskData(kept, outputs, train, validation, scales), scaling, classes


def _targets(
    tasks: Mapping[str, Task], labels: pd.DataFrame, train: np.ndarray, run: str
) -> tuple[dict[str, Task], dict[str, list[str]], dict[str, np.ndarray]]:
    """Tasks with labels (of two classes) in the training split, their classes, and targets of all clips."""
    kept, classes, targets = {}, {}, {}
    for name, task in tasks.items():
        if task.kind == "classification":
            classes[name] = list(classes_of(task, labels.iloc[train]))
        values = targets_of(name, task, labels, classes.get(name, ()))
        known = values[train] >= 0 if task.kind == "classification" else ~np.isnan(values[train][:, 0])
        if known.any() and len(classes.get(name, "ab")) > 1:
            kept[name], targets[name] = task, values
        else:
            alone = classes.pop(name, None)
            what = f"one class alone, {alone[0]}," if alone else "no labels"
            say(f"{run}: task {name} has {what} in the training split and is left out")
    if not kept:
        raise UserError(
            "params.yaml: no task has labels (of two classes) in the training split; see data_info.csv."
        )
    return kept, classes, targets


def _scale(task: Task, targets: np.ndarray, recipe: TrainingConfig) -> tuple[float, float]:
    """Mean and standard deviation that bring linear targets to standard units, or (0, 1)."""
    if recipe.target_scale == "none" or task.kind == "classification" or task.output != "linear":
        return 0.0, 1.0
    return float(np.nanmean(targets)), float(np.nanstd(targets)) or 1.0


def _examples(
    rows: np.ndarray,
    inputs: np.ndarray,
    targets: Mapping[str, np.ndarray],
    scales: Mapping[str, tuple[float, float]],
) -> SplitData:
    return SplitData(
        inputs,
        {
            name: values[rows] if values.ndim == 1 else (values[rows] - scales[name][0]) / scales[name][1]
            for name, values in targets.items()
        },
    )


def _entry(network: Trained) -> dict[str, Any]:
    best = network.fitted.best_epoch
    rows = [row for row in network.fitted.curves if row["epoch"] == best and row["split"] == "validation"]
    return {
        "name": network.name,
        "seed": network.seed,
        "tasks": network.tasks,
        "best_epoch": best,
        "epochs": network.fitted.epochs,
        "validation": {row["task"]: row["score"] for row in rows if row["task"] in network.tasks},
    }


def curves(networks: Sequence[Trained]) -> Iterator[list[Any]]:
    """Learning curves as rows of ``CURVES``; the single-task networks of a seed stand one after the other."""
    for network in networks:
        for row in network.fitted.curves:
            figures = {key: None if row[key] is None else f"{row[key]:.6g}" for key in FIGURES}
            cells = {"seed": network.seed, **row, **figures}
            yield [cells[name] for name in CURVES]


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C ends it at once: Python would wait for the threads
    guarded(main)
