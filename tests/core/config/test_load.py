import copy
from dataclasses import asdict, replace
from typing import Any

import pytest
import yaml

from stages.core.config.data import CorpusOptions
from stages.core.config.load import load, parse
from stages.core.runtime.errors import UserError
from tests.helpers import ROOT

CONTENT = yaml.safe_load((ROOT / "params.yaml").read_text())


RUN = {"features": "compare", "model": "stl"}
COUNTRY, AGE = CONTENT["tasks"]["country"], {**CONTENT["tasks"]["age"], "columns": ["Age"]}


def changed(path: str, value: Any) -> dict[str, Any]:
    content = copy.deepcopy(CONTENT)
    *parents, last = path.split("/")
    entry = content
    for parent in parents:
        entry = entry[parent]
    entry[last] = value
    return content


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


def test_as_many_frames_as_words_are_enough() -> None:
    assert parse(changed("codebook/frames", 2000)).codebook.frames == 2000


def test_a_model_overrides_the_train_section() -> None:
    parameters = parse(changed("models/mtl2/train", {"batch_size": 64, "monitor": "score"}))
    assert parameters.recipe("compare-mtl2").batch_size == 64
    assert parameters.recipe("compare-mtl2").monitor == "score"
    assert parameters.recipe("compare-mtl1").batch_size == 8


