"""A trained run on other corpora: on its own test clips it must score what `evaluate` found."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
import yaml

from stages import evaluate, features, preprocess, split, train, transfer
from stages.core.features import extract
from stages.core.prediction import transfer as core
from stages.core.runtime.errors import UserError
from stages.core.runtime.tables import read_table
from tests.helpers.corpora import COLUMNS, EMOTIONS, info_row, write_info
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
