"""Relevance of families in a network of one linear layer, against what is computed by hand."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from stages.core.config.evaluation import EvaluationOptions
from stages.core.metrics.metric import METRICS
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
from stages.core.relevance.exchange import exchanged
from stages.core.scoring import bootstrap
from stages.core.scoring.sampling import Sampling

RNG = np.random.default_rng(1)
SPEAKER = np.repeat(np.arange(12), [1, 2, 3, 1, 2, 1, 1, 2, 1, 3, 1, 2])
CLIPS = len(SPEAKER)
TEST = RNG.normal(size=(CLIPS, 2))
KNOWN = RNG.normal(size=(3, 2))
TOLD = {name: RNG.normal(size=(CLIPS, 3)) for name in ("pitch", "timing")}
WEIGHTS = {5: np.array([[1.0], [2.0]]), 1: np.array([[0.5], [-1.5]])}  # of each seed
FAMILIES = {"pitch": np.array([0]), "timing": np.array([1])}
INSIDE = SPEAKER < 7
DRAWN = bootstrap.draws(12, 30, np.random.default_rng(2))
Outputs = Callable[[np.ndarray], np.ndarray]


def relevance(
    monkeypatch: pytest.MonkeyPatch, asked: Asked, outputs: Outputs, **groups: np.ndarray
) -> tuple[Heard, list[Relevance]]:
    """What is found of networks of two seeds, each the weighted sum of both features plus its seed."""

    def layer(_: Any, seed: int) -> Any:
        return SimpleNamespace(
            bias=np.array([float(seed)]),
            added=lambda inputs, columns: inputs[:, columns] @ WEIGHTS[seed][columns],
            predict=lambda sums: {"task": outputs(sums), "other": sums},
            network=SimpleNamespace(seed=seed),
        )

    monkeypatch.setattr(by_family, "FirstLayer", SimpleNamespace(of=layer))
    model: Any = SimpleNamespace(networks=[5, 1], seeds=(5, 1))
    shares = {"pitch": 0.25, "timing": 0.75}
    kernels: Any = SimpleNamespace(
        known=KNOWN, told_by_the_rest=lambda name, _: Told(np.arange(3), TOLD[name], shares[name])
    )
    sampling = Sampling(SPEAKER, DRAWN, EvaluationOptions(seed=4, confidence=0.8))
    heard = Heard({"task": asked}, sampling, groups, 4)
    found = list(family_relevance(model, FAMILIES, kernels, TEST, heard))
    assert [(name, share) for name, share, _ in found] == list(shares.items())
    return heard, [row for _, _, rows in found for row in rows]


def exchanged_by(seed: int, purpose: int, number: int) -> list[np.ndarray]:
    rng = np.random.default_rng([seed, purpose])
    return [exchanged(SPEAKER, rng) for _ in range(number)]


@pytest.mark.parametrize("kind", [ALONE, GIVEN_REST])
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("score", ["mae", "ccc"])
def test_loss_interval_floor_and_p_by_hand(
    monkeypatch: pytest.MonkeyPatch, kind: str, family: str, score: Any
) -> None:
    """Two columns, and a clip without a label."""
    monkeypatch.setattr(by_family, "LABELS_EXCHANGED", 30)
    truth = np.hstack([TEST @ WEIGHTS[5] + 4.5, TEST @ WEIGHTS[1] - 0.5]) + RNG.normal(0, 0.5, (CLIPS, 2))
    truth[3] = np.nan
    asked = Asked(score, ["Age", "Size"], truth)
    _, rows = relevance(
        monkeypatch, asked, lambda sums: np.hstack([sums, 2 - sums]), few=INSIDE, one=np.arange(CLIPS) == 0
    )
    column = FAMILIES[family][0]
    before, after = [], []
    for seed, weights in WEIGHTS.items():
        total, weight = (TEST @ weights)[:, 0] + seed, weights[column, 0]
        moved = weight * (TEST[:, column] - (TOLD[family] @ KNOWN[:, column] if kind == GIVEN_REST else 0))
        changed = [total - moved + moved[donors] for donors in exchanged_by(4, 2, 4)]
        before.append(np.stack([total, 2 - total], axis=1))
        after += [np.stack([sums, 2 - sums], axis=1) for sums in changed]

    def loss(labels: np.ndarray, part: slice, clips: Any = slice(None)) -> float:
        of, sign = METRICS[score].compute, -1 if score == "mae" else 1
        values = [
            np.mean([of(labels[clips][:, part], predicted[clips][:, part]) for predicted in predictions])
            for predictions in (before, after)
        ]
        return float(sign * (values[0] - values[1]))

    chance = exchanged_by(4, 3, by_family.LABELS_EXCHANGED)
    of = {(row.part, row.group): row for row in rows if (row.kind, row.family) == (kind, family)}
    parts = {"Age": slice(0, 1), "Size": slice(1, 2), WHOLE: slice(0, 2)}
    assert list(of) == [(part, group) for group in ("", "few") for part in parts]
    for part, which in parts.items():
        whole, few = of[part, ""], of[part, "few"]
        value = loss(truth, which)
        assert whole.value == pytest.approx(value, abs=1e-6)
        replicates = [loss(truth, which, np.repeat(np.arange(CLIPS), times[SPEAKER])) for times in DRAWN]
        assert (whole.low, whole.high) == pytest.approx(np.quantile(replicates, [0.1, 0.9]), abs=1e-5)
        by_chance = [loss(truth[donors], which) for donors in chance]
        assert whole.floor == pytest.approx(np.quantile(by_chance, 0.95), abs=1e-5)
        reached = sum(found >= value for found in by_chance)
        assert whole.p == pytest.approx((1 + reached) / (1 + by_family.LABELS_EXCHANGED), abs=1e-6)
        assert few.value == pytest.approx(loss(truth, which, INSIDE), abs=1e-6)
        assert few.floor is None and few.p is None and few.low is not None
        assert (whole.task, few.task) == ("task", "task")


def test_recalls_are_those_of_classes_and_groups_of_one_class_have_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    truth = (TEST @ WEIGHTS[5] > 0)[:, 0].astype(np.int64)
    truth[7] = -1
    first = int(np.flatnonzero(truth == 1)[0])
    groups = {
        "few": INSIDE,
        "high": truth == 1,
        "one": np.arange(CLIPS) == first,
        "unknown": truth == -1,
        "none": np.zeros(CLIPS, bool),
    }
    asked = Asked("uar", ["low", "high", "absent"], truth)
    _, rows = relevance(
        monkeypatch, asked, lambda sums: np.hstack([-sums, sums, np.full_like(sums, -9.0)]), **groups
    )
    assert {row.group for row in rows} == {"", "few"}
    for group, clips in (("", truth >= 0), ("few", INSIDE & (truth >= 0))):
        of = {row.part: row for row in rows if (row.group, row.kind, row.family) == (group, ALONE, "timing")}
        lost = np.zeros(2)
        for seed, weights in WEIGHTS.items():
            moved = TEST[:, 1] * weights[1, 0]
            total = (TEST @ weights)[:, 0] + seed
            for donors in exchanged_by(4, 2, 4):
                right = [(sums > 0) == truth for sums in (total, total - moved + moved[donors])]
                for one in (0, 1):
                    inside = clips & (truth == one)
                    lost[one] += (right[0][inside].mean() - right[1][inside].mean()) / 8
        assert [of["low"].value, of["high"].value] == pytest.approx(lost, abs=1e-6)
        assert of[WHOLE].value == pytest.approx(lost.mean(), abs=1e-6)
        absent = of["absent"]
        assert (absent.value, absent.low, absent.high, absent.floor, absent.p) == (None,) * 5
        assert not absent.sure


@pytest.mark.parametrize(
    ("group", "value", "low", "floor", "sure"),
    [
        ("", 0.2, -0.1, 0.1, True),
        ("", 0.1, 0.05, 0.1, False),
        ("few", 0.2, -0.1, None, False),
        ("few", 0.2, 0.1, None, True),
        ("few", None, None, None, False),
        ("few", 0.2, 0.0, None, False),
        ("", None, None, 0.0, False),
        ("", 0.0, None, None, False),
        ("", 0.1, None, None, True),
    ],
)
def test_sure_is_above_the_floor_or_in_a_group_above_zero(
    group: str, value: float | None, low: float | None, floor: float | None, sure: bool
) -> None:
    assert Relevance(ALONE, "pitch", "age", "Age", group, value, low, 1.0, floor).sure is sure
