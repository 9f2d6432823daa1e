import builtins
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from stages import search, train
from stages.core.config.load import load
from stages.core.config.search import SearchRange
from stages.core.config.training import TrainingConfig
from stages.core.networks.model import Model
from stages.core.networks.search import within
from stages.core.runtime.errors import UserError
from stages.search import Search
from tests.helpers import ROOT
from tests.helpers.tiny_project import run_stage, write_project

optuna = pytest.importorskip("optuna")

SPACE = {
    "learning_rate": {"low": 0.0001, "high": 0.1, "log": True},
    "batch_size": [8, 40],
    "epochs": {"low": 1, "high": 3},
}
RUNS = {"egemaps-mtl2": {"features": "egemaps", "model": "mtl2"}}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write_project()
    write_parameters()
    return tmp_path


def write_parameters(space: Mapping[str, Any] = SPACE, **sections: Any) -> None:
    content = yaml.safe_load((ROOT / "params.yaml").read_text())
    content["train"] |= {"epochs": 2, "seeds": [1, 2]}
    content["runs"], content["search"] = RUNS, space
    for section in ("fused_features", "fused_runs"):
        content[section] = {}
    for section, entries in sections.items():
        content[section] = {**content[section], **entries}
    # Through JSON, so that equal entries are no anchors.
    text = yaml.safe_dump(json.loads(json.dumps(content)), sort_keys=False)
    Path("params.yaml").write_text(text + "# the end\n")


def test_search_and_what_comes_of_it(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run_stage(search, monkeypatch, "egemaps-mtl2", "--trials", "3")
    printed = capsys.readouterr().out
    assert "best of 3 trials" in printed
    skills = {
        (which, split): float(skill)
        for which, split, skill in re.findall(r"as (\w+ ?\w*), (\w+): .* mean skill (-?[\d.]+)", printed)
    }
    gains = [float(gain) for gain in re.findall(r"gain on validation (\S+), on test ([^\s:]+)", printed)[0]]
    for split, gain in zip(("validation", "test"), gains, strict=True):
        assert gain == pytest.approx(skills["found", split] - skills["it is", split], abs=2e-4)
    parameters = load()
    found = parameters.recipe("egemaps-mtl2-searched")
    assert parameters.architecture("egemaps-mtl2-searched") == parameters.architecture("egemaps-mtl2")
    assert 0.0001 <= found.learning_rate <= 0.1
    assert found.batch_size in {8, 40}
    assert Path("params.yaml").read_text().endswith("# the end\n")
    # The new run trains to just what was found.
    monkeypatch.setattr("sys.argv", ["train", "egemaps-mtl2-searched"])
    train.main()
    model = Model.load(here / "data/models/egemaps-mtl2-searched")
    asked = Search.of(parameters, "egemaps-mtl2-searched")
    scores = search.scores_of(model, asked.tables, "validation")
    best = float(re.findall(r"trials, (\S+) on validation", printed)[0])
    assert search.skill_of(model, asked.tables, "validation", scores) == pytest.approx(best, abs=1e-4)


@pytest.mark.usefixtures("here")
def test_a_stopped_search_goes_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    real, calls = Search.objective, []

    def objective(self: Search, trial: Any) -> float:
        calls.append(trial.number)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return real(self, trial)

    monkeypatch.setattr(Search, "objective", objective)
    with pytest.raises(KeyboardInterrupt):
        Search.of(load(), "egemaps-mtl2").best(4)
    assert len(calls) == 3
    Search.of(load(), "egemaps-mtl2").best(4)
    assert "2 trials of before" in capsys.readouterr().out
    assert len(calls) == 5
    Search.of(load(), "egemaps-mtl2").best(4)  # nothing is left to do
    assert len(calls) == 5
    write_parameters({"batch_size": [8, 16]})  # another search, with trials of its own
    Search.of(load(), "egemaps-mtl2").best(1)
    assert len(calls) == 6


@pytest.mark.usefixtures("here")
def test_the_options_of_now_are_tried_first_and_test_decides_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def skill(model: Model, _tables: Any, split: str, _scores: Any) -> float:
        asked.append((split, model.description.training.learning_rate))
        return 1 / len(asked)

    monkeypatch.setattr(search, "skill_of", skill)
    values = Search.of(load(), "egemaps-mtl2").best(2)
    assert asked[0] == ("validation", 0.001)
    assert {split for split, _ in asked} == {"validation"}
    assert values["learning_rate"] == 0.001


@pytest.mark.usefixtures("here")
def test_a_training_that_diverges_is_the_worst(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "skill_of", lambda *_: np.nan)
    trial = optuna.trial.FixedTrial({"learning_rate": 0.001, "batch_size": 8, "epochs": 1})
    assert Search.of(load(), "egemaps-mtl2").objective(trial) == search.WORST


@pytest.mark.usefixtures("here")
def test_what_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match="no entry 'egemaps-mtl'"):
        run_stage(search, monkeypatch, "egemaps-mtl")
    with pytest.raises(UserError, match="take at least 1"):
        run_stage(search, monkeypatch, "egemaps-mtl2", "--trials", "0")
    for name in ("egemaps-mtl2", "stl", "../x"):
        with pytest.raises(UserError, match="take a new name"):
            run_stage(search, monkeypatch, "egemaps-mtl2", "--name", name)
    write_parameters({})
    with pytest.raises(UserError, match="section search is missing or empty"):
        run_stage(search, monkeypatch, "egemaps-mtl2")


