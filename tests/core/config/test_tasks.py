import pytest

from stages.core.config.tasks import SCORES, Task, stored


@pytest.mark.parametrize(
    ("score", "loss"),
    [("ccc", "concordance"), ("pearson", "concordance"), ("mae", "absolute"), ("rmse", "squared")],
)
def test_each_score_has_its_loss(score: str, loss: str) -> None:
    assert Task("regression", ("Age",), score).score_loss == loss  # type: ignore[arg-type]


def test_labels_that_a_task_cannot_reach() -> None:
    sigmoid = Task("regression", ("Awe",), "ccc", output="sigmoid")
    assert [sigmoid.out_of_reach(*ends) is None for ends in ((0, 1), (-0.1, 1), (0, 1.1))] == [
        True,
        False,
        False,
    ]
    shares = Task("regression", ("Awe",), "ccc", output="sigmoid", scale="row-max")
    assert [shares.out_of_reach(*ends) is None for ends in ((0, 100), (-1, 100))] == [True, False]
    assert Task("regression", ("Awe",), "ccc").out_of_reach(-5, 5) is None


def test_which_scores_are_correlations_and_what_columns_are_called() -> None:
    scores = ("ccc", "pearson", "mae", "rmse", "uar")
    assert [Task("regression", ("Age",), score).judged_by_correlation for score in scores] == [
        *(True, True),
        *(False, False, False),
    ]
    assert Task("regression", ("Age", "speaker", "fold_"), "ccc").label_columns == [
        "Age",
        "speaker_",
        "fold__",
    ]
    assert SCORES == {
        "regression": ("ccc", "mae", "pearson", "rmse"),
        "classification": ("uar", "f1", "accuracy", "war"),
    }


def test_no_column_takes_the_name_of_ours_however_many_underscores_it_has() -> None:
    names = ["speaker", "speaker_", "speaker__", "split", "fold", "Age", "age_"]
    assert [stored(name) for name in names] == [
        "speaker_",
        "speaker__",
        "speaker___",
        "split_",
        "fold_",
        "Age",
        "age_",
    ]
