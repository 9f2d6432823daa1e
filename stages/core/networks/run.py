"""All networks of a run: one per seed, or one per seed and task, and the model that they make."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from stages.core.config.training import Architecture, RunOptions, TrainingConfig
from stages.core.dataset.join import join_clips
from stages.core.dataset.speakers import speakers_of
from stages.core.metrics.metric import METRICS
from stages.core.networks import compiled
from stages.core.networks.blending import Blend, best_constant, chosen_shares
from stages.core.networks.calibration import calibrate, matched
from stages.core.networks.data import MultiTaskData, Prepared
from stages.core.networks.description import ModelDescription, NetworkSummary
from stages.core.networks.linear import fit_linear
from stages.core.networks.model import Model
from stages.core.networks.selection import select
from stages.core.networks.stopping import TrainingResult
from stages.core.runtime.compute import ComputeOptions
from stages.core.runtime.device import accelerator
from stages.core.runtime.parallel import in_order, parallel_map, uncrashed
from stages.core.runtime.tables import FeatureTable, blocks_of


@dataclass(frozen=True)
class RunTables:
    """The clips of a run, as earlier stages made them.

    Attributes:
        clip_ids: the n clips that have features.
        names: the d features.
        features: float32 [n, d], or the table that holds them.
        origin: how the features were made.
        recordings: one row per usable clip: clip_id, speaker and the label columns.
        splits: clip_id and split.
    """

    clip_ids: Sequence[str]
    names: list[str]
    features: np.ndarray | FeatureTable
    origin: dict[str, Any]
    recordings: pd.DataFrame
    splits: pd.DataFrame

    def clips_of(self, split: str) -> pd.DataFrame:
        """Labels and speakers of the clips of a split."""
        clips = join_clips(self.recordings, self.splits, self.clip_ids)
        return clips[clips["split"] == split]

    def of_split(self, split: str) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
        """Of the clips of a split: labels, features float32 [n, d], and speakers as text [n]."""
        clips = join_clips(self.recordings, self.splits, self.clip_ids)
        rows = np.flatnonzero(clips["split"] == split)
        return clips.iloc[rows], self.features[rows], speakers_of(clips).to_numpy(str)[rows]


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


def number_of_networks(data: MultiTaskData, architecture: Architecture, config: TrainingConfig) -> int:
    """How many networks :func:`train_run` trains."""
    return len(config.seeds) * (1 if architecture.joint else len(data.tasks))


def train_run(
    data: MultiTaskData,
    architecture: Architecture,
    config: TrainingConfig,
    compute: ComputeOptions,
    origin: Mapping[str, Any],
    features: str,
) -> Iterator[Trained]:
    """Train one network per seed, or one per seed and task where the architecture is not joint.

    Args:
        data: inputs and targets.
        architecture: the networks.
        config: how they are trained.
        compute: where networks train side by side.
        origin: how the features were made.
        features: name of the feature set.

    Yields:
        Each network as soon as it is trained.
    """
    blocks = _blocks(data, origin, features)
    groups = [list(data.tasks)] if architecture.joint else [[name] for name in data.tasks]
    selected = [select(data.only(group), config.columns, blocks) for group in groups]
    results = _train_all([reduced for reduced, _ in selected], architecture, config, compute)
    jobs = product(zip(groups, selected, strict=True), config.seeds)
    for ((tasks, (_, columns)), seed), result in zip(jobs, results, strict=True):
        name = f"seed{seed}" if architecture.joint else f"seed{seed}-{tasks[0]}"
        yield Trained(name, seed, tasks, columns, result)


def _blocks(data: MultiTaskData, origin: Mapping[str, Any], features: str) -> Mapping[str, slice]:
    """Feature set → its columns."""
    return blocks_of(origin) or {features: slice(0, data.train.inputs.shape[1])}


def in_order_of_seeds(networks: Iterable[Trained], config: TrainingConfig) -> list[Trained]:
    """All networks, seed by seed."""
    return sorted(networks, key=lambda network: config.seeds.index(network.seed))


def _train_all(
    parts: Sequence[MultiTaskData],
    architecture: Architecture,
    config: TrainingConfig,
    compute: ComputeOptions,
) -> Iterator[TrainingResult]:
    """Each part with each seed: on a GPU all seeds at once, on processors side by side."""
    device = accelerator(config.device)
    if device:
        from stages.core.networks import vmapped  # torch takes seconds to load

        for data in parts:
            yield from vmapped.train_networks(data, architecture, config, device)
        return

    jobs = product(range(len(parts)), config.seeds)
    trained = parallel_map(
        train_network, enumerate(jobs), compute, here="threads", shared=(parts, architecture, config)
    )
    yield from in_order(uncrashed(trained, "network"))


def train_network(
    shared: tuple[Sequence[MultiTaskData], Architecture, TrainingConfig], job: tuple[int, int]
) -> TrainingResult:
    """Train one network on a processor: of a part of the data, with a seed."""
    (parts, architecture, config), (part, seed) = shared, job
    return compiled.train_network(parts[part], architecture, config, seed)


def blended(model: Model, data: MultiTaskData, speakers: np.ndarray) -> Model:
    """The model with linear models beside its networks, and the shares that validation chooses.

    Args:
        model: a model without linear models and calibration.
        data: inputs and targets of training and validation.
        speakers: of the validation split, text [n].
    """
    description, weights, blends = model.description, dict(model.weights), {}
    by_seed = model.predict_scaled(data.validation.inputs)
    config = description.training
    for name, task in model.tasks.items():
        linear = fit_linear(data, name, config, _blocks(data, description.origin, description.features))
        if linear is None:
            continue
        mean, deviation = description.scales[name]
        by_network = np.stack([by_seed[seed][name] for seed in model.seeds])
        networks = (by_network.mean(axis=0, dtype=np.float64) - mean) / deviation
        members = [networks, linear.predict(data.validation.inputs, task)]
        truth, center = data.train.targets[name], np.empty(0)
        if METRICS[task.score].in_label_units:
            center = best_constant(task, truth)
            members.append(np.zeros_like(networks) + center)
        spread = truth if matched(task, config) else None
        shares = chosen_shares(task, data.validation.targets[name], members, speakers, spread)
        blends[name] = Blend(shares, linear.temperature, tuple(center.tolist()))
        for part in ("columns", "weight", "bias"):
            weights[f"linear-{name}/{part}"] = getattr(linear, part)
    return replace(model, description=replace(description, blend=blends), weights=weights)


def calibrated(model: Model, data: MultiTaskData) -> Model:
    """A model without calibration, with those that its predictions of the validation split ask for."""
    by_seed = model.predict_scaled(data.validation.inputs)
    predictions = {task: np.stack([by_seed[seed][task] for seed in model.seeds]) for task in model.tasks}
    train, validation = (
        {
            name: values if values.ndim == 1 else values * data.scales[name][1] + data.scales[name][0]
            for name, values in examples.targets.items()
        }
        for examples in (data.train, data.validation)
    )
    found = calibrate(model.tasks, predictions, train, validation)
    return replace(model, description=replace(model.description, calibration=found))


def model_of(
    run: str,
    options: RunOptions,
    tables: RunTables,
    prepared: Prepared,
    architecture: Architecture,
    config: TrainingConfig,
    networks: Sequence[Trained],
) -> Model:
    """The model that trained networks make, blended and calibrated where the options ask for it."""
    data = prepared.data
    description = ModelDescription(
        run=run,
        features=options.features,
        model=options.model,
        origin=tables.origin,
        feature_names=tables.names,
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
    model = Model(description, weights, prepared.scaling)
    if config.blend == "validation":
        clips = tables.clips_of("validation")
        model = blended(model, data, speakers_of(clips).to_numpy(str))
    if config.calibration == "match":
        model = calibrated(model, data)
    return model
