"""Networks as the compiled code reads them: a vector of weights, a table of layers and a table of tasks."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, NamedTuple

import numpy as np

from stages.core.config.tasks import Task
from stages.core.config.training import Architecture
from stages.core.networks.lanes import LANES

# Columns of the table of layers: where inputs come from (a layer, or −1: the features); inputs, outputs and
# offset among all outputs, each filled up to lanes; real outputs; where weights, biases and normalization
# begin (−1: none); whether Leaky ReLU follows; the first number that dropout draws for it (−1: none).
SOURCE, INPUTS, OUTPUTS, OFFSET, WIDTH, WEIGHT, BIAS, NORM, ACTIVE, DRAW = range(10)
# Columns of the table of tasks: the layer of the outputs, what is made of them, the loss, the number of
# outputs, the first target column, the first class weight, the first column among the outputs of all tasks.
LAYER, ACTIVATION, LOSS, UNITS, TARGET, CLASS, COLUMN = range(7)
LINEAR, SIGMOID, SOFTMAX = range(3)
SQUARED, ABSOLUTE, CONCORDANCE, CROSS_ENTROPY, FOCAL = range(5)

_LOSSES = {"squared": SQUARED, "absolute": ABSOLUTE, "concordance": CONCORDANCE}


class Net(NamedTuple):
    """A network: tables of layers and tasks (see above), which units are real (1, else 0), all weights."""

    layers: np.ndarray
    tasks: np.ndarray
    real: np.ndarray
    weights: np.ndarray


@dataclass(frozen=True)
class Slot:
    """Where a parameter lies in the vector of weights; a matrix turned, as [inputs, outputs]."""

    name: str
    start: int
    shape: tuple[int, ...]
    filled: tuple[int, ...]

    def part(self, vector: np.ndarray) -> np.ndarray:
        """The parameter as a view of the vector."""
        whole = vector[self.start : self.start + int(np.prod(self.filled))].reshape(self.filled)
        return whole[: self.shape[1], : self.shape[0]].T if len(self.shape) == 2 else whole[: self.shape[0]]


@dataclass(frozen=True)
class Layout:
    """How a network lies in a vector.

    Attributes:
        names: the tasks.
        slots: one per parameter.
        layers: int64 [layers, 10], its columns as above.
        tasks: int64 [tasks, 7].
        size: weights, with those that fill up the lanes.
        units: outputs of all layers, filled up.
    """

    names: list[str]
    slots: list[Slot]
    layers: np.ndarray
    tasks: np.ndarray
    size: int
    units: int

    def pack(self, arrays: Mapping[str, np.ndarray], dtype: np.dtype) -> np.ndarray:
        """Parameters → vector."""
        vector = np.zeros(self.size, dtype)
        for slot in self.slots:
            slot.part(vector)[:] = arrays[slot.name]
        return vector

    def unpack(self, vector: np.ndarray) -> dict[str, np.ndarray]:
        """Vector → copies of the parameters."""
        return {slot.name: slot.part(vector).copy() for slot in self.slots}

    def by_task(self, outputs: np.ndarray) -> dict[str, np.ndarray]:
        """Outputs of all tasks side by side → task → its own [n, outputs]."""
        bounds = self.tasks[1:, COLUMN]
        return dict(zip(self.names, np.split(outputs, bounds, axis=1), strict=True))

    def net(self, weights: np.ndarray) -> Net:
        """The network that a vector of weights makes."""
        return Net(self.layers, self.tasks, self.real(weights.dtype), weights)

    def real(self, dtype: np.dtype) -> np.ndarray:
        """1 for each unit of the network, 0 for one that fills up lanes: [units]."""
        real = np.zeros(self.units, dtype)
        for layer in self.layers:
            real[layer[OFFSET] : layer[OFFSET] + layer[WIDTH]] = 1
        return real


def layout_of(
    inputs: int,
    outputs: Mapping[str, int],
    architecture: Architecture,
    tasks: Mapping[str, Task],
    regression_loss: Literal["squared", "score"] = "squared",
    focal: bool = False,
) -> Layout:
    """The layout of a network.

    Args:
        inputs: number of features.
        outputs: task → number of outputs.
        architecture: widths of the layers.
        tasks: what each output means.
        regression_loss: which losses are asked for.
        focal: whether that of a classification is focal.
    """
    slots: list[Slot] = []
    layers: list[list[int]] = []
    ends: dict[str, int] = {}
    size = offset = 0
    draw = inputs
    for name, source, before, width, in_trunk, active in _linear_layers(inputs, outputs, architecture):
        columns, units = filled(before), filled(width)
        weight, bias = size, size + columns * units
        norm = bias + units if in_trunk else -1
        size = bias + units * (3 if in_trunk else 1)
        linear = f"{name}.0" if in_trunk else name
        slots.append(Slot(f"{linear}.weight", weight, (width, before), (columns, units)))
        slots.append(Slot(f"{linear}.bias", bias, (width,), (units,)))
        if in_trunk:
            slots.append(Slot(f"{name}.1.weight", norm, (width,), (units,)))
            slots.append(Slot(f"{name}.1.bias", norm + units, (width,), (units,)))
        elif not active:
            ends[name.split(".", 1)[1].rsplit(".", 1)[0]] = len(layers)
        layers.append(
            [source, columns, units, offset, width, weight, bias, norm, active, draw if in_trunk else -1]
        )
        offset += units
        draw += width if in_trunk else 0
    rows = list(_task_rows(tasks, outputs, ends, regression_loss, focal))
    return Layout(list(outputs), slots, np.array(layers, np.int64), np.array(rows, np.int64), size, offset)


def _linear_layers(
    inputs: int, outputs: Mapping[str, int], architecture: Architecture
) -> Iterator[tuple[str, int, int, int, bool, bool]]:
    """Name, index of the source, inputs, outputs, whether of the trunk, whether an activation follows."""
    for index, (before, width) in enumerate(pairwise([inputs, *architecture.trunk])):
        yield f"trunk.{index}", index - 1, before, width, True, True
    fork = len(architecture.trunk) - 1
    last = fork
    for task, size in outputs.items():
        source = fork
        for depth, (before, width) in enumerate(pairwise([architecture.trunk[-1], *architecture.head, size])):
            yield f"heads.{task}.{2 * depth}", source, before, width, False, depth < len(architecture.head)
            last += 1
            source = last


def _task_rows(
    tasks: Mapping[str, Task],
    outputs: Mapping[str, int],
    ends: Mapping[str, int],
    regression_loss: str,
    focal: bool,
) -> Iterator[list[int]]:
    target = column = classes = 0
    for name, size in outputs.items():
        task = tasks[name]
        if task.kind == "classification":
            activation, loss = SOFTMAX, FOCAL if focal else CROSS_ENTROPY
        else:
            activation = SIGMOID if task.output == "sigmoid" else LINEAR
            loss = _LOSSES[task.score_loss if regression_loss == "score" else "squared"]
        yield [ends[name], activation, loss, size, target, classes, column]
        target += 1 if task.kind == "classification" else size
        column += size
        classes += size


def filled(width: int) -> int:
    """A width, filled up to a multiple of the lanes."""
    return -(-width // LANES) * LANES
