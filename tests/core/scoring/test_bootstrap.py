import math
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.core.metrics import formulas as scores
from stages.core.metrics.metric import METRICS
from stages.core.scoring.bootstrap import difference, draws, estimate, interval, replicate
from stages.core.scoring.sums import part_scores, score_of_sums, speaker_sums


@pytest.fixture(autouse=True)
def _no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def clips(score, seed, number=60, speakers=7, parts=3, unlabelled=0.2):
    """Truth, prediction and speaker of some clips, part of them unlabelled."""
    rng = np.random.default_rng(seed)
    speaker = rng.integers(0, speakers, number)
    missing = rng.random(number) < unlabelled
    if score == "uar":
        truth = np.where(missing, -1, rng.integers(0, parts, number))
        return truth, rng.random((number, parts)), speaker
    truth = rng.normal(30, 5, (number, parts))
    prediction = (0.4 * truth + rng.normal(20, 3, (number, parts))).astype(np.float32)
    truth[missing] = np.nan
    return truth, prediction, speaker


def plain(score, truth, prediction):
    """The score of these clips by its definition."""
    return METRICS[score].compute(truth, prediction)


def rows_drawn(speaker, counts):
    """Row numbers of a replicate: all clips of a speaker as often as the speaker is drawn."""
    parts = [np.flatnonzero(speaker == who) for who, times in enumerate(counts) for _ in range(int(times))]
    return np.concatenate(parts).astype(int)


@pytest.mark.parametrize("score", ["ccc", "mae", "uar"])
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_replicates_are_the_scores_of_the_drawn_clips(score, seed):
    truth, prediction, speaker = clips(score, seed)
    drawn = draws(7, 12, seed)
    sums = speaker_sums(score, truth, prediction, speaker, 7)
    expected = [
        plain(score, truth[rows], prediction[rows])
        for rows in (rows_drawn(speaker, counts) for counts in drawn)
    ]
    np.testing.assert_allclose(score_of_sums(score, replicate(sums, drawn)), expected, rtol=1e-10, atol=1e-12)
    assert float(score_of_sums(score, sums.sum(axis=0))) == pytest.approx(
        plain(score, truth, prediction), rel=1e-12, nan_ok=True
    )


@pytest.mark.parametrize("score", ["ccc", "mae", "uar"])
def test_estimate_is_a_plain_loop(score):
    truth, prediction, speaker = clips(score, 3)
    drawn = draws(7, 200, 5)
    result = estimate(score, speaker_sums(score, truth, prediction, speaker, 7), drawn, 0.9)
    loop = []
    for counts in drawn:
        rows = rows_drawn(speaker, counts)
        loop.append(plain(score, truth[rows], prediction[rows]))
    assert result.value == pytest.approx(plain(score, truth, prediction))
    assert (result.low, result.high) == pytest.approx(tuple(np.quantile(loop, [0.05, 0.95])))
    assert result.low < result.value < result.high


def test_parts_are_columns_and_classes():
    truth, prediction, speaker = clips("ccc", 4)
    result = estimate("ccc", speaker_sums("ccc", truth, prediction, speaker, 7), draws(7, 50, 1), 0.95)
    expected = [scores.ccc(truth[:, column], prediction[:, column]) for column in range(3)]
    np.testing.assert_allclose(result.parts[:, 0], expected)
    assert (result.parts[:, 1] < result.parts[:, 2]).all()
    truth, prediction, speaker = clips("uar", 4)
    result = estimate("uar", speaker_sums("uar", truth, prediction, speaker, 7), draws(7, 50, 1), 0.95)
    counts = scores.confusion(truth, prediction.argmax(axis=1), 3)
    np.testing.assert_allclose(result.parts[:, 0], scores.recalls(counts))
    np.testing.assert_array_equal(result.clips, counts.sum(axis=1))


def test_ccc_survives_values_far_from_zero():
    truth, prediction, speaker = clips("ccc", 5)
    truth, prediction = truth + 1e7, prediction.astype(np.float64) + 1e7
    sums = speaker_sums("ccc", truth, prediction, speaker, 7)
    assert float(score_of_sums("ccc", sums.sum(axis=0))) == pytest.approx(
        scores.mean_ccc(truth, prediction), rel=1e-7
    )


