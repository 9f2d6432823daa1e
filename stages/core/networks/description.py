"""What model.json says of the networks of a run, and whether it fits the weights beside it."""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import chain, pairwise
from typing import Any

import numpy as np

from stages.core.config.tasks import Task
from stages.core.config.training import Architecture, TrainingConfig
from stages.core.networks.blending import Blend
from stages.core.networks.calibration import Calibration


@dataclass(frozen=True)
class NetworkSummary:
    """How the training of one network went.

    Attributes:
        name: the first part of the names of its weights.
        seed: decided first weights, order of clips and dropout.
        tasks: the tasks that it predicts.
        best_epoch: the epoch whose weights were kept, counted from 1.
        epochs: how many were trained.
        validation: task → score on validation at the best epoch; None where it is not defined.
    """

    name: str
    seed: int
    tasks: list[str]
    best_epoch: int
    epochs: int
    validation: dict[str, float | None]


@dataclass(frozen=True)
class ModelDescription:
    """What there is to say of the networks of a run besides their weights.

    Attributes:
        run: the run that trained them.
        features: name of the feature set.
        model: name of the model.
        origin: how the features were made (:mod:`stages.core.prediction.extraction`); empty if not known.
        feature_names: columns of the feature table, in order.
        tasks: task → its declaration.
        outputs: task → number of outputs.
        classes: classification task → its classes, in the order of the outputs.
        scales: task → (mean, sd): label = mean + sd × output.
        architecture: the networks.
        training: how they were trained.
        clips: split → clips that were used.
        networks: one entry per network.
        versions: package → version that trained them.
        calibration: task → how its predictions are brought to the scale of the labels; tasks without stay as
            they are.
        blend: task → what its prediction is a mean of; of tasks without the networks alone.
    """

    run: str
    features: str
    model: str
    origin: dict[str, Any]
    feature_names: list[str]
    tasks: dict[str, Task]
    outputs: dict[str, int]
    classes: dict[str, list[str]]
    scales: dict[str, tuple[float, float]]
    architecture: Architecture
    training: TrainingConfig
    clips: dict[str, int]
    networks: list[NetworkSummary]
    versions: dict[str, str]
    calibration: dict[str, Calibration] = field(default_factory=dict)
    blend: dict[str, Blend] = field(default_factory=dict)


