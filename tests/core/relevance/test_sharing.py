"""What tasks share, on representations and gradients that are given."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from stages.core.config.evaluation import EvaluationOptions
from stages.core.relevance import sharing
from stages.core.relevance.by_family import GIVEN_REST, WHOLE, Asked, Relevance
from stages.core.relevance.trunks import alignment

ROWS = np.array([2, 3, 0, 1])
FIRST = np.array([[0.0], [1.0], [2.0], [4.0]])
SECOND = np.array([[1.0], [0.0], [5.0], [2.0]])


def heard(**tasks: Any) -> Any:
    sampling = SimpleNamespace(options=EvaluationOptions(seed=1, confidence=0.95))
    return SimpleNamespace(asked=tasks, sampling=sampling, exchanges=lambda *_: [ROWS])


def test_trunks_are_compared_within_tasks_and_between_beside_exchanged_speakers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With one unit, CKA is the squared correlation."""
    monkeypatch.setattr(
        sharing, "Trunk", lambda _, network: SimpleNamespace(outputs=lambda inputs: inputs * network.sign + 1)
    )
    networks = [
        SimpleNamespace(tasks=["age"], sign=FIRST),
        SimpleNamespace(tasks=["mood"], sign=SECOND),
        SimpleNamespace(tasks=["age"], sign=SECOND),
    ]
    model: Any = SimpleNamespace(networks=networks)
    within, between = sharing.shared_trunks(model, np.ones((4, 1)), heard())

    def squared(one: np.ndarray, other: np.ndarray) -> float:
        return float(np.corrcoef(one[:, 0], other[:, 0])[0, 1] ** 2)

    assert squared(FIRST, SECOND) == pytest.approx(alignment(FIRST, SECOND))
    assert (within.first, within.second, between.first, between.second) == ("age", "age", "age", "mood")
    assert within.value == within.low == within.high == pytest.approx(squared(FIRST, SECOND), abs=1e-6)
    assert within.floor == pytest.approx(squared(FIRST, SECOND[ROWS]), abs=1e-6)
    # Of age there are two networks: one is mood's own representation.
    assert (between.low, between.high) == (pytest.approx(squared(FIRST, SECOND), abs=1e-6), 1.0)
    assert between.value == pytest.approx((squared(FIRST, SECOND) + 1) / 2, abs=1e-6)
    floors = [squared(FIRST, SECOND[ROWS]), squared(SECOND, SECOND[ROWS])]
    assert between.floor == pytest.approx(np.mean(floors), abs=1e-6)


def test_conflicts_are_batches_whose_gradients_point_against_each_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cosines = iter([0.5, -0.1, 0.3, 0.1, np.nan])
    monkeypatch.setattr(sharing, "cosine", lambda *_: next(cosines))
    monkeypatch.setattr(sharing, "labels_of", lambda *_: Labels(np.arange(10)))
    monkeypatch.setattr(sharing, "batch_size_of", lambda *_: 2)
    seen: list[np.ndarray] = []

    def gradients(inputs: np.ndarray, labels: Any) -> dict[str, None]:
        seen.append(inputs)
        assert inputs.tolist() == labels.targets.tolist()
        return {"age": None, "mood": None}

    monkeypatch.setattr(sharing, "Trunk", lambda *_: SimpleNamespace(gradients=gradients))
    model: Any = SimpleNamespace(
        description=SimpleNamespace(training=None), networks=[SimpleNamespace(tasks=["age", "mood"], seed=1)]
    )
    data: Any = SimpleNamespace(train=Clips(np.arange(10)))
    angles, conflicts = sharing.shared_gradients(model, data, heard())
    assert sorted(np.concatenate(seen).tolist()) == list(range(10))
    assert (angles.measure, angles.value) == ("gradients", 0.2)
    assert (conflicts.measure, conflicts.value) == ("conflicts", 0.25)
    assert (
        angles.low is not None and angles.high is not None and -0.1 <= angles.low < 0.2 < angles.high <= 0.5
    )


class Labels:
    """Labels that are looked at by row alone."""

    def __init__(self, targets: np.ndarray) -> None:
        self.targets = targets

    def _replace(self, targets: np.ndarray) -> "Labels":
        return Labels(targets)


class Clips:
    """Training clips."""

    def __init__(self, inputs: np.ndarray) -> None:
        self.inputs = inputs

    def __len__(self) -> int:
        return len(self.inputs)


def test_what_matters_is_compared_by_rank_whatever_its_sign() -> None:
    """The labels of mood are those of age turned round: the same features tell them, the other way."""

    def relevance(task: str, family: str, value: float, **changes: Any) -> Relevance:
        return replace(Relevance(GIVEN_REST, family, task, WHOLE, "", value, None, None), **changes)

    rows = [
        *(relevance("age", family, value) for family, value in zip("abc", (0.1, 0.2, 0.3), strict=True)),
        *(relevance("mood", family, value) for family, value in zip("abc", (5, 9, 7), strict=True)),
        relevance("age", "a", 9.0, group="China"),
        relevance("mood", "a", 9.0, part="Joy"),
        relevance("mood", "a", 9.0, kind="alone"),
    ]
    label = np.arange(8.0)[:, None]
    features = np.stack([label[:, 0], [0, 1, 2, 3, 4, 5, 7, 6], [0, 3, 1, 2, 7, 5, 4, 6]], axis=1)
    asked = {"age": Asked("mae", ["Age"], label), "mood": Asked("ccc", ["Joy"], -label)}
    families, of_features = sharing.shared_features(rows, features, heard(**asked))
    assert (families.measure, families.first, families.second, families.value) == (
        "families",
        "age",
        "mood",
        0.5,
    )
    assert (of_features.measure, of_features.value) == ("features", 1.0)
