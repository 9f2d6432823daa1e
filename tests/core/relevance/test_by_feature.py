"""Correlations and shifts of single features, against scipy and by hand."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy.stats import spearmanr

from stages.core.config.evaluation import EvaluationOptions
from stages.core.relevance import by_feature
from stages.core.relevance.by_family import Asked, Heard
from stages.core.relevance.by_feature import (
    _strongest,
    correlations,
    label_columns,
    shift,
    strongest_features,
    with_interval,
)
from stages.core.scoring import bootstrap
from stages.core.scoring.sampling import Sampling


def test_correlations_are_scipys() -> None:
    rng = np.random.default_rng(1)
    features, labels = rng.normal(size=(40, 3)).round(1), rng.normal(size=(40, 2)).round(1)
    labels[:5, 1] = np.nan
    found = correlations(features, labels)
    for row in range(3):
        for column in range(2):
            known = ~np.isnan(labels[:, column])
            expected = spearmanr(features[known, row], labels[known, column]).statistic
            assert found[row, column] == pytest.approx(expected)


def test_the_interval_covers_the_correlation_and_follows_speakers() -> None:
    rng = np.random.default_rng(2)
    speaker = np.repeat(np.arange(20), 4)
    label = rng.normal(size=20)[speaker]
    feature = label + rng.normal(size=80)
    drawn = bootstrap.draws(20, 500, np.random.default_rng(1))
    value, low, high = with_interval(feature, label, Sampling(speaker, drawn, EvaluationOptions()))
    assert value == pytest.approx(spearmanr(feature, label).statistic)
    alone = Sampling(np.arange(80), bootstrap.draws(80, 500, np.random.default_rng(1)), EvaluationOptions())
    _, closer, nearer = with_interval(feature, label, alone)
    assert low < value < high and high - low > nearer - closer


def test_shift_of_a_trait_is_of_its_highest_third() -> None:
    ages = np.arange(20.0, 29.0)
    assert shift(ages**2, ages) == 27**2 - (22**2 + 23**2) / 2
    assert np.isnan(shift(ages, np.full(9, np.nan)))
    tied = np.array([1.0, 2.0, 3.0, 3.0, 3.0, 3.0])  # the third begins at 3, which is high
    assert shift(np.array([5.0, 7.0, 1.0, 1.0, 1.0, 2.0]), tied) == 1 - 6
    assert np.isnan(shift(ages, np.full(9, 30.0)))


def test_shift_of_a_rating_is_of_one_half_and_more() -> None:
    """Where all lie between 0 and 1, whatever the largest is; clips without a rating count nothing."""
    feature = np.array([1.0, 4.0, 6.0, 20.0, 99.0])
    assert shift(feature, np.array([0.0, 0.49, 0.5, 0.8, np.nan])) == 13 - 2.5
    assert shift(feature, np.array([0.0, 0.45, 0.2, 0.8, np.nan])) == 20 - 4
    assert np.isnan(shift(feature, np.array([0.0, 0.4, 0.2, 0.3, np.nan])))
    assert np.isnan(shift(feature, np.array([0.9, 0.5, 1.0, 0.7, np.nan])))
    assert shift(feature, np.array([1.0, 0.0, 1.0, 0.0, 0.0])) == 3.5 - 20  # a class
    # From −1 or to 7 it is no rating: the highest third.
    assert shift(feature, np.array([-0.1, 0.6, 0.7, 0.8, 0.9])) == (20 + 99) / 2 - 4
    assert shift(feature, np.array([1.0, 1.1, 0.1, 0.2, 0.3])) == (1 + 4) / 2 - 20


def test_a_class_is_a_column_of_its_own() -> None:
    asked = Asked("uar", ["a", "b"], np.array([0, 1, -1]))
    assert np.array_equal(label_columns(asked), [[1, 0], [0, 1], [np.nan, np.nan]], equal_nan=True)


def test_the_strongest_go_with_the_label_or_against_it_one_of_each_descriptor() -> None:
    names = ["F0final_sma_amean", "F0final_sma_stddev", "pcm_zcr_sma_amean", "jitterLocal_sma_amean"]
    assert _strongest(names, np.array([0.3, -0.5, -0.9, 0.1])) == [2, 1, 3]


def test_training_chooses_and_test_judges(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ["F0final_sma_amean", "pcm_zcr_sma_amean"]
    rising, noise = np.arange(12.0), np.random.default_rng(3).permutation(12).astype(float)
    train, test = np.c_[rising, noise], np.c_[noise, rising]
    ages = Asked("mae", ["Age"], rising[:, None])
    network = SimpleNamespace(tasks=["age"], seed=1)
    layer = SimpleNamespace(
        bias=np.zeros(1),
        weights=np.array([[1.0], [2.0]]),
        added=lambda inputs, _: inputs @ np.array([[1.0], [2.0]]),
        predict=lambda sums: {"age": sums},
    )
    monkeypatch.setattr(by_feature, "FirstLayer", SimpleNamespace(of=lambda *_: layer))
    model: Any = SimpleNamespace(networks=[network], feature_names=names)
    sampling = Sampling(np.arange(12), np.ones((4, 12), np.uint8), EvaluationOptions())
    heard = Heard({"age": ages}, sampling, {}, 3)
    families = {"pitch": np.array([0]), "spectral shape": np.array([1])}
    found = list(strongest_features(model, families, (train, {"age": ages}), test, test, heard))
    assert [(feature.name, feature.family) for feature in found] == [
        (names[0], "pitch"),
        (names[1], "spectral shape"),
    ]
    assert found[0].correlation == pytest.approx(spearmanr(noise, rising).statistic, abs=1e-6)
    assert found[1].correlation == 1.0
