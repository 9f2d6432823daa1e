"""What a search reads of params.yaml and writes there: ranges, names, the new run."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from stages import search
from stages.core.config.load import load
from stages.core.runtime.errors import UserError
from stages.search import Search
from tests.helpers.tiny_project import run_stage, write_parameters, write_project

pytest.importorskip("optuna")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write_project()
    write_parameters()
    return tmp_path


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("space", "sentence"),
    [
        ({"rate": [0.1]}, "search.rate is not a parameter"),
        ({"seeds": [1]}, "search.seeds cannot be searched"),
        ({"batch_size": []}, "search.batch_size is empty"),
        ({"batch_size": [0]}, r"search.batch_size should be greater than or equal to 1"),
        ({"optimizer": ["adam", "sgd"]}, "search.optimizer should be 'adam' or 'adamw'; it is 'sgd'"),
        ({"epochs": {"low": 1.5, "high": 3}}, "search.epochs"),
        ({"learning_rate": {"low": 0.1, "high": 0.01}}, "must go from low up to high"),
        ({"weight_decay": {"low": 0, "high": 0.1, "log": True}}, "from above 0 where log is true"),
    ],
)
def test_ranges_that_cannot_be(space: Mapping[str, Any], sentence: str) -> None:
    write_parameters(space)
    with pytest.raises(UserError, match=sentence):
        load()


@pytest.fixture
def no_search(here: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project in which a search would fail the test."""
    monkeypatch.setattr(Search, "of", lambda *_: pytest.fail("the search began"))
    return here


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("2nd", "a name begins with a letter and has at most 60"),
        ("ä", "a name begins with a letter"),
        ("a b", "a name begins with a letter"),
        ("x" * 61, "a name begins with a letter and has at most 60"),
        ("null", "YAML does not read it as text"),
        ("size", "DVC's run cache overlooks"),
        ("egemaps-mtl2", "params.yaml has egemaps-mtl2 already"),
        ("EGEMAPS-MTL2", "params.yaml has egemaps-mtl2 already"),
        ("stl", "params.yaml has stl already"),
        ("Stl", "params.yaml has stl already"),
        ("late", "params.yaml has late already"),
        ("LATE", "params.yaml has late already"),
    ],
)
def test_a_name_that_params_yaml_cannot_hold_is_refused_before_the_search(
    name: str, sentence: str, no_search: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = {"runs": ["egemaps-mtl2", "other"]}
    other = {"other": {"features": "egemaps", "model": "stl"}}
    write_parameters(fused_runs={"late": late}, runs=other)
    before = (no_search / "params.yaml").read_bytes()
    with pytest.raises(UserError) as caught:
        run_stage(search, monkeypatch, "egemaps-mtl2", "--name", name)
    assert str(caught.value).startswith(f"--name {name}: {sentence}")
    assert str(caught.value).endswith("; take a new name.")
    assert (no_search / "params.yaml").read_bytes() == before


@pytest.mark.usefixtures("no_search")
def test_the_name_that_is_not_given_is_looked_at_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    longest, run = "x" * 60, {"features": "egemaps", "model": "mtl2"}
    write_parameters(
        runs={longest: run, "Egemaps-mtl2-Searched": run, "a": run, "b": run},
        fused_runs={"a-searched": {"runs": ["a", "b"]}},
    )
    for name, sentence in (
        (longest, f"--name {longest}-searched: a name begins with a letter and has at most 60"),
        ("egemaps-mtl2", "--name egemaps-mtl2-searched: params.yaml has Egemaps-mtl2-Searched already"),
        ("a", "--name a-searched: params.yaml has a-searched already"),
    ):
        with pytest.raises(UserError, match=sentence):
            run_stage(search, monkeypatch, name)


@pytest.mark.usefixtures("no_search")
def test_a_file_that_takes_no_entry_is_refused_before_the_search(monkeypatch: pytest.MonkeyPatch) -> None:
    text = Path("params.yaml").read_text()
    start = text.index("runs:\n  egemaps-mtl2:")
    rest = text[start:].split("\n", 4)[4]
    in_braces = "runs: {egemaps-mtl2: {features: egemaps, model: mtl2}}\n"
    Path("params.yaml").write_text(text[:start] + in_braces + rest)
    assert load().run("egemaps-mtl2").model == "mtl2"
    with pytest.raises(UserError, match=r"params\.yaml: section runs must hold one entry below the other"):
        run_stage(search, monkeypatch, "egemaps-mtl2")


def test_options_that_do_not_load_leave_the_file_as_it_is(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_parameters(train={"epochs": 2, "seeds": [1, 2], "regression_loss": "score"})
    monkeypatch.setattr(Search, "best", lambda *_: {"batch_size": 1})
    monkeypatch.setattr(search, "compare", lambda *_: None)
    before = (here / "params.yaml").read_bytes()
    with pytest.raises(UserError, match="regression_loss of run egemaps-mtl2-searched is score"):
        run_stage(search, monkeypatch, "egemaps-mtl2")
    assert (here / "params.yaml").read_bytes() == before


@pytest.mark.usefixtures("here")
def test_the_new_run_is_the_old_one_but_for_what_was_found(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    special = {
        **{"joint": False, "trunk": [9], "head": [7, 5], "dropout": 0.1, "input_dropout": 0.2},
        **{"tasks": ["age", "emotion"], "recipe": "regularized", "train": {"epochs": 7, "patience": 3}},
    }
    write_parameters(models={"special": special}, runs={"old": {"features": "compare", "model": "special"}})
    monkeypatch.setattr(Search, "of", lambda _, run: Search(load(), run, None, {}))
    asked = []
    monkeypatch.setattr(Search, "best", lambda _, trials: asked.append(trials) or {"epochs": 6, "columns": 4})
    monkeypatch.setattr(search, "compare", lambda found, values: asked.append((found.run, values)))
    for name in ("new", "old-searched"):
        run_stage(search, monkeypatch, "old", *(["--name", "new"] if name == "new" else ["--trials", "7"]))
        found = load()
        assert found.runs[name].features == "compare" and found.runs[name].model == name
        assert found.architecture(name) == found.architecture("old")
        assert list(found.tasks_of(name)) == list(found.tasks_of("old")) == ["emotion", "age"]
        assert found.recipe(name) == replace(found.recipe("old"), epochs=6, columns=4)
        assert (found.recipe(name).optimizer, found.recipe(name).patience) == ("adamw", 3)
        write_parameters(
            models={"special": special, "old-searched": {"joint": True, "trunk": [3]}},
            runs={
                "old": {"features": "compare", "model": "special"},
                "old-searched": {"features": "egemaps", "model": "old-searched"},
            },
        )
    values = {"epochs": 6, "columns": 4}
    assert asked == [50, ("old", values), 7, ("old", values)]
    assert capsys.readouterr().out.splitlines() == [
        "params.yaml: models.new and runs.new hold these options",
        "`dvc repro evaluate@new` trains and evaluates them",
        "params.yaml: models.old-searched and runs.old-searched hold these options",
        "`dvc repro evaluate@old-searched` trains and evaluates them",
    ]