@pytest.mark.usefixtures("here")
def test_without_optuna_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *arguments: Any) -> Any:
        if name == "optuna":
            raise ImportError(name)
        return real(name, *arguments)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(UserError, match="package optuna is not installed"):
        Search.of(load(), "egemaps-mtl2").best(1)


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


def test_options_that_the_search_could_come_upon() -> None:
    config = TrainingConfig()
    assert within(config, {"learning_rate": SearchRange(0.0001, 0.01)}) == {"learning_rate": 0.001}
    assert within(config, {"learning_rate": SearchRange(0.01, 0.1)}) is None
    assert within(config, {"batch_size": (8, 16), "columns": (None, 100)}) == {
        "batch_size": 8,
        "columns": None,
    }
    assert within(config, {"batch_size": (16,)}) is None
    assert within(config, {"columns": SearchRange(100, 1000)}) is None


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


@pytest.mark.usefixtures("here")
def test_trials_are_comparable_only_for_the_same_data_run_and_ranges() -> None:
    base = Search.of(load(), "egemaps-mtl2")
    tables = base.tables
    swapped = tables.splits.assign(
        split=tables.splits["split"].replace({"validation": "test", "test": "train"})
    )
    others = {
        "features": replace(tables, features=tables.features + np.float32(1)),
        "labels": replace(tables, recordings=tables.recordings.assign(Age=30.0)),
        "splits": replace(tables, splits=swapped),
    }
    seen = {base.fingerprint(), *(replace(base, tables=table).fingerprint() for table in others.values())}
    assert Search.of(load(), "egemaps-mtl2").fingerprint() == base.fingerprint()
    for sections in (
        {"search": {"epochs": {"low": 1, "high": 4}}},
        {"models": {"mtl2": {"joint": True, "trunk": [5]}}},
        {"train": {"batch_size": 9}},
        {"tasks": {"age": {"kind": "regression", "columns": ["Age"], "score": "ccc"}}},
    ):
        write_parameters(**sections)
        seen.add(replace(base, parameters=load()).fingerprint())
    assert len(seen) == 8
    write_parameters(evaluate={"bootstrap": 7})
    assert replace(base, parameters=load()).fingerprint() == base.fingerprint()
    write_parameters(runs={"other": RUNS["egemaps-mtl2"]})
    assert replace(base, parameters=load(), run="other").fingerprint() not in seen


@pytest.mark.usefixtures("here")
def test_prepared_data_are_kept_for_trials_of_the_same_scales() -> None:
    found = Search.of(load(), "egemaps-mtl2")
    config = found.changed({})
    plain, again = found.prepare(config), found.prepare(replace(config, batch_size=40))
    assert again is plain
    scaled = found.prepare(replace(config, target_scale="standard"))
    assert plain.data.scales["age"] == (0.0, 1.0) and scaled.data.scales["age"] != (0.0, 1.0)
    assert abs(scaled.data.train.targets["age"].mean()) < 1e-6 < plain.data.train.targets["age"].mean()
    quantiles = found.prepare(replace(config, scaling="quantile"))
    assert not np.array_equal(quantiles.data.train.inputs, plain.data.train.inputs)


