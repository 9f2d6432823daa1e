"""What tasks share, on representations and gradients that are given."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy.stats import spearmanr

from stages.core.config.evaluation import EvaluationOptions
from stages.core.config.tasks import Task
from stages.core.config.training import TrainingConfig
from stages.core.networks.data import MultiTaskData, SplitData
from stages.core.networks.draws import order_of_clips
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


@pytest.mark.parametrize("confidence", [0.9, 0.95])
def test_conflicts_are_batches_of_training_whose_gradients_point_against_each_other(
    monkeypatch: pytest.MonkeyPatch, confidence: float
) -> None:
    """Two networks, the first two batches of each, in which rare classes come as often as others."""
    kinds, clips = np.array([0, 0, 0, 1, 0, 0, 0, 1, 0, 1]), np.arange(10)
    train = SplitData(
        clips[:, None].astype(np.float32),
        {"age": clips[:, None] + 20.0, "kind": kinds, "mood": -clips[:, None] / 9},
    )
    tasks = {
        "age": Task("regression", ("Age",), "mae"),
        "kind": Task("classification", ("Kind",), "uar"),
        "mood": Task("regression", ("Mood",), "ccc"),
    }
    data = MultiTaskData(
        tasks, {"age": 1, "kind": 2, "mood": 1}, train, train, dict.fromkeys(tasks, (0.0, 1.0))
    )
    config = TrainingConfig(batch_size=4, class_weights="batches", seeds=(3, 5))
    monkeypatch.setattr(sharing, "BATCHES", 2)
    seen: dict[int, list[int]] = {3: [], 5: []}

    def trunk(_: Any, network: Any) -> Any:
        def gradients(inputs: np.ndarray, labels: Any) -> dict[str, float]:
            rows = inputs[:, 0].astype(int)
            np.testing.assert_array_equal(labels.targets, np.c_[rows + 20, kinds[rows], -rows / 9])
            seen[network.seed] += rows.tolist()
            second = len(seen[network.seed]) > 4
            return {"age": {3: -1.0, 5: 0.0}[network.seed] if second else 5.0, "kind": 0.1, "mood": np.nan}

        return SimpleNamespace(gradients=gradients)

    monkeypatch.setattr(sharing, "Trunk", trunk)
    monkeypatch.setattr(sharing, "cosine", lambda one, other: one * other)
    networks = [SimpleNamespace(tasks=list(tasks), seed=seed) for seed in (3, 5)]
    model: Any = SimpleNamespace(description=SimpleNamespace(training=config), networks=networks)
    told = heard()
    told.sampling.options = EvaluationOptions(seed=1, confidence=confidence)
    angles, conflicts = sharing.shared_gradients(model, data, told)
    often = np.where(kinds == 1, 10 / (2 * 3), 10 / (2 * 7))
    for seed, rows in seen.items():
        assert rows == order_of_clips(10, seed, 0, often)[:8].tolist()
    # A task without a gradient has no cosine, and a cosine of 0 is no conflict.
    cosines = np.array([0.5, -0.1, 0.5, 0.0])
    drawn = cosines[np.random.default_rng([1, 6]).integers(0, 4, (1000, 4))]
    for found, measure, values, own in (
        (angles, "gradients", drawn, 0.225),
        (conflicts, "conflicts", drawn < 0, 0.25),
    ):
        ends = np.quantile(values.mean(axis=1), [(1 - confidence) / 2, (1 + confidence) / 2])
        assert (found.measure, found.first, found.second, found.floor) == (measure, "age", "kind", None)
        assert found.value == pytest.approx(own, abs=1e-6)
        assert (found.low, found.high) == pytest.approx(ends, abs=1e-6)


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


def test_a_feature_goes_with_a_task_by_the_mean_over_its_parts() -> None:
    """Joy is told by the first feature alone, and Awe a little by the second and the third."""
    rng = np.random.default_rng(2)
    features = rng.normal(size=(40, 3))
    joy = features[:, 0]
    awe = features[:, 1] + 1.2 * features[:, 2]
    fear = features[:, 2] + 1.1 * features[:, 1] + 0.2 * features[:, 0]
    mood = np.stack([joy, awe, fear], axis=1)
    age = (features @ [1.0, 2.0, 4.0])[:, None]
    _, found = sharing.shared_features(
        [], features, heard(mood=Asked("ccc", list("jaf"), mood), age=Asked("mae", ["Age"], age))
    )
    strengths = [
        np.abs([[spearmanr(one, label).statistic for label in labels.T] for one in features.T])
        for labels in (mood, age)
    ]
    by_mean, by_max = (
        spearmanr(pick(strengths[0], axis=1), strengths[1][:, 0]).statistic for pick in (np.mean, np.max)
    )
    assert by_mean != pytest.approx(by_max)
    assert found.value == pytest.approx(by_mean, abs=1e-6)