def test_constant_truth_in_some_replicates_is_left_out():
    speaker = np.array([0, 0, 1, 1, 2, 2])
    truth = np.array([[0.3], [0.3], [0.3], [0.3], [0.7], [0.9]])
    sums = speaker_sums("ccc", truth, truth.copy(), speaker, 3)
    drawn = np.array([[3.0, 0, 0], [1, 2, 0], [1, 1, 1], [0, 0, 3]])
    np.testing.assert_allclose(part_scores("ccc", replicate(sums, drawn))[:, 0], [np.nan, np.nan, 1, 1])


@pytest.mark.parametrize(("score", "empty"), [("ccc", np.nan), ("mae", np.nan), ("uar", -1)])
def test_without_labels_all_is_nan(score, empty):
    truth = np.full(4, -1) if score == "uar" else np.full((4, 2), empty)
    sums = speaker_sums(score, truth, np.ones((4, 2)), np.array([0, 0, 1, 1]), 2)
    result = estimate(score, sums, draws(2, 10, 1), 0.95)
    assert all(math.isnan(value) for value in (result.value, result.low, result.high))
    assert np.isnan(result.parts).all()
    compared = difference(score, sums[None], sums[None], draws(2, 10, 1), 0.95, 1)
    assert all(math.isnan(value) for value in (compared.value, compared.low, compared.high, compared.p))


def test_one_speaker_has_a_score_but_no_interval():
    truth = np.array([[20.0], [30.0], [np.nan]])
    sums = speaker_sums("mae", truth, truth + 2, np.array([0, 0, 1]), 2)
    result = estimate("mae", sums, draws(2, 10, 1), 0.95)
    assert result.value == 2
    assert math.isnan(result.low)
    assert math.isnan(result.high)
    assert np.isnan(result.parts[0, 1:]).all()


def test_draws_are_whole_speakers_and_repeatable():
    drawn = draws(11, 300, 4)
    assert drawn.shape == (300, 11)
    assert (drawn.sum(axis=1) == 11).all()
    np.testing.assert_array_equal(drawn, draws(11, 300, 4))
    assert (drawn != draws(11, 300, 5)).any()
    # Each speaker is drawn once on average; the mean over 300 replicates has an sd of 0.055.
    assert np.abs(drawn.mean(axis=0) - 1).max() < 0.25


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
    assert found.p == pytest.approx(2 * (1 + (gains <= 0).sum()) / (len(gains) + 1))


@pytest.mark.parametrize("spread", [0.05, 1e-4])
def test_a_truth_that_varies_little_is_not_constant(spread):
    """A replicate of speakers whose labels are alike, but lie far from the mean of all, has a score."""
    speaker = np.repeat([0, 1], 20)
    truth = speaker[:, None] + spread * np.random.default_rng(1).normal(0, 1, (40, 1))
    prediction = truth + spread * np.random.default_rng(2).normal(0, 1, (40, 1))
    sums = speaker_sums("ccc", truth, prediction, speaker, 2)
    expected = scores.mean_ccc(truth[:20], prediction[:20])
    assert float(score_of_sums("ccc", sums[0])) == pytest.approx(expected, rel=1e-4)


def test_interval_ignores_undefined_replicates():
    values = np.array([[1.0, np.nan], [np.nan, np.nan], [3.0, np.nan]])
    low, high = interval(values, 0.5)
    np.testing.assert_array_equal(low, [1.5, np.nan])
    np.testing.assert_array_equal(high, [2.5, np.nan])


