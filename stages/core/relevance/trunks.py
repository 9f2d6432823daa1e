"""The layers that tasks share, layer by layer: what they give, and what the losses ask of their weights."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from stages.core.arithmetic.products import matmul
from stages.core.networks.compiled_losses import Labels
from stages.core.networks.description import NetworkSummary
from stages.core.networks.forward import LEAK, NORM_EPSILON
from stages.core.networks.kernels import gradients_of
from stages.core.networks.layout import layout_of
from stages.core.networks.model import Model

Gradient = Sequence[tuple[np.ndarray, ...]]
"""For each layer of a trunk: its inputs [n, k], the gradient of a loss at its sums [n, units], and those of
scale and shift of its normalization [units]; the gradient of its weights is sums.T @ inputs."""


@dataclass(frozen=True)
class _Layer:
    """A layer of the trunk for one batch: its inputs, what the normalization left, and what came out."""

    inputs: np.ndarray
    normal: np.ndarray
    deviation: np.ndarray
    active: np.ndarray


@dataclass(frozen=True)
class Trunk:
    """Trunk and heads of one network, in float64 and without dropout.

    Attributes:
        model: whose network it is.
        network: which one.
    """

    model: Model
    network: NetworkSummary

    def outputs(self, inputs: np.ndarray) -> np.ndarray:
        """What the trunk gives for scaled features [n, d]: float64 [n, units]."""
        return _out_of(self._forward(self._read(inputs))[-1])

    def gradients(self, inputs: np.ndarray, labels: Labels) -> dict[str, Gradient]:
        """Task → the gradient of its loss on a batch.

        Args:
            inputs: float32 [n, d], scaled features of the batch.
            labels: of the n clips, as the losses read them.
        """
        layers = self._forward(self._read(inputs))
        hidden = _out_of(layers[-1])
        outputs = {task: self._head(task, hidden) for task in self.network.tasks}
        sizes = {task: self.model.description.outputs[task] for task in self.network.tasks}
        description = self.model.description
        layout = layout_of(
            inputs.shape[1],
            sizes,
            description.architecture,
            self.model.tasks,
            description.training.regression_loss,
            focal=description.training.class_weights == "focal",
        )
        joined = np.concatenate([steps[-1] for steps in outputs.values()], axis=1)
        asked = layout.by_task(gradients_of(joined, layout.tasks, labels))
        return {
            task: self._backward(layers, self._through_head(task, outputs[task], asked[task]))
            for task in self.network.tasks
        }

    def _weight(self, name: str) -> np.ndarray:
        return self.model.weights[f"{self.network.name}/{name}"].astype(np.float64)

    def _read(self, inputs: np.ndarray) -> np.ndarray:
        return inputs[:, self.model.weights.get(f"{self.network.name}/columns", slice(None))]

    def _forward(self, inputs: np.ndarray) -> list[_Layer]:
        layers: list[_Layer] = []
        values = inputs.astype(np.float64)
        for index in range(len(self.model.description.architecture.trunk)):
            name = f"trunk.{index}"
            sums = matmul(values, self._weight(f"{name}.0.weight").T) + self._weight(f"{name}.0.bias")
            centred = sums - sums.mean(axis=1, keepdims=True)
            deviation = np.sqrt((centred**2).mean(axis=1, keepdims=True) + NORM_EPSILON)
            normal = centred / deviation
            active = normal * self._weight(f"{name}.1.weight") + self._weight(f"{name}.1.bias")
            layers.append(_Layer(values, normal, deviation, active))
            values = _out_of(layers[-1])
        return layers

    def _head(self, task: str, hidden: np.ndarray) -> list[np.ndarray]:
        """Sums of each linear layer of a head."""
        steps: list[np.ndarray] = []
        for depth in range(len(self.model.description.architecture.head) + 1):
            name = f"heads.{task}.{2 * depth}"
            values = _leaky(steps[-1]) if steps else hidden
            steps.append(matmul(values, self._weight(f"{name}.weight").T) + self._weight(f"{name}.bias"))
        return steps

    def _through_head(self, task: str, steps: list[np.ndarray], gradient: np.ndarray) -> np.ndarray:
        for depth in reversed(range(len(steps))):
            gradient = matmul(gradient, self._weight(f"heads.{task}.{2 * depth}.weight"))
            if depth:
                gradient = gradient * _slope(steps[depth - 1])
        return gradient

    def _backward(self, layers: list[_Layer], gradient: np.ndarray) -> Gradient:
        found = []
        for index in reversed(range(len(layers))):
            layer = layers[index]
            at_active = gradient * _slope(layer.active)
            at_normal = at_active * self._weight(f"trunk.{index}.1.weight")
            along = (at_normal * layer.normal).mean(axis=1, keepdims=True)
            at_sums = (
                at_normal - at_normal.mean(axis=1, keepdims=True) - layer.normal * along
            ) / layer.deviation
            found.append(
                (layer.inputs, at_sums, (at_active * layer.normal).sum(axis=0), at_active.sum(axis=0))
            )
            gradient = matmul(at_sums, self._weight(f"trunk.{index}.0.weight"))
        return found[::-1]


def cosine(first: Gradient, second: Gradient) -> float:
    """Cosine of the gradients of all weights of the trunk, of two tasks on the same batch; NaN if one is 0.

    With inputs H and gradients D at the sums of n clips, the product of two gradients of weights is the sum
    of (D D') (H H') over pairs of clips, so that no gradient is written out.
    """

    def product(one: Gradient, other: Gradient) -> float:
        total = 0.0
        for (inputs, sums, *norms), (_, sums_too, *norms_too) in zip(one, other, strict=True):
            total += float((matmul(sums, sums_too.T) * matmul(inputs, inputs.T)).sum())
            total += float((sums.sum(axis=0) * sums_too.sum(axis=0)).sum())
            total += sum(float((a * b).sum()) for a, b in zip(norms, norms_too, strict=True))
        return total

    length = product(first, first) * product(second, second)
    return product(first, second) / float(np.sqrt(length)) if length > 0 else float("nan")


def alignment(first: np.ndarray, second: np.ndarray) -> float:
    """Linear CKA of two representations [n, k] and [n, m] of the same clips (Kornblith et al., 2019): 0 to 1.

    >>> values = np.array([[1.0, 0.0], [0.0, 2.0], [3.0, 1.0]])
    >>> round(alignment(values, 5 * values[:, ::-1]), 6)
    1.0
    """
    x, y = (values - values.mean(axis=0) for values in (first, second))

    def norm(one: np.ndarray, other: np.ndarray) -> float:
        return float((matmul(one.T, other) ** 2).sum())

    length = float(np.sqrt(norm(x, x) * norm(y, y)))
    return norm(x, y) / length if length > 0 else 0.0


def _out_of(layer: _Layer) -> np.ndarray:
    return _leaky(layer.active)


def _leaky(values: np.ndarray) -> np.ndarray:
    return np.where(values > 0, values, LEAK * values)


def _slope(values: np.ndarray) -> np.ndarray:
    return np.where(values > 0, 1.0, LEAK)
