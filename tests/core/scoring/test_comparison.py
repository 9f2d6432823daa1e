from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from stages.core.config.evaluation import EvaluationOptions
from stages.core.config.tasks import Task
from stages.core.metrics.metric import METRICS
from stages.core.scoring import bootstrap
from stages.core.scoring.comparison import Comparison, _shared_classes, compare_pair, correct
from stages.core.scoring.predictions import RunPredictions
from stages.core.scoring.run_groups import NAIVE, Pair
from stages.core.scoring.run_scores import Confusion
from stages.core.scoring.sums import speaker_sums
from tests.helpers.results import COUNTRIES, Numbers, run_scores

TASKS = {
    "age": Task("regression", ("Age",), "mae"),
    "country": Task("classification", ("Country",), "uar"),
}
CLASSES = {"age": [], "country": ["A", "B"]}
PAIR = Pair("training", "old", "new")
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
        # An error that the clips of a speaker share, so that speakers differ more than clips do.
        of_speaker = rng.normal(0, 3, len(labels))[labels.groupby("speaker").ngroup()]
        table["age.Age"] = (labels["Age"] + noise * (of_speaker + rng.normal(0, 4, len(labels)))).astype(
            np.float32
        )
        table["country.A"] = (labels["Country"] == "A") + noise * rng.normal(0, 1, len(labels))
        table["country.B"] = 1 - table["country.A"]
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def compared(old, new, labels, options=OPTIONS, tasks=TASKS) -> list[Comparison]:
    sides = RunPredictions.of(old), RunPredictions.of(new)
    chosen = {name: (TASKS[name], CLASSES[name]) for name in tasks}
    return list(compare_pair(PAIR, chosen, sides, labels, options))


def test_the_better_run_is_found_on_both_splits():
    labels = corpus()
    rows = compared(predicted(labels, 1.5), predicted(labels, 0.3), labels)
    assert [(row.task, row.split) for row in rows] == [
        ("age", "validation"),
        ("age", "test"),
        ("country", "validation"),
        ("country", "test"),
    ]
    for row in rows:
        assert (row.contrast, row.baseline, row.candidate) == ("training", "old", "new")
        assert row.low > 0
        assert row.p < 0.05
        gain = METRICS[row.score].gain(row.baseline_mean, row.candidate_mean)
        assert row.difference == pytest.approx(gain, abs=2e-6)
    assert rows[0].difference != rows[1].difference


@pytest.mark.parametrize("confidence", [0.5, 0.95])
def test_intervals_are_over_speakers_with_the_confidence_asked_for(confidence):
    labels = corpus()
    old, new = predicted(labels, 1.0), predicted(labels, 0.8)
    options = EvaluationOptions(bootstrap=200, confidence=confidence, seed=3)
    (row,) = [row for row in compared(old, new, labels, options, ["age"]) if row.split == "test"]
    test = labels[labels["split"] == "test"]
    _, speaker = np.unique(test["speaker"], return_inverse=True)
    sums = [
        [
            speaker_sums(
                "mae",
                test[["Age"]].to_numpy(),
                table[table["seed"] == seed]
                .set_index("clip_id")
                .loc[test["clip_id"], ["age.Age"]]
                .to_numpy(),
                speaker,
                10,
            )
            for seed in (1, 2, 3)
        ]
        for table in (old, new)
    ]
    rngs = np.random.default_rng(3), np.random.default_rng([3, 1])
    drawn = bootstrap.draws(10, 200, rngs[0])
    expected = bootstrap.difference("mae", np.array(sums[0]), np.array(sums[1]), drawn, confidence, rngs[1])
    assert (row.difference, row.low, row.high, row.p) == pytest.approx(
        (expected.value, expected.low, expected.high, expected.p), abs=1e-6
    )


def test_order_of_rows_and_number_of_seeds_do_not_matter():
    labels = corpus()
    first, second = predicted(labels, 1.0), predicted(labels, 0.5, seeds=(4, 5))
    rows = compared(first, second, labels)
    shuffled = first.sample(frac=1, random_state=1), second.sample(frac=1, random_state=2)
    assert compared(*shuffled, labels) == rows
    ages = second[second["split"] == "test"].merge(labels, on="clip_id")
    assert rows[1].candidate_mean == pytest.approx((ages["age.Age"] - ages["Age"]).abs().mean(), abs=1e-5)


def test_only_clips_that_both_runs_have_count():
    labels = corpus()
    first, second = predicted(labels, 1.0), predicted(labels, 0.5)
    gone = labels["clip_id"][labels["split"] == "test"].iloc[:5]

    def without(table):
        return table[~table["clip_id"].isin(gone)]

    both = compared(without(first), without(second), labels)
    assert compared(without(first), second, labels) == both
    assert compared(first, without(second), labels) == both
    assert compared(first, second, labels) != both


def test_a_split_without_labels_is_absent():
    labels = corpus()
    labels.loc[labels["split"] == "test", "Age"] = np.nan
    rows = compared(predicted(labels, 1.0), predicted(labels, 0.5), labels)
    assert [row.split for row in rows if row.task == "age"] == ["validation"]


def test_p_values_are_corrected_within_a_contrast_and_split():
    labels = corpus()
    rows = compared(predicted(labels, 1.0), predicted(labels, 0.9), labels)
    other = [replace(row, contrast="features") for row in rows[:2]]
    undefined = replace(rows[0], p=None)
    found = correct([*rows, *other, undefined])
    for split in ("validation", "test"):
        of_split = [row for row in found[:4] if row.split == split]
        p_values = [row.p for row in of_split]
        assert [row.p_corrected for row in of_split] == pytest.approx(bootstrap.corrected(p_values), abs=1e-6)
    assert [row.p_corrected for row in found[4:]] == [rows[0].p, rows[1].p, None]


def test_runs_without_the_same_classes_are_not_compared_and_the_naive_predictor_is():
    runs = {
        "one": run_scores(Numbers(), "compare", "stl"),
        "two": run_scores(Numbers(), "compare", "mtl2"),
    }
    assert _shared_classes(runs, Pair("multi-task", "one", "two"), "country") == COUNTRIES
    assert _shared_classes(runs, Pair("multi-task", "one", "two"), "age") == []
    assert _shared_classes(runs, Pair("naive", NAIVE, "two"), "country") == COUNTRIES
    assert _shared_classes(runs, Pair("naive", NAIVE, "two"), "dialect") is None
    for split in ("validation", "test"):
        tasks = runs["two"].splits[split].tasks
        tasks["country"] = replace(tasks["country"], confusion=Confusion(["Chile", "Peru"], [[1, 0], [0, 1]]))
    assert _shared_classes(runs, Pair("multi-task", "one", "two"), "country") is None
