import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from stages.core.config.tasks import Task
from stages.core.dataset.labels import classes_of, labelled, targets_of, unseen_classes

EMOTION = Task("regression", ("Awe", "Fear"), "ccc", scale="row-max", output="sigmoid")
COUNTRY = Task("classification", ("Country",), "uar")


def test_a_partly_labelled_clip_is_unlabelled() -> None:
    labels = pd.DataFrame({"Awe": [1.0, np.nan], "Fear": [0.5, 0.5]})
    assert np.isnan(targets_of(EMOTION, labels)).tolist() == [[False, False], [True, True]]


def test_a_partly_labelled_clip_is_unlabelled_without_a_scale_too() -> None:
    labels = pd.DataFrame({"Awe": [1.0, np.nan, 0.0], "Fear": [0.5, 0.5, 0.0]})
    found = targets_of(Task("regression", ("Awe", "Fear"), "ccc"), labels)
    np.testing.assert_array_equal(found, [[1.0, 0.5], [np.nan, np.nan], [0.0, 0.0]])
    assert labelled(found).tolist() == [True, False, True]  # 0 is a label


def test_classes_are_sorted_and_missing_is_minus_one() -> None:
    labels = pd.DataFrame({"Country": ["USA", None, "China", "USA"]})
    classes = classes_of(COUNTRY, labels)
    assert classes == ("China", "USA")
    assert targets_of(COUNTRY, labels, classes).tolist() == [1, -1, 0, 1]


def test_a_class_never_seen_in_training_is_named_and_counts_as_no_label() -> None:
    names = ["Peru", "China", None, "Togo", "Chad", "Fiji", "Peru"]
    labels = pd.DataFrame({"Country": names})
    assert unseen_classes(COUNTRY, labels, ("China",)) == ["Chad", "Fiji", "Peru", "Togo"]
    found = targets_of(COUNTRY, labels, ("Chad", "China"))
    assert (found.tolist(), found.dtype) == ([-1, 1, -1, -1, 0, -1, -1], np.int64)
    assert labelled(found).tolist() == [False, True, False, False, True, False, False]


@given(st.lists(st.tuples(st.floats(0, 100), st.floats(0, 100)), min_size=1, max_size=20))
def test_scaling_by_the_row_maximum_is_idempotent(rows: list[tuple[float, float]]) -> None:
    labels = pd.DataFrame(rows, columns=["Awe", "Fear"])
    once = targets_of(EMOTION, labels)
    assert ((once >= 0) & (once <= 1)).all()
    assert set(np.unique(once.max(axis=1))) <= {0.0, 1.0}
    np.testing.assert_array_equal(targets_of(EMOTION, pd.DataFrame(once, columns=["Awe", "Fear"])), once)