@pytest.mark.usefixtures("here")
def test_a_search_in_steps_never_repeats_its_draws(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def rates(*steps: int) -> list[float]:
        Path("data/search/egemaps-mtl2.db").unlink(missing_ok=True)
        asked: list[float] = []

        def objective(self: Search, trial: Any) -> float:
            asked.append(search.suggested(trial, self.parameters.search)["learning_rate"])
            return 0.25 * len(asked)

        monkeypatch.setattr(Search, "objective", objective)
        for trials in steps:
            Search.of(load(), "egemaps-mtl2").best(trials)
        return asked

    in_steps = rates(1, 2, 3, 4)
    assert in_steps[0] == 0.001 and len(set(in_steps)) == 4
    assert rates(1, 2, 3, 4) == in_steps
    said = capsys.readouterr().out.splitlines()
    assert said[1].startswith("learning_rate 0.001, batch_size 8, epochs 2")
    assert said[0] == "egemaps-mtl2: best of 1 trials, 0.2500 on validation"
    assert said[2] == "data/search/egemaps-mtl2.db: 1 trials of before, best 0.2500"
    assert said[3] == "egemaps-mtl2: best of 2 trials, 0.5000 on validation"
    write_parameters({"learning_rate": [0.5, 0.25]})  # the run's own 0.001 is not among them
    assert set(rates(2)) <= {0.5, 0.25}


@pytest.mark.parametrize(
    ("skills", "end"),
    [
        ((0.25, 0.5, 0.125, 0.25), "gain on validation +0.2500, on test +0.1250: 50% of it survives"),
        ((0.25, 0.5, 0.25, 0.125), "gain on validation +0.2500, on test -0.1250: 0% of it survives"),
        (
            (0.5, 0.5, 0.25, 0.5),
            "gain on validation +0.0000, on test +0.2500: the search found nothing better",
        ),
        ((0.25, 0.5, np.nan, np.nan), "gain on validation +0.2500, on test +nan: test has no labels"),
    ],
)
@pytest.mark.usefixtures("here")
def test_what_the_options_gain_is_told_for_each_split(
    skills: tuple[float, ...], end: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = Search.of(load(), "egemaps-mtl2")
    seen: dict[tuple[Any, str], float] = {}
    monkeypatch.setattr(
        search, "scores_of", lambda model, _, split: {"age": model.epochs / 8, "country": len(split) / 64}
    )

    class Stand:
        """Stands for networks: knows what was changed."""

        def __init__(self, changes: Mapping[str, Any]) -> None:
            self.epochs, self.tasks = changes.get("epochs", 1), found.parameters.tasks

    def skill(model: Stand, tables: Any, split: str, scores: Mapping[str, float]) -> float:
        assert tables is found.tables and scores == search.scores_of(model, tables, split)
        seen[model.epochs, split] = value = dict(
            zip([(1, "validation"), (3, "validation"), (1, "test"), (3, "test")], skills, strict=True)
        )[model.epochs, split]
        return value

    monkeypatch.setattr(search, "skill_of", skill)
    monkeypatch.setattr(Search, "model", lambda _, changes: Stand(changes))
    search.compare(found, {"epochs": 3})
    first, second, third, fourth = skills
    assert capsys.readouterr().out.splitlines() == [
        f"egemaps-mtl2 as it is, validation: age MAE 0.125, country UAR 0.156; mean skill {first:.4f}",
        f"egemaps-mtl2 as found, validation: age MAE 0.375, country UAR 0.156; mean skill {second:.4f}",
        f"egemaps-mtl2 as it is, test: age MAE 0.125, country UAR 0.062; mean skill {third:.4f}",
        f"egemaps-mtl2 as found, test: age MAE 0.375, country UAR 0.062; mean skill {fourth:.4f}",
        end,
    ]