@pytest.mark.parametrize("score", ["ccc", "mae", "uar"])
def test_difference_is_a_plain_loop(score):
    truth, base, speaker = clips(score, 6)
    rng = np.random.default_rng(7)
    first = [base + rng.normal(0, 0.3, base.shape) for _ in range(3)]
    second = [base + rng.normal(0, 0.3, base.shape) for _ in range(2)]
    drawn = draws(7, 40, 8)
    result = difference(
        score, *(sums(score, truth, side, speaker, 7) for side in (first, second)), drawn, 0.9, 9
    )
    seed_rng = np.random.default_rng([9, 1])
    means = {}
    for name, side in (("second", second), ("first", first)):
        seeds = seed_rng.multinomial(len(side), np.full(len(side), 1 / len(side)), size=40)
        means[name] = []
        for counts, seed_counts in zip(drawn, seeds, strict=True):
            rows = rows_drawn(speaker, counts)
            values = [plain(score, truth[rows], prediction[rows]) for prediction in side]
            mean = sum(values) / len(values)
            of_drawn = sum(times * value for times, value in zip(seed_counts, values, strict=True)) / len(
                side
            )
            means[name].append(mean + math.sqrt(len(side) / (len(side) - 1)) * (of_drawn - mean))
    sign = -1 if score == "mae" else 1
    loop = sign * (np.array(means["second"]) - np.array(means["first"]))
    assert (result.low, result.high) == pytest.approx(tuple(np.quantile(loop, [0.05, 0.95])))
    value = [np.mean([plain(score, truth, prediction) for prediction in side]) for side in (first, second)]
    assert result.value == pytest.approx(sign * (value[1] - value[0]))
    assert result.p == pytest.approx(min(1, 2 * (1 + min((loop <= 0).sum(), (loop >= 0).sum())) / 41))


def sums(score, truth, predictions, speaker, speakers):
    return np.stack([speaker_sums(score, truth, prediction, speaker, speakers) for prediction in predictions])


@pytest.mark.parametrize("score", ["ccc", "mae", "uar"])
def test_the_better_model_is_found_and_the_sign_flips(score):
    truth, noise, speaker = clips(score, 10, number=400, speakers=20, unlabelled=0)
    exact = np.eye(3)[truth] if score == "uar" else truth
    worse, better = (
        sums(score, truth, [exact * (1 - share) + noise * share], speaker, 20) for share in (0.9, 0.2)
    )
    drawn = draws(20, 500, 1)
    forwards = difference(score, worse, better, drawn, 0.95, 1)
    assert forwards.value > 0
    assert forwards.low > 0
    assert forwards.p == pytest.approx(2 / 501)
    backwards = difference(score, better, worse, drawn, 0.95, 1)
    assert backwards.value == -forwards.value
    assert (backwards.low, backwards.high) == pytest.approx((-forwards.high, -forwards.low))


def test_a_model_against_itself_has_p_1():
    truth, prediction, speaker = clips("ccc", 11)
    same = sums("ccc", truth, [prediction], speaker, 7)
    result = difference("ccc", same, same, draws(7, 100, 1), 0.95, 1)
    assert (result.value, result.low, result.high, result.p) == (0, 0, 0, 1)


def test_intervals_cover_what_they_promise():
    """Of 300 corpora of 40 speakers, 95 % intervals miss the true error about 15 times."""
    rng = np.random.default_rng(12)
    speaker = np.repeat(np.arange(40), 5)
    drawn = draws(40, 400, 1)
    missed = 0
    for _ in range(300):
        error = np.abs(rng.normal(0, 1, 40)[speaker] + rng.normal(0, 1, 200))
        sums = speaker_sums("mae", np.zeros((200, 1)), error[:, None], speaker, 40)
        result = estimate("mae", sums, drawn, 0.95)
        missed += not result.low <= math.sqrt(2) * math.sqrt(2 / math.pi) <= result.high
    assert 5 <= missed <= 32


def test_seeds_alone_widen_the_interval_as_much_as_they_vary():
    """Where seeds differ and speakers do not, the replicates' sd is the standard error over seeds."""
    truth = np.zeros((50, 1))
    speaker = np.arange(50)
    errors = [1.0, 1.2, 1.7]
    first = sums("mae", truth, [np.full((50, 1), error) for error in errors], speaker, 50)
    second = sums("mae", truth, [np.ones((50, 1))], speaker, 50)
    result = difference("mae", first, second, draws(50, 20_000, 1), 0.6826, 1)
    half_width = (result.high - result.low) / 2
    assert half_width == pytest.approx(np.std(errors, ddof=1) / math.sqrt(3), rel=0.2)


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