@pytest.mark.parametrize(
    ("path", "value", "sentence"),
    [
        ("train/epocs", 3, "train.epocs is not a parameter (did you mean epochs?)"),
        ("trian", {}, "trian is not a parameter (did you mean train?)"),
        ("train/patience", 0, "train.patience should be greater than or equal to 1; it is 0"),
        ("train/learning_rate", "1e-3", "write 0.001"),
        ("train/learning_rate", float("nan"), "train.learning_rate should be"),
        ("train/learning_rate", float("inf"), "train.learning_rate should be less than or equal to 1"),
        ("train/epochs", "20", "(write the number without quotes)"),
        ("preprocess/peak_db", -300.0, "preprocess.peak_db should be greater than or equal to -60"),
        ("tasks/country/range", [0, 1], "tasks.country is a classification; its classes have no range"),
        ("corpus/labels", [], "corpus.labels is empty; name a label file"),
        ("corpus/labels", ["a.csv", "a.csv"], "corpus.labels names a file twice"),
        ("corpus/labels", ["../a.csv"], "corpus.labels names '../a.csv', which is not below corpus.path"),
        ("corpus/audio", "/data/wav", "corpus.audio names '/data/wav', which is not below corpus.path"),
        ("tasks/country/score", "ccc", "score names ccc; take uar, f1, accuracy or war"),
        ("tasks/age/also", ["f1"], "tasks.age is a regression, and also names f1"),
        ("tasks/age/also", ["rmse", "mae"], "tasks.age names a metric twice in score and also"),
        ("tasks/age/range", [120, 0], "tasks.age.range must be the lowest and then the highest label"),
        ("train/loss_weighting", {"emotion": -1.0}, "train.loss_weighting"),
        ("train/loss_weighting", {"age": float("inf")}, "train.loss_weighting"),
        ("train/loss_weighting", {"emotion": 0, "country": 0, "age": 0}, "nothing would be learnt"),
        ("train/epochs", True, "train.epochs should be a valid integer"),
        ("train/seeds", [1, 2, 1], "seeds of run egemaps-stl names a seed twice"),
        ("train", {"regression_loss": "score", "batch_size": 1}, "take larger batches"),
        ("train/seeds", [1, 1.5], "train.seeds.1 should be a valid integer"),
        ("train/loss_weighting", "even", "should be 'equal', 'relative' or 'uncertainty'"),
        ("train/loss_weighting", {"emotoin": 1.0}, "which is no task (did you mean emotion?)"),
        ("models/stl/trunkk", [3], "models.stl.trunkk is not a parameter (did you mean trunk?)"),
        ("models/stl/trunk", [], "models.stl.trunk should have at least 1 item; it is []"),
        ("models/stl/tasks", ["emotoin"], "models.stl.tasks names 'emotoin', which is no task (did you mean"),
        ("models/stl/tasks", [], "models.stl.tasks should have at least 1 item"),
        ("train/columns", 0, "train.columns should be greater than or equal to 1; it is 0"),
        (
            "models/stl/train",
            {"epoch": 3},
            "models.stl.train.epoch is not a parameter (did you mean epochs?)",
        ),
        ("runs/compare-stl/model", "mtl9", "runs.compare-stl.model is 'mtl9', which models does not have"),
        ("runs/compare-stl/features", "mfcc", "runs.compare-stl.features is 'mfcc'; the feature sets are"),
        ("runs", {}, "runs is empty"),
        ("tasks", {}, "tasks is empty"),
        ("tasks/country/columns", ["Country", "Age"], "give it one column"),
        ("tasks/age/columns", [], "tasks.age.columns is empty"),
        ("tasks/age/score", "uar", "score names uar; take ccc, mae, pearson or rmse"),
        (
            "tasks/total",
            {"kind": "regression", "columns": ["Age"], "score": "mae"},
            "tasks cannot hold the name 'total': learning curves",
        ),
        ("codebook/size", 2_000_000, "codebook.size 2000000 is above codebook.frames 1000000"),
        ("codebook/features", "mfcc", "codebook.features is 'mfcc'"),
        ("boaw/assignments", 3000, "boaw.assignments 3000 is above codebook.size 2000"),
        ("features/boaw", "emobase", "features cannot hold the name 'boaw': the bags"),
        (
            "runs/my run",
            RUN,
            "runs cannot hold the name 'my run': a name begins with a letter and has at most 60",
        ),
        ("runs/stl-lr0.01", RUN, "runs cannot hold the name 'stl-lr0.01'"),
        ("runs/a;b", RUN, "runs cannot hold the name 'a;b'"),
        ("runs/-x", RUN, "runs cannot hold the name '-x'"),
        ("runs/Björn", RUN, "runs cannot hold the name 'Björn'"),
        ("runs/a\n", RUN, "runs cannot hold the name"),
        ("runs/2024", RUN, "runs cannot hold the name '2024'"),
        ("runs/CON", RUN, "runs cannot hold the name 'CON': Windows allows no file of this name"),
        ("runs/null", RUN, "runs cannot hold the name 'null': YAML does not read it as text"),
        (
            "runs/Compare-STL",
            RUN,
            "'compare-stl' and 'Compare-STL' in runs, fused_runs would be one name (a file",
        ),
        ("runs/size", RUN, "runs cannot hold the name 'size': DVC's run cache overlooks"),
        (
            "models/nfiles",
            {"joint": True, "trunk": [4]},
            "models cannot hold the name 'nfiles': DVC's run cache",
        ),
        ("models/mtl2.5", {"joint": True, "trunk": [4]}, "models cannot hold the name 'mtl2.5'"),
        ("recipes/${x}", {}, "recipes cannot hold the name '${x}'"),
        ("features/é", "emobase", "features cannot hold the name 'é'"),
        ("codebook/layout", {"size": ["a"]}, "codebook.layout cannot hold the name 'size'"),
        ("tasks/file", AGE, "tasks cannot hold the name 'file': predictions call a column so"),
        ("corpus/path", "~/corpus", "neither ~ nor variables are expanded there; write '/home/me/corpus'"),
        (
            "corpus/path",
            "$HOME/corpus",
            "neither ~ nor variables are expanded there; write '/home/me/corpus'",
        ),
        ("split/balance", "Age", "split.balance is 'Age', which task age reads as numbers"),
        ("tasks/group", {**COUNTRY, "columns": ["Age"]}, "read 'Age', one as numbers and one as classes"),
        (
            "tasks/years",
            {**AGE, "range": [0, 99]},
            "tasks age and years read 'Age'; give them the same range",
        ),
        ("tasks/age/columns", ["Age", "Age"], "tasks.age.columns names a column twice"),
        (
            "tasks/mood",
            {**AGE, "range": [1, 7], "output": "sigmoid"},
            "from 1 to 7, but output: sigmoid reaches from",
        ),
        ("tasks/emotion/range", [-1, 1], "from -1 to 1, but scale: row-max needs labels of at least 0"),
        ("split/seed", 2**32, "split.seed should be less than 4294967296; it is 4294967296"),
        ("train/seeds", [2**64], "train.seeds.0 should be less than 4294967296"),
        ("preprocess/min_seconds", 99.0, "preprocess.min_seconds must lie below"),
        ("models", [1], "models should be an object"),
        (
            "models/stl/recipe",
            "regularised",
            "recipe is 'regularised', which recipes does not have",
        ),
        ("recipes/other", {"epoch": 3}, "recipes.other.epoch is not a parameter (did you mean epochs?)"),
        ("recipes/other", {"epochs": 0}, "recipes.other.epochs should be greater than or equal to 1"),
        ("boaw", None, "boaw should be an object"),
    ],
)
def test_what_does_not_fit_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, path: str, value: Any, sentence: str
) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    with pytest.raises(UserError) as caught:
        parse(changed(path, value))
    assert sentence in str(caught.value)
    assert str(caught.value).startswith("params.yaml: ")
    assert "\n" not in str(caught.value)


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


