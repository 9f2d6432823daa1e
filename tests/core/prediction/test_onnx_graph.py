from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from stages.core.config.tasks import Task
from stages.core.config.training import Architecture, TrainingConfig
from stages.core.networks.blending import Blend
from stages.core.networks.calibration import Calibration
from stages.core.networks.description import ModelDescription, NetworkSummary
from stages.core.networks.model import Model
from stages.core.networks.network import Network
from stages.core.networks.scaling import fit_scaling
from stages.core.prediction.onnx_graph import largest_difference, onnx_model
from stages.core.runtime.errors import UserError

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

FEATURES = 30
TASKS = {
    "mood": Task("regression", ("Awe", "Fear"), "ccc", output="sigmoid"),
    "kind": Task("classification", ("Kind",), "uar"),
    "age": Task("regression", ("Age",), "mae", range=(0, 120)),
}
OUTPUTS = {"mood": 2, "kind": 3, "age": 1}


def features(number: int = 200) -> np.ndarray:
    """With ties, a constant column, and values as far out as ComParE's."""
    values = np.random.default_rng(0).normal(size=(number, FEATURES))
    values[:, 0] = 7.0
    values[:, 1] = np.round(values[:, 1])
    values[: number // 2, 2] = 0.0
    values[:, 3] = np.sinh(9 * values[:, 3])
    return values.astype(np.float32)


def model(
    joint: bool,
    kind: Any,
    columns: int | None = None,
    head: tuple[int, ...] = (8,),
    calibration: dict[str, Calibration] | None = None,
) -> Model:
    architecture = Architecture(joint, (16, 8), head)
    groups = [list(TASKS)] if joint else [[task] for task in TASKS]
    networks, weights = [], {}
    for seed in (1, 2):
        for group in groups:
            torch.manual_seed(10 * seed + len(networks))
            name = f"seed{seed}-{group[0]}"
            network = Network(columns or FEATURES, {task: OUTPUTS[task] for task in group}, architecture)
            for parameter, values in network.arrays().items():
                drawn = values + np.random.default_rng(len(weights)).normal(0, 0.1, values.shape)
                weights[f"{name}/{parameter}"] = drawn.astype(np.float32)
            if columns:
                chosen = np.random.default_rng(len(weights)).permutation(FEATURES)[:columns]
                weights[f"{name}/columns"] = np.sort(chosen)
            networks.append(NetworkSummary(name, seed, group, 1, 1, {}))
    description = ModelDescription(
        run="tiny",
        features="egemaps",
        model="tiny",
        origin={},
        feature_names=[f"feature {index}" for index in range(FEATURES)],
        tasks=TASKS,
        outputs=OUTPUTS,
        classes={"kind": ["cry", "gasp", "laugh"]},
        scales={"mood": (0.0, 1.0), "kind": (0.0, 1.0), "age": (30.0, 9.0)},
        architecture=architecture,
        training=TrainingConfig(seeds=(1, 2)),
        clips={},
        networks=networks,
        versions={},
        calibration=calibration or {},
    )
    return Model(description, weights, fit_scaling(kind, features()))


@pytest.mark.parametrize("joint", [True, False])
@pytest.mark.parametrize("kind", ["standard", "quantile"])
@pytest.mark.parametrize("columns", [None, 10])
def test_onnx_runtime_predicts_what_the_model_does(joint: bool, kind: str, columns: int | None) -> None:
    made = model(joint, kind, columns)
    serialized = onnx_model(made, {}).SerializeToString()
    seen = features()
    unseen = np.random.default_rng(5).normal(0, 3, (90, FEATURES)).astype(np.float32)
    beyond = np.float32([[1e13] * FEATURES, [-1e13] * FEATURES, [0] * FEATURES])
    for clips in (seen, unseen, beyond, seen[:1]):
        assert largest_difference(made, serialized, clips) < 1e-5


def test_a_head_without_hidden_layers() -> None:
    made = model(False, "standard", head=())
    assert largest_difference(made, onnx_model(made, {}).SerializeToString(), features()) < 1e-5


def test_calibrated_predictions() -> None:
    calibration = {
        "mood": Calibration((1.7, 0.4), (-0.2, 0.3)),
        "kind": Calibration(temperature=3.0),
    }
    made, plain = model(True, "standard", calibration=calibration), model(True, "standard")
    serialized = onnx_model(made, {}).SerializeToString()
    assert largest_difference(made, serialized, features()) < 1e-5
    assert largest_difference(plain, serialized, features()) > 0.1


@pytest.mark.parametrize("columns", [None, 10])
def test_blended_predictions(columns: int | None) -> None:
    plain = model(True, "quantile", columns, calibration={"kind": Calibration(temperature=0.5)})
    rng = np.random.default_rng(6)
    blend = {"kind": Blend((0.3, 0.7), temperature=0.125), "age": Blend((0.2, 0.5, 0.3), center=(1.5,))}
    weights = dict(plain.weights)
    for task in blend:
        weights[f"linear-{task}/columns"] = np.array([0, 5, 29])
        weights[f"linear-{task}/weight"] = rng.normal(0, 0.1, (3, OUTPUTS[task])).astype(np.float32)
        weights[f"linear-{task}/bias"] = rng.normal(0, 0.1, OUTPUTS[task]).astype(np.float32)
    made = replace(plain, description=replace(plain.description, blend=blend), weights=weights)
    serialized = onnx_model(made, {}).SerializeToString()
    assert largest_difference(made, serialized, features()) < 1e-5
    assert largest_difference(plain, serialized, features()) > 0.1


def test_a_model_that_reads_speakers_is_refused() -> None:
    with pytest.raises(UserError, match="scales features by speaker, which ONNX cannot hold"):
        onnx_model(model(True, "speaker"), {})


def test_the_comparison_notices_a_wrong_graph() -> None:
    made, other = model(True, "standard"), model(True, "quantile")
    assert largest_difference(made, onnx_model(other, {}).SerializeToString(), features()) > 1e-3


def test_what_the_file_says_of_itself() -> None:
    serialized = onnx_model(model(True, "standard"), {"how": "by hand"}).SerializeToString()
    session = onnxruntime.InferenceSession(serialized)
    told = session.get_modelmeta().custom_metadata_map
    assert told["how"] == "by hand"
    assert told["outputs"] == '{"mood": ["Awe", "Fear"], "kind": ["cry", "gasp", "laugh"], "age": ["Age"]}'
    assert told["feature_names"].startswith('["feature 0", "feature 1"')
    assert [entry.name for entry in session.get_outputs()] == list(TASKS)
    assert session.get_inputs()[0].shape == ["clips", FEATURES]
