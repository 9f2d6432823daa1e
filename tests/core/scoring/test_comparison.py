from dataclasses import replace
from itertools import product

import numpy as np
import pandas as pd
import pytest

from stages.core.config.evaluation import EvaluationOptions
from stages.core.config.tasks import Task
from stages.core.metrics.metric import METRICS
from stages.core.runtime.compute import ComputeOptions
from stages.core.scoring import bootstrap
from stages.core.scoring.comparison import Comparison, _shared_classes, compare_all, compare_pair, correct
from stages.core.scoring.naive_scores import naive_predictions
from stages.core.scoring.predictions import RunPredictions
from stages.core.scoring.run_groups import NAIVE, Pair
from stages.core.scoring.run_scores import Confusion, Cost, RunScores, SplitScores
from stages.core.scoring.sums import speaker_sums
from tests.helpers.results import COUNTRIES, Numbers, groups, run_scores, task_scores

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


def error(predictions: RunPredictions, clips: pd.DataFrame) -> float:
    """The mean over seeds of the mean absolute error of age."""
    ages = [table.loc[clips["clip_id"], "age.Age"].to_numpy() for table in predictions.by_seed.values()]
    return float(np.mean([(of_seed - clips["Age"]).abs().mean() for of_seed in ages]))


def test_all_pairs_of_runs_in_order_each_by_the_tasks_that_it_shares():
    """The best common run on validation is another than on test, and one for each task."""
    runs = {
        "compare-stl": {"features": "compare", "model": "stl"},
        "compare-mtl2": {"features": "compare", "model": "mtl2"},
        "egemaps-stl": {"features": "egemaps", "model": "stl"},
        "compare-other": {"features": "compare", "model": "other"},
    }
    tasks = {
        "age": {"kind": "regression", "columns": ["Age"], "score": "mae"},
        "country": {"kind": "classification", "columns": ["Country"], "score": "uar"},
    }
    chosen = groups(runs, tasks=tasks, evaluate={"bootstrap": 20, "confidence": 0.9, "seed": 4})
    labels = corpus()
    noises = {"compare-stl": 0.2, "compare-mtl2": 0.5, "egemaps-stl": 0.8, "compare-other": 1.1}
    tables = {run: RunPredictions.of(predicted(labels, noise)) for run, noise in noises.items()}
    tables[NAIVE] = naive_predictions(labels, chosen.parameters.tasks)
    best = {  # (age, country) on validation and on test
        "compare-stl": ((3.0, 0.5), (9.0, 0.1)),
        "compare-mtl2": ((4.0, 0.6), (5.0, 0.2)),
        "egemaps-stl": ((5.0, 0.4), (1.0, 0.9)),
        "compare-other": ((1.0, 0.9), (1.0, 0.9)),
    }
    scored = {}
    for run, of_splits in best.items():
        numbers = Numbers()
        splits = {
            split: SplitScores(
                1,
                1,
                None,
                {
                    "age": replace(task_scores(numbers, "mae", ["Age"]), value=age),
                    "country": replace(
                        task_scores(numbers, "uar"), value=country, confusion=Confusion(["A", "B"], None)
                    ),
                },
            )
            for split, (age, country) in zip(("validation", "test"), of_splits, strict=True)
        }
        scored[run] = RunScores(*runs[run].values(), Cost(1, 1, 1, 1), splits)
    for split in scored["egemaps-stl"].splits.values():  # another list of classes
        split.tasks["country"] = replace(split.tasks["country"], confusion=Confusion(["A", "B", "C"], None))
    tables["egemaps-stl"] = RunPredictions(
        {seed: table.assign(**{"country.C": 0.0}) for seed, table in tables["egemaps-stl"].by_seed.items()}
    )
    tables[NAIVE] = RunPredictions(
        {seed: table.assign(**{"country.C": 0.0}) for seed, table in tables[NAIVE].by_seed.items()}
    )
    found = compare_all(chosen, scored, tables, labels, ComputeOptions(2))
    both, age, country = ("age", "country"), ("age",), ("country",)
    expected = [
        ("naive", NAIVE, "compare-stl", both),
        ("naive", NAIVE, "compare-mtl2", both),
        ("naive", NAIVE, "egemaps-stl", both),
        ("naive", NAIVE, "compare-other", both),
        ("multi-task", "compare-stl", "compare-mtl2", both),
        ("features", "compare-stl", "egemaps-stl", age),
        ("training", "compare-stl", "compare-other", age),
        ("training", "compare-mtl2", "compare-other", country),
    ]
    splits = ("validation", "test")
    assert [(row.contrast, row.baseline, row.candidate, row.task, row.split) for row in found] == [
        (*pair, task, split) for *pair, names in expected for task in names for split in splits
    ]
    # Each is what the pair gives by itself, with the options of the section ``evaluate``.
    pair = Pair("features", "compare-stl", "egemaps-stl")
    sides = tables["compare-stl"], tables["egemaps-stl"]
    alone = compare_pair(pair, {"age": (TASKS["age"], [])}, sides, labels, chosen.parameters.evaluate)
    assert [row for row in found if row.contrast == "features"] == list(alone)
    test = labels[labels["split"] == "test"]
    errors = {run: error(table, test) for run, table in tables.items()}
    for row in found:
        if (row.task, row.split) == ("age", "test"):
            assert (row.baseline_mean, row.candidate_mean) == pytest.approx(
                (errors[row.baseline], errors[row.candidate]), abs=1e-5
            )


def test_only_a_corrected_p_value_makes_a_difference_sure():
    row = compared(predicted(corpus(), 1.0), predicted(corpus(), 0.9), corpus())[0]
    assert not replace(row, p=0.001).is_sure(0.95)
    assert replace(row, p=0.9, p_corrected=0.05).is_sure(0.95)
    assert not replace(row, p_corrected=0.051).is_sure(0.95)
    assert replace(row, p_corrected=0.051).is_sure(0.9)


def test_families_are_of_a_contrast_and_a_split():
    """Twelve comparisons with p-values of their own: three tasks, two contrasts, two splits."""
    row = compared(predicted(corpus(), 1.0), predicted(corpus(), 0.9), corpus())[0]
    p_values = [0.001, 0.03, 0.002, 0.01, 0.02, 0.04, 0.011, 0.3, 0.2, 0.012, 0.5, 0.013]
    kinds = product(("features", "training"), ("age", "country", "mood"), ("validation", "test"))
    rows = [
        replace(row, contrast=contrast, task=task, split=split, p=p)
        for (contrast, task, split), p in zip(kinds, p_values, strict=True)
    ]
    # Of three, the least counts three times, the next twice; none below one before it.
    expected = [0.003, 0.06, 0.004, 0.03, 0.02, 0.06, 0.033, 0.3, 0.4, 0.036, 0.5, 0.036]
    assert [found.p_corrected for found in correct(rows)] == pytest.approx(expected)
    assert [replace(found, p_corrected=None) for found in correct(rows)] == rows
