"""A trained run on other corpora: on its own test clips it must score what `evaluate` found."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from stages import evaluate, features, preprocess, split, train, transfer
from stages.core.config.load import load
from stages.core.config.tasks import Task
from stages.core.features import extract
from stages.core.prediction import transfer as core
from stages.core.runtime.errors import UnusableClipError, UserError
from stages.core.runtime.files import write_json
from stages.core.runtime.tables import read_table, write_table
from stages.core.scoring.run_scores import to_json
from tests.helpers.corpora import COLUMNS, EMOTIONS, info_row, write_info
from tests.helpers.results import Numbers, run_scores, task_scores
from tests.helpers.tiny_project import run_stage

RUN = "egemaps-mtl1"


@pytest.fixture
def trained(corpus: Path, set_parameters, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a trained run, whose work is done in this process; the folder of its corpus."""

    def here(function, items, _):
        for key, argument in items:
            yield key, function(argument)

    monkeypatch.setattr(core, "parallel_map", here)
    monkeypatch.setattr(extract, "parallel_map", here)
    set_parameters(
        split={"method": "official"},
        train={"epochs": 2, "seeds": [1, 2]},
        evaluate={"bootstrap": 50},
        compute={"processes": 1},
    )
    content = yaml.safe_load(Path("params.yaml").read_text())
    content["runs"] = {RUN: {"features": "egemaps", "model": "mtl1"}}
    Path("params.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    for stage, arguments in (
        (preprocess, []),
        (split, []),
        (features, ["egemaps"]),
        (train, [RUN]),
        (evaluate, [RUN]),
    ):
        run_stage(stage, monkeypatch, *arguments)
    return corpus


def other_corpus(home: Path, rows: list[dict], columns: list[str]) -> Path:
    folder = home.parent.parent / "other"
    shutil.copytree(home / "wav", folder / "wav")
    write_info(folder, rows, columns)
    for path in set((folder / "wav").iterdir()):
        if path.stem not in {row["File_ID"].strip("[]") for row in rows}:
            path.unlink()
    return folder


def moved(monkeypatch: pytest.MonkeyPatch, folder: Path) -> dict:
    run_stage(transfer, monkeypatch, RUN, "--corpus", str(folder))
    return json.loads(Path(f"data/transfer/{RUN}-on-{folder.name}.json").read_text())


