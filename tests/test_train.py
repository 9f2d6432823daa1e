import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from stages import train
from stages.core.networks.model import Model
from stages.core.networks.run import Trained
from stages.core.networks.stopping import TrainingResult
from stages.core.runtime.errors import UserError
from stages.core.runtime.files import read_json
from stages.core.runtime.tables import read_features, write_features, write_table
from tests.helpers import ROOT
from tests.helpers.corpora import EMOTIONS


@pytest.fixture
def tables(project: Path, set_parameters: Callable[..., None]) -> Path:
    rng = np.random.default_rng(0)
    features = rng.normal(size=(90, 20)).astype(np.float32)
    clip_ids = [f"{number:03d}" for number in range(90)]
    labels = {
        emotion: np.clip(features[:, place] * 20 + 50, 0, 100).astype(float)
        for place, emotion in enumerate(EMOTIONS)
    }
    country = np.array(["China", "South Africa", "United States", "Venezuela"])[np.arange(90) % 4]
    table = pd.DataFrame(
        {
            "clip_id": clip_ids,
            "speaker": [f"S{n // 3}" for n in range(90)],
            "Country": country,
            "Age": 30.0 + features[:, 0],
            **labels,
        }
    )
    write_table(project / "data/recordings.parquet", table)
    split = np.array(["train", "validation", "test"])[np.arange(90) // 30]
    write_table(project / "data/splits.parquet", pd.DataFrame({"clip_id": clip_ids, "split": split}))
    write_features(
        project / "data/features/egemaps.parquet", clip_ids, [f"f{n}" for n in range(20)], features
    )
    set_parameters(
        train={"epochs": 2, "seeds": [1, 2]},
        runs={"small-mtl": {"features": "egemaps", "model": "mtl2"}},
    )
    return project


def run(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr("sys.argv", ["train", name])
    train.main()


def test_what_is_written_and_said_of_networks(
    tables: Path,
    set_parameters: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Networks come in any order and stand in that of the seeds; compiling is no training."""
    set_parameters(train={"seeds": [9, 4]})
    row = {"epoch": 1, "split": "train", "task": "age", "loss": 1234567.8, "share": 0.0, "score": None}
    of_seed = {
        4: TrainingResult(
            {"w": np.zeros(2)}, [row, {**row, "epoch": 2, "loss": 0.0}], best_epoch=1, epochs=3
        ),
        9: TrainingResult({"w": np.ones(3)}, [{**row, "split": "validation", "score": 0.0}], 2, 6),
    }
    networks = [Trained(f"seed{seed}", seed, ["age"], None, result) for seed, result in of_seed.items()]
    monkeypatch.setattr(train, "train_run", lambda *_: iter(networks))
    clock, processor = iter([100.0, 190.0]), iter([5.0, 8.5])
    times = SimpleNamespace(perf_counter=lambda: next(clock), process_time=lambda: next(processor))
    monkeypatch.setattr(train, "time", times)

    @contextmanager
    def timer(_: str, callback: Callable[[float], None]) -> Iterator[None]:
        callback(3.0)
        yield
        callback(4.5)

    monkeypatch.setattr(train, "install_timer", timer)
    run(monkeypatch, "small-mtl")
    assert capsys.readouterr().out.splitlines()[-1] == (
        "small-mtl: 2 networks, 4.5 epochs each on average, 82.5 s"
    )
    assert read_json(tables / ".cache/seconds/small-mtl.json") == {"training": 82.5, "processor": 3.5}
    assert (tables / "plots/curves/small-mtl.csv").read_text().splitlines() == [
        "seed,epoch,split,task,loss,share,score",
        "9,1,validation,age,1.23457e+06,0,0",
        "4,1,train,age,1.23457e+06,0,",
        "4,2,train,age,0,0,",
    ]
    said = read_json(tables / "data/models/small-mtl/model.json")["networks"]
    assert [(one["seed"], one["best_epoch"], one["epochs"]) for one in said] == [(9, 2, 6), (4, 1, 3)]


def test_a_joint_model_has_one_network_a_seed(tables: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(monkeypatch, "small-mtl")
    model = Model.load(tables / "data/models/small-mtl")
    assert [network.name for network in model.networks] == ["seed1", "seed2"]
    assert [network.seed for network in model.networks] == [1, 2]
    first, second = (model.weights[f"{name}/trunk.0.0.weight"] for name in ("seed1", "seed2"))
    assert not np.array_equal(first, second)
    assert model.classes == {"country": ["China", "South Africa", "United States", "Venezuela"]}
    curves = pd.read_csv(tables / "plots/curves/small-mtl.csv")
    assert set(curves["task"]) == {"emotion", "country", "age", "total"}
    shares = curves[curves["task"] != "total"].groupby(["seed", "epoch", "split"])["share"].sum()
    assert np.allclose(shares, 1)
    for network in model.networks:  # the scores of validation at the epoch that was kept
        rows = (curves["seed"] == network.seed) & (curves["epoch"] == network.best_epoch)
        scores = curves[rows & (curves["split"] == "validation")].set_index("task")["score"]
        assert network.validation == pytest.approx(scores.drop("total").to_dict(), rel=1e-5)


def test_a_run_is_trained_where_nothing_can_be_cached(
    tables: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tables / ".cache").write_text("no folder")
    run(monkeypatch, "small-mtl")
    assert (tables / "data/models/small-mtl").is_dir()
    assert "note: .cache/seconds cannot be written" in capsys.readouterr().out


@pytest.mark.parametrize(("name", "said"), [("Age", True), ("mine.Age", True), ("Ages", False)])
def test_a_label_among_the_features_is_said(
    tables: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, said: bool
) -> None:
    path = tables / "data/features/egemaps.parquet"
    clip_ids, names, features = read_features(path)
    write_features(path, clip_ids, [*names[:-1], name], features)
    run(monkeypatch, "small-mtl")
    note = "note: small-mtl: Age names a feature and a label; leave the feature out if it is the label\n"
    assert (note in capsys.readouterr().out) == said


def test_a_single_task_model_has_one_network_a_seed_and_task(
    tables: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(monkeypatch, "egemaps-stl")
    model = Model.load(tables / "data/models/egemaps-stl")
    assert [network.name for network in model.networks][:3] == ["seed1-emotion", "seed1-country", "seed1-age"]
    assert model.parameters > model.multiply_adds > 3 * 20 * 128


def test_a_prediction_does_not_depend_on_its_company(tables: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(monkeypatch, "small-mtl")
    model = Model.load(tables / "data/models/small-mtl")
    features = read_features(tables / "data/features/egemaps.parquet")[2]
    together = model.predict(features)
    for rows in ([5], [70, 3, 88], list(range(65))):
        alone = model.predict(features[rows])
        for seed in model.seeds:
            for task in model.tasks:
                np.testing.assert_array_equal(alone[seed][task], together[seed][task][rows])
    assert together[1]["country"].sum(axis=1) == pytest.approx(np.ones(90), abs=1e-6)
    assert together[1]["age"].shape == (90, 1)
    assert ((together[1]["emotion"] >= 0) & (together[1]["emotion"] <= 1)).all()


def test_a_network_may_read_some_features_alone(
    tables: Path, set_parameters: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    set_parameters(train={"columns": 3}, runs={"small-stl": {"features": "egemaps", "model": "stl"}})
    run(monkeypatch, "small-stl")
    model = Model.load(tables / "data/models/small-stl")
    assert {model.weights[f"{network.name}/columns"].size for network in model.networks} == {3}
    assert model.weights["seed1-age/columns"].tolist()[0] == 0  # age goes with the first feature
    # Each network chooses by the labels of its own task.
    chosen = {network.name: tuple(model.weights[f"{network.name}/columns"]) for network in model.networks}
    assert len({chosen["seed1-age"], chosen["seed1-country"], chosen["seed1-emotion"]}) == 3
    assert chosen["seed1-country"] == chosen["seed2-country"]
    assert model.multiply_adds == 3 * (3 * 128 + 128 * 64) + 64 * (10 + 4 + 1)
    assert model.training_multiply_adds["age"] == 2 * 3 * 128 + 3 * (128 * 64 + 64 * 1)
    _, _, features = read_features(tables / "data/features/egemaps.parquet")
    unread = features.copy()
    unread[:, [n for n in range(20) if n not in model.weights["seed1-age/columns"]]] = 0
    np.testing.assert_array_equal(model.predict(unread)[1]["age"], model.predict(features)[1]["age"])


def test_models_are_the_same_bytes_twice(tables: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(monkeypatch, "small-mtl")
    folder = tables / "data/models/small-mtl"
    first = [path.read_bytes() for path in sorted(folder.iterdir())]
    run(monkeypatch, "small-mtl")
    assert [path.read_bytes() for path in sorted(folder.iterdir())] == first


def test_standard_units_inside_years_outside(
    tables: Path, set_parameters: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    set_parameters(train={"target_scale": "standard", "scaling": "quantile"})
    run(monkeypatch, "small-mtl")
    ages = Model.load(tables / "data/models/small-mtl").predict(np.zeros((1, 20), np.float32))[1]["age"]
    assert 25 < ages[0, 0] < 35


def test_a_model_may_learn_some_tasks_alone(
    tables: Path, set_parameters: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    pair = {"joint": True, "trunk": [8], "tasks": ["age", "emotion"], "train": {"epochs": 1}}
    set_parameters(models={"pair": pair}, runs={"small-pair": {"features": "egemaps", "model": "pair"}})
    run(monkeypatch, "small-pair")
    model = Model.load(tables / "data/models/small-pair")
    assert list(model.tasks) == ["emotion", "age"]
    curves = pd.read_csv(tables / "plots/curves/small-pair.csv")
    assert set(curves["task"]) == {"emotion", "age", "total"}
    assert curves["epoch"].max() == 1  # as the model says; section train says 2


def test_tasks_without_labels_are_left_out(
    tables: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    recordings = pd.read_parquet(tables / "data/recordings.parquet")
    write_table(tables / "data/recordings.parquet", recordings.assign(Age=np.nan, Country=None))
    run(monkeypatch, "small-mtl")
    assert list(Model.load(tables / "data/models/small-mtl").tasks) == ["emotion"]
    assert "task age has no labels in the training split and is left out" in capsys.readouterr().out
    write_table(tables / "data/recordings.parquet", recordings.assign(Age=np.nan, Country="China"))
    run(monkeypatch, "small-mtl")
    assert list(Model.load(tables / "data/models/small-mtl").tasks) == ["emotion"]
    assert (
        "task country has only one class, China, in the training split and is left" in capsys.readouterr().out
    )
    write_table(tables / "data/recordings.parquet", recordings.assign(Age=np.nan, Country=None, Awe=np.nan))
    with pytest.raises(UserError, match="no task has labels"):
        run(monkeypatch, "small-mtl")


def test_a_gpu_that_is_not_there_is_a_sentence_on_its_parameter(
    tables: Path, set_parameters: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    set_parameters(train={"device": "cuda"})
    with pytest.raises(UserError, match=r"^params\.yaml: train\.device is cuda, but torch finds no GPU"):
        run(monkeypatch, "small-mtl")
    assert not (tables / "data/models/small-mtl").exists()


def test_ctrl_c_ends_it_at_once(tables: Path, set_parameters: Callable[..., None]) -> None:
    """It waits for no network, however many epochs are left, and leaves no model."""
    set_parameters(train={"epochs": 10**7, "patience": 10**7})
    process = subprocess.Popen(
        ["env", "--default-signal=INT", sys.executable, "-c", _SAYS_WHEN_IT_BEGINS, "small-mtl"],
        cwd=tables,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "begins\n"
    time.sleep(3)  # a second to read the tables, and then it trains
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    with suppress(subprocess.TimeoutExpired):
        process.wait(timeout=60)
    process.kill()
    assert process.returncode == 130
    assert not (tables / "data/models/small-mtl").exists()


_SAYS_WHEN_IT_BEGINS = """
from stages import train
from stages.command import guarded
print("begins", flush=True)
guarded(train.main)
"""
