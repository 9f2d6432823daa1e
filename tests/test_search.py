import builtins
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stages import search, train
from stages.core.config.load import load
from stages.core.config.search import SearchRange
from stages.core.config.training import TrainingConfig
from stages.core.networks.model import Model
from stages.core.networks.search import within
from stages.core.runtime.errors import UserError
from stages.search import Search
from tests.helpers.tiny_project import RUNS, run_stage, write_parameters, write_project

optuna = pytest.importorskip("optuna")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write_project()
    write_parameters()
    return tmp_path


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
