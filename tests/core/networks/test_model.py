"""Models on disk: what is written comes back, and what does not fit together is refused in one sentence."""

import json
import math
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stages.core.config.tasks import Task
from stages.core.config.training import Architecture, TrainingConfig
from stages.core.networks.description import ModelDescription, NetworkSummary, parameter_shapes
from stages.core.networks.model import Model
from stages.core.networks.network import Network
from stages.core.networks.scaling import Scaling
from stages.core.runtime.errors import StageFileError

# Tasks named like methods of torch.nn.ModuleDict.
TASKS = {
    "type": Task("classification", ("Kind",), "uar"),
    "keys": Task("regression", ("Awe", "Fear"), "ccc", output="sigmoid", range=(0.0, 1.0)),
    "train": Task("regression", ("Age",), "mae"),
}
OUTPUTS = {"type": 3, "keys": 2, "train": 1}
ARCHITECTURE = Architecture(joint=True, trunk=(9, 7), head=(5,))
DESCRIPTION = ModelDescription(
    run="small",
    features="egemaps",
    model="mtl",
    origin={"feature_set": "eGeMAPSv02", "bags": {"layout": "joint", "codebook": "words\n"}},
    feature_names=[f"f{column}" for column in range(6)],
    tasks=TASKS,
    outputs=OUTPUTS,
    classes={"type": ["a", "b", "c"]},
    scales={"type": (0.0, 1.0), "keys": (0.0, 1.0), "train": (30.0, 8.0)},
    architecture=ARCHITECTURE,
    training=TrainingConfig(seeds=(4, 2)),
    clips={"train": 5, "validation": 4},
    networks=[
        NetworkSummary(f"seed{seed}", seed, list(TASKS), 1, 2, {"type": 0.5, "keys": None, "train": 3.0})
        for seed in (4, 2)
    ],
    versions={"numpy": "2"},
)
RNG = np.random.default_rng(1)
WEIGHTS = {
    f"seed{seed}/{name}": RNG.normal(size=shape).astype(np.float32)
    for seed in (4, 2)
    for name, shape in parameter_shapes(6, OUTPUTS, ARCHITECTURE)
}
POINTS = np.array([np.zeros(6), np.ones(6), np.full(6, -9.0), np.full(6, 9.0)])
MODEL = Model(DESCRIPTION, WEIGHTS, Scaling("standard", POINTS))


def test_what_is_saved_comes_back(tmp_path: Path) -> None:
    MODEL.save(tmp_path)
    model = Model.load(tmp_path)
    assert model.description == DESCRIPTION
    assert list(model.tasks) == list(TASKS)
    assert model.weights.keys() == WEIGHTS.keys()
    for name, values in WEIGHTS.items():
        np.testing.assert_array_equal(model.weights[name], values)
    np.testing.assert_array_equal(model.scaling.points, POINTS)
    assert model.seeds == (4, 2)
    assert "words" not in (tmp_path / "model.json").read_text()


def test_two_networks_of_a_seed_and_task_are_damage(tmp_path: Path) -> None:
    """Though each has weights and a name of its own."""
    twice = replace(DESCRIPTION.networks[0], name="again")
    weights = {name.replace("seed4", "again"): values for name, values in WEIGHTS.items() if "seed4" in name}
    description = replace(DESCRIPTION, networks=[*DESCRIPTION.networks, twice])
    Model(description, {**WEIGHTS, **weights}, MODEL.scaling).save(tmp_path)
    with pytest.raises(StageFileError, match="not every seed has one network for each task"):
        Model.load(tmp_path)


def test_all_files_can_be_read_by_whom_the_umask_allows(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        MODEL.save(tmp_path / "model")
    finally:
        os.umask(before)
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "model").iterdir()}
    assert modes == dict.fromkeys(["codebook.txt", "model.json", "weights.safetensors"], 0o640)