def test_what_the_sections_say_together() -> None:
    content = changed("external/mine", {"kind": "table", "path": "t.csv"})
    content["fused_features"] = {"both": ["mine", "boaw"]}
    content["runs"] = {"one": {"features": "both", "model": "some"}, "two": RUN}
    content["models"]["some"] = {"joint": False, "trunk": [3], "tasks": ["age", "emotion"]}
    content["explain"] = {"two": {"families": {"f": "^x"}, "permutations": 3}}
    content["search"] = {}
    found = parse(content)
    assert found.feature_sets == ["egemaps", "compare", "mine", "boaw", "both"]
    assert list(found.sources) == ["egemaps", "compare", "mine"]
    assert (list(found.tasks_of("one")), list(found.tasks_of("two"))) == (
        ["emotion", "age"],
        ["emotion", "country", "age"],
    )
    assert found.architecture("one").trunk == (3,) and not found.architecture("one").joint
    assert found.explain_options("two").permutations == 3
    assert found.explain_options("one").permutations == 10


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


def test_weights_of_the_tasks_that_the_run_learns() -> None:
    content = changed("models/years", {"joint": True, "trunk": [3], "tasks": ["age", "country"]})
    content["runs"] = {"new": {"features": "compare", "model": "years"}}
    content["models"]["years"]["train"] = {"loss_weighting": {"age": 0}}
    parse(content)
    content["models"]["years"]["train"] = {"loss_weighting": {"age": 0, "country": 0}}
    with pytest.raises(UserError, match="loss_weighting of run new is 0 for all its tasks; nothing would be"):
        parse(content)
    content["models"]["years"]["train"] = {"loss_weighting": {"aeg": 1}}
    with pytest.raises(
        UserError, match=r"loss_weighting of run new names 'aeg', which is no task \(did you mean"
    ):
        parse(content)


def test_columns_of_sets_that_the_run_reads() -> None:
    content = changed("models/one", {**CONTENT["models"]["stl"], "train": {"columns": {"compare": 9}}})
    for features in ("all", "compare"):
        content["runs"]["new"] = {"features": features, "model": "one"}
        assert parse(content).recipe("new").columns == {"compare": 9}
    content["runs"]["new"] = {"features": "boaw", "model": "one"}
    with pytest.raises(
        UserError, match="columns of run new names 'compare', but the run reads boaw; take it"
    ):
        parse(content)


