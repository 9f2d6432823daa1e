from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.core.config.data import SplitOptions
from stages.core.config.tasks import stored
from stages.core.dataset.folds import _strata, folds_of
from stages.core.dataset.splitting import assign
from stages.core.runtime.errors import OptionError, UserError


def recordings(speakers: int, clips: int = 3) -> pd.DataFrame:
    who = np.repeat(np.arange(speakers), clips)
    return pd.DataFrame(
        {
            "clip_id": [f"{number:04d}" for number in range(len(who))],
            "speaker": [f"S{number}" for number in who],
            "Country": np.array(["China", "Peru", "Chad", "Fiji"])[who % 4],
            "seconds": 1.0,
        }
    )


def options(folds: int | str, **rest: object) -> SplitOptions:
    return SplitOptions(**{"method": "folds", "balance": "Country", "folds": folds, **rest})


@settings(max_examples=20, deadline=None)
@given(speakers=st.integers(4, 40), folds=st.integers(3, 8), seed=st.integers(0, 100))
@pytest.mark.parametrize("kind", ["number", "speakers", "Country"])
def test_each_clip_is_tested_once_and_validated_once_and_nobody_is_known(
    kind: str, speakers: int, folds: int, seed: int
) -> None:
    table = recordings(speakers)
    chosen = options(min(folds, speakers) if kind == "number" else kind, seed=seed)
    number = len(folds_of(table, chosen).names)
    assert number == {"number": min(folds, speakers), "speakers": speakers, "Country": 4}[kind]
    splits = [assign(table, replace(chosen, fold=fold)) for fold in range(1, number + 1)]
    for split in ("test", "validation"):
        assert (sum((of_fold == split).astype(int) for of_fold in splits) == 1).all()
    for this, following in zip(splits, [*splits[1:], splits[0]], strict=True):
        assert ((this == "validation") == (following == "test")).all()
        assert (table.assign(split=this).groupby("speaker")["split"].nunique() == 1).all()


def test_folds_are_balanced_as_splits_are() -> None:
    table = recordings(40)
    found = folds_of(table, options(5))
    counts = table.assign(fold=found.of_clip).groupby(["Country", "fold"])["speaker"].nunique()
    assert (counts == 2).all()
    assert len(counts) == 20


def test_three_folds_split_as_balanced_does() -> None:
    table = recordings(20)
    split = assign(table, SplitOptions())
    of_clip = folds_of(table, options(3)).of_clip
    assert (np.array(["train", "validation", "test"])[of_clip] == split).all()


def test_a_group_is_named_and_its_speakers_are_not_otherwise_known() -> None:
    table = recordings(8)
    found = folds_of(table.assign(speaker=None), options("Country"))
    assert found.names == ("Chad", "China", "Fiji", "Peru")
    assert [found.names[fold] for fold in found.of_clip] == list(table["Country"])


SIX = recordings(6)
ONE_UNKNOWN = SIX.assign(speaker=SIX["speaker"].where(SIX["clip_id"] != "0000"))


@pytest.mark.parametrize(
    ("table", "folds", "problem"),
    [
        (SIX, 7, "folds is 7, but the corpus has 6 speakers; take at most 6, or speakers"),
        (ONE_UNKNOWN, 3, "folds is 3, but 1 clips have no speaker in the column that corpus.speaker names"),
        (
            ONE_UNKNOWN,
            "speakers",
            "folds is speakers, but 1 clips have no speaker in the column that corpus.speaker names",
        ),
        (
            SIX,
            "Site",
            "folds is 'Site', which no task reads and balance does not name; set balance",
        ),
        (SIX.assign(Site=None), "Site", "folds is 'Site', but no clip has a value in that column"),
        (
            SIX.assign(Country=SIX["Country"].where(SIX["speaker"] != "S1")),
            "Country",
            "folds is 'Country', but 3 clips have no value there; fill it in",
        ),
        (SIX.assign(Country="Chad"), "Country", "folds is 'Country', which has the value 'Chad' alone"),
        (
            SIX.assign(Country=np.where(SIX["speaker"] == "S1", "Chad", "Fiji")),
            "Country",
            "folds is 'Country', which has two values alone; one to test, one to validate and one to",
        ),
        (
            SIX.assign(Country=[*SIX["Country"][:-1], "Fiji"]),
            "Country",
            "folds is 'Country', but speaker 'S5' has clips in 'Fiji' and in 'Peru'",
        ),
    ],
)
def test_folds_that_cannot_be_made(table: pd.DataFrame, folds: int | str, problem: str) -> None:
    with pytest.raises(OptionError) as error:
        folds_of(table, options(folds))
    assert str(error.value).startswith(problem)


def test_too_few_speakers_and_a_fold_that_is_not_there() -> None:
    with pytest.raises(UserError, match="the corpus has 2 speakers; folds need at least three"):
        folds_of(recordings(2), options("speakers"))
    with pytest.raises(OptionError, match="fold is 4, but there are 3 folds; take 1 to 3"):
        assign(SIX, options(3, fold=4))


def test_three_speakers_and_three_groups_are_enough() -> None:
    three = recordings(3)
    assert folds_of(three, options("speakers")).names == ("1", "2", "3")
    assert folds_of(three, options("speakers")).of_clip.tolist() == [0] * 3 + [1] * 3 + [2] * 3
    assert sorted(folds_of(three, options(3)).of_clip.tolist()) == [0] * 3 + [1] * 3 + [2] * 3
    assert folds_of(three, options("Country")).names == ("Chad", "China", "Peru")


@pytest.mark.filterwarnings("error")
def test_a_rare_value_raises_no_warning() -> None:
    """One speaker of one clip from a country of his own."""
    table = recordings(12)
    table.loc[len(table)] = ["9999", "alone", "Norway", 1.0]
    assert set(folds_of(table, options(3)).of_clip) == {0, 1, 2}


def test_values_of_fewer_speakers_than_parts_are_balanced_as_one() -> None:
    """Speakers: A has 4, B 3, C 2, D 1, each with two clips."""
    speakers = pd.DataFrame(
        {"speaker": [f"s{number}" for number in range(10)], stored("Country"): list("AAAABBBCCD")}
    )
    clips = pd.concat([speakers, speakers], ignore_index=True)
    assert _strata(clips, "Country", 3).tolist() == [0, 0, 0, 0, 1, 1, 1, 4, 4, 4] * 2
    # A rare value that has no other to join stays as it is.
    assert _strata(clips, "Country", 2).tolist() == [0, 0, 0, 0, 1, 1, 1, 2, 2, 3] * 2
    assert _strata(clips, "Country", 5).tolist() == [0] * 20
    assert _strata(clips, None, 3).tolist() == [0] * 20