def test_networks_of_one_task_each_predict_in_the_order_of_the_tasks_and_seeds() -> None:
    """Each reads features of its own, and has an architecture without hidden layers in its head."""
    architecture = Architecture(joint=False, trunk=(4,))
    reads = {"type": [5, 0], "keys": [1, 2, 3], "train": [4]}
    networks, weights = [], {}
    for task in TASKS:
        for seed in (4, 2):
            name = f"seed{seed}-{task}"
            networks.append(NetworkSummary(name, seed, [task], 1, 2, {}))
            weights[f"{name}/columns"] = np.array(reads[task])
            for part, shape in parameter_shapes(len(reads[task]), {task: OUTPUTS[task]}, architecture):
                weights[f"{name}/{part}"] = RNG.normal(size=shape).astype(np.float32)
    description = replace(DESCRIPTION, architecture=architecture, networks=networks)
    model = Model(description, weights, MODEL.scaling)
    features = RNG.normal(size=(3, 6)).astype(np.float32)
    found = model.predict(features)
    assert list(found) == [4, 2] and all(list(of_seed) == list(TASKS) for of_seed in found.values())
    for network in networks:
        (task,) = network.tasks

        def weight(part: str, name: str = network.name) -> np.ndarray:
            return weights[f"{name}/{part}"].astype(np.float64)

        sums = features[:, reads[task]] @ weight("trunk.0.0.weight").T + weight("trunk.0.0.bias")
        normal = (sums - sums.mean(axis=1, keepdims=True)) / np.sqrt(sums.var(axis=1, keepdims=True) + 1e-5)
        hidden = normal * weight("trunk.0.1.weight") + weight("trunk.0.1.bias")
        hidden = np.where(hidden > 0, hidden, 0.01 * hidden)
        outputs = hidden @ weight(f"heads.{task}.0.weight").T + weight(f"heads.{task}.0.bias")
        expected = {
            "type": np.exp(outputs) / np.exp(outputs).sum(axis=1, keepdims=True),
            "keys": 1 / (1 + np.exp(-outputs)),
            "train": 30 + 8 * outputs,
        }[task]
        np.testing.assert_allclose(found[network.seed][task], expected, rtol=2e-4)
    linear = sum(4 * len(columns) for columns in reads.values()) + 4 * 6
    assert (model.multiply_adds, model.parameters) == (
        linear,
        linear + 3 * 3 * 4 + 6,
    )  # columns are no weights
    assert model.training_multiply_adds == {
        task: 2 * 4 * len(reads[task]) + 3 * 4 * OUTPUTS[task] for task in TASKS
    }


def test_cost_is_that_of_one_seed() -> None:
    linear = 6 * 9 + 9 * 7 + 3 * 7 * 5 + 5 * (3 + 2 + 1)
    assert MODEL.multiply_adds == linear
    assert MODEL.parameters == linear + 3 * 9 + 3 * 7 + 3 * 5 + 6


def test_names_and_shapes_are_the_networks() -> None:
    arrays = Network(6, OUTPUTS, ARCHITECTURE).arrays()
    assert {name: values.shape for name, values in arrays.items()} == dict(
        parameter_shapes(6, OUTPUTS, ARCHITECTURE)
    )


def test_a_folder_without_a_model(tmp_path: Path) -> None:
    with pytest.raises(StageFileError, match=r"model\.json does not exist"):
        Model.load(tmp_path)
    MODEL.save(tmp_path)
    (tmp_path / "codebook.txt").unlink()
    with pytest.raises(StageFileError, match=r"codebook\.txt does not exist"):
        Model.load(tmp_path)
    (tmp_path / "weights.safetensors").write_bytes(b"no weights")
    with pytest.raises(StageFileError, match="damaged model"):
        Model.load(tmp_path)


def at(content: Any, path: str) -> tuple[Any, Any]:
    *parents, last = [int(part) if part.isdigit() else part for part in path.split(".")]
    for part in parents:
        content = content[part]
    return content, last


@pytest.mark.parametrize(
    ("path", "value", "sentence"),
    [
        ("architecture.trunk", [], "architecture.trunk"),
        ("architecture.trunk.0", 8, "trunk.0.0.weight is not float32 of shape"),
        ("architecture.trunk.0", "9", "architecture.trunk.0"),
        ("architecture.head.0", -5, "architecture.head.0"),
        ("architecture.joint", 1, "architecture.joint"),
        ("architecture.dropout", 1.0, "architecture.dropout"),
        ("architecture", None, "architecture"),
        ("classes.type", ["a", "b"], "outputs of task type are 3, not 2"),
        ("classes", {}, "outputs of task type are 3, not 0"),
        ("outputs.keys", 3, "outputs of task keys are 3, not 2"),
        ("outputs", {}, "outputs of task"),
        ("feature_names", ["a"], "scaling is not of 1 features"),
        ("feature_names.1", "f0", "feature_names holds a name twice"),
        ("feature_names.1", None, "feature_names.1"),
        ("networks", [], "networks name no task"),
        ("networks.0.tasks", ["type", "other", "train"], "networks name no task, or an unknown one"),
        ("networks.0.tasks", ["type", "type", "train"], "not every seed has one network for each task"),
        ("networks.0.name", "seed2", "two networks have the same name"),
        ("networks.0.name", "seed9", "seed9/trunk.0.0.weight is not float32"),
        ("networks.0.seed", 2, "not every seed has one network for each task"),
        ("networks.0", "seed4", "networks.0"),
        ("training.seeds", [4, 2, 1], "not every seed has one network for each task"),
        ("training.optimizer", "sgd", "training.optimizer"),
        ("training", [], "training"),
        ("scales.train", [30.0, 0.0], "the scale of task train is not finite and positive"),
        ("scales.train", [30.0, -8.0], "the scale of task train is not finite and positive"),
        ("scales.train", [30.0, math.inf], "the scale of task train is not finite and positive"),
        ("scales.train", [math.nan, 8.0], "the scale of task train is not finite and positive"),
        ("scales", {"type": [0.0, 1.0], "keys": [0.0, 1.0]}, "the scale of task train is not finite"),
        ("scales.train", [30.0], "scales.train"),
        ("scales", {}, "the scale of task"),
        ("scaling", "none", "scaling is none of standard, quantile and speaker"),
        ("scaling", ["standard"], "scaling is none of standard, quantile and speaker"),
        ("tasks.keys.output", "softplus", "tasks.keys.output"),
        ("tasks.keys.columns", ["Awe"], "outputs of task keys are 2, not 1"),
        ("origin.bags", 7, "origin.bags"),
        ("origin", "smile", "origin"),
        ("run", 3, "run"),
    ],
)
def test_a_description_that_does_not_fit(path: str, value: Any, sentence: str, tmp_path: Path) -> None:
    MODEL.save(tmp_path)
    content = json.loads((tmp_path / "model.json").read_text())
    holder, key = at(content, path)
    holder[key] = value
    (tmp_path / "model.json").write_text(json.dumps(content))
    with pytest.raises(StageFileError, match="holds a damaged model") as error:
        Model.load(tmp_path)
    assert sentence in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("text", ["", "[]", "null", "{", '{"a": NaN}', "[" * 10**5])
