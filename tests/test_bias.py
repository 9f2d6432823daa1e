"""The stage bias on a tiny corpus."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from stages import bias, preprocess, split
from stages.command import guarded
from stages.core.audio.shards import decode, read_shards
from stages.core.relevance.bias import Told
from stages.core.relevance.nuisance import NAMES, nuisances
from stages.core.runtime.tables import write_table
from tests.helpers.tiny_project import run_stage


@pytest.mark.usefixtures("corpus")
def test_a_table_of_what_tells_country(
    set_parameters: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    set_parameters(bias={"country": {"column": "Country"}}, evaluate={"bootstrap": 20})
    run_stage(preprocess, monkeypatch)
    run_stage(split, monkeypatch)
    run_stage(bias, monkeypatch, "country")
    number = r"\d\.\d{3}"
    told = rf"Country by channels: UAR {number} \({number} to {number}\), p = {number}"
    assert re.search(rf"^{told}$", capsys.readouterr().out, re.MULTILINE)
    rows = pd.read_csv("plots/bias/country.csv")
    assert len(rows) == 10 and rows["uar"].between(0, 1).all() and rows["p"].between(0, 1).all()
    kept = json.loads(Path("metrics/bias/country.json").read_text())
    assert kept == dict(zip(rows["by"], rows["uar"], strict=True))
    own = dict(zip(rows["by"], rows["uar"], strict=True))
    assert own["channels"] == own["sample rate (Hz)"] == 0.25  # the same in all recordings
    table = pd.read_parquet("data/recordings.parquet")
    countries = sorted(table["Country"].unique())
    write_table(
        Path("data/recordings.parquet"),
        table.assign(source_rate=8000 + table["Country"].map(countries.index)),
    )
    run_stage(bias, monkeypatch, "country")
    kept = json.loads(Path("metrics/bias/country.json").read_text())
    assert (kept["sample rate (Hz)"], kept["channels"]) == (1.0, 0.25)
    set_parameters(bias={"country": {"column": "Site"}})
    monkeypatch.setattr("sys.argv", ["stage", "country"])
    with pytest.raises(SystemExit):
        guarded(bias.main)
    assert "params.yaml: bias.country.column is 'Site', which is no label" in capsys.readouterr().err


@pytest.mark.usefixtures("corpus")
def test_facts_and_classes_are_of_the_same_clips(
    set_parameters: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    set_parameters(bias={"country": {"column": "Country"}}, evaluate={"bootstrap": 20, "seed": 8})
    run_stage(preprocess, monkeypatch)
    run_stage(split, monkeypatch)
    table = pd.read_parquet("data/recordings.parquet")
    splits = pd.read_parquet("data/splits.parquet").set_index("clip_id")["split"]
    for name in ("train", "test"):
        table.loc[table["clip_id"] == splits.index[splits == name][0], "Country"] = None
    changed = table.assign(source_rate=8000 + np.arange(24), source_channels=np.arange(24) % 3)[::-1]
    write_table(Path("data/recordings.parquet"), changed)
    asked: list[Any] = []

    def told(*given: Any) -> list[Told]:
        asked.extend(given)
        return [
            Told("all together", 0.51236, 0.40001, 0.60009, 0.25, 0.0314),
            Told("one", None, None, None, 0.25, 1.0),
        ]

    monkeypatch.setattr(bias, "told", told)
    run_stage(bias, monkeypatch, "country")
    recorded, sampling = asked
    assert recorded.names == [*NAMES, "sample rate (Hz)", "channels"]
    sounds = {clip_id: nuisances(decode(flac)) for clip_id, flac in read_shards(Path("data/audio"))}
    expected = np.array(
        [[*sounds[one.clip_id], one.source_rate, one.source_channels] for one in changed.itertuples()]
    )
    np.testing.assert_array_equal(recorded.facts, expected)
    assert recorded.splits.tolist() == splits[changed["clip_id"]].tolist()
    countries = sorted(changed["Country"].dropna().unique())
    assert recorded.number == 4
    assert recorded.classes.tolist() == [
        -1 if pd.isna(name) else countries.index(name) for name in changed["Country"]
    ]
    test = changed[(recorded.splits == "test") & (recorded.classes >= 0)]
    assert len(sampling.speaker) == len(test) == (
        recorded.splits == "test"
    ).sum() - 1 and sampling.drawn.shape == (20, test["speaker"].nunique())
    assert sampling.options.seed == 8
    assert capsys.readouterr().out.splitlines()[-2:] == [
        "Country by all together: UAR 0.512 (0.400 to 0.600), p = 0.031",
        "Country by one: UAR – (– to –), p = 1.000",
    ]
    assert json.loads(Path("metrics/bias/country.json").read_text()) == {"all together": 0.5124, "one": None}
    assert Path("plots/bias/country.csv").read_text().splitlines() == [
        "by,uar,low,high,chance,p",
        "all together,0.5124,0.4,0.6001,0.25,0.0314",
        "one,,,,0.25,1.0",
    ]
