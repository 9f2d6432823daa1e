"""Which rows a network learns from, and what decides their scales."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from stages.core.config.tasks import Task
from stages.core.config.training import TrainingConfig
from stages.core.networks.data import MultiTaskData, Prepared, SplitData, batch_size_of, prepare
from stages.core.networks.speakers import in_speaker_units
from stages.core.runtime.errors import UserError

TASKS = {
    "type": Task("regression", ("Awe", "Fear"), "ccc", output="sigmoid"),
    "country": Task("classification", ("Country",), "uar"),
    "age": Task("regression", ("Age",), "mae"),
}
STANDARD = TrainingConfig(target_scale="standard")
CLIPS = [f"c{clip:02d}" for clip in range(12)]
SPLIT = np.array(["train", "validation", "test"])[np.arange(12) % 3]
RNG = np.random.default_rng(5)
RECORDINGS = pd.DataFrame(
    {
        "clip_id": CLIPS,
        "speaker": [f"s{clip}" for clip in range(12)],
        "Awe": RNG.random(12),
        "Fear": RNG.random(12),
        "Country": [("Chile", "Benin", "Austria")[clip // 3 % 3] for clip in range(12)],
        "Age": 20.0 + np.arange(12) ** 2,
    }
)
FEATURES = RNG.normal(size=(12, 5)).astype(np.float32)


def rows_of(split: str) -> np.ndarray:
    return np.flatnonzero(np.array([name == split for name in SPLIT]))


def prepared(
    recordings: pd.DataFrame = RECORDINGS,
    features: np.ndarray = FEATURES,
    clips: list[str] = CLIPS,
    config: TrainingConfig = STANDARD,
) -> Prepared:
    splits = pd.DataFrame({"clip_id": CLIPS, "split": SPLIT})
    return prepare(recordings, splits, clips, features, TASKS, config)


def same(first: Any, second: Any) -> None:
    """All of two preparations but the validation split."""
    np.testing.assert_array_equal(first.data.train.inputs, second.data.train.inputs)
    np.testing.assert_array_equal(first.scaling.points, second.scaling.points)
    assert first.data.scales == second.data.scales
    assert first.classes == second.classes
    for name in TASKS:
        np.testing.assert_array_equal(first.data.train.targets[name], second.data.train.targets[name])


def test_each_split_has_its_rows_and_its_labels() -> None:
    data = prepared(config=TrainingConfig()).data
    for split, found in (("train", data.train), ("validation", data.validation)):
        rows = rows_of(split)
        train = FEATURES[rows_of("train")].astype(np.float64)
        clipped = np.clip(FEATURES[rows], train.min(axis=0), train.max(axis=0))
        expected = (clipped - train.mean(axis=0)) / train.std(axis=0)
        np.testing.assert_allclose(found.inputs, expected, rtol=1e-5, atol=1e-6)
        np.testing.assert_array_equal(found.targets["age"][:, 0], RECORDINGS["Age"][rows])
        np.testing.assert_array_equal(found.targets["type"], RECORDINGS.loc[rows, ["Awe", "Fear"]])
        classes = ["Austria", "Benin", "Chile"]
        assert [classes[index] for index in found.targets["country"]] == list(RECORDINGS["Country"][rows])
    assert data.outputs == {"type": 2, "country": 3, "age": 1}
    assert data.scales == dict.fromkeys(TASKS, (0.0, 1.0))


@pytest.mark.parametrize("split", ["validation", "test"])
@pytest.mark.parametrize("scaling", ["standard", "quantile"])
def test_neither_validation_nor_test_decides_anything(split: str, scaling: Any) -> None:
    config = replace(STANDARD, scaling=scaling)
    rows = rows_of(split)
    recordings, features = RECORDINGS.copy(), FEATURES.copy()
    recordings.loc[rows, ["Awe", "Fear", "Age"]] = [0.9, 0.1, 77.0]
    recordings.loc[rows, "Country"] = "Chile"
    features[rows] = 1e6
    before, after = prepared(config=config), prepared(recordings, features, config=config)
    same(before, after)
    changed = not np.array_equal(before.data.validation.inputs, after.data.validation.inputs)
    assert changed == (split == "validation")
    ages = [each.data.validation.targets["age"].tolist() for each in (before, after)]
    assert (ages[0] != ages[1]) == (split == "validation")


def test_standard_units_are_those_of_the_training_labels() -> None:
    data = prepared().data
    ages = RECORDINGS["Age"][rows_of("train")].to_numpy()
    assert data.scales["age"] == pytest.approx((ages.mean(), ages.std()))
    assert data.scales["type"] == (0.0, 1.0)
    mean, deviation = data.scales["age"]
    np.testing.assert_allclose(data.train.targets["age"][:, 0] * deviation + mean, ages)
    validation = RECORDINGS["Age"][rows_of("validation")]
    np.testing.assert_allclose(data.validation.targets["age"][:, 0] * deviation + mean, validation)


def test_one_scale_for_all_columns_of_a_task_and_none_for_labels_that_never_change() -> None:
    tasks = {
        "place": Task("regression", ("Awe", "Fear"), "ccc"),
        "age": Task("regression", ("Age",), "mae"),
        "country": TASKS["country"],
    }
    train = rows_of("train")
    recordings = RECORDINGS.assign(Age=np.where(np.isin(np.arange(12), train), 30.0, 50.0))
    recordings.loc[train[1], ["Awe", "Fear"]] = np.nan
    splits = pd.DataFrame({"clip_id": CLIPS, "split": SPLIT})
    data = prepare(recordings, splits, CLIPS, FEATURES, tasks, STANDARD).data
    known = recordings.loc[train[[0, 2, 3]], ["Awe", "Fear"]].to_numpy()
    assert data.scales == {
        "place": pytest.approx((known.mean(), known.std())),
        "age": (30.0, 1.0),
        "country": (0.0, 1.0),
    }
    assert data.validation.targets["age"].tolist() == [[20.0]] * 4
    assert np.isnan(data.train.targets["place"]).tolist() == [
        [False] * 2,
        [True] * 2,
        [False] * 2,
        [False] * 2,
    ]


def test_a_clip_without_features_shifts_no_label() -> None:
    kept = [row for row in range(12) if row not in (0, 4)]
    data = prepared(features=FEATURES[kept], clips=[CLIPS[row] for row in kept], config=TrainingConfig()).data
    assert data.train.targets["age"][:, 0].tolist() == [RECORDINGS["Age"][row] for row in (3, 6, 9)]
    assert data.validation.targets["age"][:, 0].tolist() == [RECORDINGS["Age"][row] for row in (1, 7, 10)]
    others = prepared(config=TrainingConfig()).data
    np.testing.assert_array_equal(
        data.validation.targets["type"], others.validation.targets["type"][[0, 2, 3]]
    )


def test_splits_of_different_sizes_keep_their_own_features() -> None:
    kept = [row for row in range(12) if row not in (0, 6)]
    some = prepared(features=FEATURES[kept], clips=[CLIPS[row] for row in kept], config=TrainingConfig())
    assert (len(some.data.train), len(some.data.validation)) == (2, 4)
    np.testing.assert_array_equal(some.data.train.inputs, some.scaling(FEATURES[[3, 9]]))
    np.testing.assert_array_equal(some.data.validation.inputs, some.scaling(FEATURES[[1, 4, 7, 10]]))


def test_the_order_of_the_features_is_the_order_of_the_clips() -> None:
    backwards = prepared(features=FEATURES[::-1], clips=CLIPS[::-1], config=TrainingConfig()).data
    forwards = prepared(config=TrainingConfig()).data
    np.testing.assert_allclose(backwards.train.inputs[::-1], forwards.train.inputs, rtol=1e-5, atol=1e-6)
    for name in TASKS:
        np.testing.assert_array_equal(backwards.train.targets[name][::-1], forwards.train.targets[name])


def test_features_of_another_corpus_are_an_error() -> None:
    with pytest.raises(UserError, match="clip x has features but no recording"):
        prepared(clips=[*CLIPS[:-1], "x"])


@pytest.mark.parametrize(
    ("changes", "left_out"),
    [
        ({"Age": np.nan}, {"age": "no labels"}),
        ({"Country": None}, {"country": "no labels"}),
        ({"Country": "Chile"}, {"country": "only one class, Chile,"}),
    ],
)
def test_a_task_that_cannot_be_learnt_is_left_out(changes: dict[str, Any], left_out: dict[str, str]) -> None:
    found = prepared(RECORDINGS.assign(**changes))
    assert found.left_out == left_out
    assert list(found.data.tasks) == [name for name in TASKS if name not in left_out]
    assert found.data.train.targets.keys() == found.data.outputs.keys() == found.data.scales.keys()
    assert found.classes.keys() == set(found.data.tasks) & {"country"}


def test_a_class_of_validation_alone_leaves_a_task_whose_others_are_known() -> None:
    rows, country = rows_of("validation"), RECORDINGS["Country"].copy()
    country[rows[:1]] = "Peru"
    assert prepared(RECORDINGS.assign(Country=country)).left_out == {}
    assert prepared(RECORDINGS.assign(Country=country.where(~country.index.isin(rows)))).left_out == {}
    country[rows] = "Peru"
    assert prepared(RECORDINGS.assign(Country=country)).left_out == {
        "country": "no class of the validation split"
    }


def test_labels_of_validation_alone_teach_nothing() -> None:
    ages = RECORDINGS["Age"].where(RECORDINGS.index.isin(rows_of("validation")))
    assert prepared(RECORDINGS.assign(Age=ages)).left_out == {"age": "no labels"}
    sentence = (
        r"no task has labels \(of two classes\) in the training split; see the label columns of the corpus"
    )
    with pytest.raises(UserError, match=sentence):
        prepared(RECORDINGS.assign(Age=ages, Country=None, Awe=np.nan))


def test_a_speakers_clips_are_scaled_in_that_speakers_units() -> None:
    speakers = np.array(list("xxyyxyyxxxyx"))  # another pattern in each split
    recordings = RECORDINGS.assign(speaker=speakers)
    found = prepared(recordings, config=TrainingConfig(scaling="speaker"))
    for split, data in (("train", found.data.train), ("validation", found.data.validation)):
        rows = rows_of(split)
        quantiles = replace(found.scaling, kind="quantile")(FEATURES[rows])
        expected = in_speaker_units(quantiles, speakers[rows])
        np.testing.assert_array_equal(data.inputs, expected)
        assert np.abs(data.inputs - in_speaker_units(quantiles, ["x"] * len(rows))).max() > 0.05


def test_some_tasks_alone_keep_the_targets_of_each_split() -> None:
    age, mood = np.array([[1.0], [2.0], [3.0]]), np.array([[4.0], [5.0], [6.0]])
    parts = [SplitData(np.zeros((3, 1), np.float32), {"age": sign * age, "mood": mood}) for sign in (1, -1)]
    tasks = {name: Task("regression", (name,), "mae") for name in ("age", "mood")}
    data = MultiTaskData(tasks, {"age": 1, "mood": 1}, *parts, {"age": (0.0, 2.0), "mood": (0.0, 1.0)})
    alone = data.only(["age"])
    assert alone.train.targets == {"age": pytest.approx(age)}
    assert alone.validation.targets == {"age": pytest.approx(-age)}
    assert (list(alone.tasks), alone.outputs, alone.scales) == (["age"], {"age": 1}, {"age": (0.0, 2.0)})
    assert [batch_size_of(data, TrainingConfig(batch_size=size)) for size in (2, 3, 8)] == [2, 3, 3]
