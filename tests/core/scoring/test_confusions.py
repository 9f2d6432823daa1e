import numpy as np
import pandas as pd

from stages.core.config.evaluation import EvaluationOptions
from stages.core.config.tasks import Task
from stages.core.scoring.confusions import confusion_rows, shown_confusions
from stages.core.scoring.run_scores import CONFUSED, Confusion, SplitScores
from stages.core.scoring.sampling import Sampling
from stages.core.scoring.score_run import score_task
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


def test_too_many_classes_have_no_matrix():
    truth = np.arange(CONFUSED + 1)
    probabilities = np.eye(CONFUSED + 1)
    labels = pd.DataFrame({"clip_id": truth.astype(str), "speaker": truth.astype(str)})
    sampling = Sampling.of(labels, EvaluationOptions(bootstrap=10))
    task = Task("classification", ("kind",), "uar")
    for number, kept in ((CONFUSED, True), (CONFUSED + 1, False)):
        classes = [f"{index:03d}" for index in range(number)]
        known = np.where(truth < number, truth, -1)
        scores = score_task(task, classes, known, {1: probabilities[:, :number]}, 1, sampling)
        assert scores.confusion.classes == classes
        assert (scores.confusion.counts is not None) is kept
        assert len(scores.classes) == number
        shown = shown_confusions({**splits(), "test": SplitScores(1, 1, None, {"kind": scores})})
        assert bool(shown) is kept
