"""Columns and classes that a model and another corpus have in common."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd

from stages.core.config.tasks import Task
from stages.core.prediction.transfer import known_labels, predictions_of, shared_tasks

MOOD = Task("regression", ("Awe", "Fear", "Horror"), "ccc")
KIND = Task("classification", ("Kind",), "uar")


def test_outputs_are_those_of_the_shared_columns() -> None:
    by_seed = {7: {"mood": np.array([[1.0, 2.0, 3.0]]), "kind": np.array([[0.25, 0.75]])}}
    model: Any = SimpleNamespace(tasks={"mood": MOOD, "kind": KIND}, predict=lambda *_: by_seed)
    shared, _ = shared_tasks(model.tasks, ["Horror", "Fear", "Kind"])
    found = predictions_of(model, shared, np.zeros((1, 1)), np.array(["s"]))
    assert shared["mood"].columns == ("Fear", "Horror")
    assert {name: values.tolist() for name, values in found[7].items()} == {
        "mood": [[2.0, 3.0]],
        "kind": [[0.25, 0.75]],
    }


def test_classes_that_one_side_lacks_are_named() -> None:
    def notes(*kinds: str) -> list[str]:
        return known_labels({"kind": KIND}, {"kind": ["a", "b"]}, pd.DataFrame({"Kind": kinds}))[1]

    assert notes("a", "b") == []
    assert notes("a", "a") == ["task kind: no clip is of b; the other classes are scored"]
    assert notes("a", "b", "c", "c") == ["task kind: the model does not know c; 2 clips are not scored"]
    assert notes("c") == [
        "task kind: the model does not know c; 1 clips are not scored",
        "task kind: no clip has a label that the model knows; it is not scored",
    ]
