"""The trained networks of a run on disk, and their predictions.

A folder with model.json (:class:`ModelDescription`), weights.safetensors (all weights and the scaling of the
features) and, for bags of audio words, codebook.txt. Predicting needs neither params.yaml nor torch.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save
from threadpoolctl import threadpool_limits

from stages.core.config.tasks import Task
from stages.core.networks.calibration import Calibration
from stages.core.networks.description import ModelDescription, NetworkSummary, parsed, problem_of
from stages.core.networks.scaling import Scaling
from stages.core.networks.speakers import Speakers
from stages.core.runtime.errors import StageFileError
from stages.core.runtime.files import whole_folder, write_json, write_text

# A product of matrices may round differently for another number of rows, so that clips always
# enter in blocks of this many: a clip's prediction never depends on its company.
BLOCK = 64
NORM_EPSILON, LEAK = np.float32(1e-5), np.float32(0.01)  # torch's defaults


@dataclass(frozen=True)
class Model:
    """The networks of a run.

    Attributes:
        description: the content of model.json.
        weights: network name / parameter name → array; ``columns``: the features that it reads, if not all.
        scaling: features → inputs.
    """

    description: ModelDescription
    weights: Mapping[str, np.ndarray]
    scaling: Scaling

    @cached_property
    def tasks(self) -> dict[str, Task]:
        """The tasks, in order."""
        names = dict.fromkeys(task for network in self.networks for task in network.tasks)
        return {name: self.description.tasks[name] for name in names}

    @property
    def classes(self) -> Mapping[str, list[str]]:
        """Classification task → its classes, in the order of the outputs."""
        return self.description.classes

    @property
    def feature_names(self) -> list[str]:
        """Columns of the feature table, in order; a network may read only some of them (see ``weights``)."""
        return self.description.feature_names

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds of training."""
        return self.description.training.seeds

    @property
    def networks(self) -> list[NetworkSummary]:
        """How the training of each network went."""
        return self.description.networks

    @property
    def origin(self) -> Mapping[str, Any]:
        """How the features were made (:mod:`stages.core.prediction.extraction`); empty if not known."""
        return self.description.origin

    @property
    def parameters(self) -> int:
        """Weights of the networks of one seed."""
        return sum(values.size for values in self._of_one_seed())

    @property
    def multiply_adds(self) -> int:
        """Multiply-adds per clip of the networks of one seed: the weights of all linear layers."""
        return sum(values.size for values in self._of_one_seed() if values.ndim == 2)

    def _of_one_seed(self) -> list[np.ndarray]:
        names = {network.name for network in self.networks if network.seed == self.seeds[0]}
        return [
            values
            for name, values in self.weights.items()
            if name.split("/")[0] in names and not name.endswith("/columns")
        ]

    @property
    def reads_speakers(self) -> bool:
        """Whether a prediction depends on which other clips are of the same speaker."""
        return self.scaling.kind == "speaker"

    def predict(
        self, features: np.ndarray, speakers: Speakers | None = None
    ) -> dict[int, dict[str, np.ndarray]]:
        """Predict clips; a clip's prediction has the same bits in any company (of other speakers).

        Args:
            features: float32 [n, d] in the order of ``feature_names``, not scaled.
            speakers: who is heard in each clip, for models that read speakers; None: in each somebody else.

        Returns:
            Seed → task → float32 [n, columns] in label units (ratings, years), or [n, classes] probabilities.
        """
        inputs = np.zeros((max(1, -(-len(features) // BLOCK)) * BLOCK, features.shape[1]), np.float32)
        inputs[: len(features)] = self.scaling(features, speakers)
        blocks = np.split(inputs, len(inputs) // BLOCK)
        predictions: dict[int, dict[str, np.ndarray]] = {seed: {} for seed in self.seeds}
        with threadpool_limits(1, "blas"):  # The number of threads could change the last bit.
            for network in self.networks:
                outputs = [self._forward(network, block) for block in blocks]
                for task in network.tasks:
                    mean, deviation = (np.float32(value) for value in self.description.scales[task])
                    values = np.concatenate([output[task] for output in outputs])[: len(features)]
                    values = values * deviation + mean
                    calibration = self.description.calibration.get(task, Calibration())
                    predictions[network.seed][task] = (
                        calibration.mapped(values) if calibration.factor else values
                    )
        return {seed: {task: by_task[task] for task in self.tasks} for seed, by_task in predictions.items()}

    def _forward(self, network: NetworkSummary, inputs: np.ndarray) -> dict[str, np.ndarray]:
        """:class:`stages.core.networks.network.Network` without torch, whose import alone takes seconds."""
        architecture = self.description.architecture

        def layer(name: str, values: np.ndarray) -> np.ndarray:
            name = f"{network.name}/{name}"
            return values @ self.weights[f"{name}.weight"].T + self.weights[f"{name}.bias"]

        columns = self.weights.get(f"{network.name}/columns")
        inputs = inputs if columns is None else inputs[:, columns]
        for index in range(len(architecture.trunk)):
            hidden = layer(f"trunk.{index}.0", inputs)
            hidden -= hidden.mean(axis=1, keepdims=True)
            hidden /= np.sqrt((hidden**2).mean(axis=1, keepdims=True) + NORM_EPSILON)
            norm = f"{network.name}/trunk.{index}.1"
            inputs = _leaky_relu(hidden * self.weights[f"{norm}.weight"] + self.weights[f"{norm}.bias"])
        outputs = {}
        for task in network.tasks:
            hidden, depth = inputs, len(architecture.head)
            for index in range(depth):
                hidden = _leaky_relu(layer(f"heads.{task}.{2 * index}", hidden))
            output = layer(f"heads.{task}.{2 * depth}", hidden)
            if task in self.description.calibration:
                output /= np.float32(self.description.calibration[task].temperature)
            outputs[task] = _activated(self.tasks[task], output)
        return outputs

    def save(self, folder: Path) -> None:
        """Write the folder, whole or not at all."""
        content = {**asdict(self.description), "scaling": self.scaling.kind}
        tensors = {name: np.ascontiguousarray(values) for name, values in self.weights.items()}
        with whole_folder(folder) as temporary:
            scaling = np.ascontiguousarray(self.scaling.points)
            # safetensors' own way to write a file leaves it unreadable to the group, whatever the umask.
            (temporary / "weights.safetensors").write_bytes(save({**tensors, "scaling": scaling}))
            if "bags" in content["origin"]:  # megabytes of text have a file of their own
                write_text(temporary / "codebook.txt", content["origin"]["bags"].pop("codebook"))
            write_json(temporary / "model.json", content)

    @classmethod
    def load(cls, folder: Path) -> "Model":
        """Read a folder that :meth:`save` wrote.

        Raises:
            StageFileError: if the folder holds no model, or a damaged one.
        """
        try:
            text = (folder / "model.json").read_text(encoding="utf-8")
            tensors = load_file(folder / "weights.safetensors")
            description, kind = parsed(text), json.loads(text).get("scaling")
            if "bags" in description.origin:
                description.origin["bags"]["codebook"] = (folder / "codebook.txt").read_text(encoding="utf-8")
            points = tensors.pop("scaling", np.empty(0))
        except FileNotFoundError as error:
            missing = Path(error.filename or folder / "weights.safetensors")  # safetensors names no file
            raise StageFileError(missing, "does not exist") from None
        except (ValueError, TypeError, RecursionError, SafetensorError) as error:
            raise StageFileError(folder, f"holds a damaged model ({error})") from None
        problem = problem_of(description, tensors, kind, points)
        if problem:
            raise StageFileError(folder, f"holds a damaged model ({problem})")
        return cls(description, tensors, Scaling(kind, points))


def _leaky_relu(values: np.ndarray) -> np.ndarray:
    return np.maximum(values, values * LEAK)


def _activated(task: Task, output: np.ndarray) -> np.ndarray:
    """Outputs as the task means them (see :func:`stages.core.networks.network.activated`)."""
    if task.kind == "classification":
        exponents = np.exp(output - output.max(axis=1, keepdims=True))
        return exponents / exponents.sum(axis=1, keepdims=True)
    return 1 / (1 + np.exp(-output)) if task.output == "sigmoid" else output
