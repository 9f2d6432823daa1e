import numpy as np
import pandas as pd
import pytest

from stages.core.config.evaluation import EvaluationOptions
from stages.core.config.tasks import Task
from stages.core.metrics.metric import METRICS
from stages.core.scoring import bootstrap
from stages.core.scoring.comparison import Comparison, compare_task
from stages.core.scoring.predictions import RunPredictions
from stages.core.scoring.run_groups import Pair
from stages.core.scoring.sums import speaker_sums

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
    predictions = [RunPredictions.of(old), RunPredictions.of(new)]
    return [
        row
        for name in tasks
        for row in compare_task(PAIR, name, TASKS[name], CLASSES[name], predictions, labels, options)
    ]


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
        assert row.low > 0 and row.leaves_out_zero
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
    expected = bootstrap.difference(
        "mae", np.array(sums[0]), np.array(sums[1]), bootstrap.draws(10, 200, 3), confidence, 3
    )
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
