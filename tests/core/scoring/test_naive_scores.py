"""What the naive predictor learns of training, and scores on each of the other splits."""

import numpy as np
import pandas as pd
import pytest

from stages.core.config.tasks import Task
from stages.core.scoring.naive_scores import NaiveScore, naive_predictions, naive_scores

TASKS = {
    "mood": Task("regression", ("Joy", "Calm"), "mae"),
    "kind": Task("classification", ("Kind",), "uar"),
    "age": Task("regression", ("Age",), "mae"),
    "never": Task("regression", ("Never",), "mae"),
    "late": Task("classification", ("Late",), "uar"),
}
LABELS = pd.DataFrame(
    {
        "clip_id": list("ihgfedcba"),
        "split": ["train"] * 4 + ["validation"] * 2 + ["test"] * 3,
        "Joy": [1.0, 2, 3, np.nan, 5, 7, 0, 0, 0],
        "Calm": [10.0, 20, 60, np.nan, 30, 30, 30, 31, 38],
        "Kind": ["cry", "laugh", "laugh", None, "cry", "cry", "laugh", "gasp", "cry"],
        "Age": [20.0, 25, np.nan, 36, 26, np.nan, np.nan, np.nan, np.nan],
        "Never": [np.nan] * 4 + [1.0] * 5,
        "Late": [None] * 4 + ["x", "y", "x", "y", "x"],
    }
)


def test_it_says_the_mean_and_the_shares_of_the_training_split() -> None:
    (table,) = naive_predictions(LABELS, TASKS).by_seed.values()
    assert list(table.index) == list("ihgfedcba")
    assert list(table.columns) == ["mood.Joy", "mood.Calm", "kind.cry", "kind.laugh", "age.Age"]
    assert table.drop_duplicates().to_numpy() == pytest.approx(np.array([[2, 30, 1 / 3, 2 / 3, 27]]))


def test_each_split_has_its_own_score() -> None:
    """Mood errs by 3 and 5, and 0 on the other column; gasp, which training lacks, counts as unlabelled."""
    found = naive_scores(LABELS, TASKS, naive_predictions(LABELS, TASKS))
    assert found == {
        "validation": {
            "mood": NaiveScore(2.0, "always the training mean"),
            "kind": NaiveScore(0.0, "always laugh, commonest in training"),
            "age": NaiveScore(1.0, "always the training mean (27.00)"),
        },
        "test": {
            "mood": NaiveScore(2.5, "always the training mean"),
            "kind": NaiveScore(0.5, "always laugh, commonest in training"),
        },
    }
