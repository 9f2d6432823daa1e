import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.core.config.data import SplitOptions
from stages.core.config.tasks import Task
from stages.core.dataset.folds import stratified
from stages.core.dataset.splitting import SPLITS, assign, table_1, unlearnable
from stages.core.runtime.errors import OptionError, UserError

AGE = Task("regression", ("Age",), "ccc")
SEX = Task("classification", ("Sex",), "uar")
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
    splits = assign(table, SplitOptions(seed=seed))
    assert (table.assign(split=splits).groupby("speaker")["split"].nunique() == 1).all()
    for country, rows in table.assign(split=splits).groupby("Country"):
        largest = rows.groupby("speaker").size().max()
        counts = rows["split"].value_counts()
        assert (counts - len(rows) / 3).abs().max() <= max(0.02 * len(rows) / 3, largest), country


def test_the_seed_decides_who_is_in_which_split() -> None:
    table = recordings(60, 1)
    first, again, other = (assign(table, SplitOptions(seed=seed)) for seed in (1, 1, 2))
    assert (first == again).all()
    assert (first != other).any()


def test_official_splits_are_taken_and_checked() -> None:
    table = recordings(6, 1)
    who = table["speaker"].str[1:].astype(int)
    table["source_split"] = np.array(["train", "validation", "test"])[who % 3]
    assert assign(table, SplitOptions(method="official")).tolist() == table["source_split"].tolist()
    with pytest.raises(OptionError) as caught:
        assign(table.assign(speaker="S1"), SplitOptions(method="official"))
    assert str(caught.value) == (
        "method is official, but the clips of speaker 'S1' are in more than one Split; correct that, or set "
        "method to balanced."
    )
    in_two = table.replace({"speaker": {"S2": "S1"}})  # validation and test
    with pytest.raises(OptionError, match="'S1' are in more than one Split"):
        assign(in_two, SplitOptions(method="official"))
    three = table.assign(source_split=table["source_split"].where(table.index % 50 != 7, "foo"))
    assert (three["source_split"] == "foo").sum() == 4
    with pytest.raises(OptionError) as caught:
        assign(three, SplitOptions(method="official"))
    assert str(caught.value) == (
        "method is official, but clip 00007 has the Split 'foo', and so have 3 more; make it Train, Val or "
        "Test, or set method to balanced."
    )
    with pytest.raises(OptionError, match="method is official, but the test split is empty"):
        assign(table[table["source_split"] != "test"], SplitOptions(method="official"))


def test_splits_that_cannot_be_made() -> None:
    with pytest.raises(UserError, match="three splits need at least three"):
        assign(recordings(2, 1), SplitOptions())
    assert set(assign(recordings(3, 1), SplitOptions())) == set(SPLITS)
    table = recordings(6, 1)
    table.loc[0, "speaker"] = None
    with pytest.raises(
        OptionError,
        match=r"method is balanced, but 1 clips have no speaker in the column that corpus\.speaker names",
    ):
        assign(table, SplitOptions())


@pytest.mark.filterwarnings("error")
def test_few_speakers_of_a_country_raise_no_warning() -> None:
    table = recordings(9, 2)
    table.loc[table["speaker"] == table["speaker"][0], "Country"] = "Norway"
    assert set(assign(table, SplitOptions())) == set(SPLITS)