def test_on_its_own_test_clips_a_run_scores_what_evaluate_found(trained: Path, monkeypatch) -> None:
    splits = read_table(Path("data/splits.parquet"))
    test = {int(clip) for clip in splits.loc[splits["split"] == "test", "clip_id"]}
    folder = other_corpus(trained, [info_row(number, number // 2) for number in test], COLUMNS)
    found = moved(monkeypatch, folder)
    scores = json.loads(Path(f"data/scores/{RUN}.json").read_text())["splits"]["test"]["tasks"]
    assert found["clips"] == len(test)
    assert found["notes"] == []
    assert set(found["tasks"]) == {"emotion", "country", "age"}
    for task, of_task in found["tasks"].items():
        for figure in ("value", "low", "high", "sd", "seeds", "ensemble"):
            assert of_task[figure] == scores[task][figure]


def test_what_is_not_shared_is_said(trained: Path, monkeypatch, capsys) -> None:
    rows = [info_row(number, number // 2) for number in range(24)]
    for row in rows[:3]:
        row["Country"] = "Germany"
    for row in rows[3:]:
        row["Country"] = "China" if row["Country"] == "Venezuela" else row["Country"]
    columns = [column for column in COLUMNS if column not in ("Age", "Horror")]
    found = moved(monkeypatch, other_corpus(trained, rows, columns))
    assert found["notes"] == [
        "task emotion: the corpus lacks Horror; the other columns are scored",
        "task age: the corpus has no column Age; it is not scored",
        "task country: the model does not know Germany; 3 clips are not scored",
        "task country: no clip is of Venezuela; the other classes are scored",
    ]
    assert set(found["tasks"]["emotion"]["columns"]) == set(EMOTIONS) - {"Horror"}
    counts = pd.DataFrame(found["tasks"]["country"]["confusion"]["counts"])
    assert counts.sum(axis=1).tolist()[3] == 0
    assert counts.to_numpy().sum() == 2 * 21
    printed = capsys.readouterr().out
    assert "task country: the model does not know Germany" in printed
    assert f"data/transfer/{RUN}-on-other.json" in printed


@pytest.mark.usefixtures("trained")
def test_another_layout_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match=r"--corpus is 'data', which has no data_info\.csv; it must be in"):
        moved(monkeypatch, Path("data"))


def test_nothing_shared_and_another_scale_are_one_sentence(trained: Path, monkeypatch) -> None:
    rows = [info_row(number, number // 2, Mood=1) for number in range(24)]
    folder = other_corpus(trained, rows, ["File_ID", "Subject_ID", "Mood"])
    with pytest.raises(UserError, match=r"has no label column of run egemaps-mtl1; task emotion: the corpus"):
        moved(monkeypatch, folder)
    for row in rows:
        row["Age"] = 1990
    write_info(folder, rows, ["File_ID", "Subject_ID", "Age"])
    with pytest.raises(UserError, match=r"24 of them label out of range .*Age is 1990, outside 0 to 120"):
        moved(monkeypatch, folder)
    for row in rows:
        row["Country"] = "Germany"
    write_info(folder, rows, ["File_ID", "Subject_ID", "Country"])
    with pytest.raises(UserError, match=r"has no label that run egemaps-mtl1 knows; .*Germany"):
        moved(monkeypatch, folder)


MOOD, KIND, AGE = (
    Task("regression", ("Awe", "Fear"), "mae"),
    Task("classification", ("Kind",), "uar"),
    Task("regression", ("Age",), "mae"),
)


def made_model(synthetic: bool | None) -> Any:
    """A model that says, for features x: Fear x and 2 x by its seeds, the class by x's parity, the age 30."""

    def predict(features: np.ndarray, speakers: np.ndarray) -> dict[int, dict[str, np.ndarray]]:
        heard.append(list(speakers))
        return {
            seed: {
                "mood": np.column_stack([features[:, 0] * 0 + 99, features[:, 0] * seed]),
                "kind": np.eye(2)[features[:, 0].astype(int) % 2],
                "age": np.full((len(features), 1), 30.0),
            }
            for seed in (1, 2)
        }

    heard: list[list[str]] = []
    origin = {"preprocess": {}, "corpus": "home", **({} if synthetic is None else {"synthetic": synthetic})}
    tasks = {"mood": MOOD, "kind": KIND, "age": AGE}
    return SimpleNamespace(
        origin=origin, tasks=tasks, classes={"kind": ["cry", "laugh"]}, predict=predict, heard=heard
    )


@pytest.fixture
def made(project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A corpus of eight clips, one not usable, without Awe and with a word of its own for what is missing."""
    content = yaml.safe_load((project / "params.yaml").read_text())
    content["corpus"]["missing"] = ["keine"]
    content["evaluate"]["bootstrap"] = 20
    (project / "params.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    folder = project / "there & here"
    kinds = ["cry", "laugh", "cry", "keine", "laugh", "cry", "cry", "laugh"]
    columns = ["File_ID", "Subject_ID", "Kind", "Fear", "Age"]
    cells = [(str(n), f"S{n // 2}", kind, n, 20 + n) for n, kind in enumerate(kinds)]
    write_info(folder, [dict(zip(columns, row, strict=True)) for row in cells], columns)
    (folder / "wav").mkdir()
    for number in range(8):
        (folder / f"wav/{number}.wav").write_bytes(b"sound")
    home = pd.DataFrame(
        {
            "clip_id": list("abcde"),
            "speaker": list("vwxyz"),
            "Awe": [0.0, 0, 0, 9, 9],
            "Fear": [1.0, 2, 6, 50, 50],
            "Kind": ["laugh", "laugh", "cry", "cry", "cry"],
            "Age": [20.0, 21, 28, 60, 60],
        }
    )
    write_table(project / "data/recordings.parquet", home)
    splits = ["train"] * 3 + ["validation", "test"]
    write_table(project / "data/splits.parquet", pd.DataFrame({"clip_id": list("abcde"), "split": splits}))
    write_json(project / "data/scores/compare-stl.json", to_json(run_scores(Numbers(), "compare", "stl")))

    def rows_of(_: Any, paths: dict[str, Path], compute: Any) -> Iterator[tuple[str, Any]]:
        assert compute == load().compute
        for clip_id in sorted(paths, reverse=True):
            bad = UnusableClipError("silent", "no sound")
            yield clip_id, bad if clip_id == "6" else np.float32([int(clip_id)])

    monkeypatch.setattr(transfer, "rows_of", rows_of)
    return folder


@pytest.mark.parametrize(
    ("model_is", "corpus_is", "said"),
    [(True, False, True), (False, True, True), (None, False, False), (True, True, True)],
)
def test_every_figure_of_another_corpus(
    made: Path,
    model_is: bool | None,
    corpus_is: bool,
    said: bool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    model = made_model(model_is)
    monkeypatch.setattr(transfer.Model, "load", lambda _: model)
    write_json(made / "corpus.json", {"name": "there & here", "synthetic": corpus_is})
    run_stage(transfer, monkeypatch, "compare-stl", "--corpus", str(made))
    found = json.loads(Path("data/transfer/compare-stl-on-there-here.json").read_text())
    tasks = found.pop("tasks")
    clips = [0, 1, 2, 3, 4, 5, 7]
    assert found == {
        "run": "compare-stl",
        "trained_on": "home",
        "corpus": "there & here",
        "synthetic": said,
        "clips": 7,
        "speakers": 4,
        "notes": [
            "task mood: the corpus lacks Awe; the other columns are scored",
            "1 clips cannot be used: silent",
        ],
        # Always Fear 3, laugh, and 23 years, as the three training clips say.
        "naive": {
            "mood": round(sum(abs(fear - 3) for fear in clips) / 7, 6),
            "kind": 0.5,
            "age": round(sum(abs(20 + number - 23) for number in clips) / 7, 6),
        },
    }
    assert model.heard == [[f"speaker S{number // 2}" for number in clips]]
    assert tasks["mood"]["seeds"] == {"1": 0.0, "2": pytest.approx(sum(clips) / 7, abs=1e-6)}
    assert tasks["age"]["value"] == pytest.approx(sum(10 - number for number in clips) / 7, abs=1e-6)
    # Even clips are said to cry: of the three that do 0 and 2; of the three that laugh 1 and 7.
    assert tasks["kind"]["confusion"]["counts"] == [[4, 2], [2, 4]]
    assert "groups" not in tasks["age"]
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == "compare-stl, trained on home, on 7 clips of there & here"
    assert ("Not both corpora are of people: the scores say nothing about them." in printed) is said
    assert printed[-2:] == [
        "1 clips cannot be used: silent",
        "data/transfer/compare-stl-on-there-here.json: recalls, confusions, seeds",
    ]


def test_scores_there_stand_beside_the_naive_ones_and_those_at_home() -> None:
    scores = {
        "age": task_scores(Numbers(), "mae", ["Age"]),
        "kind": replace(task_scores(Numbers(), "uar"), value=None, low=None, high=None),
        "country": replace(task_scores(Numbers(), "uar"), low=None, high=None),
    }
    home = run_scores(Numbers(), "compare", "stl")
    naive = {"age": 5.0, "kind": None, "country": 0.25}
    age, country = (home.task(name, "test").value for name in ("age", "country"))
    assert list(transfer.score_lines(scores, naive, home)) == [
        "                          there                     naive there   test at home",
        f"  age, MAE                0.101 [0.100, 0.102]      5.000         {age:.3f}",
        "  kind, UAR               –                         –             –",
        f"  country, UAR            0.101                     0.250         {country:.3f}",
    ]
