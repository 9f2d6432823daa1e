import math
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.core.metrics import formulas as scores
from stages.core.metrics.metric import METRICS
from stages.core.scoring import bootstrap
from stages.core.scoring.bootstrap import interval, on_grid, replicate
from stages.core.scoring.sums import part_scores, score_of_sums, speaker_sums


@pytest.fixture(autouse=True)
def _no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def draws(speakers, replicates, seed):
    return bootstrap.draws(speakers, replicates, np.random.default_rng(seed))


def estimate(score, sums, drawn, confidence):
    """Of a single seed."""
    return bootstrap.estimate(score, sums[None], drawn, confidence, np.random.default_rng(1))


def difference(score, first, second, drawn, confidence, seed):
    return bootstrap.difference(score, first, second, drawn, confidence, np.random.default_rng([seed, 1]))


def clips(score, seed, number=60, speakers=7, parts=3, unlabelled=0.2):
    """Truth, prediction and speaker of some clips, part of them unlabelled."""
    rng = np.random.default_rng(seed)
    speaker = rng.integers(0, speakers, number)
    missing = rng.random(number) < unlabelled
    if METRICS[score].kind == "classification":
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


@pytest.mark.parametrize("score", METRICS)
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


@pytest.mark.parametrize("score", METRICS)
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


@pytest.mark.parametrize("score", METRICS)
def test_without_labels_all_is_nan(score):
    classes = METRICS[score].kind == "classification"
    truth = np.full(4, -1) if classes else np.full((4, 2), np.nan)
    sums = speaker_sums(score, truth, np.ones((4, 2)), np.array([0, 0, 1, 1]), 2)
    result = estimate(score, sums, draws(2, 10, 1), 0.95)
    assert all(math.isnan(value) for value in (result.value, result.low, result.high))
    assert np.isnan(result.parts).all()
    compared = difference(score, sums[None], sums[None], draws(2, 10, 1), 0.95, 1)
    assert all(math.isnan(value) for value in (compared.value, compared.low, compared.high, compared.p))


def test_a_constant_prediction_has_no_correlation_in_any_replicate():
    truth, _, speaker = clips("pearson", 6)
    for constant in (0.1, 27.3):
        sums = speaker_sums("pearson", truth, np.full(truth.shape, constant), speaker, 7)
        assert (score_of_sums("pearson", replicate(sums, draws(7, 20, 1))) == 0).all()


def test_parts_of_the_accuracy_are_recalls():
    truth, prediction, speaker = clips("war", 4)
    result = estimate("war", speaker_sums("war", truth, prediction, speaker, 7), draws(7, 50, 1), 0.95)
    counts = scores.confusion(truth, prediction.argmax(axis=1), 3)
    np.testing.assert_allclose(result.parts[:, 0], scores.recalls(counts))
    assert result.value == pytest.approx(np.diag(counts).sum() / counts.sum())


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


@pytest.mark.parametrize("spread", [0.05, 1e-4])
def test_a_truth_that_varies_little_is_not_constant(spread):
    """A replicate of speakers whose labels are alike, but lie far from the mean of all, has a score."""
    speaker = np.repeat([0, 1], 20)
    truth = speaker[:, None] + spread * np.random.default_rng(1).normal(0, 1, (40, 1))
    prediction = truth + spread * np.random.default_rng(2).normal(0, 1, (40, 1))
    sums = speaker_sums("ccc", truth, prediction, speaker, 2)
    expected = scores.mean_ccc(truth[:20], prediction[:20])
    assert float(score_of_sums("ccc", sums[0])) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("order", [slice(None), slice(None, None, -1)])
def test_sums_on_the_grid_are_exact_in_any_order(order):
    sums = np.random.default_rng(1).normal(0, 1e3, (600, 2, 3)) ** 3
    rounded = on_grid(sums)
    assert np.abs(rounded - sums).max() < 1e-11 * np.abs(sums).max()
    exact = [math.fsum(column) for column in rounded.reshape(600, -1).T]
    added = np.zeros(6)
    for row in rounded.reshape(600, -1)[order]:
        added += row
    assert added.tolist() == exact == rounded.reshape(600, -1).sum(axis=0).tolist()
    drawn = draws(600, 5, 2)
    for row, times in enumerate(drawn):
        expected = [math.fsum(column) for column in (rounded * times[:, None, None]).reshape(600, -1).T]
        assert replicate(sums, drawn)[row].ravel().tolist() == expected


