"""The trained networks of a run on disk, and their predictions.

A folder with model.json (tasks, classes, features, architecture, recipe, versions, how training went) and
weights.safetensors (all weights and the scaling of the features). It needs no params.yaml to predict.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from stages.core.messages import UserError
from stages.core.network import Network, activated, multiply_adds
from stages.core.options import Architecture
from stages.core.scaling import Scaling
from stages.core.tables import whole, write_json
from stages.core.tasks import Task

# A product of matrices may round differently for another number of rows, so that clips always
# enter in blocks of this many: a clip's prediction never depends on its company.
BLOCK = 64


@dataclass(frozen=True)
class Model:
    """The networks of a run.

    Attributes:
        description: the content of model.json.
        weights: network name / parameter name → array.
        scaling: features → inputs.
    """

    description: Mapping[str, Any]
    weights: Mapping[str, np.ndarray]
    scaling: Scaling

    @cached_property
    def tasks(self) -> dict[str, Task]:
        """The tasks, in order."""
        return {
            name: Task(
                **{**task, "columns": tuple(task["columns"]), "range": task["range"] and tuple(task["range"])}
            )
            for name, task in self.description["tasks"].items()
        }

    @property
    def classes(self) -> dict[str, list[str]]:
        """Classification task → its classes, in the order of the outputs."""
        return self.description["classes"]

    @property
    def feature_names(self) -> list[str]:
        """Columns of the feature table that the networks read."""
        return self.description["feature_names"]

    @property
    def seeds(self) -> list[int]:
        """The seeds of training."""
        return self.description["recipe"]["seeds"]

    @property
    def networks(self) -> list[dict[str, Any]]:
        """A dictionary a network: name, seed, tasks, best_epoch, epochs, validation (scores)."""
        return self.description["networks"]

    @cached_property
    def loaded(self) -> dict[str, Network]:
        """Network name → network, ready to predict."""
        architecture = self.description["architecture"]
        widths = {key: tuple(architecture[key]) for key in ("trunk", "head")}
        networks = {}
        for entry in self.networks:
            outputs = {task: self.description["outputs"][task] for task in entry["tasks"]}
            network = Network(len(self.feature_names), outputs, Architecture(**{**architecture, **widths}))
            prefix = f"{entry['name']}/"
            network.load_state_dict(
                {
                    name.removeprefix(prefix): torch.from_numpy(values)
                    for name, values in self.weights.items()
                    if name.startswith(prefix)
                }
            )
            networks[entry["name"]] = network.eval()
        return networks

    @property
    def parameters(self) -> int:
        """Weights of the networks of one seed."""
        return self._of_one_seed(lambda network: sum(values.numel() for values in network.parameters()))

    @property
    def multiply_adds(self) -> int:
        """Multiply-adds of one clip through the networks of one seed."""
        return self._of_one_seed(multiply_adds)

    def _of_one_seed(self, number_of: Any) -> int:
        return sum(
            number_of(self.loaded[entry["name"]]) for entry in self.networks if entry["seed"] == self.seeds[0]
        )

    def predict(self, features: np.ndarray) -> dict[int, dict[str, np.ndarray]]:
        """Predict clips; a clip's prediction has the same bits in any company.

        Args:
            features: float32 [n, d] in the order of ``feature_names``, not scaled.

        Returns:
            Seed → task → float32 [n, columns] in label units (ratings, years), or [n, classes] probabilities.
        """
        torch.set_num_threads(1)  # The number of threads could change the last bit.
        inputs = np.zeros((max(1, -(-len(features) // BLOCK)) * BLOCK, features.shape[1]), np.float32)
        inputs[: len(features)] = self.scaling(features)
        predictions: dict[int, dict[str, np.ndarray]] = {seed: {} for seed in self.seeds}
        with torch.no_grad():
            for entry in self.networks:
                network = self.loaded[entry["name"]]
                blocks = [network(block) for block in torch.from_numpy(inputs).split(BLOCK)]
                for task in entry["tasks"]:
                    mean, deviation = self.description["scales"][task]
                    values = [activated(self.tasks[task], block[task]) for block in blocks]
                    joined = (
                        torch.cat(values)[: len(features)]
                        if values
                        else torch.empty(0, self.description["outputs"][task])
                    )
                    predictions[entry["seed"]][task] = (joined * deviation + mean).numpy()
        return {seed: {task: by_task[task] for task in self.tasks} for seed, by_task in predictions.items()}

    def save(self, folder: Path) -> None:
        """Write the folder; model.json last, so that a folder without it is no model."""
        folder.mkdir(parents=True, exist_ok=True)
        tensors = {name: np.ascontiguousarray(values) for name, values in self.weights.items()}
        with whole(folder / "weights.safetensors") as temporary:
            save_file({**tensors, "scaling": np.ascontiguousarray(self.scaling.points)}, temporary)
        write_json(folder / "model.json", {**self.description, "scaling": self.scaling.kind})

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
        except FileNotFoundError as error:
            raise UserError(f"{error.filename} does not exist; `dvc repro` trains the model.") from None
        except (ValueError, KeyError, SafetensorError) as error:
            raise UserError(
                f"{folder} holds a damaged model ({error}); train it anew with `dvc repro`."
            ) from None
        return cls(description, weights, scaling)
