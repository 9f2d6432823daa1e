import copy
from dataclasses import asdict, replace
from typing import Any

import pytest

from stages.core.config.data import CorpusOptions
from stages.core.config.load import load, parse
from stages.core.runtime.errors import UserError
from tests.helpers import ROOT
from tests.helpers.parameters import AGE, CONTENT, RUN, changed


def test_the_papers_values_are_the_defaults() -> None:
    parameters = load(ROOT / "params.yaml")
    recipe = parameters.recipe("compare-mtl2")
    assert (recipe.learning_rate, recipe.batch_size, recipe.epochs, recipe.patience) == (1e-3, 8, 20, 5)
    assert len(recipe.seeds) == 3
    assert recipe.loss_weighting == "equal"
    assert parameters.codebook.size == 2000
    assert parameters.preprocess.peak_db == -3
    assert {
        run: parameters.architecture(run).trunk
        for run in parameters.runs
        if run.startswith("compare-mtl") and run[-1].isdigit()
    } == {
        "compare-mtl1": (64,),
        "compare-mtl2": (128, 64),
        "compare-mtl3": (256, 128, 64),
    }


def test_params_yaml_writes_the_defaults_out() -> None:
    """So that a line that somebody deletes changes nothing."""
    parameters = load(ROOT / "params.yaml")
    sections = [
        parameters.preprocess,
        parameters.split,
        parameters.codebook,
        parameters.boaw,
        parameters.train,
    ]
    sections += [parameters.evaluate, parameters.synthesize, parameters.compute]
    for section in sections:
        assert section == type(section)()
    assert parameters.corpus == CorpusOptions(path="data/synthetic")


def test_a_model_wins_over_its_recipe_and_a_recipe_over_the_train_section() -> None:
    content = changed("recipes/slow", {"learning_rate": 0.01, "epochs": 7})
    content["models"]["mtl2"] |= {"recipe": "slow", "train": {"epochs": 3}}
    recipe = parse(content).recipe("compare-mtl2")
    assert (recipe.learning_rate, recipe.epochs, recipe.batch_size) == (0.01, 3, 8)


def test_a_model_overrides_the_train_section() -> None:
    parameters = parse(changed("models/mtl2/train", {"batch_size": 64, "monitor": "score"}))
    assert parameters.recipe("compare-mtl2").batch_size == 64
    assert parameters.recipe("compare-mtl2").monitor == "score"
    assert parameters.recipe("compare-mtl1").batch_size == 8


@pytest.mark.parametrize("name", ["type", "keys", "values", "items", "train", "forward", "clip_id", "x" * 60])
def test_names_that_collide_with_nothing(name: str) -> None:
    assert name in parse(changed(f"tasks/{name}", AGE)).tasks
    assert parse(changed(f"runs/{name}", RUN)).run(name).model == "stl"


def test_a_missing_section_and_an_unknown_run() -> None:
    content = copy.deepcopy(CONTENT)
    del content["boaw"]
    with pytest.raises(UserError, match=r"boaw is missing"):
        parse(content)
    with pytest.raises(UserError, match=r"no entry 'compare-mtl'"):
        parse(CONTENT).recipe("compare-mtl")


def test_a_recipe_changes_the_train_section_and_the_model_changes_the_recipe() -> None:
    content = changed("models/regularized-mtl/train", {"epochs": 7})
    single, multi = (parse(content).recipe(f"compare-regularized-{kind}") for kind in ("stl", "mtl"))
    assert (single.optimizer, single.epochs, single.learning_rate) == ("adamw", 40, 0.001)
    assert replace(multi, epochs=40) == single
    assert multi.epochs == 7
    content["train"]["learning_rate"] = 0.01
    assert parse(content).recipe("compare-regularized-stl").learning_rate == 0.01


def accepted(path: str, value: Any) -> bool:
    try:
        parse(changed(path, value))
    except UserError:
        return False
    return True


