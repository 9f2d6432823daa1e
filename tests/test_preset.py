import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from stages import check, evaluate, predict, preprocess, preset, report, scores, split, summarize, train
from stages.core.config.load import load
from stages.core.config.presets import presets
from stages.core.runtime.errors import UserError
from stages.core.runtime.tables import write_features
from stages.core.scoring.challenges import CHALLENGES
from tests.helpers import ROOT
from tests.helpers.challenges import CLIPS, clip_ids, write_avb, write_exvo
from tests.helpers.tiny_project import run_stage


def test_presets_are_listed(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run_stage(preset, monkeypatch)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 * len(presets()) == 2 * len({*CHALLENGES, "emogator"})
    for place, known in enumerate(presets().values()):
        assert lines[2 * place : 2 * place + 2] == [
            f"{known.name.ljust(15)} {known.title}",
            f"{' ' * 15} reads {known.layout}",
        ]
    assert " " * 16 + "reads labels/type_info.csv and audio/wav/" in lines
    assert (project / "params.yaml").read_bytes() == (ROOT / "params.yaml").read_bytes()


@pytest.mark.parametrize("name", presets())
def test_a_preset_sets_its_sections_and_no_other(
    name: str, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = (project / "params.yaml").read_text()
    run_stage(preset, monkeypatch, name, "--path", "../my corpus/x")
    found, own = load(), yaml.safe_load(presets()[name].text)
    assert found.corpus.path == "../my corpus/x"
    assert found.corpus.challenge == (name if name in CHALLENGES else None)
    content = yaml.safe_load((project / "params.yaml").read_text())
    for section, entries in yaml.safe_load(before).items():
        if section in ("tasks", "runs"):
            assert content[section] == own[section]
        elif section in ("corpus", "split"):
            path = {"path": "../my corpus/x"} if section == "corpus" else {}
            assert content[section] == {**entries, **own[section], **path}
        else:
            assert content[section] == entries
    kept = [line for line in before.splitlines() if line.lstrip().startswith("#") and "also:" not in line]
    assert all(line in (project / "params.yaml").read_text() for line in kept)
    assert "# a folder with labels and recordings" in (project / "params.yaml").read_text()
    after = (project / "params.yaml").read_text()
    assert "nine of the paper" in before and "nine of the paper" not in after
    run_stage(preset, monkeypatch, name, "--path", "../my corpus/x")
    assert (project / "params.yaml").read_text() == after


@pytest.mark.usefixtures("project")
def test_comments_are_true_of_the_presets_files(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run_stage(preset, monkeypatch, "a-vb-type", "--path", "x")
    title = presets()["a-vb-type"].title
    assert capsys.readouterr().out == (
        f"params.yaml is set for a-vb-type: {title}; `make check` looks at the corpus\n"
    )
    (balance,) = (line for line in Path("params.yaml").read_text().splitlines() if " balance:" in line)
    assert balance.split("#")[1] == " a column of the label files; empty: no balancing"
    run_stage(preset, monkeypatch, "exvo-multitask", "--path", "x")
    (balance,) = (line for line in Path("params.yaml").read_text().splitlines() if " balance:" in line)
    assert balance == "  balance: Country          # a column of the label files; empty: no balancing"


def test_what_does_not_fit_leaves_the_file_as_it_is(
    project: Path,
    set_parameters: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(UserError, match=r"no preset 'a-vb-typ' \(did you mean a-vb-type\?\)"):
        run_stage(preset, monkeypatch, "a-vb-typ", "--path", "x")
    with pytest.raises(UserError, match=r"^there is no preset 'no' \(there are a-vb-culture, [^()]+\)\.$"):
        run_stage(preset, monkeypatch, "no", "--path", "x")
    with pytest.raises(SystemExit):
        run_stage(preset, monkeypatch, "a-vb-type")
    needed = f"--path names the folder of the corpus, with {presets()['a-vb-type'].layout}\n"
    assert capsys.readouterr().err.endswith(f"python -m stages.preset: error: {needed}")
    set_parameters(train={"loss_weighting": {"age": 0.1}})
    before = (project / "params.yaml").read_bytes()
    with pytest.raises(UserError, match="names 'age', which is no task"):
        run_stage(preset, monkeypatch, "a-vb-type", "--path", "x")
    assert (project / "params.yaml").read_bytes() == before


@pytest.mark.usefixtures("corpus")
def test_a_challenge_of_other_tasks_is_refused(
    set_parameters: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    set_parameters(corpus={"challenge": "a-vb-type"})
    with pytest.raises(UserError, match=r"its columns \(Voc_Type\) are not those of tasks"):
        run_stage(check, monkeypatch)


HEADERS = {  # as the organizers' READMEs show them
    "exvo-multitask": "File_ID,Country,Age,Awe,Excitement,Amusement,Awkwardness,Fear,Horror,Distress,Triumph,"
    "Sadness,Surprise",
    "a-vb-high": "File_ID,Awe,Excitement,Amusement,Awkwardness,Fear,Horror,Distress,Triumph,Sadness,Surprise",
    "a-vb-two": "File_ID,Valence,Arousal",
    "a-vb-culture": "File_ID,China_Awe,China_Excitement,China_Amusement,China_Awkwardness,China_Fear,"
    "China_Horror,China_Distress,China_Triumph,China_Sadness,United States_Awe,United States_Excitement,"
    "United States_Amusement,United States_Awkwardness,United States_Fear,United States_Horror,"
    "United States_Distress,United States_Triumph,United States_Sadness,South Africa_Awe,"
    "South Africa_Excitement,South Africa_Amusement,South Africa_Awkwardness,South Africa_Fear,"
    "South Africa_Horror,South Africa_Distress,South Africa_Triumph,SouthAfrica_Sadness,Venezuela_Awe,"
    "Venezuela_Excitement,Venezuela_Amusement,Venezuela_Awkwardness,Venezuela_Fear,Venezuela_Horror,"
    "Venezuela_Distress,Venezuela_Triumph,Venezuela_Sadness,China_Surprise,United States_Surprise,"
    "South Africa_Surprise,Venezuela_Surprise",
    "a-vb-type": "File_ID,Voc_Type",
}
FILES = {
    "exvo-multitask": "ExVo-Multi_team_1.csv",
    "a-vb-high": "A-VB-High_team_1.csv",
    "a-vb-two": "A-VB-Two_team_1.csv",
    "a-vb-culture": "A-VB-Culture_team_1.csv",
    "a-vb-type": "A-VB-Type_team_1.csv",
}
WITHHELD = ("high", "type")


def run_all(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """From a corpus to the report and a submission, with features that are random."""
    if name == "exvo-multitask":
        write_exvo(Path("hume"))
    else:
        write_avb(Path("hume"), WITHHELD)
    run_stage(preset, monkeypatch, name, "--path", "hume")
    content = yaml.safe_load(Path("params.yaml").read_text())
    content["runs"] = {"egemaps-stl": content["runs"]["egemaps-stl"]}
    content["train"] |= {"epochs": 2, "seeds": [1, 2]}
    content["evaluate"]["bootstrap"] = 30
    content["compute"]["processes"] = 1
    Path("params.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    for stage in (check, preprocess, split):
        run_stage(stage, monkeypatch)
    values = np.random.default_rng(1).normal(size=(CLIPS, 6)).astype(np.float32)
    write_features(Path("data/features/egemaps.parquet"), clip_ids(), [f"f{n}" for n in range(6)], values)
    for stage in (train, evaluate):
        run_stage(stage, monkeypatch, "egemaps-stl")
    report.predictions_of.cache_clear()
    for stage in (summarize, report):
        run_stage(stage, monkeypatch)
    run_stage(predict, monkeypatch, "--run", "egemaps-stl", "--submission", "team")


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("name", CHALLENGES)
def test_a_challenge_from_its_files_to_the_submission(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run_all(name, monkeypatch)
    splits = pd.read_parquet("data/splits.parquet")
    assert splits["split"].value_counts().to_dict() == {"train": 16, "validation": 16, "test": 16}

    lines = Path(FILES[name]).read_text().splitlines()
    assert lines[0] == HEADERS[name]
    test = sorted(splits[splits["split"] == "test"]["clip_id"])
    assert [line.split(",")[0] for line in lines[1:]] == [f"[{clip_id}]" for clip_id in test]
    predicted = pd.read_parquet("data/predictions/egemaps-stl.parquet").query("split == 'test'")
    means = predicted.drop(columns=["split", "seed"]).groupby("clip_id").mean()
    row = dict(zip(lines[0].split(","), lines[1].split(","), strict=True))
    if name == "a-vb-type":
        classes = {column.removeprefix("type."): means.loc[test[0], column] for column in means}
        assert row["Voc_Type"] == max(classes, key=classes.__getitem__)
    else:
        column = {
            "exvo-multitask": "emotion.Sadness",
            "a-vb-high": "high.Sadness",
            "a-vb-two": "two.Arousal",
            "a-vb-culture": "south-africa.South Africa_Sadness",
        }[name]
        spelt = "SouthAfrica_Sadness" if name == "a-vb-culture" else column.partition(".")[2]
        assert float(row[spelt]) == pytest.approx(means.loc[test[0], column], rel=1e-6)
        assert row[spelt] == str(np.float32(row[spelt]))

    table = Path("plots/tables.md").read_text()
    assert CHALLENGES[name].title in table and f"{CHALLENGES[name].baseline:.3f}" in table
    scored = name.removeprefix("a-vb-") not in WITHHELD
    with Path("plots/scores.csv").open(newline="") as file:
        assert bool(list(csv.DictReader(file))) == scored
    capsys.readouterr()
    run_stage(scores, monkeypatch)
    printed = capsys.readouterr().out
    found = json.loads(Path("metrics/details.json").read_text())["challenge"]["egemaps-stl"]
    _, _, rows = printed.partition(CHALLENGES[name].title)
    ours, organizers = rows.splitlines()[2:4]
    assert ours.startswith(
        "  egemaps-stl  {value:.4f} [{low:.4f}, {high:.4f}] ".format_map(found["validation"])
    )
    assert organizers.split()[:3] == ["organizers", "–", f"{CHALLENGES[name].baseline:.4f}"]
    if not scored:
        assert found["test"] is None and ours.split()[-2:] == ["–", "–"]
    else:
        found = found["test"]
        assert "{value:.4f} [{low:.4f}, {high:.4f}]".format_map(found) in ours
        assert "{value:.3f} [{low:.3f}, {high:.3f}]".format_map(found).replace("-", "−") in table
    if name in ("a-vb-two", "a-vb-culture"):
        assert "Pearson's r, test" in table
