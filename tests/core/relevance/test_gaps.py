"""Gaps between groups, and both corrections, against what is computed by hand."""

import numpy as np
import pytest

from stages.core.config.evaluation import EvaluationOptions
from stages.core.metrics.formulas import mae
from stages.core.metrics.metric import METRICS
from stages.core.relevance.by_family import Asked
from stages.core.relevance.gaps import Gap, gaps
from stages.core.scoring import bootstrap
from stages.core.scoring.sampling import Sampling


@pytest.fixture(scope="module")
def found() -> list[Gap]:
    """A run whose error is larger in group c, with three groups of ten speakers."""
    rng = np.random.default_rng(1)
    speaker = np.repeat(np.arange(30), 4)
    masks = {name: speaker // 10 == index for index, name in enumerate("abc")}
    truth = rng.normal(30, 5, (120, 1))
    errors = rng.normal(0, 1, (2, 120, 1)) * np.where(masks["c"], 4, 1)[:, None]
    options = EvaluationOptions(bootstrap=500)
    sampling = Sampling(speaker, bootstrap.draws(30, 500, np.random.default_rng(1)), options)
    asked = {"age": Asked("mae", ["Age"], truth)}
    result = gaps(
        asked, {"age": truth + errors}, {"Country": masks, "Age": masks}, {"age": {"Age"}}, sampling
    )
    by_hand = [mae(truth[masks[name]], (truth + errors[0])[masks[name]]) for name in "ac"]
    other = [mae(truth[masks[name]], (truth + errors[1])[masks[name]]) for name in "ac"]
    gap = next(row for row in result if (row.first, row.second) == ("a", "c"))
    assert gap.value == pytest.approx((by_hand[1] - by_hand[0] + other[1] - other[0]) / 2, abs=1e-6)
    return result


def test_the_group_that_is_served_worse_is_found(found: list[Gap]) -> None:
    by_pair = {(row.first, row.second): row for row in found}
    assert set(by_pair) == {("a", "b"), ("a", "c"), ("b", "c")}
    assert all(row.column == "Country" for row in found)
    for pair in (("a", "c"), ("b", "c")):
        row = by_pair[pair]
        assert (row.low or 0) > 0 and (row.p_holm or 1) < 0.05 and (row.p_bh or 1) < 0.05
    assert (by_pair["a", "b"].p_holm or 0) > 0.05


def test_corrections_by_hand(found: list[Gap]) -> None:
    order = sorted(found, key=lambda row: row.p or 0.0)
    small, middle, large = (row.p or 0.0 for row in order)
    holm = np.maximum.accumulate([3 * small, 2 * middle, large])
    assert [row.p_holm for row in order] == pytest.approx(np.minimum(holm, 1).tolist(), abs=2e-6)
    bh = [min(3 * small, 1.5 * middle, large), min(1.5 * middle, large), large]
    assert [row.p_bh for row in order] == pytest.approx(bh, abs=2e-6)


def test_gaps_that_are_not_defined_shift_no_correction_and_empty_groups_make_none() -> None:
    """Each task in turn, each column but its own, each two groups in their order."""
    rng = np.random.default_rng(3)
    speaker = np.repeat(np.arange(24), 2)
    mood, age = rng.normal(0, 1, (48, 1)), rng.normal(30, 5, (48, 1))
    country = {name: speaker % 3 == index for index, name in enumerate("abc")}
    mood[country["b"]] = 0.1  # a constant has no coefficient
    age[country["c"]] = np.nan
    thirds = {"young": speaker < 8, "old": speaker >= 8}
    guesses = {
        "mood": mood + rng.normal(0, 1, (2, 48, 1)),
        "age": age + rng.normal(0, 1, (2, 48, 1)) * np.where(country["a"], 1, 3)[:, None],
    }
    options = EvaluationOptions(bootstrap=200)
    sampling = Sampling(speaker, bootstrap.draws(24, 200, np.random.default_rng(1)), options)
    asked = {"mood": Asked("ccc", ["Mood"], mood), "age": Asked("mae", ["Age"], age)}
    result = gaps(
        asked,
        guesses,
        {"Country": country, "Age": thirds},
        {"mood": {"Mood"}, "age": {"Age", "Other"}},
        sampling,
    )
    assert [(row.task, row.column, row.first, row.second) for row in result] == [
        ("mood", "Country", "a", "b"),
        ("mood", "Country", "a", "c"),
        ("mood", "Country", "b", "c"),
        ("mood", "Age", "young", "old"),
        ("age", "Country", "a", "b"),
    ]
    for row, defined in zip(result, (False, True, False, True, True), strict=True):
        assert (row.value is None, row.p is None, row.p_holm is None, row.p_bh is None) == (not defined,) * 4
    known = [row for row in result if row.p is not None]
    assert known[-1].value is not None and known[-1].value > 0 and (known[-1].low or 0) > 0
    masks = {**country, **thirds}
    for row in known:
        of, sign = METRICS[asked[row.task].score].compute, -1 if row.task == "age" else 1
        served = [
            np.mean([of(asked[row.task].truth[masks[name]], seed[masks[name]]) for seed in guesses[row.task]])
            for name in (row.first, row.second)
        ]
        assert row.value == pytest.approx(sign * (served[0] - served[1]), abs=1e-6)
    test_corrections_by_hand(known)
