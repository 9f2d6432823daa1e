"""Groups of clips: whose clips are in which, to the clip."""

import numpy as np
import pandas as pd
import pytest

from stages.core.config.tasks import Task
from stages.core.scoring.groups import groups_of

MOOD = Task("regression", ("Joy",), "ccc")
PAIR = Task("regression", ("Height", "Weight"), "mae")
AGE = Task("regression", ("Age",), "rmse")
YEARS = Task("regression", ("Years",), "mae")
COUNTRY = Task("classification", ("Country",), "uar")
TASKS = {"mood": MOOD, "pair": PAIR, "age": AGE, "years": YEARS, "country": COUNTRY}


def corpus(ages: list[float]) -> pd.DataFrame:
    """Eight clips of four speakers."""
    return pd.DataFrame(
        {
            "speaker": list("aabbccdd"),
            "Country": ["Peru", "Peru", "Chad", "Chad", "Peru", None, "Chad", "Peru"],
            "Joy": 0.5,
            "Height": 1.0,
            "Weight": 2.0,
            "Age": ages,
            "Years": 1.0,
        }
    )


def masks(task: Task, labels: pd.DataFrame, column: str = "Country") -> dict[str, str]:
    """Group → a 1 for each clip of it."""
    found = groups_of(task, TASKS, labels, column)
    assert found is not None
    return {name: "".join(map(str, mask.astype(int))) for name, mask in found.masks.items()}


def test_a_border_belongs_to_the_lower_third() -> None:
    ages = [20, 30, 40, 50, 20, 30, 40, 50]
    assert masks(COUNTRY, corpus(ages)) == {
        "Age 20 to 30": "11001100",
        "Age above 30 to 40": "00100010",
        "Age above 40 to 50": "00010001",
    }


def test_thirds_are_of_the_clips_that_have_a_label_and_of_the_first_error_of_one_column() -> None:
    labels = corpus([21.5, np.nan, 22.5, 23.5, 24.5, 25.5, 26.5, 27.5])
    assert masks(COUNTRY, labels) == {
        "Age 21.50 to 23.50": "10110000",
        "Age above 23.50 to 25.50": "00001100",
        "Age above 25.50 to 27.50": "00000011",
    }
    found = groups_of(COUNTRY, TASKS, labels, "Country")
    assert found is not None and (found.column, found.of_speakers) == ("Age", False)
    others = {name: task for name, task in TASKS.items() if name != "age"}
    assert groups_of(COUNTRY, others, labels, "Country").column == "Years"


def test_values_of_a_column_are_groups_in_their_order_and_a_clip_without_one_is_in_none() -> None:
    labels = corpus([1.0] * 8)
    assert masks(MOOD, labels) == {"Chad": "00110010", "Peru": "11001001"}
    found = groups_of(MOOD, TASKS, labels, "Country")
    assert found is not None and (found.column, found.of_speakers) == ("Country", False)
    # One speaker with clips in both groups is enough; one with a clip in none is not.
    alike = labels.assign(Country=["Peru", "Peru", "Chad", "Chad", "Peru", None, "Chad", "Chad"])
    assert groups_of(MOOD, TASKS, alike, "Country").of_speakers
    rows = found.of_rows(np.array([7, 2, 5]))
    assert {name: mask.tolist() for name, mask in rows.masks.items()} == {
        "Chad": [False, True, False],
        "Peru": [True, False, False],
    }


@pytest.mark.parametrize("column", ["speaker", "split"])
def test_a_column_that_is_called_like_one_of_ours_is_the_corpus_s(column: str) -> None:
    labels = corpus([1.0] * 8).assign(split="test", **{f"{column}_": list("xyxyxyxy")})
    found = groups_of(MOOD, TASKS, labels, column)
    assert found is not None and found.column == column
    assert {name: mask.sum() for name, mask in found.masks.items()} == {"x": 4, "y": 4}
    of_column = Task("classification", (column,), "uar")
    years = labels.assign(Age=[20, 30, 40, 50, 20, 30, 40, 50])
    assert groups_of(of_column, TASKS, years, column).column == "Age"
    assert groups_of(MOOD, TASKS, corpus([1.0] * 8), column) is None