def parsed(text: str) -> ModelDescription:
    """Read the text of model.json and check its types.

    Raises:
        ValueError: with one sentence on the first thing that does not fit.
    """
    from pydantic import TypeAdapter, ValidationError  # takes longer to load than to use

    try:
        description = TypeAdapter(ModelDescription).validate_json(text, strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise ValueError(f"{where}: {first['msg'].lower()}") from None
    bags = description.origin.get("bags")
    if bags is not None and not isinstance(bags, dict):
        raise ValueError("origin.bags: should be an object")
    return description


def parameter_shapes(
    inputs: int, outputs: Mapping[str, int], architecture: Architecture
) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Name and shape of each parameter of :class:`stages.core.networks.network.Network`."""
    for index, (before, width) in enumerate(pairwise([inputs, *architecture.trunk])):
        yield f"trunk.{index}.0.weight", (width, before)
        for name in ("0.bias", "1.weight", "1.bias"):
            yield f"trunk.{index}.{name}", (width,)
    for task, size in outputs.items():
        for index, (before, width) in enumerate(pairwise([architecture.trunk[-1], *architecture.head, size])):
            yield f"heads.{task}.{2 * index}.weight", (width, before)
            yield f"heads.{task}.{2 * index}.bias", (width,)


def problem_of(
    description: ModelDescription, tensors: Mapping[str, np.ndarray], scaling: object, points: np.ndarray
) -> str | None:
    """The first thing in which description, weights and scaling do not fit together; None if all fits."""
    problems = chain(
        _problems_of_description(description),
        _problems_of_scaling(len(description.feature_names), scaling, points),
        _problems_of_weights(description, tensors),
    )
    return next(problems, None)


def _problems_of_description(description: ModelDescription) -> Iterator[str]:
    if len(set(description.feature_names)) < len(description.feature_names):
        yield "feature_names holds a name twice"
    for name, task in description.tasks.items():
        classes = description.classes.get(name, [])
        wanted = len(classes) if task.kind == "classification" else len(task.columns)
        if wanted == 0 or description.outputs.get(name) != wanted:
            yield f"outputs of task {name} are {description.outputs.get(name)}, not {wanted}"
        mean, deviation = description.scales.get(name, (math.nan, math.nan))
        if not (math.isfinite(mean) and math.isfinite(deviation) and deviation > 0):
            yield f"the scale of task {name} is not finite and positive"
    for name, calibration in description.calibration.items():
        figures = (*calibration.factor, *calibration.offset, calibration.temperature)
        outputs = 0 if name in description.classes else description.outputs.get(name)
        if not (
            len(calibration.factor) == len(calibration.offset) == outputs
            and all(map(math.isfinite, figures))
            and calibration.temperature > 0
        ):
            yield f"the calibration of task {name} does not fit its outputs"
    for name, blend in description.blend.items():
        figures = (*blend.shares, *blend.center, blend.temperature)
        if not (
            name in description.tasks
            and len(blend.shares) == (3 if blend.center else 2)
            and len(blend.center) in (0, description.outputs.get(name))
            and all(map(math.isfinite, figures))
            and blend.temperature > 0
        ):
            yield f"the blend of task {name} does not fit its outputs"
    learnt = Counter((network.seed, task) for network in description.networks for task in network.tasks)
    tasks = {task for _, task in learnt}
    if not tasks or not tasks <= description.tasks.keys():
        yield "networks name no task, or an unknown one"
    if learnt != Counter((seed, task) for seed in description.training.seeds for task in tasks):
        yield "not every seed has one network for each task"
    if len({network.name for network in description.networks}) < len(description.networks):
        yield "two networks have the same name"


def _problems_of_scaling(columns: int, scaling: object, points: np.ndarray) -> Iterator[str]:
    if scaling not in ("standard", "quantile", "speaker"):
        yield "scaling is none of standard, quantile and speaker"
    elif points.ndim != 2 or points.dtype != np.float64 or not np.isfinite(points).all():
        yield "the scaling is not a table of finite numbers"
    elif points.shape[1] != columns or not points.size or (scaling == "standard" and len(points) != 4):
        yield f"the scaling is not of {columns} features"


def _problems_of_weights(description: ModelDescription, tensors: Mapping[str, np.ndarray]) -> Iterator[str]:
    expected = set()
    for name, subject, shapes_of in _members(description):
        columns = tensors.get(f"{name}/columns")
        inputs = len(description.feature_names)
        if columns is not None:
            expected.add(f"{name}/columns")
            whole_numbers = columns.ndim == 1 and columns.dtype == np.int64
            if not whole_numbers or not ((columns >= 0) & (columns < inputs)).all():
                yield f"{name}/columns names features that there are not"
            inputs = columns.size
        for parameter, shape in shapes_of(inputs):
            values = tensors.get(f"{name}/{parameter}")
            expected.add(f"{name}/{parameter}")
            if values is None or values.shape != shape or values.dtype != np.float32:
                yield f"{name}/{parameter} is not float32 of shape {shape}"
            elif not np.isfinite(values).all():
                cure = "its training diverged; a lower learning rate helps"
                yield f"{subject} has weights that are not finite: {cure}"
    if tensors.keys() - expected:
        yield f"{min(tensors.keys() - expected)} belongs to no network"


Shapes = Iterable[tuple[str, tuple[int, ...]]]


def _members(description: ModelDescription) -> Iterator[tuple[str, str, Callable[[int], Shapes]]]:
    """Networks and linear models: first part of the names of their weights, subject of a sentence, shapes."""
    for network in description.networks:
        outputs = {task: description.outputs.get(task, 0) for task in network.tasks}
        shapes = partial(parameter_shapes, outputs=outputs, architecture=description.architecture)
        yield network.name, f"task {', '.join(network.tasks)} (seed {network.seed})", shapes
    for task in description.blend:
        linear = partial(linear_shapes, outputs=description.outputs.get(task, 0))
        yield f"linear-{task}", f"the linear model of task {task}", linear


def linear_shapes(inputs: int, outputs: int) -> Shapes:
    """Name and shape of each weight of :class:`stages.core.networks.linear.Linear`."""
    return ("weight", (inputs, outputs)), ("bias", (outputs,))
