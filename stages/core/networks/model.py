"""The trained networks of a run on disk, and their predictions.

A folder with model.json (tasks, classes, features and how they were made, architecture, recipe, versions, how
training went), weights.safetensors (all weights and the scaling of the features) and, for bags of audio
words, codebook.txt. It needs neither params.yaml nor torch to predict.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file
from threadpoolctl import threadpool_limits

from stages.core.config.tasks import Task
from stages.core.networks.scaling import Scaling
from stages.core.runtime.errors import UserError
from stages.core.runtime.files import whole_folder, write_json, write_text

# A product of matrices may round differently for another number of rows, so that clips always
# enter in blocks of this many: a clip's prediction never depends on its company.
BLOCK = 64
NORM_EPSILON, LEAK = np.float32(1e-5), np.float32(0.01)  # torch's defaults
ACTIVATIONS: Mapping[str, Callable[[np.ndarray], np.ndarray]] = {
    "leaky-relu": lambda values: np.maximum(values, values * LEAK),
    "relu": lambda values: np.maximum(values, 0),
    "silu": lambda values: values * (np.tanh(values / 2) + 1) / 2,
}


@dataclass(frozen=True)
class Model:
    """The networks of a run.

    Attributes:
        description: the content of model.json.
        weights: network name / parameter name → array; ``columns``: the features that it reads, if not all.
        scaling: features → inputs.
        codebook: the audio words behind the features, in openXBOW's text format; None: not bags.
    """

    description: Mapping[str, Any]
    weights: Mapping[str, np.ndarray]
    scaling: Scaling
    codebook: str | None = None

    @cached_property
    def tasks(self) -> dict[str, Task]:
        """The tasks, in order."""
        names = dict.fromkeys(task for entry in self.networks for task in entry["tasks"])
        described = {name: self.description["tasks"][name] for name in names}
        return {
            name: Task(
                **{**task, "columns": tuple(task["columns"]), "range": task["range"] and tuple(task["range"])}
            )
            for name, task in described.items()
        }

    @property
    def classes(self) -> dict[str, list[str]]:
        """Classification task → its classes, in the order of the outputs."""
        return self.description["classes"]

    @property
    def feature_names(self) -> list[str]:
        """Columns of the feature table, in order; a network may read some of them only (see ``weights``)."""
        return self.description["feature_names"]

    @property
    def seeds(self) -> list[int]:
        """The seeds of training."""
        return self.description["recipe"]["seeds"]

    @property
    def networks(self) -> list[dict[str, Any]]:
        """A dictionary a network: name, seed, tasks, best_epoch, epochs, validation (scores)."""
        return self.description["networks"]

    @property
    def origin(self) -> dict[str, Any]:
        """How the features were made (:mod:`stages.core.prediction.extraction`); empty if not known."""
        origin = dict(self.description.get("origin", {}))
        if self.codebook is not None:
            origin["bags"] = {**origin["bags"], "codebook": self.codebook}
        return origin

    @property
    def parameters(self) -> int:
        """Weights of the networks of one seed."""
        return sum(values.size for values in self._of_one_seed())

    @property
    def multiply_adds(self) -> int:
        """Multiply-adds of one clip through the networks of one seed: the weights of all linear layers."""
        return sum(values.size for values in self._of_one_seed() if values.ndim == 2)

    def _of_one_seed(self) -> list[np.ndarray]:
        names = {entry["name"] for entry in self.networks if entry["seed"] == self.seeds[0]}
        return [
            values
            for name, values in self.weights.items()
            if name.split("/")[0] in names and not name.endswith("/columns")
        ]

    def predict(self, features: np.ndarray) -> dict[int, dict[str, np.ndarray]]:
        """Predict clips; a clip's prediction has the same bits in any company.

        Args:
            features: float32 [n, d] in the order of ``feature_names``, not scaled.

        Returns:
            Seed → task → float32 [n, columns] in label units (ratings, years), or [n, classes] probabilities.
        """
        inputs = np.zeros((max(1, -(-len(features) // BLOCK)) * BLOCK, features.shape[1]), np.float32)
        inputs[: len(features)] = self.scaling(features)
        blocks = np.split(inputs, len(inputs) // BLOCK)
        predictions: dict[int, dict[str, np.ndarray]] = {seed: {} for seed in self.seeds}
        with threadpool_limits(1, "blas"):  # The number of threads could change the last bit.
            for entry in self.networks:
                outputs = [self._forward(entry, block) for block in blocks]
                for task in entry["tasks"]:
                    mean, deviation = (np.float32(value) for value in self.description["scales"][task])
                    values = np.concatenate([output[task] for output in outputs])[: len(features)]
                    predictions[entry["seed"]][task] = values * deviation + mean
        return {seed: {task: by_task[task] for task in self.tasks} for seed, by_task in predictions.items()}

    def _forward(self, entry: Mapping[str, Any], inputs: np.ndarray) -> dict[str, np.ndarray]:
        """:class:`stages.core.networks.network.Network` without torch, whose import alone takes seconds."""
        architecture = self.description["architecture"]

        def layer(name: str, values: np.ndarray) -> np.ndarray:
            name = f"{entry['name']}/{name}"
            return values @ self.weights[f"{name}.weight"].T + self.weights[f"{name}.bias"]

        active = ACTIVATIONS[architecture["activation"]]
        columns = self.weights.get(f"{entry['name']}/columns")
        inputs = inputs if columns is None else inputs[:, columns]
        for place in range(len(architecture["trunk"])):
            hidden = layer(f"trunk.{place}.0", inputs)
            hidden -= hidden.mean(axis=1, keepdims=True)
            hidden /= np.sqrt((hidden**2).mean(axis=1, keepdims=True) + NORM_EPSILON)
            norm = f"{entry['name']}/trunk.{place}.1"
            inputs = active(hidden * self.weights[f"{norm}.weight"] + self.weights[f"{norm}.bias"])
        outputs = {}
        for task in entry["tasks"]:
            hidden, depth = inputs, len(architecture["head"])
            for index in range(depth):
                hidden = active(layer(f"heads.{task}.{2 * index}", hidden))
            outputs[task] = _activated(self.tasks[task], layer(f"heads.{task}.{2 * depth}", hidden))
        return outputs

    def save(self, folder: Path) -> None:
        """Write the folder, whole or not at all."""
        tensors = {name: np.ascontiguousarray(values) for name, values in self.weights.items()}
        with whole_folder(folder) as temporary:
            save_file(
                {**tensors, "scaling": np.ascontiguousarray(self.scaling.points)},
                temporary / "weights.safetensors",
            )
            if self.codebook is not None:
                write_text(temporary / "codebook.txt", self.codebook)
            write_json(temporary / "model.json", {**self.description, "scaling": self.scaling.kind})

    @classmethod
    def load(cls, folder: Path) -> "Model":
        """Read a folder that :meth:`save` wrote.

        Raises:
            UserError: if the folder holds no model, or a damaged one.
        """
        try:
            description = json.loads((folder / "model.json").read_text(encoding="utf-8"))
            weights = load_file(folder / "weights.safetensors")
            scaling = Scaling(description["scaling"], weights.pop("scaling"))
            bags = "bags" in description.get("origin", {})
            codebook = (folder / "codebook.txt").read_text(encoding="utf-8") if bags else None
            ACTIVATIONS[description["architecture"]["activation"]]
        except FileNotFoundError as error:
            raise UserError(f"{error.filename} does not exist; `dvc repro` trains the model.") from None
        except (ValueError, KeyError, TypeError, AttributeError, SafetensorError) as error:
            raise UserError(
                f"{folder} holds a damaged model ({error}); train it anew with `dvc repro`."
            ) from None
        return cls(description, weights, scaling, codebook)


def _activated(task: Task, output: np.ndarray) -> np.ndarray:
    """Outputs as the task means them (see :func:`stages.core.networks.network.activated`)."""
    if task.kind == "classification":
        exponents = np.exp(output - output.max(axis=1, keepdims=True))
        return exponents / exponents.sum(axis=1, keepdims=True)
    return 1 / (1 + np.exp(-output)) if task.output == "sigmoid" else output