@pytest.mark.parametrize(
    ("path", "inside", "outside"),
    [
        ("synthesize/speakers", [4], [3]),
        ("synthesize/clips_per_speaker", [1], [0]),
        ("synthesize/seed", [0, 2**32 - 1], [-1, 2**32]),
        ("preprocess/peak_db", [-60.0, 0.0], [-60.5, 0.5]),
        ("preprocess/trim_db", [-100.0, -0.5], [-100.5, 0.0]),
        ("preprocess/min_seconds", [0.001, 59.9], [0.0, 60.0]),
        ("preprocess/max_seconds", [0.2], [0.1, 0.0]),
        ("preprocess/min_peak_db", [0.0, -999.0], [0.5]),
        ("preprocess/max_clipped", [0.0, 1.0], [-0.1, 1.1]),
        ("split/folds", [3, "speakers", "Country"], [2, ""]),
        ("split/fold", [1], [0]),
        ("codebook/size", [10, 1_000_000, [2000]], [9, 1_000_001, [2000, 2000], []]),
        ("codebook/frames", [2000, None], [1999, 0]),
        ("codebook/seed", [0, 2**32 - 1], [-1, 2**32]),
        ("boaw/assignments", [1, 2000], [0, 2001]),
        ("boaw/gaussian", [0.0, 1e29], [-0.1, 1e30]),
        ("boaw/cutoff", [0.0, 1e29], [-0.1, 1e30]),
        ("train/learning_rate", [1e-9, 1.0], [0.0, 1.001]),
        ("train/weight_decay", [0.0], [-0.1, float("inf")]),
        ("train/batch_size", [1], [0]),
        ("train/epochs", [1], [0]),
        ("train/patience", [1], [0]),
        ("train/label_smoothing", [0.0, 0.99], [-0.1, 1.0]),
        ("train/seeds", [[0], [2**32 - 1]], [[], [-1], [2**32]]),
        ("train/columns", [1, None], [0]),
        ("models/stl/dropout", [0.0, 0.99], [-0.1, 1.0]),
        ("models/stl/input_dropout", [0.0, 0.99], [-0.1, 1.0]),
        ("models/stl/trunk", [[1]], [[], [0]]),
        ("models/stl/head", [[], [1]], [[0]]),
        ("evaluate/bootstrap", [1], [0]),
        ("evaluate/confidence", [0.01, 0.99], [0.0, 1.0]),
        ("compute/processes", [1, None], [0]),
        ("explain", [{"compare-stl": {"permutations": 1}}], [{"compare-stl": {"permutations": 0}}]),
        ("features/w", [{"kind": "transformers", "model": "a", "layer": 0}], []),
        ("features/w", [], [{"kind": "transformers", "model": "a", "layer": -1}]),
        ("features/w", [], [{"kind": "transformers", "model": "a", "layer": []}]),
        ("features/w", [], [{"kind": "transformers", "model": "a", "layer": 1, "weights": [-0.5]}]),
        ("runs/" + "x" * 60, [RUN], []),
        ("runs/" + "x" * 61, [], [RUN]),
    ],
)
def test_limits_are_allowed_and_nothing_beyond(path: str, inside: list[Any], outside: list[Any]) -> None:
    assert [value for value in inside if not accepted(path, value)] == []
    assert [value for value in outside if accepted(path, value)] == []


