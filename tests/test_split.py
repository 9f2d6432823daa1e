import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages import preprocess, split
from stages.core.config.data import SplitOptions
from stages.core.runtime.errors import UserError
from stages.core.runtime.tables import write_table

COUNTRIES = {"United States": 21_544, "China": 15_218, "South Africa": 14_321, "Venezuela": 8_118}


def recordings(speakers: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    share = np.array(list(COUNTRIES.values())) / sum(COUNTRIES.values())
    country = rng.choice(list(COUNTRIES), speakers, p=share)
    clips = rng.integers(20, 50, speakers)
    who = np.repeat(np.arange(speakers), clips)
    return pd.DataFrame(
        {
            "clip_id": [f"{number:05d}" for number in range(len(who))],
            "speaker": [f"S{number}" for number in who],
            "Country": country[who],
            "seconds": rng.uniform(1, 3, len(who)),
            "source_split": None,
        }
    )


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 1000))
def test_no_speaker_in_two_splits_and_countries_in_thirds(seed: int) -> None:
    table = recordings(400, seed)
    splits = split.assign(table, SplitOptions(seed=seed))
    assert (table.assign(split=splits).groupby("speaker")["split"].nunique() == 1).all()
    for country, rows in table.assign(split=splits).groupby("Country"):
        largest = rows.groupby("speaker").size().max()
        counts = rows["split"].value_counts()
        assert (counts - len(rows) / 3).abs().max() <= max(0.02 * len(rows) / 3, largest), country


def test_official_splits_are_taken_and_checked() -> None:
    table = recordings(6, 1)
    who = table["speaker"].str[1:].astype(int)
    table["source_split"] = np.array(["train", "validation", "test"])[who % 3]
    assert split.assign(table, SplitOptions(method="official")).tolist() == table["source_split"].tolist()
    with pytest.raises(UserError, match="stands in more than one Split"):
        split.assign(table.assign(speaker="S1"), SplitOptions(method="official"))
    with pytest.raises(UserError, match=r"has the Split 'foo' in data_info\.csv"):
        split.assign(table.replace({"source_split": {"test": "foo"}}), SplitOptions(method="official"))
    with pytest.raises(UserError, match="the test split is empty"):
        split.assign(table[table["source_split"] != "test"], SplitOptions(method="official"))


def test_splits_that_cannot_be_made() -> None:
    with pytest.raises(UserError, match="three splits need at least three"):
        split.assign(recordings(2, 1), SplitOptions())
    table = recordings(6, 1)
    table.loc[0, "speaker"] = "clip " + table["clip_id"][0]
    with pytest.raises(UserError, match="1 clips have no Subject_ID"):
        split.assign(table, SplitOptions())


@pytest.mark.usefixtures("corpus")
def test_a_class_that_is_not_in_training_stops_before_anything_is_extracted(
    set_parameters: Callable[..., None],
) -> None:
    preprocess.main()
    set_parameters(split={"method": "official"})
    table = pd.read_parquet("data/recordings.parquet")
    test = table["source_split"] == "test"
    write_table(
        Path("data/recordings.parquet"), table.assign(Country=table["Country"].where(~test, "Norway"))
    )
    with pytest.raises(
        UserError, match=r"'Norway' never occurs in the training split; .* split\.balance: Country"
    ):
        split.main()


@pytest.mark.filterwarnings("error")
def test_few_speakers_of_a_country_are_dealt_without_a_warning() -> None:
    table = recordings(9, 2)
    table.loc[table["speaker"] == table["speaker"][0], "Country"] = "Norway"
    assert set(split.assign(table, SplitOptions())) == set(split.SPLITS)


@pytest.mark.usefixtures("corpus")
def test_the_stage_writes_table_1(project: Path) -> None:
    preprocess.main()
    split.main()
    table = json.loads((project / "metrics/split.json").read_text())
    assert set(table) == {"train", "validation", "test", "total"}
    assert table["total"]["clips"] == 24
    assert table["total"]["speakers"] == 12
    assert table["total"]["duration"] == "00:00:12"
    assert sum(table[name]["countries"]["China"]["clips"] for name in split.SPLITS) == 6
    assert list(pd.read_parquet(project / "data/splits.parquet").columns) == ["clip_id", "split"]


def test_balancing_by_nothing() -> None:
    table = recordings(9, 2)
    assert set(split.assign(table, SplitOptions(balance=None))) == set(split.SPLITS)
    assert split.table_1(table, np.array(["test"] * len(table)), None)["test"]["countries"] == {}
