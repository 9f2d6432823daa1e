"""Columns and classes that a model and another corpus have in common."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from stages.core.config.tasks import Task
from stages.core.prediction import transfer
from stages.core.prediction.transfer import known_labels, predictions_of, rows_of, shared_tasks
from stages.core.runtime.compute import ComputeOptions
from stages.core.runtime.errors import UnusableClipError
from stages.core.runtime.parallel import Crash

MOOD = Task("regression", ("Awe", "Fear", "Horror"), "ccc")
KIND = Task("classification", ("Kind",), "uar")


def test_outputs_are_those_of_the_shared_columns() -> None:
    by_seed = {
        seed: {"mood": np.array([[1.0, 2.0, 3.0]]) + seed, "kind": np.array([[0.25, 0.75]])}
        for seed in (7, 0)
    }
    asked: list[Any] = []
    model: Any = SimpleNamespace(
        tasks={"mood": MOOD, "kind": KIND}, predict=lambda *given: asked.append(given) or by_seed
    )
    shared, notes = shared_tasks(model.tasks, ["Horror", "Fear", "Kind"])
    assert notes == ["task mood: the corpus lacks Awe; the other columns are scored"]
    features, speakers = np.zeros((1, 1)), np.array(["s"])
    found = predictions_of(model, shared, features, speakers)
    assert asked == [(features, speakers)] and list(found) == [7, 0]
    assert found[0]["mood"].tolist() == [[2.0, 3.0]]
    assert shared["mood"].columns == ("Fear", "Horror")
    assert {name: values.tolist() for name, values in found[7].items()} == {
        "mood": [[9.0, 10.0]],
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


def test_tasks_with_a_known_label_are_kept_in_their_order() -> None:
    tasks = {"mood": MOOD, "kind": KIND, "age": Task("regression", ("Age",), "mae")}
    labels = pd.DataFrame({"Awe": [1.0], "Fear": [np.nan], "Horror": 1.0, "Kind": ["b"], "Age": [3.0]})
    kept, notes = known_labels(tasks, {"kind": ["a", "b", "c"]}, labels)
    assert kept == {"kind": KIND, "age": tasks["age"]}
    assert notes == [
        "task mood: no clip has a label that the model knows; it is not scored",
        "task kind: no clip is of a, c; the other classes are scored",
    ]


def test_each_clip_has_its_row_or_why_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []

    class Extractor:
        def __init__(self, origin: dict) -> None:
            made.append(origin)

        def row(self, path: Path) -> np.ndarray:
            if path.stem == "bad":
                raise UnusableClipError("silent", "no sound")
            return np.float32([len(path.stem)])

    def parallel_map(function, items, compute):
        assert compute is chosen
        for clip_id, path in items:
            yield clip_id, Crash("it died") if clip_id == "killer" else function(path)

    chosen = ComputeOptions(3)
    monkeypatch.setattr(transfer, "RowExtractor", Extractor)
    monkeypatch.setattr(transfer, "parallel_map", parallel_map)
    transfer._extractor.cache_clear()
    model: Any = SimpleNamespace(origin={"feature_set": "x"})
    paths = {"two": Path("ab.wav"), "killer": Path("c.wav"), "bad": Path("bad.wav"), "one": Path("a.wav")}
    rows = dict(rows_of(model, paths, chosen))
    assert list(rows) == list(paths)
    assert (rows["two"].tolist(), rows["one"].tolist()) == ([2.0], [1.0])
    assert [str(rows[name]) for name in ("killer", "bad")] == ["crash: it died", "silent: no sound"]
    assert made == [model.origin] * 2  # once at the start, once where the work is done
    transfer._extractor.cache_clear()
