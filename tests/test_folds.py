"""A sweep over folds: a killed one goes on, and the project stays as it is.

It runs on a made pipeline of the real one's shape, whose stages take no time.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from stages import folds
from stages.core.config.data import SplitOptions
from stages.core.config.load import Parameters, load, parse
from stages.core.dataset.folds import folds_of
from stages.core.dataset.splitting import assign
from stages.core.runtime.errors import UserError
from stages.core.runtime.files import digest_of, write_json
from stages.core.runtime.tables import read_table, write_table
from stages.core.scoring.run_scores import Cost, RunScores, to_json
from tests.helpers import ROOT

MAKE = """
import json, os, sys, time
from pathlib import Path
stage, *run = sys.argv[1:]
corpus = Path(__file__).parent
with (corpus.parent / "ran.txt").open("a") as file:
    file.write(" ".join([Path.cwd().name, stage, *run]) + "\\n")
if stage == "preprocess":
    Path("data/audio").mkdir(parents=True, exist_ok=True)
    Path("data/audio/0000.parquet").write_text("audio")
    Path("data/recordings.parquet").write_bytes((corpus / "recordings.parquet").read_bytes())
    Path("metrics").mkdir(exist_ok=True)
    Path("metrics/corpus.json").write_text('{"name": "made", "synthetic": false}')
if stage == "split":
    Path("data/splits.txt").write_text(Path("params.yaml").read_text().split("fold: ")[1].split()[0])
if stage == "train":
    if (corpus.parent / "hang").exists() and Path("data/splits.txt").read_text() == "2":
        (corpus.parent / "hangs").touch()
        time.sleep(600)
    print("note: task age is made up")
    Path("data/models").mkdir(exist_ok=True)
    Path(f"data/models/{run[0]}").write_text(Path("data/splits.txt").read_text())
if stage == "evaluate":
    import pandas
    fold = int(Path(f"data/models/{run[0]}").read_text())
    labels = pandas.read_parquet("data/recordings.parquet")
    of_clip = json.loads((corpus / "folds.json").read_text())
    labels["split"] = ["test" if of_clip[clip] == fold else "train" for clip in labels["clip_id"]]
    guess = labels["Age"] + fold + 0.5 * (run == ["b"])
    table = labels[["clip_id", "split"]].assign(seed=1, **{"age.Age": guess})
    for folder in ("predictions", "scores"):
        Path(f"data/{folder}").mkdir(exist_ok=True)
    table.to_parquet(f"data/predictions/{run[0]}.parquet")
    cost = {"parameters": 10, "multiply_adds": 20, "networks": 1, "epochs": fold}
    scores = {"features": "f", "model": "m", "cost": cost, "splits": {}}
    Path(f"data/scores/{run[0]}.json").write_text(json.dumps(scores))
