"""The stage explain: from synthetic voices to what a run hears in them, and whether that was put in."""

import json
import re
from pathlib import Path

import pandas as pd
import pytest
import yaml

from stages import evaluate, explain, features, preprocess, split, summarize, synthesize, train
from stages.command import guarded
from stages.core.relevance.families import FAMILIES
from tests.helpers import ROOT
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


def test_the_same_bytes_again(explained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(explained)
    files = [Path(f"metrics/explain/{RUN}.json"), *Path("plots/explain").glob("*.csv")]
    monkeypatch.setattr("stages.core.relevance.by_family.LABELS_EXCHANGED", 19)
    before = [path.read_bytes() for path in files]
    run_stage(explain, monkeypatch, RUN)
    assert [path.read_bytes() for path in files] == before


def test_features_without_a_family_ask_for_one(
    explained: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(explained)
    monkeypatch.setattr("stages.core.relevance.families.DESCRIPTORS", {})
    monkeypatch.setattr("sys.argv", ["stage", RUN])
    with pytest.raises(SystemExit):
        guarded(explain.main)
    assert f"params.yaml: explain.{RUN}.families has no family for the column" in capsys.readouterr().err
