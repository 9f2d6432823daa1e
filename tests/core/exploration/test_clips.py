import numpy as np
import pandas as pd
import pytest

from stages.core.config.tasks import Task
from stages.core.exploration.clips import ClipTable, error_label, error_of

TASKS = {
    "mood": Task("regression", ("Awe", "Fear"), "ccc"),
    "kind": Task("classification", ("Kind",), "uar"),
    "age": Task("regression", ("Age",), "mae"),
}
CLIPS = pd.DataFrame(
    {
        "clip_id": ["b", "a", "c"],
        "speaker": ["S2", "S1", None],
        "split": ["test", "test", "train"],
        "seconds": [1.234, 2.0, 0.5],
        "Awe": [1.0, 0.0, np.nan],
        "Fear": [0.0, 0.5, 0.5],
        "Kind": ["cry", "laugh", None],
        "Age": [30.0, 40.0, np.nan],
    }
)


def table() -> ClipTable:
    return ClipTable.of(CLIPS, TASKS, {"kind": ["cry", "laugh"]}, "Kind")


def predictions() -> pd.DataFrame:
    rows = {"clip_id": ["a", "b"] * 2, "seed": [1, 1, 2, 2]}
    values = {
        "mood.Awe": [0.0, 0.5, 0.2, 0.7],
        "mood.Fear": [0.5, 0.5, 0.5, 0.5],
        "kind.cry": [0.25, 0.5, 0.75, 0.5],
        "kind.laugh": [0.75, 0.5, 0.25, 0.5],
        "age.Age": [38.0, 29.0, 40.0, 37.0],
    }
    return pd.DataFrame({**rows, **values})


def test_means_over_seeds_and_errors_clip_by_clip() -> None:
    run = table().predictions(predictions())
    np.testing.assert_allclose(run.values["mood"], [[0.1, 0.5], [0.6, 0.5], [np.nan] * 2], rtol=1e-6)
    np.testing.assert_allclose(run.errors["mood"], [0.05, 0.45, np.nan], rtol=1e-6)
    np.testing.assert_allclose(run.errors["kind"], [0.5, 0.5, np.nan])
    np.testing.assert_allclose(run.errors["age"], [1.0, 3.0, np.nan])
    columns = run.columns()
    assert columns.shape == (3 + 3 + 2, 3)
    assert columns.dtype == np.float32
    np.testing.assert_array_equal(columns[2], run.errors["mood"])
    np.testing.assert_array_equal(columns[-1], run.errors["age"])


def test_a_run_without_a_task_has_no_columns_of_it() -> None:
    run = table().predictions(predictions().drop(columns=["age.Age"]))
    assert list(run.values) == ["mood", "kind"]


def test_one_missing_seed_makes_a_prediction_unknown() -> None:
    run = table().predictions(predictions().iloc[:3])
    assert np.isnan(run.values["age"][1, 0])
    assert run.values["age"][0, 0] == 39.0


def test_labels_as_columns() -> None:
    truth = table().truth_columns()
    np.testing.assert_array_equal(
        truth, np.array([[0, 1, np.nan], [0.5, 0, np.nan], [1, 0, np.nan], [40, 30, np.nan]], np.float32)
    )


def test_what_the_page_is_told() -> None:
    assert table().description() == {
        "clips": ["a", "b", "c"],
        "speaker": {"names": ["S1", "S2"], "codes": [0, 1, -1]},
        "split": {"names": ["test", "train"], "codes": [0, 0, 1]},
        "group": {"title": "Kind", "names": ["cry", "laugh"], "codes": [1, 0, -1]},
        "seconds": [2.0, 1.23, 0.5],
        "tasks": [
            {
                "name": "mood",
                "kind": "regression",
                "outputs": ["Awe", "Fear"],
                "error": "mean absolute error",
            },
            {
                "name": "kind",
                "kind": "classification",
                "outputs": ["cry", "laugh"],
                "error": "1 − probability of the true class",
            },
            {
                "name": "age",
                "kind": "regression",
                "outputs": ["Age"],
                "error": "absolute error (MAE of one clip)",
            },
        ],
    }
    for column in ("Country", None):
        assert ClipTable.of(CLIPS, TASKS, {}, column).description()["group"] is None


@pytest.mark.parametrize("column", ["speaker", "split", "seconds"])
def test_clips_are_filtered_by_the_corpus_s_column_that_is_called_like_one_of_ours(column: str) -> None:
    clips = CLIPS.assign(**{f"{column}_": ["loud", None, "quiet"]})
    group = ClipTable.of(clips, TASKS, {}, column).description()["group"]
    assert group == {"title": column, "names": ["loud", "quiet"], "codes": [-1, 0, 1]}
    assert ClipTable.of(CLIPS, TASKS, {}, column).description()["group"] is None


def test_a_task_that_no_run_predicts_is_left_out() -> None:
    assert list(ClipTable.of(CLIPS, TASKS, {}).tasks) == ["mood", "age"]


def test_errors_say_what_they_are() -> None:
    assert {error_label(task) for task in TASKS.values()} == {
        "mean absolute error",
        "1 − probability of the true class",
        "absolute error (MAE of one clip)",
    }
    wrong = error_of(TASKS["age"], np.array([[20.0]]), np.array([[23.0]]))
    assert wrong.tolist() == [3.0]
    several = error_of(
        TASKS["mood"], np.array([[20.0, 1.0], [np.nan, np.nan]]), np.array([[23.0, 2.0], [0, 0]])
    )
    np.testing.assert_array_equal(several, np.array([2, np.nan], np.float32))


def test_rows_of_other_clips_and_the_order_of_rows_change_nothing() -> None:
    rows = predictions()
    stray = rows.iloc[:2].assign(clip_id="zz", **{"age.Age": 99.0})
    shuffled = pd.concat([stray, rows]).sample(frac=1, random_state=3)
    expected, found = table().predictions(rows), table().predictions(shuffled)
    np.testing.assert_array_equal(found.columns(), expected.columns())
    # As float32, columns by clip: two ratings and their error, two classes and 1 − the true one, the age.
    np.testing.assert_allclose(
        expected.columns()[:, :2].T,
        [[0.1, 0.5, 0.05, 0.5, 0.5, 0.5, 39, 1], [0.6, 0.5, 0.45, 0.5, 0.5, 0.5, 33, 3]],
        rtol=1e-6,
    )


def test_the_labels_of_a_clip_that_is_not_labelled_with_a_known_class() -> None:
    other = CLIPS.assign(Kind=["gasp", "laugh", None])
    clips = ClipTable.of(other, TASKS, {"kind": ["cry", "laugh"]}, "Kind")
    np.testing.assert_array_equal(clips.truth_columns()[2], np.array([1, np.nan, np.nan], np.float32))
    assert np.isnan(clips.predictions(predictions()).errors["kind"]).tolist() == [False, True, True]
