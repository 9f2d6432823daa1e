import numpy as np
import pandas as pd
import pytest

from stages.core.config.evaluation import EvaluationOptions
from stages.core.config.tasks import Task
from stages.core.scoring.comparison import differences

TASKS = {
    "age": Task("regression", ("Age",), "mae"),
    "country": Task("classification", ("Country",), "uar"),
}
OPTIONS = EvaluationOptions(bootstrap=200)


def corpus(clips=90):
    speaker = np.arange(clips) // 3
    return pd.DataFrame(
        {
            "clip_id": [f"{clip:03d}" for clip in range(clips)],
            "speaker": [f"S{who}" for who in speaker],
            "split": np.array(["train", "validation", "test"])[speaker % 3],
            "Age": 20.0 + speaker,
            "Country": np.array(["A", "B"])[speaker % 2],
        }
    )


def predicted(labels, noise, seeds=(1, 2, 3)):
    tables = []
    for seed in seeds:
        rng = np.random.default_rng(seed)
        table = labels[["clip_id", "split"]].assign(seed=seed)
        table["age.Age"] = (labels["Age"] + noise * rng.normal(0, 5, len(labels))).astype(np.float32)
        table["country.A"] = (labels["Country"] == "A") + noise * rng.normal(0, 1, len(labels))
        table["country.B"] = 1 - table["country.A"]
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def test_the_better_run_is_found_on_both_splits():
    labels = corpus()
    rows = differences(predicted(labels, 1.5), predicted(labels, 0.3), ("old", "new"), TASKS, labels, OPTIONS)
    assert [(row["task"], row["split"]) for row in rows] == [
        ("age", "validation"),
        ("age", "test"),
        ("country", "validation"),
        ("country", "test"),
    ]
    for row in rows:
        assert row["low"] > 0
        assert row["p"] < 0.05
        sign = -1 if row["score"] == "mae" else 1
        assert row["difference"] == pytest.approx(sign * (row["new_value"] - row["old_value"]), abs=2e-6)


def test_order_of_rows_and_number_of_seeds_do_not_matter():
    labels = corpus()
    first, second = predicted(labels, 1.0), predicted(labels, 0.5, seeds=(4, 5))
    rows = differences(first, second, ("a", "b"), TASKS, labels, OPTIONS)
    shuffled = first.sample(frac=1, random_state=1), second.sample(frac=1, random_state=2)
    assert differences(*shuffled, ("a", "b"), TASKS, labels, OPTIONS) == rows
    ages = second[second["split"] == "test"].merge(labels, on="clip_id")
    assert rows[1]["b_value"] == pytest.approx((ages["age.Age"] - ages["Age"]).abs().mean(), abs=1e-5)


def test_only_shared_clips_count():
    labels = corpus()
    first, second = predicted(labels, 1.0), predicted(labels, 0.5)
    gone = labels["clip_id"][labels["split"] == "test"].iloc[:5]
    whole = differences(first, second, ("a", "b"), TASKS, labels, OPTIONS)
    less = differences(first[~first["clip_id"].isin(gone)], second, ("a", "b"), TASKS, labels, OPTIONS)
    both = differences(
        *(each[~each["clip_id"].isin(gone)] for each in (first, second)), ("a", "b"), TASKS, labels, OPTIONS
    )
    assert less == both != whole


def test_tasks_without_labels_or_predictions_are_absent():
    labels = corpus()
    first, second = predicted(labels, 1.0), predicted(labels, 0.5)
    rows = differences(first.drop(columns="age.Age"), second, ("a", "b"), TASKS, labels, OPTIONS)
    assert {row["task"] for row in rows} == {"country"}
    labels.loc[labels["split"] == "test", "Age"] = np.nan
    rows = differences(first, second, ("a", "b"), TASKS, labels, OPTIONS)
    assert [row["split"] for row in rows if row["task"] == "age"] == ["validation"]
