import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from sklearn.dummy import DummyClassifier, DummyRegressor

from stages import evaluate, summarize
from stages import scores as print_scores
from stages.core.metrics import formulas as scores
from stages.core.runtime.errors import UserError
from stages.core.runtime.files import write_json
from stages.core.runtime.tables import read_table, write_table
from stages.core.scoring.bootstrap import corrected
from tests.helpers.tiny_project import build, run_stage

RUNS = {
    "egemaps-stl": {"features": "egemaps", "model": "stl"},
    "egemaps-mtl2": {"features": "egemaps", "model": "mtl2"},
    "compare-stl": {"features": "compare", "model": "stl"},
    "egemaps-own": {"features": "egemaps", "model": "own"},
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A project with four evaluated runs."""
    folder = tmp_path_factory.mktemp("runs")
    own = {"joint": False, "trunk": [16], "train": {"optimizer": "adamw", "weight_decay": 0.01}}
    labels = build(folder, list(RUNS), models={"own": own}, runs=RUNS)
    return folder, labels


@pytest.fixture
def summarized(trained, tmp_path, monkeypatch):
    """Labels with splits of a copy of that project after the stage, which is the current folder."""
    folder, labels = trained
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    run_stage(summarize, monkeypatch)
    return labels.merge(read_table(Path("data/splits.parquet")), on="clip_id")


def metrics(name):
    return json.loads((Path("metrics") / f"{name}.json").read_text())


def test_scores_are_nested_for_dvc(summarized):
    assert len(summarized)
    found = metrics("scores")
    assert set(found) == {"egemaps", "compare"}
    assert set(found["egemaps"]) == {"stl", "mtl2", "own"}
    detail = metrics("details")["runs"]["egemaps-mtl2"]["splits"]["test"]["tasks"]["age"]
    assert found["egemaps"]["mtl2"]["test"]["age"] == {
        "mae": round(detail["value"], 4),
        **{f"mae_{key}": round(detail[key], 4) for key in ("sd", "low", "high")},
        "mae_best_seed": round(detail["best_seed"]["value"], 4),
        "mae_ensemble": round(detail["ensemble"]["value"], 4),
    }


def test_the_headline_has_the_run_that_is_best_on_validation(summarized):
    assert len(summarized)
    details, found = metrics("details"), metrics("headline")
    assert list(found) == ["age", "country", "emotion"]
    validation = {run: details["runs"][run]["splits"]["validation"]["tasks"]["age"]["value"] for run in RUNS}
    best = min(validation, key=validation.get)
    (row,) = [
        row
        for row in metrics("comparison")
        if (row["contrast"], row["split"], row["task"]) == ("multi-task", "test", "age")
    ]
    assert found["age"] == {
        "mae": round(details["runs"][best]["splits"]["test"]["tasks"]["age"]["value"], 4),
        "naive": round(details["naive"]["test"]["age"]["value"], 4),
        "multi_task_gain": round(row["difference"], 4),
    }


def test_every_run_stands_against_the_naive_predictor_and_features_against_each_other(summarized):
    assert len(summarized)
    rows, details = metrics("comparison"), metrics("details")
    naive = [row for row in rows if row["contrast"] == "naive"]
    assert {row["candidate"] for row in naive} == set(RUNS) and len(naive) == 4 * 3 * 2
    for row in naive:
        assert row["baseline_mean"] == pytest.approx(
            details["naive"][row["split"]][row["task"]]["value"], abs=2e-6
        )
    pairs = {(row["baseline"], row["candidate"]) for row in rows if row["contrast"] == "features"}
    assert pairs == {("egemaps-stl", "compare-stl")}
    assert all(row["p"] <= row["p_corrected"] <= 1 for row in rows)


def test_details_hold_the_runs_as_evaluated_with_their_cost(summarized):
    assert len(summarized)
    details = metrics("details")
    assert details["corpus"] == {"name": "tiny", "synthetic": True}
    for run in RUNS:
        content = json.loads(Path(f"data/scores/{run}.json").read_text())
        assert details["runs"][run]["splits"] == content["splits"]
        assert "seconds" not in details["runs"][run]["cost"]
        assert print_scores.training_seconds([run], "training")[run] > 0
        assert print_scores.training_seconds([run], "processor")[run] > 0
    damaged, *others = RUNS
    Path(f".cache/seconds/{damaged}.json").write_text("{")
    assert list(print_scores.training_seconds(RUNS, "training")) == others
    shutil.rmtree(".cache")
    assert print_scores.training_seconds(RUNS, "training") == {}


def test_naive_predictors_are_scikit_learns_dummies(summarized):
    train, test = (summarized[summarized["split"] == split] for split in ("train", "test"))
    naive = metrics("details")["naive"]["test"]
    dummy = DummyRegressor().fit(train[["clip_id"]], train["Age"])
    assert naive["age"]["value"] == pytest.approx(
        scores.mae(test["Age"].to_numpy(), dummy.predict(test[["clip_id"]])), abs=1e-6
    )
    assert naive["age"]["what"] == f"always the training mean ({train['Age'].mean():.2f})"
    dummy = DummyClassifier().fit(train[["clip_id"]], train["Country"])
    assert naive["country"] == {
        "value": 0.25,
        "what": f"always {dummy.predict(test[:1][['clip_id']])[0]}, commonest in training",
    }
    assert naive["emotion"] == {"value": 0.0, "what": "always the training mean"}


def test_comparison_pairs_single_and_multi_of_the_same_recipe(summarized):
    assert len(summarized)
    rows = [row for row in metrics("comparison") if row["contrast"] == "multi-task"]
    assert {(row["baseline"], row["candidate"]) for row in rows} == {("egemaps-stl", "egemaps-mtl2")}
    assert {(row["task"], row["split"]) for row in rows} == {
        (task, split) for task in ("emotion", "country", "age") for split in ("validation", "test")
    }
    details = metrics("details")["runs"]
    for row in rows:
        for side in ("baseline", "candidate"):
            mean = details[row[side]]["splits"][row["split"]]["tasks"][row["task"]]["value"]
            assert row[f"{side}_mean"] == pytest.approx(mean, abs=2e-6)
        assert row["low"] <= row["difference"] <= row["high"]
        assert 0 < row["p"] <= 1


def test_the_bill_is_of_each_runs_own_curves(summarized):
    assert len(summarized)
    rows = metrics("bill")
    assert {(row["baseline"], row["candidate"]) for row in rows} == {("egemaps-stl", "egemaps-mtl2")}
    assert {row["task"] for row in rows} == {"emotion", "country", "age", "all tasks"}
    curves = {row["baseline"]: pd.read_csv(f"plots/curves/{row['baseline']}.csv") for row in rows}
    curves |= {row["candidate"]: pd.read_csv(f"plots/curves/{row['candidate']}.csv") for row in rows}
    for row in rows:
        if row["task"] == "age":  # the score that every seed of both reaches: the worst of the best errors
            best = [
                found[(found["split"] == "validation") & (found["task"] == "age")]
                .groupby("seed")["score"]
                .min()
                for found in curves.values()
            ]
            assert row["target"] == pytest.approx(max(each.max() for each in best), abs=1e-6)


def test_another_training_stands_against_the_best_common_run(summarized):
    assert len(summarized)
    details = metrics("details")
    rows = [row for row in metrics("comparison") if row["contrast"] == "training"]
    assert {row["candidate"] for row in rows} == {"egemaps-own"}
    common = ["egemaps-stl", "egemaps-mtl2", "compare-stl"]

    def validation(run, task):
        return details["runs"][run]["splits"]["validation"]["tasks"][task]["value"]

    for task, choose in (("emotion", max), ("country", max), ("age", min)):
        expected = choose(common, key=lambda run, task=task: validation(run, task))
        assert {row["baseline"] for row in rows if row["task"] == task} == {expected}


def test_fused_runs_and_the_challenge_of_the_corpus_are_scored(summarized, monkeypatch):
    assert len(summarized)
    content = yaml.safe_load(Path("params.yaml").read_text())
    before = metrics("comparison")
    assert "challenge" not in metrics("details")
    content["fused_runs"] = {
        "pair": {"runs": ["egemaps-stl", "egemaps-mtl2"], "method": "mean"},
        "search": {"runs": ["egemaps-own", "compare-stl", "egemaps-stl"], "method": "weights"},
    }
    content["corpus"]["challenge"] = "exvo-multitask"
    Path("params.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    run_stage(summarize, monkeypatch)
    found = metrics("comparison")
    assert found[: len(before)] == before  # other families keep their corrections
    rows = found[len(before) :]
    kinds = [(task, split) for task in ("emotion", "country", "age") for split in ("validation", "test")]
    assert [(row["candidate"], row["task"], row["split"]) for row in rows] == [
        (name, *kind) for name in ("pair", "search") for kind in kinds
    ]
    assert {row["contrast"] for row in rows} == {"fusion"}
    for split in ("validation", "test"):
        of_split = [row for row in rows if row["split"] == split]
        expected = corrected([row["p"] for row in of_split])
        assert [row["p_corrected"] for row in of_split] == pytest.approx(expected, abs=1e-6)
    truth = summarized[summarized["split"] == "test"].set_index("clip_id")["Age"]
    tables = [
        read_table(Path(f"data/predictions/{run}.parquet")) for run in content["fused_runs"]["pair"]["runs"]
    ]
    mean = sum(table.groupby("clip_id")["age.Age"].mean() for table in tables) / 2
    (row,) = [row for row in rows if (row["candidate"], row["task"], row["split"]) == ("pair", "age", "test")]
    assert row["candidate_mean"] == pytest.approx((mean[truth.index] - truth).abs().mean(), abs=1e-4)
    challenge = metrics("details")["challenge"]
    assert list(challenge) == sorted(RUNS)
    for run, figures in challenge.items():
        for split in ("validation", "test"):
            low, value, high = (figures[split][end] for end in ("low", "value", "high"))
            assert low <= value <= high
            parts = metrics("details")["runs"][run]["splits"][split]["tasks"]
            joint = scores.exvo(*(parts[task]["value"] for task in ("emotion", "country", "age")))
            assert value == pytest.approx(joint, abs=1e-5)


def test_paper_beside_another_corpus_has_no_differences(summarized):
    assert len(summarized)
    found = metrics("paper")
    assert found["same_corpus"] is False
    assert {(row["features"], row["model"]) for row in found["rows"]} == {
        ("egemaps", "stl"),
        ("compare", "stl"),
    }
    assert len(found["rows"]) == 6
    assert all(row["difference"] is None for row in found["rows"])
    first = found["rows"][0]
    detail = metrics("details")["runs"]["egemaps-stl"]["splits"]["test"]["tasks"]["emotion"]
    assert first["paper"] == {
        "validation": 0.3842,
        "validation_sd": 0.0035,
        "test": 0.3835,
        "test_sd": 0.0025,
    }
    assert (first["ours"]["test"], first["ours"]["test_sd"]) == (
        detail["best_seed"]["value"],
        detail["sd"],
    )


def test_paper_beside_its_own_corpus_has_differences(summarized, monkeypatch):
    assert len(summarized)
    write_json(Path("metrics/corpus.json"), {"name": "HUME-VB", "synthetic": False})
    run_stage(summarize, monkeypatch)
    found = metrics("paper")
    assert found["same_corpus"] is True
    first = found["rows"][0]
    assert first["difference"]["test"] == pytest.approx(first["ours"]["test"] - 0.3835, abs=1e-6)
    assert all(set(row["difference"]) == {"validation", "test"} for row in found["rows"])


def test_table_in_the_terminal(summarized, monkeypatch, capsys):
    assert len(summarized)
    before = {path: path.read_bytes() for path in Path("metrics").iterdir()}
    capsys.readouterr()
    run_stage(print_scores, monkeypatch)
    text = capsys.readouterr().out
    assert {path: path.read_bytes() for path in Path("metrics").iterdir()} == before
    assert text.startswith("Scores of the corpus 'tiny': synthetic voices")
    assert "95% interval" in text
    task = metrics("details")["runs"]["egemaps-stl"]["splits"]["test"]["tasks"]["country"]
    assert f"{task['value']:.4f} ±{task['sd']:.4f} [{task['low']:.4f}, {task['high']:.4f}]" in text
    assert "always the training mean" in text
    order = [
        text.index(title)
        for title in ("emotion, CCC", "country, UAR", "age, MAE", "Cost, and ExVo's joint score")
    ]
    assert order == sorted(order)
    assert "egemaps-mtl2 – egemaps-stl" in text
    assert text.index("Feature sets of the same model") < text.index("Runs with other training options")
    assert text.index("Multi-task against single-task") < text.index("Feature sets of the same model")
    assert max(map(len, text.splitlines())) < 160


def test_unlabelled_splits_and_tasks(summarized, monkeypatch, capsys):
    columns = [name for name in summarized if name not in {"clip_id", "speaker", "seconds", "split"}]
    summarized.loc[summarized["split"] == "test", columns] = None
    write_table(Path("data/recordings.parquet"), summarized.drop(columns="split").assign(Age=np.nan))
    for run in RUNS:
        run_stage(evaluate, monkeypatch, run)
    capsys.readouterr()
    run_stage(summarize, monkeypatch)
    assert metrics("details")["naive"]["test"] == {}
    assert set(metrics("details")["naive"]["validation"]) == {"emotion", "country"}
    assert {row["split"] for row in metrics("comparison")} == {"validation"}
    assert "test" not in {
        split
        for models in metrics("scores").values()
        for splits in models.values()
        for split, tasks in splits.items()
        if tasks
    }
    ours = {row["task"]: row["ours"] for row in metrics("paper")["rows"] if row["features"] == "egemaps"}
    assert ours["age"]["validation"] is None
    assert ours["emotion"]["test"] is None
    run_stage(print_scores, monkeypatch)
    assert "–" in capsys.readouterr().out


def test_missing_and_damaged_inputs_are_named(summarized, monkeypatch):
    assert len(summarized)
    Path("data/scores/compare-stl.json").write_text("{")
    with pytest.raises(UserError, match=r"data/scores/compare-stl.json is damaged"):
        run_stage(summarize, monkeypatch)
    Path("data/scores/compare-stl.json").unlink()
    with pytest.raises(UserError, match=r"data/scores/compare-stl.json does not exist"):
        run_stage(summarize, monkeypatch)
