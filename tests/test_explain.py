"""The stage explain: from synthetic voices to what a run hears in them, and whether that was put in."""

import json
import re
from dataclasses import asdict, replace
from pathlib import Path

import pandas as pd
import pytest
import yaml

from stages import evaluate, explain, features, preprocess, split, summarize, synthesize, train
from stages.command import guarded
from stages.core.config.load import load
from stages.core.relevance.families import FAMILIES
from stages.core.relevance.recovery import quantities_of
from stages.core.runtime.files import write_json
from stages.core.runtime.tables import read_features
from tests.helpers import ROOT
from tests.helpers.results import comparison
from tests.helpers.tiny_project import run_stage

RUN = "egemaps-stl"


@pytest.fixture(scope="module")
def explained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a small synthetic corpus, one run, and what it hears."""
    folder = tmp_path_factory.mktemp("explained")
    content = yaml.safe_load((ROOT / "params.yaml").read_text())
    content["synthesize"] = {"speakers": 80, "clips_per_speaker": 4, "seed": 11}
    content["features"] = {"egemaps": content["features"]["egemaps"]}
    content["fused_features"] = {}
    content["codebook"]["features"] = "egemaps"
    content["runs"] = {RUN: content["runs"][RUN]}
    content["evaluate"]["bootstrap"] = 100
    content["train"]["batch_size"] = 4  # as many steps as a larger corpus takes
    content["explain"] = {RUN: {"permutations": 3}}
    (folder / "params.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.chdir(folder)
        monkeypatch.setattr("stages.core.relevance.by_family.LABELS_EXCHANGED", 19)
        run_stage(synthesize, monkeypatch)
        run_stage(preprocess, monkeypatch)
        run_stage(split, monkeypatch)
        run_stage(features, monkeypatch, "egemaps")
        run_stage(train, monkeypatch, RUN)
        run_stage(evaluate, monkeypatch, RUN)
        run_stage(summarize, monkeypatch)
        run_stage(explain, monkeypatch, RUN)
    return folder


def test_relevance_finds_what_the_generator_put_in(explained: Path) -> None:
    recovery = json.loads((explained / f"metrics/explain/{RUN}.json").read_text())["recovery"]
    for kind in ("alone", "given the rest"):
        # 80 and 32 pairs: chance alone would reach 0.19 and 0.29 in 5 of 100 cases.
        assert recovery[kind]["emotion"] > 0.25
        assert recovery[kind]["country"] > 0.3
        assert recovery[kind]["age"] > 0


def test_tables_hold_every_family_part_and_group(explained: Path) -> None:
    rows = pd.read_csv(explained / f"plots/explain/{RUN}-families.csv", keep_default_na=False)
    assert set(rows["family"]) == set(FAMILIES)
    whole = rows[rows["group"] == ""]
    assert whole.groupby(["kind", "family", "task"]).size().unique().tolist() == [2, 5, 11]
    assert {"China", "Venezuela"} < set(rows["group"]) and any("Age" in group for group in rows["group"])
    strongest = pd.read_csv(explained / f"plots/explain/{RUN}-features.csv")
    assert strongest.groupby(["task", "part"]).size().tolist() == [5] * 15
    pitch = strongest[strongest["name"] == "F0semitoneFrom27.5Hz_sma3nz_amean"]
    assert set(pitch["unit"]) <= {"semitones"}


def test_what_tasks_share_and_gaps_between_groups(explained: Path) -> None:
    shared = pd.read_csv(explained / f"plots/explain/{RUN}-shared.csv")
    assert shared.groupby("measure").size().to_dict() == {"families": 3, "features": 3, "trunks": 6}
    trunks = shared[shared["measure"] == "trunks"]
    assert (trunks["floor"] < trunks["value"]).all() and (trunks["value"] <= 1).all()
    gaps = pd.read_csv(explained / f"plots/explain/{RUN}-gaps.csv")
    assert gaps.groupby("task").size().to_dict() == {"emotion": 9, "country": 3, "age": 6}
    assert (gaps["p_holm"] >= gaps["p"]).all() and (gaps["p_bh"] >= gaps["p"]).all()


def test_the_page_shows_the_figures_and_says_that_the_voices_are_synthetic(explained: Path) -> None:
    page = (explained / f"plots/explain/{RUN}/index.html").read_text()
    assert page.count("<figure>") == 4 and "synthetic" in page and "What the generator put in" in page
    tables = ["families", "features", "shared", "gaps", "recovery"]
    captions = re.findall(r'<p class="caption" id="(\w+)-caption">Table (\d)\.', page)
    assert captions == [(name, str(number)) for number, name in enumerate(tables, 1)]
    pictures = sorted(path.name for path in (explained / f"plots/explain/{RUN}").glob("*.png"))
    assert pictures == [
        "families-alone.png",
        "families-given-the-rest.png",
        "groups-country.png",
        "groups-emotion.png",
    ]


def test_the_same_bytes_again(
    explained: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(explained)
    files = [Path(f"metrics/explain/{RUN}.json"), *Path("plots/explain").glob("*.csv")]
    monkeypatch.setattr("stages.core.relevance.by_family.LABELS_EXCHANGED", 19)
    before = [path.read_bytes() for path in files]
    run_stage(explain, monkeypatch, RUN)
    assert [path.read_bytes() for path in files] == before
    *_, families, first, _, _, _, _, last = capsys.readouterr().out.splitlines()
    assert families == f"{RUN}: 8 acoustic families; see plots/explain/{RUN}/index.html"
    recovery = json.loads(files[0].read_text())["recovery"]
    for line, kind, task in ((first, "alone", "emotion"), (last, "given the rest", "age")):
        start = f"{RUN}: recovery of the generator's weights, {kind}, {task}: "
        assert line.startswith(start)
        assert float(line.removeprefix(start)) == pytest.approx(recovery[kind][task], abs=6e-5)


def test_the_corpus_of_a_run(explained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The generator's quantities belong to the embedded corpus, however its path is written."""
    monkeypatch.chdir(explained)
    parameters = load()
    clip_ids, _, values = read_features(Path("data/features/egemaps.parquet"))
    for path, embedded in (
        ("data/synthetic", True),
        (str(explained / "data/synthetic"), True),
        ("data/../data/synthetic/", True),
        ("data", False),
    ):
        corpus = explain.corpus_of(RUN, replace(parameters, corpus=replace(parameters.corpus, path=path)))
        assert (corpus.quantities is not None) == embedded
        assert list(corpus.labels["clip_id"]) == list(clip_ids)
        assert corpus.features.tobytes() == values.tobytes()
        assert corpus.group_column == "Country"
        if corpus.quantities is not None:
            expected = quantities_of(parameters.synthesize, clip_ids)
            assert corpus.quantities.tobytes() == expected.tobytes()


