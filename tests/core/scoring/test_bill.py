"""The bill of two runs, counted by hand."""

from dataclasses import replace

import pandas as pd

from stages.core.scoring.bill import TOGETHER, BillRow, Reaching, bill
from stages.core.scoring.run_groups import Pair
from stages.core.scoring.run_scores import Cost, RunScores
from tests.helpers.results import Numbers, run_scores

PAIR = Pair("multi-task", "compare-stl", "compare-mtl2")
# Validation scores, epoch by epoch: run → task → seed → scores. Age is an error: lower is better.
SCORES = {
    "compare-stl": {
        "emotion": {1: [0.1, 0.3, 0.5], 2: [0.2, 0.4, 0.3, 0.2]},
        "age": {1: [5.0, 4.0], 2: [3.0, 2.0]},
        "country": {1: [0.3], 2: [0.4]},
    },
    "compare-mtl2": {
        "emotion": {1: [0.4, 0.6, 0.6], 2: [0.1, 0.2, 0.5]},
        "age": {1: [6.0, 4.5, 3.5], 2: [6.0, 5.0, 4.0]},
    },
}
TRAIN = {"emotion": 0.9, "age": 0.1, "country": 0.9}  # far better than any on validation
COSTS = {
    "compare-stl": Cost(1, 1, 6, 1, {"emotion": 10, "age": 7, "country": 5}),
    "compare-mtl2": Cost(1, 1, 2, 1, {"emotion": 12, "age": 12}),
}


def curves() -> pd.DataFrame:
    rows = [
        (run, seed, epoch, split, task, score if split == "validation" else TRAIN[task])
        for run, tasks in SCORES.items()
        for task, seeds in tasks.items()
        for seed, scores in seeds.items()
        for epoch, score in enumerate(scores, 1)
        for split in ("train", "validation")
    ]
    return pd.DataFrame(rows, columns=["run", "seed", "epoch", "split", "task", "score"])


def runs() -> dict[str, RunScores]:
    return {run: replace(run_scores(Numbers(), "compare", "x"), cost=cost) for run, cost in COSTS.items()}


def test_epochs_and_multiply_adds_until_the_same_score() -> None:
    """Country, which one of the runs does not learn, counts in what its training cost alone: 108 in all."""
    half, root = 0.707107, 1.414214  # of one and of two epochs' difference between two seeds
    assert bill([PAIR], runs(), curves()) == [
        BillRow(
            "emotion",
            0.4,  # every seed of both runs reaches it, the second of the single-task networks no more
            "compare-stl",
            "compare-mtl2",
            Reaching(2.5, half, 25, 7.071068, round(50 / 108, 6)),  # after 3 and 2 epochs
            Reaching(2, root, 24, 16.970563, round(48 / 72, 6)),  # after 1 and 3
            24 / 25,
        ),
        BillRow(
            "age",
            4.0,
            "compare-stl",
            "compare-mtl2",
            Reaching(1.5, half, 10.5, 4.949747, round(21 / 108, 6)),
            Reaching(3, 0, 36, 0, 1),
            round(36 / 10.5, 6),
        ),
        BillRow(
            TOGETHER,  # 3 + 2 and 2 + 1 epochs alone; together 3 and 3
            None,
            "compare-stl",
            "compare-mtl2",
            Reaching(4, root, 35.5, 12.020815, round(71 / 108, 6)),
            Reaching(3, 0, 36, 0, 1),
            round(36 / 35.5, 6),
        ),
    ]


def test_one_seed_has_no_deviation_and_one_task_no_sum() -> None:
    rows = curves()
    (row,) = bill([PAIR], runs(), rows[(rows["seed"] == 2) & (rows["task"] == "emotion")])
    assert (row.task, row.target) == ("emotion", 0.4)
    assert (row.baseline_cost.epochs, row.candidate_cost.epochs) == (2, 3)
    assert [cost.epochs_sd for cost in (row.baseline_cost, row.candidate_cost)] == [None, None]
    assert [cost.multiply_adds_sd for cost in (row.baseline_cost, row.candidate_cost)] == [None, None]


def test_a_run_without_curves_has_no_bill_and_the_next_pair_has_one() -> None:
    without = Pair("multi-task", "compare-stl", "boaw-mtl2")
    assert [row.candidate for row in bill([without, PAIR], runs(), curves())] == ["compare-mtl2"] * 3