def test_every_default() -> None:
    """Of what params.yaml need not say; the values beside the paper's are in no other place."""
    content = copy.deepcopy(CONTENT)
    for section in ("synthesize", "preprocess", "split", "codebook", "boaw", "train", "evaluate", "compute"):
        content[section] = {}
    for section in ("search", "external", "fused_features", "fused_runs", "explain", "bias"):
        del content[section]
    content["corpus"] = {"path": "x"}
    content["runs"] = {name: run for name, run in content["runs"].items() if run["features"] != "all"}
    content["models"]["bare"] = {"joint": True, "trunk": [5]}
    content["tasks"]["plain"] = {"kind": "regression", "columns": ["X"], "score": "mae"}
    found = parse(content)
    rest = load(ROOT / "params.yaml")
    for section in ("synthesize", "preprocess", "split", "codebook", "boaw", "train", "evaluate", "compute"):
        assert getattr(found, section) == getattr(rest, section)
    assert found.corpus == replace(rest.corpus, path="x")
    assert asdict(found.corpus) == {
        "path": "x",
        "labels": ("data_info.csv",),
        "audio": "wav",
        "speaker": "Subject_ID",
        "name": None,
        "challenge": None,
        "missing": ("N/A", "None", "null", "?"),
        "follow_links": False,
    }
    assert asdict(found.synthesize) == {"speakers": 360, "clips_per_speaker": 4, "seed": 1}
    assert asdict(found.evaluate) == {"bootstrap": 1000, "confidence": 0.95, "seed": 1}
    assert asdict(found.compute) == {"processes": None, "scheduler": None}
    assert asdict(found.split) == {
        **{"method": "balanced", "balance": "Country", "seed": 1, "folds": 5, "fold": 1}
    }
    assert asdict(found.preprocess) == {
        **{"peak_db": -3.0, "enhance": "none", "trim": "none", "trim_db": -20.0, "min_seconds": 0.1},
        **{"max_seconds": 60.0, "min_peak_db": -60.0, "max_clipped": 0.5},
    }
    assert asdict(found.codebook) == {
        **{"features": "compare", "size": 2000, "method": "random++", "layout": "joint"},
        **{"frames": 1_000_000, "standardize": True, "seed": 10, "file": None},
    }
    assert asdict(found.boaw) == {
        **{"assignments": 10, "gaussian": 0.0, "cutoff": 0.0, "log": True, "idf": False},
        **{"standardize_output": False, "normalize": "none", "device": "auto"},
    }
    assert asdict(found.train) == {
        **{"optimizer": "adam", "learning_rate": 0.001, "weight_decay": 0.0, "batch_size": 8, "epochs": 20},
        **{"patience": 5, "seeds": (1, 2, 3), "monitor": "loss", "loss_weighting": "equal"},
        **{"regression_loss": "squared", "class_weights": "none", "label_smoothing": 0.0},
        **{"scaling": "standard", "columns": None, "target_scale": "none", "blend": "none"},
        **{"calibration": "none", "device": "auto"},
    }
    assert asdict(found.models["bare"]) == {
        "architecture": {"joint": True, "trunk": (5,), "head": (), "dropout": 0.0, "input_dropout": 0.0},
        "tasks": None,
        "recipe": None,
        "train": {},
    }
    assert asdict(found.tasks["plain"]) == {
        **{"kind": "regression", "columns": ("X",), "score": "mae", "scale": "none", "output": "linear"},
        **{"range": None, "also": ()},
    }
    assert (found.search, found.external, found.fused_features) == ({}, {}, {})
    assert (found.fused_runs, found.explain, found.bias) == ({}, {}, {})
    assert asdict(found.explain_options("compare-stl")) == {"families": {}, "permutations": 10}
    with pytest.raises(UserError, match="runs has no entry 'compare'"):
        found.explain_options("compare")
    assert asdict(
        parse(changed("fused_runs", {"x": {"runs": ["compare-stl", "boaw-stl"]}})).fused_runs["x"]
    ) == {
        "runs": ("compare-stl", "boaw-stl"),
        "method": "mean",
    }


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("train/loss_weighting", {"emotion": 0, "country": 0}),  # age counts 1
        ("train/loss_weighting", {"age": 0.5}),
        ("tasks/years", {**AGE, "also": ["rmse", "ccc"]}),
        ("split/balance", None),
        ("split/folds", "Age_group"),
        ("features/x", {"kind": "opensmile", "set": "GeMAPSv01b", "windows": {"seconds": 0.5, "hop": 0.5}}),
        (
            "features/x",
            {
                **{"kind": "opensmile", "set": "GeMAPSv01b"},
                "windows": {"seconds": 0.1, "hop": 0.05, "pooling": "max"},
            },
        ),
        ("search/learning_rate", {"low": 0.1, "high": 0.2}),
        ("search/epochs", {"low": 3.0, "high": 9.0, "log": True}),
        ("search/columns", [None, 30]),
        ("codebook/layout", {"A-1_b": ["x"]}),
    ],
)
def test_what_is_allowed(path: str, value: Any) -> None:
    parse(changed(path, value))