def test_a_description_that_is_none(text: str, tmp_path: Path) -> None:
    MODEL.save(tmp_path)
    (tmp_path / "model.json").write_text(text)
    with pytest.raises(StageFileError, match="holds a damaged model"):
        Model.load(tmp_path)


@pytest.mark.parametrize("key", ["tasks", "training", "networks", "scales", "feature_names", "scaling"])
def test_a_description_without_a_key(key: str, tmp_path: Path) -> None:
    MODEL.save(tmp_path)
    content = json.loads((tmp_path / "model.json").read_text())
    del content[key]
    (tmp_path / "model.json").write_text(json.dumps(content))
    with pytest.raises(StageFileError, match=rf"damaged model \({key}"):
        Model.load(tmp_path)


Change = Callable[[dict[str, np.ndarray]], object]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda w: w.pop("seed2/trunk.1.1.bias"), "seed2/trunk.1.1.bias is not float32 of shape"),
        (lambda w: w.update({"seed2/trunk.0.0.bias": np.zeros(9)}), "is not float32 of shape"),
        (
            lambda w: w.update({"seed2/trunk.0.0.bias": np.zeros((3, 3), np.float32)}),
            "is not float32 of shape",
        ),
        (lambda w: w.update(zebra=np.zeros(3), other=np.zeros(3)), "(other belongs to no network)"),
        (lambda w: w.update({"seed2/columns": np.array([0, 6])}), "names features that there are not"),
        (lambda w: w.update({"seed2/columns": np.array([-1, 2])}), "names features that there are not"),
        (lambda w: w.update({"seed2/columns": np.zeros(2)}), "names features that there are not"),
        (lambda w: w.update({"seed2/columns": np.arange(3)}), "seed2/trunk.0.0.weight is not float32"),
        (
            lambda w: w.update({"seed4/heads.keys.2.bias": np.full(2, np.nan, np.float32)}),
            "task type, keys, train (seed 4) has weights that are not finite: "
            "its training diverged; a lower learning rate helps",
        ),
        (
            lambda w: w.update({"seed2/trunk.0.1.bias": np.full(9, np.inf, np.float32)}),
            "its training diverged",
        ),
    ],
)
def test_weights_that_do_not_fit(change: Change, sentence: str, tmp_path: Path) -> None:
    weights = dict(WEIGHTS)
    change(weights)
    replace(MODEL, weights=weights).save(tmp_path)
    with pytest.raises(StageFileError, match="holds a damaged model") as error:
        Model.load(tmp_path)
    assert sentence in str(error.value)


@pytest.mark.parametrize(
    ("kind", "points", "sentence"),
    [
        ("standard", POINTS[:3], "is not of 6 features"),
        ("standard", POINTS[:, :5], "is not of 6 features"),
        ("quantile", np.empty((0, 6)), "is not of 6 features"),
        ("quantile", np.full((3, 6), np.nan), "not a table of finite numbers"),
        ("standard", POINTS.astype(np.float32), "not a table of finite numbers"),
        ("standard", POINTS[0], "not a table of finite numbers"),
    ],
)
def test_a_scaling_that_does_not_fit(kind: Any, points: np.ndarray, sentence: str, tmp_path: Path) -> None:
    replace(MODEL, scaling=Scaling(kind, points)).save(tmp_path)
    with pytest.raises(StageFileError, match=sentence):
        Model.load(tmp_path)


def test_predictions_are_in_label_units() -> None:
    features = RNG.normal(size=(70, 6)).astype(np.float32)
    plain = replace(DESCRIPTION, scales=dict.fromkeys(TASKS, (0.0, 1.0)))
    inside, outside = replace(MODEL, description=plain).predict(features), MODEL.predict(features)
    for seed in (4, 2):
        np.testing.assert_allclose(outside[seed]["train"], inside[seed]["train"] * 8 + 30, rtol=1e-6)
        np.testing.assert_array_equal(outside[seed]["keys"], inside[seed]["keys"])
        assert list(outside[seed]) == list(TASKS)
        assert outside[seed]["type"].shape == (70, 3)
    assert not np.array_equal(outside[4]["train"], outside[2]["train"])
