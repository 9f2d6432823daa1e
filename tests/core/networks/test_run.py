"""Which clips, seeds and sizes the networks of a run stand for."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from stages.core.config.tasks import Task
from stages.core.config.training import Architecture, RunOptions, TrainingConfig
from stages.core.networks import model as model_module
from stages.core.networks import run
from stages.core.networks.compiled import train_network
from stages.core.networks.draws import first_weights
from stages.core.networks.linear import fit_linear
from stages.core.networks.model import Model, predict_clips
from stages.core.networks.run import (
    RunTables,
    Trained,
    blended,
    in_order_of_seeds,
    model_of,
    number_of_networks,
    train_run,
)
from stages.core.networks.selection import select
from stages.core.networks.stopping import TrainingResult
from stages.core.runtime.compute import ComputeOptions
from tests.core.networks.test_data import CLIPS, FEATURES, RECORDINGS, SPLIT, TASKS, prepared, rows_of

SPLITS = pd.DataFrame({"clip_id": CLIPS, "split": SPLIT})
NAMES = ["f3", "f0", "f4", "f1", "f2"]  # in no order
TABLES = RunTables(CLIPS, NAMES, FEATURES, {}, RECORDINGS, SPLITS)
ALONE, JOINT = (Architecture(joint, trunk=(4,)) for joint in (False, True))


def trained(seed: int) -> Trained:
    """A network whose best epoch is not its last."""
    curves = [
        {"epoch": epoch, "split": split, "task": "age", "score": score}
        for epoch in (1, 2, 3)
        for split, score in (("train", None), ("validation", 10.0 * epoch))
    ]
    return Trained(f"seed{seed}", seed, ["age"], None, TrainingResult({}, curves, best_epoch=2, epochs=3))


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_labels_features_and_speakers_of_a_split_are_of_the_same_clips(split: str) -> None:
    labels, features, speakers = TABLES.of_split(split)
    rows = rows_of(split)
    assert list(labels["clip_id"]) == [CLIPS[row] for row in rows]
    np.testing.assert_array_equal(features, FEATURES[rows])
    assert list(speakers) == [f"speaker s{row}" for row in rows]
    assert list(TABLES.clips_of(split)["clip_id"]) == list(labels["clip_id"])


def test_a_network_for_each_seed_and_task_or_for_each_seed() -> None:
    config = TrainingConfig(seeds=(5, 1))
    assert number_of_networks(prepared().data, ALONE, config) == 6
    assert number_of_networks(prepared().data, JOINT, config) == 2


def test_networks_stand_in_the_order_of_the_seeds_that_were_asked_for() -> None:
    found = in_order_of_seeds(map(trained, (1, 9, 5)), TrainingConfig(seeds=(5, 1, 9)))
    assert [network.seed for network in found] == [5, 1, 9]


def test_the_summary_has_the_validation_score_of_the_epoch_that_was_kept() -> None:
    summary = trained(7).summary
    assert (summary.validation, summary.best_epoch, summary.epochs) == ({"age": 20.0}, 2, 3)


def test_the_model_says_how_many_clips_it_learnt_from() -> None:
    data = prepared()
    kept = replace(data.data.validation, inputs=data.data.validation.inputs[:3])
    data = replace(data, data=replace(data.data, validation=kept))
    config = TrainingConfig(seeds=(7,))
    model = model_of("r", RunOptions("f", "m"), TABLES, data, JOINT, config, [trained(7)])
    assert model.description.clips == {"train": 4, "validation": 3}


def made(config: TrainingConfig, tasks: list[str]) -> Model:
    network = replace(trained(config.seeds[0]), tasks=tasks)
    return model_of("r", RunOptions("f", "m"), TABLES, prepared(config=config), JOINT, config, [network])


def test_a_blend_is_chosen_among_networks_linear_model_and_constant(monkeypatch: pytest.MonkeyPatch) -> None:
    config = TrainingConfig(target_scale="standard", calibration="match", seeds=(7, 8))
    monkeypatch.setattr(run, "calibrated", lambda model, _: model)
    model, data = made(config, ["age", "type"]), prepared(config=config).data
    by_seed = {
        7: {"age": [[20.0]] * 4, "type": [[0.1, 0.2]] * 4},
        8: {"age": [[50.0]] * 4, "type": [[0.5, 0.8]] * 4},
    }
    monkeypatch.setattr(
        Model,
        "predict_scaled",
        lambda *_: {
            seed: {name: np.array(rows, np.float32) for name, rows in of.items()}
            for seed, of in by_seed.items()
        },
    )
    asked: dict[str, Any] = {}

    def chosen(task: Any, truth: Any, members: Any, speakers: Any, spread: Any) -> tuple[float, ...]:
        asked[task.columns[0]] = truth, members, speakers, spread
        return (1.0, 0.0, 0.0)[: len(members)]

    monkeypatch.setattr(run, "chosen_shares", chosen)
    speakers = np.array(list("abca"))
    blended(model, data, speakers)
    mean, deviation = data.scales["age"]
    for name, column, networks in (("age", "Age", (35 - mean) / deviation), ("type", "Awe", [0.3, 0.5])):
        truth, members, whose, spread = asked[column]
        np.testing.assert_array_equal(truth, data.validation.targets[name])
        np.testing.assert_allclose(members[0], np.zeros((4, 1)) + networks, rtol=1e-6)
        linear = fit_linear(data, name, config, {"f": slice(0, 5)})
        assert linear is not None
        np.testing.assert_array_equal(members[1], linear.predict(data.validation.inputs, data.tasks[name]))
        assert whose is speakers
        if name == "age":
            np.testing.assert_allclose(members[2], np.median(data.train.targets["age"]))
            assert spread is None
        else:
            assert len(members) == 2
            np.testing.assert_array_equal(spread, data.train.targets["type"])


def test_the_speakers_of_validation_choose_a_blend(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[str]] = []
    monkeypatch.setattr(run, "blended", lambda model, _, speakers: asked.append(list(speakers)) or model)
    made(TrainingConfig(seeds=(7,), blend="validation"), ["age"])
    assert asked == [[f"speaker s{row}" for row in rows_of("validation")]]


def test_a_training_step_takes_the_weights_three_times_but_the_inputs_need_no_gradient() -> None:
    weights = {
        "seed7/trunk.0.0.weight": np.zeros((4, 5), np.float32),
        "seed7/trunk.0.0.bias": np.zeros(4, np.float32),
        "seed7/heads.age.0.weight": np.zeros((1, 4), np.float32),
        "seed8/trunk.0.0.weight": np.zeros((4, 5), np.float32),
    }
    model = replace(made(TrainingConfig(seeds=(7,)), ["age", "type"]), weights=weights)
    assert model.training_multiply_adds == dict.fromkeys(["age", "type"], 3 * (20 + 4) - 20)
    assert (model.parameters, model.multiply_adds) == (28, 24)


@pytest.mark.parametrize("of_speakers", [False, True])
def test_any_clips_are_predicted_in_blocks_and_in_their_order(
    of_speakers: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_module, "CLIPS", 2)
    asked: list[list[str]] = []

    def predict(features: np.ndarray, speakers: np.ndarray) -> dict[int, dict[str, np.ndarray]]:
        asked.append(sorted(set(speakers.tolist())))
        return {7: {"age": features[:, :1] * 10}}

    description = SimpleNamespace(outputs={"age": 1})
    model: Any = SimpleNamespace(
        description=description, tasks={"age": None}, seeds=[7], reads_speakers=of_speakers, predict=predict
    )
    features = np.arange(12, dtype=np.float32).reshape(6, 2)
    rows = np.array([5, 0, 3, 1, 2])
    found = predict_clips(model, features, np.array(list("aabbac")), rows)
    np.testing.assert_array_equal(found[7]["age"], features[rows, :1] * 10)
    assert asked == ([["a"], ["b"], ["c"]] if of_speakers else [["a", "c"], ["a", "b"], ["b"]])


ORIGIN = {"fused": [{"set": "left", "columns": 2}, {"set": "right", "columns": 3}]}


@pytest.mark.parametrize("device", [None, "cpu"])
@pytest.mark.parametrize("architecture", [ALONE, JOINT])
def test_networks_bear_the_seed_the_task_and_the_features_that_made_them(
    architecture: Architecture, device: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a processor, and with all seeds at once as on a GPU."""
    monkeypatch.setattr(run, "accelerator", lambda _: device)
    config = TrainingConfig(seeds=(5, 1), epochs=2, columns={"left": 1}, batch_size=3)
    data = prepared(config=config).data
    found = list(train_run(data, architecture, config, ComputeOptions(processes=2), ORIGIN, "fused"))
    groups = [list(TASKS)] if architecture is JOINT else [[name] for name in TASKS]
    expected = [(seed, group) for group in groups for seed in (5, 1)]
    assert [(network.seed, network.tasks) for network in found] == expected
    assert len(found) == number_of_networks(data, architecture, config)
    for network in found:
        own = "" if architecture is JOINT else f"-{network.tasks[0]}"
        assert network.name == f"seed{network.seed}{own}"
        blocks = {"left": slice(0, 2), "right": slice(2, 5)}
        part, columns = select(data.only(network.tasks), {"left": 1}, blocks)
        assert network.columns is not None and columns is not None and len(columns) == 4
        np.testing.assert_array_equal(network.columns, columns)
        np.testing.assert_array_equal(network.parameters["columns"], columns)
        alone = train_network(part, architecture, config, network.seed)
        assert network.parameters.keys() == alone.weights.keys() | {"columns"}
        for name, values in alone.weights.items():
            # Torch rounds otherwise; networks of other seeds or tasks are far away.
            np.testing.assert_allclose(network.parameters[name], values, rtol=0, atol=0.01 if device else 0)
        assert network.result.epochs == 2