@pytest.mark.usefixtures("project")
def test_gains_of_joint_learning_are_those_on_test_in_which_the_run_takes_part() -> None:
    rows = [
        comparison(0.1, 0.0, 0.2, "a-joint", baseline="a"),
        comparison(0.2, 0.0, 0.3, "a-joint", baseline="a", split="validation"),
        comparison(0.3, 0.0, 0.4, "b-joint", baseline="b"),
        comparison(0.4, 0.0, 0.5, "a-joint", baseline="a", contrast="training"),
        comparison(0.5, 0.0, 0.6, "b-joint", baseline="a", task="age"),
    ]
    write_json(Path("metrics/comparison.json"), [asdict(row) for row in rows])
    assert explain.joint_gains("a") == [rows[0], rows[4]]
    assert explain.joint_gains("a-joint") == [rows[0]]
    assert explain.joint_gains("b-joint") == [rows[2], rows[4]]
    assert explain.joint_gains("c") == []


def test_features_without_a_family_ask_for_one(
    explained: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(explained)
    monkeypatch.setattr("stages.core.relevance.families.DESCRIPTORS", {})
    monkeypatch.setattr("sys.argv", ["stage", RUN])
    with pytest.raises(SystemExit):
        guarded(explain.main)
    assert f"params.yaml: explain.{RUN}.families has no family for the column" in capsys.readouterr().err
