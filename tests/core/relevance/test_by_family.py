"""Relevance of families in a network of one linear layer, against what is computed by hand."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from stages.core.config.evaluation import EvaluationOptions
from stages.core.relevance import by_family
from stages.core.relevance.by_family import (
    ALONE,
    GIVEN_REST,
    WHOLE,
    Asked,
    Heard,
    Relevance,
    family_relevance,
)
from stages.core.relevance.conditional import Told
from stages.core.scoring.sampling import Sampling

RNG = np.random.default_rng(1)
SPEAKERS = 12
TEST = RNG.normal(size=(SPEAKERS, 2))
KNOWN = RNG.normal(size=(3, 2))
TOLD = RNG.normal(size=(SPEAKERS, 3))
WEIGHTS = np.array([[1.0], [2.0]])
FAMILIES = {"pitch": np.array([0]), "timing": np.array([1])}
INSIDE = np.arange(SPEAKERS) < 7


def relevance(monkeypatch: pytest.MonkeyPatch, asked: Asked, outputs: Any) -> tuple[Heard, list[Relevance]]:
    """What is found of the weighted sum of both features plus 1; each replicate draws each speaker once."""
    layer = SimpleNamespace(
        bias=np.ones(1),
        added=lambda inputs, columns: inputs[:, columns] @ WEIGHTS[columns],
        predict=lambda sums: {"task": outputs(sums)},
        network=SimpleNamespace(seed=1),
    )
    monkeypatch.setattr(by_family, "FirstLayer", SimpleNamespace(of=lambda *_: layer))
    model: Any = SimpleNamespace(networks=[None], seeds=[1])
    kernels: Any = SimpleNamespace(known=KNOWN, told_by_the_rest=lambda *_: Told(np.arange(3), TOLD, 0.25))
    sampling = Sampling(np.arange(SPEAKERS), np.ones((5, SPEAKERS), np.uint8), EvaluationOptions())
    heard = Heard({"task": asked}, sampling, {"few": INSIDE}, 4)
    found = list(family_relevance(model, FAMILIES, kernels, TEST, heard))
    assert [(name, share) for name, share, _ in found] == [("pitch", 0.25), ("timing", 0.25)]
    return heard, [row for _, _, rows in found for row in rows]


@pytest.mark.parametrize("kind", [ALONE, GIVEN_REST])
@pytest.mark.parametrize(("family", "weight"), [("pitch", 1.0), ("timing", 2.0)])
def test_loss_floor_and_p_by_hand(
    monkeypatch: pytest.MonkeyPatch, kind: str, family: str, weight: float
) -> None:
    truth = TEST @ WEIGHTS + 1.5  # half a year above what is predicted
    heard, rows = relevance(monkeypatch, Asked("mae", ["Age"], truth), lambda sums: sums)
    column = FAMILIES[family][0]
    moved = weight * (TEST[:, column] - (TOLD @ KNOWN[:, column] if kind == GIVEN_REST else 0))
    before = (truth - 0.5)[:, 0]
    after = [before - moved + moved[donors] for donors in heard.exchanges(2, 4)]

    def loss(labels: np.ndarray, clips: Any = slice(None)) -> float:
        errors = [np.abs(predicted - labels)[clips].mean() for predicted in after]
        return float(np.mean(errors) - np.abs(before - labels)[clips].mean())

    chance = [loss(truth[donors, 0]) for donors in heard.exchanges(3, by_family.LABELS_EXCHANGED)]
    of = {(row.part, row.group): row for row in rows if (row.kind, row.family) == (kind, family)}
    assert set(of) == {("Age", ""), (WHOLE, ""), ("Age", "few"), (WHOLE, "few")}
    whole = of[WHOLE, ""]
    assert whole.value == whole.low == whole.high == pytest.approx(loss(truth[:, 0]), abs=1e-6)
    assert whole.floor == pytest.approx(np.quantile(chance, 0.95), abs=1e-6)
    reached = sum(value >= loss(truth[:, 0]) for value in chance)
    assert whole.p == pytest.approx((1 + reached) / (1 + by_family.LABELS_EXCHANGED), abs=1e-6)
    few = of["Age", "few"]
    assert few.value == pytest.approx(loss(truth[:, 0], INSIDE), abs=1e-6)
    assert few.floor is None and few.p is None


def test_a_class_without_test_clips_has_neither_value_nor_p(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = Asked("uar", ["low", "high", "absent"], (TEST @ WEIGHTS > 0)[:, 0].astype(np.int64))
    _, rows = relevance(monkeypatch, asked, lambda sums: np.hstack([-sums, sums, np.full_like(sums, -9.0)]))
    whole = {row.part: row for row in rows if not row.group and row.kind == ALONE and row.family == "timing"}
    assert (whole["absent"].value, whole["absent"].floor, whole["absent"].p) == (None, None, None)
    assert whole["high"].value is not None and whole["high"].p is not None
    assert not whole["absent"].sure


@pytest.mark.parametrize(
    ("group", "value", "low", "floor", "sure"),
    [
        ("", 0.2, -0.1, 0.1, True),
        ("", 0.1, 0.05, 0.1, False),
        ("few", 0.2, -0.1, None, False),
        ("few", 0.2, 0.1, None, True),
        ("few", None, None, None, False),
    ],
)
def test_sure_is_above_the_floor_or_in_a_group_above_zero(
    group: str, value: float | None, low: float | None, floor: float | None, sure: bool
) -> None:
    assert Relevance(ALONE, "pitch", "age", "Age", group, value, low, 1.0, floor).sure is sure
