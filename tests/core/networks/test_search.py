"""What a trial tries, and how good its model is, by hand."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from stages.core.config.search import SearchRange
from stages.core.config.training import TrainingConfig
from stages.core.networks.run import RunTables
from stages.core.networks.search import scores_of, skill_of, suggested, within
from tests.core.networks.test_data import CLIPS, FEATURES, RECORDINGS, SPLIT, TASKS, rows_of

CLASSES = ["Austria", "Benin", "Chile"]


# Of clips around which a mean lies evenly, the error would not tell whose mean it is.
RECORDINGS = RECORDINGS.assign(Age=[20.0, 21, 23, 30, 22, 24, 70, 25, 26, 28, 60, 90])


def tables(recordings: pd.DataFrame = RECORDINGS) -> RunTables:
    splits = pd.DataFrame({"clip_id": CLIPS, "split": SPLIT})
    return RunTables(CLIPS, [f"f{column}" for column in range(5)], FEATURES, {}, recordings, splits)


def model(split: str, tasks: tuple[str, ...] = ("age", "country")) -> Any:
    """Its seeds are 6 years too old and 2 too young; of the countries only their mean says the right one."""
    rows = rows_of(split)
    ages = RECORDINGS["Age"].to_numpy()[rows, None]
    right = np.eye(3)[[CLASSES.index(name) for name in RECORDINGS["Country"][rows]]]
    by_seed = {
        9: {"age": ages + 6, "country": 0.7 * np.roll(right, 1, axis=1) + 0.3 * right},
        4: {"age": ages - 2, "country": 0.2 * np.roll(right, 2, axis=1) + 0.8 * right},
    }

    def predict(features: np.ndarray, speakers: np.ndarray) -> dict[int, dict[str, np.ndarray]]:
        np.testing.assert_array_equal(features, FEATURES[rows])
        assert speakers.tolist() == [f"speaker s{row}" for row in rows]
        return by_seed

    return SimpleNamespace(
        seeds=(9, 4),
        tasks={name: TASKS[name] for name in tasks},
        classes={"country": CLASSES},
        predict=predict,
        description=SimpleNamespace(outputs={"age": 1, "country": 3}),
    )


@pytest.mark.parametrize("split", ["validation", "test"])
def test_a_model_is_judged_by_the_mean_of_its_seeds_on_a_split(split: str) -> None:
    scores = scores_of(model(split), tables(), split)
    assert scores == pytest.approx({"age": 2.0, "country": 1.0})
    ages = RECORDINGS["Age"].to_numpy()
    naive, own = (
        np.abs(ages[rows_of(split)] - ages[rows_of(name)].mean()).mean() for name in ("train", split)
    )
    assert abs(naive - own) > 1
    skill = skill_of(model(split), tables(), split, scores)
    assert skill == pytest.approx((1.0 + 1 - 2.0 / naive) / 2, rel=1e-12)
    assert skill_of(model(split), tables(), split, {"country": 0.4}) == 0.4
    assert skill_of(model(split), tables(), split, {"age": np.nan, "country": 0.4}) == 0.4
    assert np.isnan(skill_of(model(split), tables(), split, {"age": np.nan}))
    assert np.isnan(skill_of(model(split), tables(), split, {}))


def test_tasks_without_labels_on_a_split_have_no_score() -> None:
    ages = RECORDINGS["Age"].where(~RECORDINGS.index.isin(rows_of("test")))
    assert list(scores_of(model("test"), tables(RECORDINGS.assign(Age=ages)), "test")) == ["country"]
    nobody = RECORDINGS.assign(Country=None)
    assert list(scores_of(model("test", ("country", "age")), tables(nobody), "test")) == ["age"]


class Trial:
    """Notes what it is asked for, and answers with the upper end or the last value."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []

    def suggest_categorical(self, *asked: Any) -> Any:
        self.asked.append(("values", *asked))
        return asked[1][-1]

    def suggest_int(self, *asked: Any, log: bool) -> int:
        self.asked.append(("whole", *asked, log))
        return asked[2]

    def suggest_float(self, *asked: Any, log: bool) -> float:
        self.asked.append(("number", *asked, log))
        return asked[2]


def test_what_a_trial_is_asked_for() -> None:
    trial: Any = Trial()
    space = {
        "learning_rate": SearchRange(0.001, 0.1, log=True),
        "batch_size": SearchRange(8.0, 32.0),
        "optimizer": ("adam", "adamw"),
    }
    found = suggested(trial, space)
    assert found == {"learning_rate": 0.1, "batch_size": 32, "optimizer": "adamw"}
    assert list(found) == list(space)
    assert trial.asked == [
        ("number", "learning_rate", 0.001, 0.1, True),
        ("whole", "batch_size", 8, 32, False),
        ("values", "optimizer", ("adam", "adamw")),
    ]


def test_both_ends_of_a_range_are_within_it() -> None:
    config = TrainingConfig(learning_rate=0.01, batch_size=8)
    for low, high, inside in (
        (0.01, 0.1, True),
        (0.001, 0.01, True),
        (0.02, 0.1, False),
        (0.001, 0.009, False),
    ):
        space = {"learning_rate": SearchRange(low, high), "batch_size": (4, 8)}
        assert within(config, space) == ({"learning_rate": 0.01, "batch_size": 8} if inside else None)
