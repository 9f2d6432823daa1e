from stages.core.scoring.confusions import confusion_rows, shown_confusions
from stages.core.scoring.run_scores import Confusion, SplitScores
from tests.helpers.results import Numbers, task_scores


def splits(validation=(), test=()):
    scores = task_scores(Numbers(), "uar")
    return {
        name: SplitScores(1, 1, None, dict.fromkeys(tasks, scores))
        for name, tasks in (("validation", validation), ("test", test))
    }


def test_a_class_that_is_never_predicted_keeps_its_column():
    rows = confusion_rows({"hand": Confusion(["l", "n", "r"], [[3, 0, 1], [0, 0, 0], [2, 0, 0]])})
    assert [row[1:3] for row in rows] == [(actual, predicted) for actual in "lnr" for predicted in "lnr"]
    assert [row[3] for row in rows] == [0.75, 0, 0.25, 0, 0, 0, 1, 0, 0]


def test_confusions_are_of_test_or_else_of_validation():
    assert list(shown_confusions(splits(["a"], ["b"]))) == ["b"]
    assert list(shown_confusions(splits(["a"]))) == ["a"]
    assert shown_confusions(splits()) == {}