@pytest.mark.parametrize(
    ("path", "value", "sentence"),
    [
        (
            "split/folds",
            "Age",
            "split.folds is 'Age', which task age reads as numbers; name a column of classes, or",
        ),
        (
            "features/x",
            {"kind": "opensmile", "set": "a", "windows": {"count": 3, "pooling": "max"}},
            "features.x.windows takes count alone",
        ),
        (
            "features/x",
            {"kind": "opensmile", "set": "a", "windows": {"hop": 0.2, "pooling": "max"}},
            "features.x.windows takes count alone",
        ),
        ("features/x", {"kind": "opensmile", "set": "a", "windows": {"count": 1}}, "or equal to 2; it is 1"),
        (
            "features/x",
            {"kind": "opensmile", "set": "a", "windows": {"seconds": 0.09, "hop": 0.05}},
            "to 0.1",
        ),
        ("features/x", {"kind": "opensmile", "set": "a", "windows": {"seconds": 0.5, "hop": 0.0}}, "than 0"),
        (
            "tasks/Total",
            AGE,
            "tasks cannot hold the name 'Total': learning curves call the sum of the losses so",
        ),
        ("tasks/error", AGE, "tasks cannot hold the name 'error': predictions call a column so"),
        ("features/BOAW", "emobase", "features cannot hold the name 'BOAW': the bags of audio words have it"),
        ("bias/lpt9", {"column": "Country"}, "bias cannot hold the name 'lpt9': Windows allows no file"),
        ("fused_features/com1", ["compare", "egemaps"], "fused_features cannot hold the name 'com1'"),
        ("fused_runs/true", {"runs": ["compare-stl", "boaw-stl"]}, "fused_runs cannot hold the name 'true'"),
        (
            "external/EGEMAPS",
            {"kind": "table", "path": "t"},
            "'egemaps' and 'EGEMAPS' in features, external, f",
        ),
        ("recipes/nfiles", {}, "recipes cannot hold the name 'nfiles': DVC's run cache"),
        (
            "explain",
            {"compare-slt": {}},
            "explain names 'compare-slt', which is no run (did you mean compare-stl?)",
        ),
        (
            "explain",
            {"boaw-stl": {"families": {"words": "("}}},
            "explain.boaw-stl.families.words is no regular expression (missing ), unterminated subpattern",
        ),
        (
            "train",
            {"columns": {"compare": 5}},
            "columns of run egemaps-stl names 'compare', but the run reads egemaps; take it out",
        ),
        ("fused_runs", {"x": {"runs": ["compare-stl"] * 2}}, "fused_runs.x names a run twice; take it out"),
        ("fused_runs", {"x": {"runs": ["compare-stl"]}}, "fused_runs.x.runs should have at least 2 items"),
        ("tasks/age/also", ["mae"], "tasks.age names a metric twice in score and also; take one out"),
        ("tasks/age/also", ["rmse", "rmse"], "tasks.age names a metric twice"),
        ("tasks/age/range", [7, 7], "tasks.age.range must be the lowest and then the highest label"),
        ("tasks/age/score", "CCC", "tasks.age.score should be"),
        (
            "preprocess/trim_silence",
            True,
            "preprocess.trim_silence is no longer a parameter; write trim: none, or",
        ),
        (
            "codebook/size",
            [5, 6],
            "codebook.size names 2 sizes, but codebook.layout makes 1 group; give one size",
        ),
        (
            "search/learning_rate",
            {"low": 0.1, "high": 0.1},
            "search.learning_rate must go from low up to high",
        ),
        (
            "search/epochs",
            {"low": 0, "high": 9, "log": True},
            "must go from low up to high, and from above 0",
        ),
        (
            "search/epochs",
            {"low": 0, "high": 9},
            "search.epochs should be greater than or equal to 1; it is 0",
        ),
        (
            "search/device",
            ["cpu"],
            "search.device cannot be searched; seeds and device make no better recipe",
        ),
        (
            "search/learning_rate",
            {"low": 0.1, "hihg": 1},
            "search.learning_rate.hihg is not a parameter (did you",
        ),
        ("corpus/labels", ["/a.csv"], "corpus.labels names '/a.csv', which is not below corpus.path"),
        ("corpus/labels", [""], "corpus.labels names '', which is not below corpus.path"),
        ("corpus/audio", "a/../b", "corpus.audio names 'a/../b', which is not below corpus.path"),
        ("corpus/challenge", "a-vb", "corpus.challenge should be 'exvo-multitask', 'a-vb-high'"),
        ("compute/processes", "many" * 20, "it is 'manymanymanymanymanymanymanymanymany…."),
    ],
)
def test_what_else_does_not_fit(path: str, value: Any, sentence: str) -> None:
    with pytest.raises(UserError) as caught:
        parse(changed(path, value))
    assert sentence in str(caught.value)