def test_the_mean_over_seeds_leads_and_its_interval_knows_seeds_and_bounds():
    truth, base, speaker = clips("mae", 6)
    rng = np.random.default_rng(7)
    seeds = [base + rng.normal(shift, 0.3, base.shape) for shift in (0.0, 0.5, 3.0)]
    of_seeds = sums("mae", truth, seeds, speaker, 7)
    found = bootstrap.estimate("mae", of_seeds, draws(7, 300, 8), 0.9, np.random.default_rng(1))
    values = [plain("mae", truth, prediction) for prediction in seeds]
    assert found.value == pytest.approx(np.mean(values))
    assert found.parts[:, 0] == pytest.approx(
        np.mean([np.nanmean(np.abs(truth - prediction), axis=0) for prediction in seeds], axis=0)
    )
    np.testing.assert_array_equal(found.clips, (~np.isnan(truth)).sum(axis=0))
    alone = [estimate("mae", one, draws(7, 300, 8), 0.9) for one in of_seeds]
    assert found.high - found.low > max(one.high - one.low for one in alone)
    perfect = sums("uar", np.array([0, 1]), [np.eye(2), np.eye(2)[::-1]], np.array([0, 1]), 2)
    wide = bootstrap.estimate("uar", perfect, draws(2, 200, 1), 0.99, np.random.default_rng(1))
    assert (wide.value, wide.low, wide.high) == (0.5, 0.0, 1.0)


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
    for name, side in (("first", first), ("second", second)):
        shares = bootstrap.draws(len(side), 40, seed_rng)
        means[name] = []
        for counts, seed_counts in zip(drawn, shares, strict=True):
            rows = rows_drawn(speaker, counts)
            values = [plain(score, truth[rows], prediction[rows]) for prediction in side]
            mean = sum(values) / len(values)
            of_drawn = sum(times * value for times, value in zip(seed_counts, values, strict=True)) / len(
                side
            )
            means[name].append(mean + math.sqrt(len(side) / (len(side) - 1)) * (of_drawn - mean))
    sign = METRICS[score].gain(0, 1)
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
    assert forwards.p < 1e-6
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


def test_blocks_change_no_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    sums = np.random.default_rng(1).standard_normal((7, 3, 2))
    whole = draws(7, 40, 2)
    monkeypatch.setattr(bootstrap, "_BLOCK", 22)
    in_blocks = draws(7, 40, 2)
    np.testing.assert_array_equal(in_blocks, whole)
    expected = np.tensordot(whole.astype(float), bootstrap.on_grid(sums), 1)
    np.testing.assert_array_equal(replicate(sums, in_blocks), expected)


def test_two_models_draw_their_seeds_apart_and_two_tasks_draw_the_same():
    """A model whose seeds differ, against itself: seeds drawn together would leave no difference."""
    truth, base, speaker = clips("mae", 14)
    of_seeds = sums("mae", truth, [base, base + 2, base + 5], speaker, 7)
    drawn = draws(7, 100, 1)
    apart = difference("mae", of_seeds, of_seeds, drawn, 0.95, 1)
    assert apart.value == 0 and apart.low < -0.5 and apart.high > 0.5
    both = [of_seeds, of_seeds * [[1], [3]]]  # the errors of the second task are three times those
    found = bootstrap.joint(
        ["mae", "mae"], both, lambda scores: scores[1] / scores[0], drawn, 0.95, np.random.default_rng(1)
    )
    assert found == pytest.approx((3, 3, 3))


def test_two_labelled_speakers_are_enough_for_an_interval():
    """The first column is labelled for both speakers, the second for one."""
    truth = np.array([[20.0, 1.0], [np.nan, 2.0], [30.0, np.nan], [40.0, np.nan]])
    prediction = np.nan_to_num(truth) + np.array([[1.0, 1], [1, 1], [2, 1], [4, 1]])
    of_speakers = speaker_sums("mae", truth, prediction, np.array([0, 0, 1, 1]), 2)
    drawn = np.array([[2, 0], [1, 1], [0, 2]], np.uint8)
    found = estimate("mae", of_speakers, drawn, 0.999999)
    assert found.parts[0, 1:] == pytest.approx([1, 3], abs=1e-4)  # errors of 1; of 2 and 4
    assert found.parts[0, 0] == pytest.approx(7 / 3) and found.parts[1, 0] == 1
    assert np.isnan(found.parts[1, 1:]).all() and found.clips.tolist() == [3, 2]
    assert (found.value, found.low, found.high) == pytest.approx((5 / 3, 1, 3), abs=1e-4)
    first = of_speakers[None, :, :, :1]
    joint = bootstrap.joint(["mae"], [first], lambda scores: scores[0], drawn, 0.5, np.random.default_rng(1))
    assert joint == pytest.approx((7 / 3, 5 / 3, 8 / 3))  # of the replicates 1, 7 / 3 and 3
    better = speaker_sums("mae", truth, prediction - 0.5, np.array([0, 0, 1, 1]), 2)[None, :, :, :1]
    assert difference("mae", first, better, drawn, 0.95, 1).low == pytest.approx(0.5)
    alone = difference("mae", first[:, :1], better[:, :1], np.full((3, 1), 1, np.uint8), 0.95, 1)
    assert alone.value == 0.5 and math.isnan(alone.low) and math.isnan(alone.p)
