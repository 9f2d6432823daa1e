"""The stage bias on a tiny corpus."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from stages import bias, preprocess, split
from stages.command import guarded
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
    set_parameters(bias={"country": {"column": "Site"}})
    monkeypatch.setattr("sys.argv", ["stage", "country"])
    with pytest.raises(SystemExit):
        guarded(bias.main)
    assert "params.yaml: bias.country.column is 'Site', which is no label" in capsys.readouterr().err
