"""The trained networks of a run on disk, and their predictions.

A folder with model.json (:class:`ModelDescription`), weights.safetensors (all weights and the scaling of the
features) and, for bags of audio words, codebook.txt. Predicting needs neither params.yaml nor torch.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from stages.core.config.tasks import Task
from stages.core.networks.calibration import Calibration
from stages.core.networks.description import ModelDescription, NetworkSummary, parsed, problem_of
from stages.core.networks.scaling import Scaling
from stages.core.networks.speakers import Speakers, whole_speakers
from stages.core.runtime.errors import StageFileError
from stages.core.runtime.files import whole_folder, write_json, write_text
from stages.core.runtime.tables import FeatureTable

if TYPE_CHECKING:
    from stages.core.networks.layout import Layout, Net
    from stages.core.networks.linear import Linear

CLIPS = 4096  # predicted at a time, so that memory does not grow with their number
BLOCK = 64  # clips that a caller who reads recordings may gather before it predicts them


@dataclass(frozen=True)
class Model:
    """The networks of a run.

    Attributes:
        description: the content of model.json.
        weights: network name / parameter name → array; ``columns``: the features that it reads, if not all.
            Of a task that is blended also linear-task / weight, bias and columns.
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
        """Weights of the networks of one seed and of the linear models beside them."""
        return sum(values.size for values in self._of_one_seed())

    @property
    def multiply_adds(self) -> int:
        """Multiply-adds per clip of the networks of one seed and of the linear models beside them."""
        return sum(values.size for values in self._of_one_seed() if values.ndim == 2)

    @property
    def training_multiply_adds(self) -> dict[str, int]:
        """Task → multiply-adds per clip of a training step of the network that learns it.

        A linear layer takes its weights three times: for its outputs, for their gradient, and for that of its
        inputs; the first layer's inputs need none.
        """
        found: dict[str, int] = {}
        for network in self.networks:
            if network.seed == self.seeds[0]:
                own = f"{network.name}/"
                sizes = {
                    name.removeprefix(own): values.size
                    for name, values in self.weights.items()
                    if name.startswith(own) and values.ndim == 2
                }
                passes = 3 * sum(sizes.values()) - sizes["trunk.0.0.weight"]
                found |= dict.fromkeys(network.tasks, passes)
        return found

    def _of_one_seed(self) -> list[np.ndarray]:
        names = {network.name for network in self.networks if network.seed == self.seeds[0]}
        names |= {f"linear-{task}" for task in self.description.blend}
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
        """Predict clips; a clip's prediction has the same bits in any company and on any processor.

        Where :attr:`reads_speakers` holds, the other clips of its speaker count as well.

        Args:
            features: float32 [n, d] in the order of ``feature_names``, not scaled.
            speakers: who is heard in each clip, for models that read speakers; None: in each somebody else.

        Returns:
            Seed → task → float32 [n, columns] in label units (ratings, years), or [n, classes] probabilities.
        """
        return self.predict_scaled(self.scaling(features, speakers))

    def predict_scaled(self, scaled: np.ndarray) -> dict[int, dict[str, np.ndarray]]:
        """Predict clips whose features were scaled before: see :meth:`predict`."""
        from stages.core.networks import kernels  # numba takes time to load

        linear = {name: model.predict(scaled, self.tasks[name]) for name, model in self.linear.items()}
        predictions: dict[int, dict[str, np.ndarray]] = {seed: {} for seed in self.seeds}
        for network in self.networks:
            layout, net = self._nets[network.name]
            columns = self.weights.get(f"{network.name}/columns")
            inputs = scaled if columns is None else np.ascontiguousarray(scaled[:, columns])
            outputs = kernels.outputs_of(inputs, net)
            kernels.activate(outputs, net.tasks)
            for task, values in layout.by_task(outputs).items():
                mean, deviation = (np.float32(value) for value in self.description.scales[task])
                blend = self.description.blend.get(task)
                mixed = blend.mean(values, linear[task]) if blend else values
                in_label_units = mixed * deviation + mean
                calibration = self.description.calibration.get(task, Calibration())
                predictions[network.seed][task] = calibration.mapped(in_label_units)
        return {seed: {task: by_task[task] for task in self.tasks} for seed, by_task in predictions.items()}

    @cached_property
    def linear(self) -> dict[str, "Linear"]:
        """Task → the linear model that is blended with its networks; tasks without are not blended."""
        from stages.core.networks.linear import Linear

        return {
            task: Linear(
                self.weights.get(f"linear-{task}/columns", np.arange(len(self.feature_names))),
                self.weights[f"linear-{task}/weight"],
                self.weights[f"linear-{task}/bias"],
                blend.temperature,
            )
            for task, blend in self.description.blend.items()
        }

    @cached_property
    def _nets(self) -> dict[str, tuple["Layout", "Net"]]:
        """Network → how it lies in memory, and the network as the compiled code reads it."""
        from stages.core.networks.layout import layout_of

        nets = {}
        for network in self.networks:
            prefix = f"{network.name}/"
            arrays = {
                name.removeprefix(prefix): values
                for name, values in self.weights.items()
                if name.startswith(prefix)
            }
            outputs = {task: self.description.outputs[task] for task in network.tasks}
            inputs = arrays.pop("columns", np.empty(len(self.feature_names))).size
            layout = layout_of(inputs, outputs, self.description.architecture, self.tasks)
            nets[network.name] = layout, layout.net(layout.pack(arrays, np.dtype(np.float32)))
        return nets

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


def predict_clips(
    model: Model, features: np.ndarray | FeatureTable, speakers: np.ndarray, rows: np.ndarray
) -> dict[int, dict[str, np.ndarray]]:
    """Predict many clips in blocks; a speaker's at once where the model asks for it.

    Args:
        model: the networks.
        features: float32 [n, d] of all clips, not scaled, or the table that holds them.
        speakers: text [n].
        rows: int [m], the clips to predict.

    Returns:
        Seed → task → float32 [m, outputs].
    """
    joined: dict[int, dict[str, np.ndarray]] = {
        seed: {
            name: np.empty((len(rows), model.description.outputs[name]), np.float32) for name in model.tasks
        }
        for seed in model.seeds
    }
    if model.reads_speakers:
        features, speakers, rows = features[rows], speakers[rows], np.arange(len(rows))
        blocks = whole_speakers(speakers, CLIPS)
    else:
        blocks = (np.arange(first, min(first + CLIPS, len(rows))) for first in range(0, len(rows), CLIPS))
    for block in blocks:
        chosen = rows[block]
        for seed, by_task in model.predict(features[chosen], speakers[chosen]).items():
            for name, values in by_task.items():
                joined[seed][name][block] = values
    return joined
