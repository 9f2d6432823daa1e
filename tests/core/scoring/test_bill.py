"""The bill of two runs, counted by hand."""

from dataclasses import replace

import pandas as pd
import pytest

from stages.core.scoring.bill import TOGETHER, bill
from stages.core.scoring.run_groups import Pair
from stages.core.scoring.run_scores import Cost
from tests.helpers.results import Numbers, run_scores

PAIR = Pair("multi-task", "compare-stl", "compare-mtl2")
# Validation scores, epoch by epoch: run → task → seed → scores. Age is an error: lower is better.
SCORES = {
    "compare-stl": {
        "emotion": {1: [0.1, 0.3, 0.5], 2: [0.2, 0.4, 0.3, 0.2]},
        "age": {1: [5.0, 4.0], 2: [3.0, 2.0]},
    },
    "compare-mtl2": {
        "emotion": {1: [0.4, 0.6, 0.6], 2: [0.1, 0.2, 0.5]},
        "age": {1: [6.0, 4.5, 3.5], 2: [6.0, 5.0, 4.0]},
    },
}


def curves() -> pd.DataFrame:
    rows = [
        (run, seed, epoch, split, task, score if split == "validation" else None)
        for run, tasks in SCORES.items()
        for task, seeds in tasks.items()
        for seed, scores in seeds.items()
        for epoch, score in enumerate(scores, 1)
        for split in ("train", "validation")
    ]
    return pd.DataFrame(rows, columns=["run", "seed", "epoch", "split", "task", "score"])


def test_epochs_and_multiply_adds_until_the_same_score() -> None:
    costs = {"compare-stl": {"emotion": 10, "age": 7}, "compare-mtl2": {"emotion": 12, "age": 12}}
    networks = {"compare-stl": 4, "compare-mtl2": 2}
    runs = {
        run: replace(run_scores(Numbers(), "compare", "x"), cost=Cost(1, 1, networks[run], 1, costs[run]))
        for run in SCORES
    }
    emotion, age, together = bill([PAIR], runs, curves())
    # Every seed of both runs reaches .4 (the second of the single-task networks no more), and 4 years.
    assert (emotion.task, emotion.target) == ("emotion", 0.4)
    assert emotion.baseline_cost.epochs == 2.5  # after 3 and 2 epochs
    assert emotion.baseline_cost.epochs_sd == pytest.approx(0.5**0.5, abs=1e-6)
    assert emotion.baseline_cost.multiply_adds == 25
    assert emotion.candidate_cost.epochs == 2  # after 1 and 3
    assert emotion.candidate_cost.multiply_adds == 24
    assert emotion.ratio == pytest.approx(24 / 25)
    assert (age.target, age.baseline_cost.epochs, age.candidate_cost.epochs) == (4.0, 1.5, 3)
    # All tasks: 3 + 2 and 2 + 1 epochs alone; together 3 and 3.
    assert (together.task, together.target) == (TOGETHER, None)
    assert together.baseline_cost.epochs == 4
    assert together.baseline_cost.multiply_adds == (3 * 10 + 2 * 7 + 2 * 10 + 1 * 7) / 2
    assert together.candidate_cost.epochs == 3
    assert together.candidate_cost.multiply_adds == 36
    # Shares of all that the runs trained: 7 epochs of 10 and 4 of 7; 6 of 12.
    assert together.baseline_cost.share == pytest.approx(71 / 98, abs=1e-6)
    assert together.candidate_cost.share == 1


def test_a_run_without_curves_has_no_bill() -> None:
    runs = {"compare-stl": run_scores(Numbers(), "compare", "stl")}
    rows = curves()
    assert bill([PAIR], runs, rows[rows["run"] == "compare-stl"]) == []