"""
PIPELINE = {
    "stages": {
        "preprocess": {
            "cmd": "python ${corpus.path}/make.py preprocess",
            "deps": ["${corpus.path}"],
            "outs": ["data/recordings.parquet", "data/audio", {"metrics/corpus.json": {"cache": False}}],
        },
        "split": {
            "cmd": "python ${corpus.path}/make.py split",
            "params": ["split"],
            "deps": ["data/recordings.parquet"],
            "outs": ["data/splits.txt"],
        },
        "train": {
            "foreach": "${runs}",
            "do": {
                "cmd": "python ${corpus.path}/make.py train ${key}",
                "deps": ["data/splits.txt"],
                "outs": ["data/models/${key}"],
            },
        },
        "evaluate": {
            "foreach": "${runs}",
            "do": {
                "cmd": "python ${corpus.path}/make.py evaluate ${key}",
                "deps": ["data/models/${key}", "data/recordings.parquet"],
                "outs": ["data/predictions/${key}.parquet", "data/scores/${key}.json"],
            },
        },
    }
}


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]) -> Iterator[Path]:
    """A project with nine speakers and a pipeline of that shape; the current folder of the test."""
    monkeypatch.chdir(tmp_path)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "stages").symlink_to(ROOT / "stages")
    (tmp_path / ".dvcignore").write_bytes((ROOT / ".dvcignore").read_bytes())
    content = yaml.safe_load((ROOT / "params.yaml").read_text())
    content["corpus"]["path"], content["evaluate"]["bootstrap"] = "corpus", 50
    content["split"].update(balance=None, folds=3)
    content["tasks"] = {"age": content["tasks"]["age"], "country": content["tasks"]["country"]}
    content["runs"] = {name: {"features": "compare", "model": "mtl2"} for name in ("a", "b")}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    (tmp_path / "dvc.yaml").write_text(yaml.safe_dump(PIPELINE, sort_keys=False))
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    (corpus / "make.py").write_text(MAKE)
    who = np.repeat(np.arange(9), 4)
    table = pd.DataFrame(
        {
            "clip_id": [f"{clip:02d}" for clip in range(36)],
            "speaker": [f"S{number}" for number in who],
            "Country": np.array(["China", "Peru", "Chad"])[who % 3],
            "Age": 20.0 + who,
            "seconds": 1.0,
        }
    )
    write_table(corpus / "recordings.parquet", table)
    found = folds_of(table, SplitOptions("folds", None, 1, 3))
    (corpus / "folds.json").write_text(
        json.dumps(dict(zip(table["clip_id"], (int(fold) + 1 for fold in found.of_clip), strict=True)))
    )
    subprocess.run([sys.executable, "-m", "dvc", "init", "--no-scm", "--quiet"], check=True)
    (tmp_path / "dvc.lock").write_text("schema: '2.0'\nstages: {}\n")
    yield tmp_path


def sweep(*words: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "stages.folds", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def ran(project: Path) -> list[str]:
    return (project / "ran.txt").read_text().splitlines()


def the_users(project: Path) -> dict[str, str]:
    """What a sweep must leave alone."""
    return {name: digest_of(project / name) for name in ("params.yaml", "dvc.yaml", "dvc.lock", "corpus")}


def test_a_killed_sweep_goes_on_where_it_was_and_leaves_the_project_alone(made: Path) -> None:
    before = the_users(made)
    (made / "hang").touch()
    process = sweep()
    end = time.monotonic() + 120
    while not (made / "hangs").exists():
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < end
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    once = ["1 split", "1 train a", "1 train b", "1 evaluate a", "1 evaluate b"]
    assert ran(made) == ["base preprocess", *once, "2 split", "2 train a"]
    assert not (made / "data/folds/3").exists()
    (made / "hang").unlink()
    process = sweep("--jobs", "2")
    said, _ = process.communicate(timeout=240)
    assert process.returncode == 0, said
    again = sorted(ran(made)[8:])
    rest = ["2 train a", "2 train b", "2 evaluate a", "2 evaluate b"]
    third = ["3 split", "3 train a", "3 train b", "3 evaluate a", "3 evaluate b"]
    assert again == sorted([*rest, *third])
    assert the_users(made) == before
    assert sorted(path.name for path in (made / "data").iterdir()) == ["folds"]
    assert not (made / "metrics").exists()
    table = pd.read_parquet(made / "data/folds/3/predictions.parquet")
    assert table.groupby(["run", "clip_id"]).size().eq(1).all()
    scores = json.loads((made / "data/folds/3/scores.json").read_text())
    cost = {"parameters": 10, "multiply_adds": 20, "networks": 3, "epochs": 6, "epoch": {}}
    assert scores["runs"]["a"]["cost"] == cost
    # Fold i errs by i years in run a, by half a year more in run b; there are 12 clips in each.
    assert scores["runs"]["a"]["tasks"]["age"]["value"] == pytest.approx(2.0)
    errors = {fold: part["value"] for fold, part in scores["runs"]["b"]["folds"]["age"].items()}
    assert errors == pytest.approx({"1": 1.5, "2": 2.5, "3": 3.5})
    better = [row for row in scores["comparisons"] if row["contrast"] == "runs"]
    assert [(row["candidate"], row["difference"]) for row in better] == [("b", pytest.approx(-0.5))]
    assert "note: task age is made up (2 of 3 folds)" in said
    assert (made / "data/folds/3/figures/folds-age.png").is_file()
    assert "Which run is better?" in (made / "data/folds/3/report.html").read_text()


def main_with(monkeypatch: pytest.MonkeyPatch, *words: str) -> None:
    monkeypatch.setattr("sys.argv", ["folds", *words])
    folds.main()


def test_after_a_fold_that_fails_no_other_begins() -> None:
    began: list[int] = []

    def run(number: int, begun: Callable[[str], None]) -> None:
        began.append(number)
        begun("split")
        if number == 2:
            raise UserError("fold 2: it will not.")

    with pytest.raises(UserError, match="fold 2: it will not"):
        folds.run_all(run, 5, 1, 1)
    assert began == [1, 2]


def test_what_cannot_be_done_is_said_before_anything_runs(
    made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UserError, match=r"runs has no entry 'c'"):
        main_with(monkeypatch, "--runs", "c")
    with pytest.raises(UserError, match=r"params\.yaml: split\.folds should be greater than or equal to 3"):
        main_with(monkeypatch, "--folds", "2")
    with pytest.raises(
        UserError, match=r"params\.yaml: split\.folds is 'Age', which task age reads as numbers"
    ):
        main_with(monkeypatch, "--folds", "Age")
    with pytest.raises(UserError, match="--jobs 0: take at least 1"):
        main_with(monkeypatch, "--jobs", "0")
    assert not (made / "ran.txt").exists()
    with pytest.raises(UserError, match=r"params\.yaml: split\.folds is 10, but the corpus has 9 speakers"):
        main_with(monkeypatch, "--folds", "10")
    assert ran(made) == ["base preprocess"]


@pytest.mark.usefixtures("made")
def test_a_task_whose_classes_are_left_out_is_left_out(
    capsys: pytest.CaptureFixture[str],
) -> None:
    content = yaml.safe_load(Path("params.yaml").read_text())
    content["split"].update(folds="Country", balance="Country")
    content["models"]["where"] = {"joint": False, "trunk": [8], "tasks": ["country"]}
    content["runs"]["c"] = {"features": "compare", "model": "where"}
    Path("params.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    kept, notes = folds.scorable(load(), ["a", "c"])
    assert kept == ["a"]
    assert notes == [
        "country is not scored: its classes are the values of Country, and training never knows the one "
        "that is tested",
        "c is left out: it learns nothing else",
    ]
    assert "note: country is not scored" in capsys.readouterr().out
    with pytest.raises(UserError, match=r"c is left out: it learns nothing else; name another run\."):
        folds.scorable(load(), ["c"])


def write_folds(base: Path, parameters: Parameters, error: float) -> list[Path]:
    """What folds leave in their workspaces for run a, whose age errs by that many years."""
    recordings = read_table(Path("corpus/recordings.parquet"))
    write_table(base / "data/recordings.parquet", recordings)
    write_json(base / "data/audio/0000.json", "audio")
    write_json(base / "metrics/corpus.json", {"name": "made", "synthetic": False})
    number = len(folds_of(recordings, parameters.split).names)
    folders = [base.parent / str(fold) for fold in range(1, number + 1)]
    for fold, folder in enumerate(folders, 1):
        splits = assign(recordings, replace(parameters.split, fold=fold))
        table = recordings[["clip_id"]].assign(split=splits, seed=1, **{"age.Age": recordings["Age"] + error})
        write_table(folder / "data/predictions/a.parquet", table)
        scores = RunScores("f", "m", Cost(1, 2, 3, 4 + fold, {"age": 7}), {})
        write_json(folder / "data/scores/a.json", to_json(scores))
    return folders


@pytest.mark.usefixtures("made")
def test_countries_that_are_left_out_stand_beside_folds_by_speaker_of_the_same_parameters() -> None:
    def with_folds(of: int | str, **train: float) -> Parameters:
        content = yaml.safe_load(Path("params.yaml").read_text())
        content["split"].update(method="folds", folds=of, balance="Country")
        content["train"].update(train)
        return parse(content)

    for of, error in ((3, 1.0), ("Country", 3.0)):
        parameters = with_folds(of)
        folders = write_folds(Path(f"folds-{of}/base"), parameters, error)
        folds.write_results(
            Path(f"data/folds/{of}"), Path(f"folds-{of}/base"), folders, parameters, ["a"], []
        )
    page = Path("data/folds/Country/report.html").read_text()
    assert "Beside folds by speaker" in page
    assert "a has 1.000 on the same clips; leaving the Country out makes a difference of −2.000" in page
    assert "Beside folds by speaker" not in Path("data/folds/3/report.html").read_text()
    table = Path("data/folds/Country/tables.md").read_text()
    assert "| Chad | 12 | 3 | 3.000 [3.000, 3.000] |" in table
    assert "| Chad | 1.000 | 3.000 | −2.000 |" in table
    parameters = with_folds("Country", learning_rate=0.5)
    folds.write_results(
        Path("data/folds/Country"), Path("folds-Country/base"), folders, parameters, ["a"], ["age is odd"]
    )
    page = Path("data/folds/Country/report.html").read_text()
    assert "Beside folds by speaker" not in page
    assert "Age is odd." in page


@pytest.mark.usefixtures("made")
def test_the_page_says_what_no_fold_knows_and_what_one_could_not_learn() -> None:
    content = yaml.safe_load(Path("params.yaml").read_text())
    content["split"].update(method="folds", folds=3)
    parameters = parse(content)
    folders = write_folds(Path("folds/base"), parameters, 1.0)
    path = folders[1] / "data/predictions/a.parquet"
    write_table(path, read_table(path).assign(**{"age.Age": np.nan}))
    folds.write_results(Path("results"), Path("folds/base"), folders, parameters, ["a"], ["age is odd"])
    said = json.loads(Path("results/scores.json").read_text())["notes"]
    assert said == [
        "age is odd",
        "age is not scored on fold 2, since the folds that train have no labels of it",
    ]


@pytest.mark.usefixtures("made")
def test_of_several_sweeps_by_speaker_the_one_of_most_folds_of_the_same_audio_is_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The errors are 1 year with 10 folds and 2 with 4; 30 folds, which would be most, are of other audio."""
    drawn: list[Path] = []
    monkeypatch.setattr(folds, "save_png", lambda _, path: drawn.append(path))

    def write(of: int | str, error: float, name: str = "", base: str = "") -> Path:
        content = yaml.safe_load(Path("params.yaml").read_text())
        content["split"].update(method="folds", folds=of, balance="Country")
        parameters, place = parse(content), Path(f"{base or 'folds'}-{of}/base")
        folders = write_folds(place, parameters, error)
        if base:
            write_json(place / "data/audio/0000.json", "other audio")
        target = Path("data/folds") / (name or str(of))
        folds.write_results(target, place, folders, parameters, ["a"], [])
        return target

    write(4, 2.0)
    write(9, 1.0, "10")
    write(5, 7.0, "30", "other")
    target = write("Country", 3.0)
    page = (target / "report.html").read_text()
    assert "a has 1.000 on the same clips; leaving the Country out makes a difference of −2.000" in page
    assert "(10 folds by speaker)" in page
    assert [path.name for path in drawn] == ["folds-age.png", "folds-country.png"] * 3 + ["folds-age.png"]
    assert {path.parent.name for path in drawn} == {"figures"}
    # What stands beside them, and the cost of all folds.
    scores = json.loads((target / "scores.json").read_text())
    assert (scores["of"], list(scores["folds"])) == ("Country", ["Chad", "China", "Peru"])
    assert scores["corpus"] == {"name": "made", "synthetic": False}
    cost = {"parameters": 1, "multiply_adds": 2, "networks": 9, "epochs": 3 * 4 + 6, "epoch": {"age": 7}}
    assert scores["runs"]["a"]["cost"] == cost and scores["runs"]["naive predictor"]["cost"] is None
    table = read_table(target / "predictions.parquet")
    assert list(table.columns) == ["run", "clip_id", "fold", "seed", "age.Age"]
    assert set(table["run"]) == {"a", "naive predictor"} and len(table) == 72
    recordings = read_table(Path("corpus/recordings.parquet")).set_index("clip_id")
    of_run = table[table["run"] == "a"]
    np.testing.assert_allclose(of_run["age.Age"] - recordings.loc[of_run["clip_id"], "Age"].to_numpy(), 3.0)
    markdown = (target / "tables.md").read_text()
    latex = (target / "tables.tex").read_text()
    assert markdown.count("**Table ") == latex.count(r"\begin{table}") == 3


