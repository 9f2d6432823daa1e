"""What families of features add to the first layer of a network, and predictions from its sums.

The first layer is linear, so that exchanging the features of a family changes its sums by what the family
adds. That part is computed once; each permutation costs the layers above alone. The linear models that are
blended with a network count as units of its first layer.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from stages.core.arithmetic.products import matmul
from stages.core.networks.description import NetworkSummary
from stages.core.networks.model import Model


@dataclass(frozen=True)
class FirstLayer:
    """The first layer of one network.

    Attributes:
        network: which one.
        weights: float64 [d, units], of all columns of the feature table; 0 for those that it does not read.
        bias: float64 [units].
        above: a model of this network alone whose features are the sums of its first layer.
    """

    network: NetworkSummary
    weights: np.ndarray
    bias: np.ndarray
    above: Model

    @classmethod
    def of(cls, model: Model, network: NetworkSummary) -> "FirstLayer":
        """Part a network of a model after the sums of its first layer."""
        prefix, first = f"{network.name}/", f"{network.name}/trunk.0.0."
        kept = {name: values for name, values in model.weights.items() if name.startswith(prefix)}
        read = kept.get(f"{prefix}columns", np.arange(len(model.feature_names)))
        parts = [(f"{prefix}columns", read, kept[f"{first}weight"].T, kept[f"{first}bias"])]
        kept[f"{first}weight"], kept[f"{first}bias"] = _as_it_is(len(kept[f"{first}bias"]))
        for task, linear in model.linear.items():
            if task in network.tasks:
                name = f"linear-{task}"
                parts.append((f"{name}/columns", linear.columns, linear.weight, linear.bias))
                kept[f"{name}/weight"], kept[f"{name}/bias"] = _as_it_is(len(linear.bias))
        weights = np.zeros((len(model.feature_names), sum(len(bias) for _, _, _, bias in parts)))
        unit = 0
        for name, columns, matrix, bias in parts:
            kept[name] = np.arange(unit, unit + len(bias))
            weights[columns, unit : unit + len(bias)] = matrix
            unit += len(bias)
        description = replace(
            model.description,
            feature_names=[f"unit {number}" for number in range(unit)],
            networks=[network],
            training=replace(model.description.training, seeds=(network.seed,)),
            blend={task: blend for task, blend in model.description.blend.items() if task in network.tasks},
        )
        biases = np.concatenate([bias for _, _, _, bias in parts]).astype(np.float64)
        return cls(network, weights, biases, Model(description, kept, model.scaling))

    def added(self, inputs: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """What some columns of scaled features [n, d] add to the sums: float64 [n, units]."""
        return matmul(inputs[:, columns], self.weights[columns])

    def predict(self, sums: np.ndarray) -> Mapping[str, np.ndarray]:
        """Sums [n, units] → task → float32 [n, outputs], as :meth:`Model.predict` gives them."""
        return self.above.predict_scaled(sums.astype(np.float32))[self.network.seed]


def _as_it_is(units: int) -> tuple[np.ndarray, np.ndarray]:
    """Weights and biases that change nothing."""
    return np.eye(units, dtype=np.float32), np.zeros(units, np.float32)
