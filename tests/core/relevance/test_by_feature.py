"""Correlations and shifts of single features, against scipy and by hand."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy.stats import rankdata, spearmanr

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
from stages.core.relevance.exchange import exchanged
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


SPEAKER = np.repeat(np.arange(8), [1, 2, 2, 3, 1, 1, 2, 2])
CLIPS = len(SPEAKER)


def test_training_chooses_and_test_judges(monkeypatch: pytest.MonkeyPatch) -> None:
    """Six descriptors, of which the weakest on training is not shown; the strongest functional of each."""
    names = [
        "F0final_sma_amean",
        "F0final_sma_stddev",
        "pcm_zcr_sma_amean",
        "mfcc_sma[1]_amean",
        "mfcc_sma[2]_amean",
        "jitterLocal_sma_amean",
        "logHNR_sma_meanSegLen",
    ]
    rng = np.random.default_rng(3)
    age = rng.permutation(30).astype(float)
    train = np.stack(
        [(age + noise * rng.permutation(30)) for noise in (1.0, 0.4, 0, 0.2, 0.7, 3, 0.5)], axis=1
    )
    train[:, 3] *= -1
    size = train[:, 5] - 2 * train[:, 0]
    asked = Asked("mae", ["Age", "Size"], rng.normal(30, 5, (CLIPS, 2)).round())
    asked.truth[4] = np.nan
    test = rng.normal(0, 9, (CLIPS, 7)).astype(np.float32)
    scaled = rng.normal(0, 1, (CLIPS, 7))
    weights = {9: rng.normal(0, 3, (7, 2)), 2: rng.normal(0, 3, (7, 2))}

    def layer(_: Any, network: Any) -> Any:
        own = weights[network.seed]
        return SimpleNamespace(
            bias=np.array([30.0, network.seed]),
            weights=own,
            added=lambda inputs, columns: inputs[:, columns] @ own[columns],
            predict=lambda sums: {"age": sums, "other": -sums},
        )

    monkeypatch.setattr(by_feature, "FirstLayer", SimpleNamespace(of=layer))
    networks = [
        SimpleNamespace(tasks=["age"], seed=9),
        SimpleNamespace(tasks=["other"], seed=0),
        SimpleNamespace(tasks=["other", "age"], seed=2),
    ]
    model: Any = SimpleNamespace(networks=networks, feature_names=names)
    drawn = bootstrap.draws(8, 20, np.random.default_rng(1))
    heard = Heard({"age": asked}, Sampling(SPEAKER, drawn, EvaluationOptions(seed=6, confidence=0.8)), {}, 3)
    families = {"pitch": np.array([0, 1]), "spectral": np.array([2]), "other": np.array([5, 6, 4, 3])}
    learnt = {"age": Asked("mae", ["Age", "Size"], np.stack([age, size], axis=1))}
    found = list(strongest_features(model, families, (train, learnt), test, scaled, heard))
    orders = []
    for label in (age, size):
        strength = np.abs([spearmanr(train[:, column], label).statistic for column in range(7)])
        weaker = int(strength[0] > strength[1])  # of both functionals of pitch
        orders.append([column for column in np.argsort(-strength).tolist() if column != weaker][:5])
    assert orders[0] == [2, 3, 1, 6, 4] and set(orders[1]) != set(orders[0])
    order = orders[0] + orders[1]
    assert [(row.task, row.part, row.name) for row in found] == [
        ("age", "Age" if place < 5 else "Size", names[column]) for place, column in enumerate(order)
    ]
    of_names = {
        0: ("pitch", "mean pitch", "Hz"),
        1: ("pitch", "standard deviation of pitch", "Hz"),
        2: ("spectral", "mean zero-crossing rate", ""),
        3: ("other", "mean MFCC 1", ""),
        4: ("other", "mean MFCC 2", ""),
        5: ("other", "mean jitter", ""),
        6: ("other", "mean length of segments of logarithm of the harmonics-to-noise ratio", "s"),
    }
    known = np.arange(CLIPS) != 4
    ring = np.random.default_rng([6, 2])
    donors = [exchanged(SPEAKER, ring) for _ in range(3)]
    for place, row in enumerate(found):
        column, part = order[place], place // 5
        family, words, unit = of_names[column]
        assert (row.family, row.unit) == (family, unit)
        label, values = asked.truth[known, part], test[known, column].astype(float)
        rho = spearmanr(values, label).statistic
        assert row.correlation == pytest.approx(rho, abs=1e-6)
        assert row.words == f"{'higher' if rho >= 0 else 'lower'} {words}"
        ranks = np.stack([rankdata(values), rankdata(label)])
        replicates = []
        for times in drawn:
            rows = np.repeat(np.arange(known.sum()), times[SPEAKER[known]])
            replicates.append(np.corrcoef(ranks[:, rows])[0, 1])
        assert (row.low, row.high) == pytest.approx(np.nanquantile(replicates, [0.1, 0.9]), abs=1e-5)
        high = label >= np.quantile(label, 2 / 3)
        assert row.shift == pytest.approx(np.median(values[high]) - np.median(values[~high]), abs=1e-5)

        def rise(clips: np.ndarray, column: int = column, part: int = part) -> float:
            errors = []
            for seed, own in weights.items():
                total = [30.0, seed] + scaled @ own
                for rows in donors:
                    moved = total + (scaled[rows, column] - scaled[:, column])[:, None] * own[column]
                    changes = np.abs(moved - asked.truth) - np.abs(total - asked.truth)
                    errors.append(np.nanmean(changes[clips, part]))
            return float(np.mean(errors))

        assert row.loss == pytest.approx(rise(np.arange(CLIPS)), abs=1e-5)
        ends = np.quantile([rise(np.repeat(np.arange(CLIPS), times[SPEAKER])) for times in drawn], [0.1, 0.9])
        assert (row.loss_low, row.loss_high) == pytest.approx(ends, abs=1e-5)


def test_what_never_changes_goes_with_nothing() -> None:
    """Also among the clips that have the label."""
    features, labels = np.array([[1.0, 5.0], [2.0, 5.0], [7.0, 6.0]]), np.array([[1.0], [3.0], [np.nan]])
    assert correlations(features, labels)[:, 0] == pytest.approx([1, 0])
    assert (
        correlations(features, np.array([[1.0, 4.0], [np.nan, 4.0], [np.nan, 4.0]])).tolist() == [[0, 0]] * 2
    )
    sampling = Sampling(np.arange(3), np.ones((4, 3), np.uint8), EvaluationOptions())
    assert np.isnan(with_interval(features[:, 1], labels[:, 0], sampling)).all()
    assert with_interval(features[:, 0], labels[:, 0], sampling) == pytest.approx((1, 1, 1))
