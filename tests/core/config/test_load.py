import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from dvc.utils.serialize import modify_yaml

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


def test_numbers_as_keys_are_refused(tmp_path: Path) -> None:
    text = (ROOT / "params.yaml").read_text().replace("  compare-stl:", "  2024:")
    (tmp_path / "params.yaml").write_text(text)
    with pytest.raises(UserError, match="runs cannot hold the name '2024'"):
        load(tmp_path / "params.yaml")


def test_a_missing_section_and_an_unknown_run() -> None:
    content = copy.deepcopy(CONTENT)
    del content["boaw"]
    with pytest.raises(UserError, match=r"boaw is missing"):
        parse(content)
    with pytest.raises(UserError, match=r"no entry 'compare-mtl'"):
        parse(CONTENT).recipe("compare-mtl")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a: [1", "is not YAML"),
        ("a: 1\nb: {c: 1, c: 2}", "line 2 is not YAML: the key c stands twice"),
        ("a: {{ b }}", "is not YAML"),
        ("? [a, b]\n: 1", "is not YAML"),
        ("a: 1\nb: 2020-13-45", "line 2 is not YAML: '2020-13-45' is no timestamp; put it in quotes"),
        ("a: !!bool maybe", "line 1 is not YAML: 'maybe' is no bool"),
        ("a: !!int x", "is not YAML"),
        ("- 1", "must hold sections"),
        ("", "must hold sections"),
        ("\xff", "is not YAML"),
    ],
)
def test_a_file_that_is_no_mapping(tmp_path: Path, text: str, sentence: str) -> None:
    (tmp_path / "params.yaml").write_bytes(text.encode("latin-1"))
    with pytest.raises(UserError, match=sentence):
        load(tmp_path / "params.yaml")
    with pytest.raises(UserError, match="does not exist"):
        load(tmp_path / "nothing.yaml")


def test_a_recipe_changes_the_train_section_and_the_model_changes_the_recipe() -> None:
    content = changed("models/regularized-mtl/train", {"epochs": 7})
    single, multi = (parse(content).recipe(f"compare-regularized-{kind}") for kind in ("stl", "mtl"))
    assert (single.optimizer, single.epochs, single.learning_rate) == ("adamw", 40, 0.001)
    assert replace(multi, epochs=40) == single
    assert multi.epochs == 7
    content["train"]["learning_rate"] = 0.01
    assert parse(content).recipe("compare-regularized-stl").learning_rate == 0.01


@pytest.mark.parametrize("text", ["a: &x {b: 1}\nc: *x", "a: &x [1]", "a: {<<: &x {b: 1}}", "a:\n- &x 3"])
def test_anchors_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "params.yaml").write_text(text)
    with pytest.raises(UserError, match=r"line \d: anchors and aliases \(&x, \*x\) .* `recipe: NAME`\.$"):
        load(tmp_path / "params.yaml")


@pytest.mark.parametrize("path", ["train/learning_rate", "recipes/regularized/epochs", "models/stl/joint"])
def test_dvc_changes_one_value_and_nothing_else(tmp_path: Path, path: str) -> None:
    file = tmp_path / "params.yaml"
    before = (ROOT / "params.yaml").read_text()
    file.write_text(before)
    with modify_yaml(file) as content:
        *sections, key = path.split("/")
        entry = content
        for section in sections:
            entry = entry[section]
        entry[key] = 77
    pairs = zip(before.splitlines(), file.read_text().splitlines(), strict=True)
    (change,) = [pair for pair in pairs if pair[0] != pair[1]]
    assert change[1].split("#")[0].strip() == f"{key}: 77"
    assert change[0].partition("#")[1:] == change[1].partition("#")[1:]
