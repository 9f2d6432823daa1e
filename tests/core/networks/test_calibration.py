"""Calibration against definitions written plainly, and against scikit-learn's temperature."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax

from stages.core.config.tasks import Task
from stages.core.config.training import TrainingConfig
from stages.core.metrics.formulas import ccc
from stages.core.networks.calibration import (
    COLDEST,
    STEPS,
    Calibration,
    calibrate,
    match,
    matched,
    temperature,
)


def test_matched_predictions_have_the_mean_and_the_sd_of_the_labels() -> None:
    generator = np.random.default_rng(1)
    predictions = generator.normal([0.5, 30.0], [0.1, 2.0], (400, 2)).astype(np.float32)
    labels = generator.normal([0.2, 25.0], [0.3, 9.0], (700, 2))
    labels[::7] = np.nan
    mapped = match(predictions, labels).mapped(predictions)
    assert mapped.dtype == np.float32
    np.testing.assert_allclose(mapped.mean(axis=0), np.nanmean(labels, axis=0), rtol=1e-5)
    np.testing.assert_allclose(mapped.std(axis=0), np.nanstd(labels, axis=0), rtol=1e-5)


def test_one_map_for_all_seeds_is_that_of_their_mean() -> None:
    seeds = np.random.default_rng(2).normal(0, [[[1.0]], [[2.0]]], (2, 50, 3)).astype(np.float32)
    chosen = match(seeds.mean(axis=0), np.random.default_rng(3).normal(4, 5, (60, 3)))
    np.testing.assert_allclose(
        np.mean([chosen.mapped(seed) for seed in seeds], axis=0), chosen.mapped(seeds.mean(axis=0)), atol=1e-4
    )


def test_an_ensemble_that_varies_too_little_gains() -> None:
    generator = np.random.default_rng(4)
    labels = generator.uniform(0, 1, 500)
    predictions = (0.5 + 0.2 * (labels - 0.5) + generator.normal(0, 0.05, 500))[:, None]
    mapped = match(predictions, labels[:, None]).mapped(predictions)
    assert ccc(labels, mapped[:, 0]) > ccc(labels, predictions[:, 0]) + 0.2


def test_a_constant_prediction_is_shifted_and_never_nan() -> None:
    assert match(np.full((5, 1), 0.3), np.array([[1.0], [3.0]])) == Calibration((1.0,), (1.7,))
    assert match(np.array([[2.0]]), np.array([[1.0]])) == Calibration((1.0,), (-1.0,))


@given(st.integers(1, 60), st.integers(2, 5), st.integers(0, 99))
@settings(max_examples=30, deadline=None)
def test_the_order_of_columns_changes_no_bit(rows: int, columns: int, seed: int) -> None:
    values = np.random.default_rng(seed).normal(0, 3, (rows, columns))
    together = match(values, values * 2 + 1)
    alone = [match(values[:, [column]], values[:, [column]] * 2 + 1) for column in range(columns)]
    assert together.factor == tuple(one.factor[0] for one in alone)
    assert together.offset == tuple(one.offset[0] for one in alone)


@pytest.mark.parametrize("sharpness", [0.01, 0.3, 1.0, 4.0])
def test_temperature_is_that_of_scikit_learn(sharpness: float) -> None:
    from sklearn.calibration import _TemperatureScaling

    generator = np.random.default_rng(5)
    logits = generator.normal(0, 1, (3000, 4))
    odds = np.exp(logits)
    classes = np.array([generator.choice(4, p=row / row.sum()) for row in odds])
    theirs = 1 / _TemperatureScaling().fit(logits * sharpness, classes).beta_
    ours = temperature(logits[None] * sharpness, classes)
    assert abs(np.log2(ours / theirs)) <= 1 / 16
    assert 16 * np.log2(ours) == pytest.approx(round(16 * np.log2(ours)), abs=1e-4)
    assert ours == pytest.approx(sharpness, rel=0.15)


def test_a_temperature_sharpens_probabilities() -> None:
    before = np.array([[0.5, 0.25, 0.25], [1.0, 0.0, 0.0]], np.float32)
    after = Calibration(temperature=0.5).mapped(before)
    np.testing.assert_allclose(after, [[2 / 3, 1 / 6, 1 / 6], [1.0, 0.0, 0.0]], rtol=1e-6)
    assert Calibration().mapped(before) is before


def test_temperature_counts_labelled_clips_and_averages_seeds() -> None:
    generator = np.random.default_rng(6)
    logits, classes = generator.normal(0, 2, (2, 200, 3)), generator.integers(0, 3, 200)
    chosen = temperature(logits, classes)
    with_unlabelled = np.concatenate([logits, np.full((2, 5, 3), 99.0)], axis=1)
    assert temperature(with_unlabelled, np.r_[classes, np.full(5, -1)]) == chosen
    assert temperature(logits[::-1], classes) == chosen
    assert temperature(logits, np.full(200, -1)) == 1.0


def test_ratings_take_the_spread_of_training_classes_the_sharpness_of_validation_and_years_stay() -> None:
    tasks = {
        "mood": Task("regression", ("Mood",), "ccc"),
        "age": Task("regression", ("Age",), "mae"),
        "sex": Task("classification", ("Sex",), "uar"),
    }
    sex = np.array([[[0.9, 0.1], [0.1, 0.9], [0.9, 0.1]]] * 2, np.float32)
    mood = np.array([[[1.0], [2.0], [3.0]], [[3.0], [4.0], [5.0]]], np.float32)  # mean 2, 3, 4
    train = {"mood": np.array([[10.0], [30.0]]), "age": np.ones((2, 1)), "sex": np.array([1, 0, 1])}
    validation = {"mood": np.array([[0.0]] * 3), "age": np.ones((3, 1)), "sex": np.array([0, 1, 0])}
    found = calibrate(tasks, {"mood": mood, "age": mood, "sex": sex}, train, validation)
    assert list(found) == ["mood", "sex"]
    factor = 10 / math.sqrt(2 / 3)
    assert found["mood"].factor == pytest.approx((factor,))
    assert found["mood"].offset == pytest.approx((20 - 3 * factor,))
    # Validation is always right, training never.
    assert found["sex"].temperature == pytest.approx(2 ** (COLDEST / STEPS), rel=1e-6)


def test_the_hottest_temperature_and_the_smallest_probabilities() -> None:
    """Always wrong asks for as much doubt as there is; what float32 rounds to 0 stays a number."""
    logits = np.tile([5.0, 0.0], (1, 4, 1))
    assert temperature(logits, np.ones(4, np.int64)) == 16.0
    assert temperature(logits, np.zeros(4, np.int64)) == pytest.approx(1 / 1024, rel=1e-6)
    sure = Calibration(temperature=2.0).mapped(np.array([[1.0, 0.0]], np.float32))
    assert sure[0, 1] == pytest.approx(1e-19, rel=1e-5, abs=0) and sure.dtype == np.float32


def test_only_whole_rows_of_labels_are_matched() -> None:
    labels = np.array([[1.0, 10.0], [np.nan, 99.0], [3.0, 50.0]])
    found = match(np.array([[0.0, 0.0], [2.0, 4.0]], np.float32), labels)
    assert found == Calibration((1.0, 10.0), (1.0, 10.0))


def test_without_validation_clips_nothing_is_calibrated() -> None:
    tasks = {
        "mood": Task("regression", ("Mood",), "ccc"),
        "likes": Task("regression", ("Likes",), "pearson"),
        "sex": Task("classification", ("Sex",), "uar"),
    }
    labels = {"mood": np.array([[1.0], [3.0]]), "likes": np.array([[1.0], [3.0]]), "sex": np.array([0, 1])}
    empty = {"mood": np.empty((2, 0, 1)), "likes": np.empty((2, 0, 1)), "sex": np.empty((2, 0, 2))}
    assert calibrate(tasks, empty, labels, {name: values[:0] for name, values in labels.items()}) == {}
    some = {name: np.full((2, 2, values.shape[2]), 0.5) for name, values in empty.items()}
    assert calibrate(tasks, some, labels, labels) == {
        "mood": Calibration((1.0,), (1.5,)),  # a correlation knows no spread
        "sex": Calibration(temperature=0.000976562),  # all are as good: the first
    }


def test_what_is_matched() -> None:
    asked = {
        (calibration, score): matched(
            Task("regression", ("Mood",), score), TrainingConfig(calibration=calibration)
        )  # type: ignore[arg-type]
        for calibration in ("none", "match")
        for score in ("ccc", "pearson", "mae", "rmse")
    }
    assert [key for key, value in asked.items() if value] == [("match", "ccc")]


def test_of_two_seeds_the_mean_of_the_probabilities_is_judged() -> None:
    """The best step by trying those from 1/4 up, where one seed is far surer than the other."""
    generator = np.random.default_rng(9)
    classes = generator.integers(0, 3, 300)
    right = np.eye(3)[classes]
    logits = np.stack(
        [right * 0.5 + generator.normal(0, 1, (300, 3)), 9 * right + generator.normal(0, 9, (300, 3))]
    )

    def loss(step: int, together: bool) -> float:
        own = softmax(logits / 2 ** (step / 16), axis=2)[:, np.arange(300), classes]
        return float(-np.log(own.mean(axis=0)).mean() if together else -np.log(own).mean())

    best, apart = (min(range(-32, 65), key=lambda step: loss(step, mode)) for mode in (True, False))
    assert temperature(logits, classes) == pytest.approx(2 ** (best / 16), rel=1e-6)
    assert best != apart
