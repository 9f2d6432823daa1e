import math

import numpy as np
import pytest

from stages.core.scoring import bootstrap
from stages.core.scoring.bootstrap import corrected, replicate, two_sided_p
from stages.core.scoring.sums import score_of_sums, speaker_sums

pytestmark = pytest.mark.filterwarnings("error")


def draws(speakers, replicates, seed):
    return bootstrap.draws(speakers, replicates, np.random.default_rng(seed))


def difference(score, first, second, drawn, confidence, seed):
    return bootstrap.difference(score, first, second, drawn, confidence, np.random.default_rng([seed, 1]))


def sums(score, truth, predictions, speaker, speakers):
    return np.stack([speaker_sums(score, truth, prediction, speaker, speakers) for prediction in predictions])


@pytest.mark.parametrize("sign", [1, -1])
def test_p_is_a_share_where_ten_replicates_lie_beyond_zero(sign):
    gains = sign * np.array([-1.0] * 10 + [2.0] * 89)
    assert two_sided_p(sign * 1.7, gains, 5) == pytest.approx(2 * 11 / 100)


@pytest.mark.parametrize(
    ("speakers", "tail"),
    [
        (2, lambda t: 1 - 2 / math.pi * math.atan(t)),  # Student's t with one degree of freedom
        (3, lambda t: 1 - t / math.sqrt(2 + t * t)),  # with two
        (10**7, lambda t: math.erfc(t / math.sqrt(2))),  # with very many: the normal distribution
    ],
)
def test_p_is_that_of_students_t_where_fewer_lie_beyond_zero(speakers, tail):
    gains = np.array([0.75, 1.25] * 20)  # sd 0.25; the share of ten would be 20 / 41
    assert two_sided_p(1.0, gains, speakers) == pytest.approx(tail(4.0), rel=1e-4)
    assert two_sided_p(-1.0, -gains, speakers) == two_sided_p(1.0, gains, speakers)


def test_p_never_grows_where_fewer_replicates_lie_beyond_zero():
    gains = np.array([-0.1] * 9 + [1.0] * 500 + [90.0] * 490)
    assert two_sided_p(10.0, gains, 2) == pytest.approx(2 * 10 / 1000)


def test_nine_replicates_beyond_zero_are_too_few_for_a_share():
    nine, ten = (np.array([-0.1] * few + [1.0] * (999 - few)) for few in (9, 10))
    assert two_sided_p(1.0, nine, 1000) < 1e-6
    assert two_sided_p(1.0, ten, 1000) == pytest.approx(2 * 11 / 1000)


def test_p_of_replicates_that_are_all_alike_is_their_share():
    assert two_sided_p(0.5, np.full(99, 0.5), 4) == pytest.approx(2 / 100)
    assert two_sided_p(0.0, np.zeros(99), 4) == 1.0


def test_p_values_are_corrected_step_by_step():
    assert corrected([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert corrected([0.5, 0.9]) == [1.0, 1.0]
    assert corrected([]) == []


def test_undefined_replicates_count_nowhere():
    """Where the few replicates without a score counted as zero, p and the interval would be others."""
    speaker = np.repeat(np.arange(4), 5)
    truth = np.where(np.arange(20) < 15, 0.0, np.arange(20.0))[:, None]  # constant for speakers 0 to 2
    rng = np.random.default_rng(1)
    first, second = (
        speaker_sums("ccc", truth, truth + rng.normal(0, noise, truth.shape), speaker, 4)[None]
        for noise in (8.0, 0.5)
    )
    drawn = np.vstack([draws(4, 60, 2), np.tile([2.0, 2, 0, 0], (20, 1))])
    defined = drawn[(drawn[:, 3] > 0) & (drawn[:, :3].sum(axis=1) >= 0)]
    found = difference("ccc", first, second, drawn, 0.9, 1)
    values = [
        float(score_of_sums("ccc", replicate(side[0], defined))[row])
        for side in (first, second)
        for row in range(len(defined))
    ]
    gains = np.subtract(values[len(defined) :], values[: len(defined)])
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(gains, [0.05, 0.95])))
    assert (gains <= 0).sum() < 10  # so that p is that of Student's t
    assert found.p == pytest.approx(two_sided_p(found.value, gains, 4))


def test_equal_models_seldom_differ():
    """Equal models whose seeds vary less than speakers have p < 0.05 in 5 of 100 pairs at most, or so."""
    rng = np.random.default_rng(13)
    speaker = np.repeat(np.arange(60), 4)
    drawn = draws(60, 200, 1)

    def model(ease):
        noise = rng.normal(0, 0.5, 60)[speaker] + rng.normal(0, 0.5, 240)
        return np.abs(5 + ease + noise + rng.normal(0, 0.1))[:, None]

    found = 0
    for _ in range(200):
        ease = rng.normal(0, 1, 60)[speaker]
        sides = [sums("mae", np.zeros((240, 1)), [model(ease) for _ in range(3)], speaker, 60) for _ in "ab"]
        found += difference("mae", *sides, drawn, 0.95, 1).p < 0.05
    assert found <= 16
