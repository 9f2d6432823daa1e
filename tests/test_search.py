import builtins
import re
from collections.abc import Mapping
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


def write_parameters(space: Mapping[str, Any] = SPACE) -> None:
    content = yaml.safe_load((ROOT / "params.yaml").read_text())
    content["train"] |= {"epochs": 2, "seeds": [1, 2]}
    content["runs"], content["search"] = RUNS, space
    for section in ("fused_features", "fused_runs"):
        content[section] = {}
    text = yaml.safe_dump(content, sort_keys=False)
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