def test_a_digest_changes_with_whatever_decides_a_prediction(made: Path) -> None:
    base = made / "base"
    write_folds(base, parse(yaml.safe_load((made / "params.yaml").read_text())), 1.0)

    def digest(**sections: dict[str, Any]) -> str:
        content = yaml.safe_load((made / "params.yaml").read_text())
        for name, keys in sections.items():
            content[name] = {**content[name], **keys}
        return folds.digest(parse(content), base)

    before = digest()
    same = [
        digest(split={"seed": 9, "folds": 7}),
        digest(evaluate={"seed": 9, "bootstrap": 9}),
        digest(compute={"processes": 3}),
        digest(runs={"c": {"features": "compare", "model": "mtl1"}}),
    ]
    assert set(same) == {before} and len(before) == 16
    others = [digest(train={"seeds": [5]}), digest(models={"mtl1": {"joint": True, "trunk": [9]}})]
    write_json(base / "data/audio/0000.json", "other audio")
    others.append(digest())
    write_json(base / "data/audio/0000.json", "audio")
    assert digest() == before
    recordings = read_table(base / "data/recordings.parquet")
    write_table(base / "data/recordings.parquet", recordings.assign(Age=recordings["Age"] + 1))
    others.append(digest())
    assert len({before, *others}) == 5


def test_remarks_of_a_fold_are_those_on_tasks_each_once(tmp_path: Path) -> None:
    said = ["note: task b", "Running stage 'x'", "note: task a", "note: task b", "note: other", "task c"]
    (tmp_path / "log.txt").write_text("\n".join(said))
    assert folds.notes_of(tmp_path) == ["note: task b", "note: task a"]


def test_every_fold_runs_and_the_first_failure_is_told() -> None:
    ran: list[int] = []

    def run(number: int, begun: Callable[[str], None]) -> None:
        begun("split")
        ran.append(number)

    folds.run_all(run, 4, 1, 3)
    assert sorted(ran) == [1, 2, 3, 4]

    def fail(number: int, begun: Callable[[str], None]) -> None:
        begun("split")
        raise UserError(f"fold {number} fails.")

    with pytest.raises(UserError, match="fold 1 fails"):
        folds.run_all(fail, 3, 1, 1)