def test_a_set_alone_is_selected_by_its_name() -> None:
    config = TrainingConfig(seeds=(5,), epochs=1, columns={"f": 2})
    (network,) = train_run(prepared().data.only(["age"]), JOINT, config, ComputeOptions(), {}, "f")
    assert network.columns is not None and len(network.columns) == 2
    everything = replace(config, columns={"other": 2})
    (network,) = train_run(prepared().data.only(["age"]), JOINT, everything, ComputeOptions(), {}, "f")
    assert network.columns is None and "columns" not in network.parameters


def test_all_that_a_model_says_of_itself() -> None:
    config = TrainingConfig(seeds=(8, 7), target_scale="standard")
    tables = replace(TABLES, origin={"feature_set": "s"})
    ready = prepared(config=config)
    networks = [
        replace(trained(seed), result=replace(trained(seed).result, weights={"w": np.full(2, seed)}))
        for seed in (8, 7)
    ]
    networks[1] = replace(networks[1], columns=np.array([1, 3]))
    model = model_of("r", RunOptions("f", "m"), tables, ready, JOINT, config, networks)
    said = model.description
    assert (said.run, said.features, said.model, said.origin) == ("r", "f", "m", {"feature_set": "s"})
    assert (said.feature_names, said.tasks, said.outputs) == (
        NAMES,
        TASKS,
        {"type": 2, "country": 3, "age": 1},
    )
    assert said.classes == {"country": ["Austria", "Benin", "Chile"]}
    assert said.scales == ready.data.scales and said.scales["age"][0] > 20
    assert (said.architecture, said.training) == (JOINT, config)
    assert [network.name for network in said.networks] == ["seed8", "seed7"]
    assert said.versions.keys() == {"numba", "numpy", "torch", "opensmile"}
    assert said.versions["numpy"] == np.__version__
    assert (said.calibration, said.blend) == ({}, {})
    assert model.scaling is ready.scaling
    assert {name: values.tolist() for name, values in model.weights.items()} == {
        "seed8/w": [8, 8],
        "seed7/w": [7, 7],
        "seed7/columns": [1, 3],
    }


