import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import yaml

from stages import evaluate, train
from stages.core.metrics import formulas as scores
from stages.core.networks.model import Model
from stages.core.runtime.errors import UserError
from stages.core.runtime.tables import read_features, read_table, write_features, write_table
from stages.core.scoring.run_scores import Cost
from tests.helpers.tiny_project import build, run_stage


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A tiny project whose run egemaps-stl is trained and evaluated, and its labels."""
    folder = tmp_path_factory.mktemp("trained")
    return folder, build(folder, ["egemaps-stl"])


@pytest.fixture
def evaluated(trained, tmp_path, monkeypatch):
    """The labels of a copy of that project, which is the current folder."""
    folder, labels = trained
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return labels.merge(read_table(Path("data/splits.parquet")), on="clip_id")


def test_all_outputs_agree(evaluated):
    table = read_table(Path("data/predictions/egemaps-stl.parquet"))
    # Every clip of every split and seed, in order.
    assert list(table.columns[:4]) == ["clip_id", "split", "seed", "emotion.Awe"]
    assert {"age.Age", "country.China", "country.Venezuela"} <= set(table.columns)
    assert table["seed"].tolist() == [1] * 120 + [2] * 120
    assert table["clip_id"].tolist() == 2 * evaluated["clip_id"].tolist()
    assert table["split"].tolist() == 2 * evaluated["split"].tolist()
    countries = table[[name for name in table if name.startswith("country.")]]
    np.testing.assert_allclose(countries.sum(axis=1), 1, rtol=1e-5)
    assert str(table["age.Age"].dtype) == "float32"

    model = Model.load(Path("data/models/egemaps-stl"))
    _, _, features = read_features(Path("data/features/egemaps.parquet"))
    expected = model.predict(features)[2]["age"][:, 0]
    np.testing.assert_array_equal(table["age.Age"][table["seed"] == 2], expected)

    found = json.loads(Path("data/scores/egemaps-stl.json").read_text())
    assert (found["features"], found["model"]) == ("egemaps", "stl")
    assert found["cost"]["networks"] == 6
    assert found["cost"]["epochs"] == 12
    assert found["cost"]["parameters"] == model.parameters
    test = evaluated["split"] == "test"
    for seed in (1, 2):
        ages = table["age.Age"][table["seed"] == seed].to_numpy()
        assert found["splits"]["test"]["tasks"]["age"]["seeds"][str(seed)] == pytest.approx(
            scores.mae(evaluated["Age"][test].to_numpy(), ages[test]), abs=1e-6
        )

    shares = pd.read_csv("plots/confusion/egemaps-stl.csv")
    assert list(shares.columns) == ["task", "actual", "predicted", "share"]
    confusion = found["splits"]["test"]["tasks"]["country"]["confusion"]
    table = shares.pivot(index="actual", columns="predicted", values="share")
    assert table.columns.tolist() == confusion["classes"]
    counts = np.array(confusion["counts"])
    np.testing.assert_allclose(table.to_numpy(), counts / counts.sum(axis=1, keepdims=True), atol=1e-4)


def test_what_is_said_is_what_is_scored(evaluated, monkeypatch, capsys):
    assert len(evaluated)
    content = yaml.safe_load(Path("params.yaml").read_text())
    content["evaluate"] = {"bootstrap": 30, "confidence": 0.5, "seed": 8}
    content["split"]["balance"] = None
    Path("params.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    before = json.loads(Path("data/scores/egemaps-stl.json").read_text())["splits"]
    run_stage(evaluate, monkeypatch, "egemaps-stl")
    found = json.loads(Path("data/scores/egemaps-stl.json").read_text())["splits"]
    labels = {"emotion": "CCC", "country": "UAR", "age": "MAE"}
    expected = []
    for split in ("validation", "test"):
        values = {task: found[split]["tasks"][task]["value"] for task in labels}
        said = ", ".join(f"{task} {label} {values[task]:z.3f}" for task, label in labels.items())
        expected.append(f"egemaps-stl: {split:10} {said}")
    assert capsys.readouterr().out.splitlines()[-2:] == expected
    for split, content in found.items():
        assert (content["clips"], content["speakers"]) == (40, 8)
        for task, figures in content["tasks"].items():
            was = before[split]["tasks"][task]
            assert figures["value"] == was["value"] and figures["seeds"] == was["seeds"]
            assert was["low"] < figures["low"] <= figures["high"] < was["high"]  # half instead of 95 %
            assert "groups" not in figures
            assert was["groups"]["column"] == ("Age" if task == "country" else "Country")


def test_the_same_again(evaluated, monkeypatch):
    assert len(evaluated)
    outputs = [
        Path(path)
        for path in (
            "data/predictions/egemaps-stl.parquet",
            "data/scores/egemaps-stl.json",
            "plots/confusion/egemaps-stl.csv",
        )
    ]
    before = [path.read_bytes() for path in outputs]
    run_stage(evaluate, monkeypatch, "egemaps-stl")
    assert [path.read_bytes() for path in outputs] == before


def test_blocks_change_no_bit(evaluated, monkeypatch):
    assert len(evaluated)
    before = Path("data/predictions/egemaps-stl.parquet").read_bytes()
    monkeypatch.setattr("stages.core.networks.model.CLIPS", 17)
    run_stage(evaluate, monkeypatch, "egemaps-stl")
    assert Path("data/predictions/egemaps-stl.parquet").read_bytes() == before


def test_unlabelled_test_split_gets_predictions_and_no_scores(evaluated, monkeypatch, capsys):
    columns = [name for name in evaluated if name not in {"clip_id", "speaker", "seconds", "split"}]
    test = evaluated["split"] == "test"
    evaluated.loc[test, columns] = None
    write_table(Path("data/recordings.parquet"), evaluated.drop(columns="split"))
    run_stage(evaluate, monkeypatch, "egemaps-stl")
    assert "egemaps-stl: test has no labels" in capsys.readouterr().out
    table = read_table(Path("data/predictions/egemaps-stl.parquet"))
    assert (table["split"] == "test").sum() == 2 * test.sum()
    found = json.loads(Path("data/scores/egemaps-stl.json").read_text())["splits"]
    assert found["test"]["tasks"] == {}
    assert set(found["validation"]["tasks"]) == {"emotion", "country", "age"}
    # The confusion matrix shows validation instead.
    assert (
        pd.read_csv("plots/confusion/egemaps-stl.csv").groupby("actual")["share"].sum().round(3).eq(1).all()
    )


def test_without_classification_the_table_is_empty(evaluated, monkeypatch):
    write_table(Path("data/recordings.parquet"), evaluated.drop(columns="split").assign(Country=None))
    run_stage(train, monkeypatch, "egemaps-stl")
    run_stage(evaluate, monkeypatch, "egemaps-stl")
    assert Path("plots/confusion/egemaps-stl.csv").read_text() == "task,actual,predicted,share\n"
    found = json.loads(Path("data/scores/egemaps-stl.json").read_text())["splits"]["test"]
    assert set(found["tasks"]) == {"emotion", "age"}
    assert found["exvo"] is None
    assert "groups" not in found["tasks"]["age"]


def test_clips_without_features_are_left_out(evaluated, monkeypatch):
    clip_ids, names, features = read_features(Path("data/features/egemaps.parquet"))
    write_features(Path("data/features/egemaps.parquet"), clip_ids[1:], names, features[1:])
    run_stage(evaluate, monkeypatch, "egemaps-stl")
    table = read_table(Path("data/predictions/egemaps-stl.parquet"))
    assert set(evaluated["clip_id"]) - set(table["clip_id"]) == {clip_ids[0]}


def test_mistakes_name_their_remedy(evaluated, monkeypatch):
    assert len(evaluated)
    with pytest.raises(UserError, match="compare-stl"):
        run_stage(evaluate, monkeypatch, "compare-slt")
    with pytest.raises(UserError, match="compare-stl"):
        run_stage(evaluate, monkeypatch, "compare-stl")
    clip_ids, names, features = read_features(Path("data/features/egemaps.parquet"))
    write_features(Path("data/features/egemaps.parquet"), clip_ids, names[::-1], features)
    with pytest.raises(UserError, match=r"other columns .*dvc repro train@egemaps-stl"):
        run_stage(evaluate, monkeypatch, "egemaps-stl")
    write_features(Path("data/features/egemaps.parquet"), ["stray", *clip_ids[1:]], names, features)
    with pytest.raises(UserError, match="clip stray has features but no recording"):
        run_stage(evaluate, monkeypatch, "egemaps-stl")


def test_a_model_is_scored_by_the_tasks_that_it_learnt(evaluated, monkeypatch):
    assert len(evaluated)
    content = yaml.safe_load(Path("params.yaml").read_text())
    content["tasks"]["age"]["score"] = "rmse"
    Path("params.yaml").write_text(yaml.safe_dump(content))
    run_stage(evaluate, monkeypatch, "egemaps-stl")
    found = json.loads(Path("data/scores/egemaps-stl.json").read_text())
    assert found["splits"]["test"]["tasks"]["age"]["score"] == "mae"


def test_an_epoch_costs_its_training_clips():
    model = SimpleNamespace(
        networks=[SimpleNamespace(epochs=3), SimpleNamespace(epochs=4)],
        description=SimpleNamespace(clips={"train": 10, "validation": 5}),
        training_multiply_adds={"age": 52},
        parameters=28,
        multiply_adds=24,
    )
    assert evaluate.cost_of(model) == Cost(28, 24, 2, 7, {"age": 520})


def test_diverged_model_is_an_error(evaluated, monkeypatch):
    assert len(evaluated)
    folder = Path("data/models/egemaps-stl")
    model = Model.load(folder)
    weights = {
        name: values * np.nan if "seed2-age" in name else values for name, values in model.weights.items()
    }
    Model(model.description, weights, model.scaling).save(folder)
    with pytest.raises(UserError, match=r"task age \(seed 2\).*diverged"):
        run_stage(evaluate, monkeypatch, "egemaps-stl")


def test_one_prediction_that_is_no_number_is_an_error(monkeypatch):
    values = np.zeros((3, 1), np.float32)
    values[2] = np.inf
    monkeypatch.setattr(evaluate, "predict_clips", lambda *_: {7: {"age": values}})
    with pytest.raises(UserError, match=r"data/models/mine predicts NaN for task age \(seed 7\)"):
        evaluate.predict(None, range(3), np.array(["s"] * 3), "mine")