def test_a_size_for_each_group_of_columns() -> None:
    content = changed("codebook/layout", {"a": ["x"], "b": ["y"], "c": ["z"]})
    content["codebook"]["size"] = [30, 20]
    with pytest.raises(
        UserError, match=r"names 2 sizes, but codebook\.layout makes 3 groups; give one size, or"
    ):
        parse(content)
    content["codebook"]["size"] = [30, 20, 10]
    assert [parse(content).codebook.size_of(group) for group in range(3)] == [30, 20, 10]
    content["codebook"]["frames"] = 29
    with pytest.raises(UserError, match=r"codebook\.size 30 is above codebook\.frames 29; lower the size"):
        parse(content)
    content["codebook"]["size"] = [20, 10, 30]
    with pytest.raises(UserError, match=r"codebook\.size 30 is above codebook\.frames 29; lower the size"):
        parse(content)
    content["codebook"]["frames"], content["boaw"]["assignments"] = None, 11
    with pytest.raises(UserError, match=r"boaw\.assignments 11 is above codebook\.size 10; a frame cannot"):
        parse(content)
    content["boaw"]["assignments"] = 10
    parse(content)
    content["codebook"]["layout"], content["codebook"]["size"] = "split", 17
    assert [parse(content).codebook.size_of(group) for group in range(2)] == [17, 17]


def test_single_clips_teach_no_correlation_but_other_scores() -> None:
    """A batch of one clip is refused for the tasks that the run learns, and for no others."""
    content = changed("train/batch_size", 1)
    content["train"]["regression_loss"] = "score"
    content["models"]["years"] = {"joint": True, "trunk": [3], "tasks": ["age", "country"]}
    content["runs"] = {"new": {"features": "compare", "model": "years"}}
    content["explain"], content["search"] = {}, {}
    assert parse(content).recipe("new").batch_size == 1
    for score in ("ccc", "pearson"):
        content["tasks"]["age"]["score"] = score
        with pytest.raises(
            UserError, match="regression_loss of run new is score and batch_size 1, but task age"
        ):
            parse(content)
    content["train"]["batch_size"] = 2
    parse(content)


def test_sets_that_have_frames_for_codebooks() -> None:
    content = changed("codebook/features", "halves")
    content["features"] = {
        "egemaps": "eGeMAPSv02",
        "compare": "ComParE_2016",
        "voice": {"kind": "resemblyzer"},
    }
    content["features"]["halves"] = {"kind": "opensmile", "set": "x", "windows": {"count": 2}}
    content["external"] = {
        "own": {"kind": "opensmile", "path": "x.conf"},
        "framed": {"kind": "opensmile", "path": "x.conf", "frames": "lld"},
    }
    expected = "codebook.features is 'halves'; the openSMILE sets are egemaps, compare, framed."
    with pytest.raises(UserError) as caught:
        parse(content)
    assert str(caught.value) == f"params.yaml: {expected}"
    content["codebook"]["features"] = "framed"
    assert parse(content).codebook.features == "framed"