@pytest.mark.parametrize("blend", ["none", "validation"])
@pytest.mark.parametrize("calibration", ["none", "match"])
def test_blending_comes_before_calibration_and_each_only_where_asked_for(
    blend: Any, calibration: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    monkeypatch.setattr(run, "blended", lambda model, *_: done.append("blended") or model)
    monkeypatch.setattr(run, "calibrated", lambda model, _: done.append("calibrated") or model)
    made(TrainingConfig(seeds=(7,), blend=blend, calibration=calibration), ["age"])
    asked = {"blended": blend == "validation", "calibrated": calibration == "match"}
    assert done == [name for name, wanted in asked.items() if wanted]


def test_a_score_that_is_not_defined_is_none_in_the_summary() -> None:
    network = trained(7)
    curves = [{**row, "score": np.nan} for row in network.result.curves]
    total = {"epoch": 2, "split": "validation", "task": "total", "score": None}
    summary = replace(network, result=replace(network.result, curves=[*curves, total])).summary
    assert summary.validation == {"age": None}
    assert (summary.name, summary.seed, summary.tasks) == ("seed7", 7, ["age"])


def test_a_task_without_validation_labels_is_not_blended() -> None:
    config = TrainingConfig(seeds=(7,))
    data = prepared(config=config).data
    targets = {**data.validation.targets, "age": np.full((4, 1), np.nan)}
    data = replace(data, validation=replace(data.validation, targets=targets))
    weights = first_weights(data, JOINT, 7)
    network = replace(trained(7), tasks=list(TASKS), result=TrainingResult(weights, [], 1, 1))
    model = model_of("r", RunOptions("f", "m"), TABLES, prepared(config=config), JOINT, config, [network])
    found = blended(model, data, np.array(list("abca")))
    assert list(found.description.blend) == ["type", "country"]
    assert {name for name in found.weights if name.startswith("linear")} == {
        f"linear-{task}/{part}" for task in ("type", "country") for part in ("columns", "weight", "bias")
    }
    for task in ("type", "country"):
        linear = fit_linear(data, task, config, {"f": slice(0, 5)})
        assert linear is not None
        assert found.description.blend[task].temperature == linear.temperature
        np.testing.assert_array_equal(found.weights[f"linear-{task}/weight"], linear.weight)


@pytest.mark.parametrize(("score", "constant"), [("mae", np.median), ("rmse", np.mean), ("pearson", None)])
def test_a_constant_is_blended_where_the_score_is_an_error(score: Any, constant: Any) -> None:
    config = TrainingConfig(seeds=(7,), target_scale="standard")
    tasks = {"age": Task("regression", ("Age",), score)}
    ready = prepared(config=config)
    data = replace(ready.data.only(["age"]), tasks=tasks)
    weights = first_weights(data, JOINT, 7)
    network = replace(trained(7), result=TrainingResult(weights, [], 1, 1))
    ready = replace(ready, data=data)
    model = model_of("r", RunOptions("f", "m"), TABLES, ready, JOINT, config, [network])
    blend = blended(model, data, np.array(list("abca"))).description.blend["age"]
    assert len(blend.shares) == (3 if constant else 2)
    expected = [constant(data.train.targets["age"])] if constant else []
    assert blend.center == pytest.approx(expected)