@pytest.mark.parametrize("values", ["each clip", "each speaker", "pairs", "one is rare"])
def test_balancing_by_something_too_fine(values: str) -> None:
    table = recordings(6, 1)
    number = table["speaker"].str[1:].astype(int)
    towns = {
        "each clip": table["clip_id"],
        "each speaker": table["speaker"],
        "pairs": (number // 2).astype(str),
        "one is rare": pd.Series(np.where(number == 3, "rare", "common")),
    }
    table = table.assign(Town=towns[values].astype(str))
    splits = assign(table, SplitOptions(balance="Town"))
    assert set(splits) == set(SPLITS)
    assert (table.assign(split=splits).groupby("speaker")["split"].nunique() == 1).all()


@pytest.mark.parametrize(
    ("task", "train", "validation", "problem"),
    [
        (AGE, [None, None], [1.0, 2.0], "has no labels in the training split"),
        (AGE, [1.0, 2.0], [None, None], "has no labels in the validation split, by which"),
        (AGE, [1.0, 2.0], [3.0, 3.0], "has no two different labels in the validation split"),
        (AGE, [1.0, 1.0], [3.0, 4.0], None),
        (SEX, ["f", "f"], ["f", "m"], "has one class alone, f, in the training split"),
        (SEX, ["f", "m"], ["f", "f"], None),
        (SEX, ["f", "m"], [None, None], "has no labels in the validation split"),
    ],
)
def test_what_cannot_be_learnt_or_judged(
    task: Task, train: list, validation: list, problem: str | None
) -> None:
    labels = pd.DataFrame({task.columns[0]: [*train, *validation, None, None]}, index=range(6))
    found = unlearnable(task, labels, np.repeat(SPLITS, 2))
    assert found == problem if problem is None else (found or "").startswith(problem)


def test_each_column_must_vary_in_validation() -> None:
    both = Task("regression", ("Awe", "Fear"), "ccc")
    labels = pd.DataFrame({"Awe": [0.1, 0.2, 0.3, 0.4, 0.5, 0.6], "Fear": [0.1, 0.2, 0.3, 0.3, 0.5, 0.6]})
    found = unlearnable(both, labels, np.repeat(SPLITS, 2))
    assert found == "has no two different labels in the validation split, where its score is not defined"
    assert unlearnable(AGE, labels.rename(columns={"Awe": "Age"}), np.repeat(SPLITS, 2)) is None


def test_the_fold_that_is_tested_is_counted_from_one() -> None:
    table = recordings(12, 1)
    countries = ["China", "South Africa", "United States", "Venezuela"]
    table["Country"] = np.array(countries)[table["speaker"].str[1:].astype(int) % 4]
    for fold in (1, 2, 4):
        splits = assign(table, SplitOptions(method="folds", folds="Country", fold=fold))
        assert set(table["Country"][splits == "test"]) == {countries[fold - 1]}
        assert set(table["Country"][splits == "validation"]) == {countries[fold % 4]}


def test_balancing_by_nothing() -> None:
    table = recordings(9, 2)
    assert set(assign(table, SplitOptions(balance=None))) == set(SPLITS)


def test_table_1_adds_up() -> None:
    table = pd.DataFrame(
        {
            "clip_id": list("abcdef"),
            "speaker": ["A", "A", "B", None, None, "C"],
            "Country": ["x", "x", "y", "y", None, "x"],
            "seconds": [3599.0, 1.0, 61.46, 2.0, 2.0, 4.0],
        }
    )
    splits = np.array(["train", "train", "validation", "validation", "validation", "test"])
    found = table_1(table, splits, "Country")
    assert list(found) == ["train", "validation", "test", "total"]
    assert found["train"]["duration"] == "01:00:00"
    assert found["validation"] == {
        "clips": 3,
        "speakers": 3,
        "seconds": 65.5,
        "duration": "00:01:05",
        "groups": {"Country": {"y": {"clips": 2, "speakers": 2}}},
    }
    assert (found["total"]["clips"], found["total"]["speakers"]) == (6, 5)
    assert found["total"]["duration"] == "01:01:09" and found["test"]["duration"] == "00:00:04"
    assert found["total"]["groups"]["Country"] == {
        "x": {"clips": 3, "speakers": 2},
        "y": {"clips": 2, "speakers": 2},
    }
    assert table_1(table, splits, None)["test"]["groups"] == {}


def test_the_parts_are_train_validation_and_test_in_this_order() -> None:
    table = recordings(60, 1)
    parts = stratified(table, SplitOptions(), 3)
    assert assign(table, SplitOptions()).tolist() == [SPLITS[part] for part in parts]
