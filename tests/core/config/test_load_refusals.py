from typing import Any

import pytest

from stages.core.config.load import parse
from stages.core.runtime.errors import UserError
from tests.helpers.parameters import AGE, CONTENT, RUN, changed

COUNTRY = CONTENT["tasks"]["country"]


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
