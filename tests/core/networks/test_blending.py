"""Shares of networks, linear model and naive predictor that validation chooses."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.core.config.tasks import Task
from stages.core.metrics.formulas import mean_ccc
from stages.core.networks.blending import Blend, best_constant, chosen_shares

AGE = Task("regression", ("Age",), "mae")
MOOD = Task("regression", ("Awe", "Fear"), "ccc")
KIND = Task("classification", ("Kind",), "uar")
SPEAKERS = np.repeat([f"s{number}" for number in range(40)], 5)
RNG = np.random.default_rng(1)
TRUTH = RNG.normal(30, 8, (200, 1))
GOOD, BAD = TRUTH + RNG.normal(0, 2, (200, 1)), TRUTH + RNG.normal(0, 40, (200, 1))
CENTER = np.full((200, 1), 30.0)


def test_the_better_member_counts() -> None:
    assert chosen_shares(AGE, TRUTH, [GOOD, BAD, CENTER], SPEAKERS)[0] > 0.9
    assert chosen_shares(AGE, TRUTH, [BAD, GOOD, CENTER], SPEAKERS)[1] > 0.9
    assert chosen_shares(AGE, TRUTH, [BAD, BAD, CENTER], SPEAKERS)[2] > 0.8


def test_equal_members_share() -> None:
    assert chosen_shares(AGE, TRUTH, [GOOD, GOOD], SPEAKERS) == (0.5, 0.5)
    other = TRUTH + np.random.default_rng(2).normal(0, 2, (200, 1))
    shares = chosen_shares(AGE, TRUTH, [GOOD, other], SPEAKERS)
    assert shares == pytest.approx((0.5, 0.5), abs=0.15)


def test_few_clips_leave_the_shares_near_their_middle() -> None:
    better = TRUTH + np.random.default_rng(3).normal(0, 6, (200, 1))
    worse = TRUTH + np.random.default_rng(4).normal(0, 9, (200, 1))
    many = chosen_shares(AGE, TRUTH, [better, worse], SPEAKERS)
    assert many[0] > 0.6
    few = [
        chosen_shares(AGE, *(TRUTH[rows], [better[rows], worse[rows]], SPEAKERS[rows]))[0]
        for rows in np.array_split(np.arange(200), 20)
    ]
    assert 0.4 < np.mean(few) < 0.85
    assert min(few) > 0.05


@pytest.mark.parametrize("task", [MOOD, KIND])
def test_without_a_score_the_models_share(task: Task) -> None:
    truth = np.full(200, -1) if task is KIND else np.full((200, 2), np.nan)
    members = [np.zeros((200, 2)), np.ones((200, 2))]
    assert chosen_shares(task, truth, members, SPEAKERS) == (0.5, 0.5)
    assert chosen_shares(task, truth, [*members, np.ones((200, 2))], SPEAKERS) == (0.5, 0.5, 0.0)
    assert chosen_shares(task, truth[:0], [one[:0] for one in members], SPEAKERS[:0]) == (0.5, 0.5)


def test_classes() -> None:
    truth = RNG.integers(0, 3, 200)
    knows, guesses = np.eye(3)[truth] * 0.4 + 0.2, RNG.dirichlet(np.ones(3), 200)
    assert chosen_shares(KIND, truth, [guesses, knows], SPEAKERS)[1] > 0.5


def test_matched_predictions_are_judged_as_they_will_be() -> None:
    truth = RNG.uniform(0, 1, (200, 2))
    timid = 0.5 + 0.01 * (truth - 0.5)  # perfect but for its spread
    bold = truth + RNG.normal(0, 0.3, (200, 2))
    assert mean_ccc(truth, timid) < mean_ccc(truth, bold)
    assert chosen_shares(MOOD, truth, [timid, bold], SPEAKERS)[0] < 0.5
    assert chosen_shares(MOOD, truth, [timid, bold], SPEAKERS, truth)[0] > 0.9


@given(st.integers(2, 25), st.integers(0, 50))
@settings(max_examples=25, deadline=None)
def test_shares_add_up_and_never_leave_0_to_1(clips: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=(clips, 1))
    members = [rng.normal(size=(clips, 1)) for _ in range(3)]
    shares = chosen_shares(AGE, truth, members, rng.choice(["a", "b", "c"], clips))
    assert sum(shares) == pytest.approx(1)
    assert min(shares) >= 0


def test_a_mean_of_members() -> None:
    network, linear = np.array([[1.0]], np.float32), np.array([[2.0]])
    assert Blend((0.25, 0.75)).mean(network, linear) == np.float32(1.75)
    assert Blend((0.25, 0.25, 0.5), center=(10.0,)).mean(network, linear) == np.float32(5.75)


def test_the_best_constant_is_the_mean_but_for_absolute_errors() -> None:
    truth = np.array([[1.0, 0.0], [2.0, 0.0], [6.0, 3.0], [np.nan, np.nan]])
    assert best_constant(MOOD, truth).tolist() == [3.0, 1.0]
    assert best_constant(AGE, truth[:, :1]).tolist() == [2.0]
    assert best_constant(Task("regression", ("Age",), "rmse"), truth[:, :1]).tolist() == [3.0]


def test_classes_weigh_the_same_however_rare() -> None:
    """One member is surer of the frequent class and loses more on the rare one."""
    truth = (np.arange(200) % 20 == 0).astype(np.int64)
    fair, biased = np.full((200, 2), 0.5), np.tile([0.8, 0.2], (200, 1))
    # Mean of the classes: -log .5 = .693 against -(log .8 + log .2) / 2 = .916; of the clips .693 and .293.
    assert chosen_shares(KIND, truth, [fair, biased], SPEAKERS)[0] > 0.9


def test_a_replicate_has_as_many_clips_as_its_speakers() -> None:
    """A speaker's own mix is found from its 60 clips; from one clip at a time it would be any."""
    rng = np.random.default_rng(5)
    truth = rng.normal(0, 1, (60, 1))
    members = [truth + rng.normal(0, 1, (60, 1)), truth + rng.normal(0, 2, (60, 1))]
    found = chosen_shares(AGE, truth, members, np.full(60, "s"))
    errors = [
        np.abs(step / 10 * members[0] + (1 - step / 10) * members[1] - truth).mean() for step in range(11)
    ]
    assert found[0] == pytest.approx(np.argmin(errors) / 10, abs=0.1)


def test_of_equal_mixes_the_models_share_and_the_naive_predictor_takes_no_part() -> None:
    assert chosen_shares(AGE, TRUTH, [GOOD, GOOD, GOOD], SPEAKERS) == (0.5, 0.5, 0.0)
    nearly = GOOD - 1e-12  # what differs by rounding is equal
    assert chosen_shares(AGE, TRUTH, [GOOD, nearly], SPEAKERS) == (0.5, 0.5)


def test_replicates_draw_the_clips_of_a_speaker_too() -> None:
    """With one speaker they would all be the same, and pick the same tenth."""
    rng = np.random.default_rng(5)
    truth = rng.normal(0, 1, (60, 1))
    members = [truth + rng.normal(0, 1, (60, 1)), truth + rng.normal(0, 1.2, (60, 1))]
    found = chosen_shares(AGE, truth, members, np.full(60, "s"))
    assert abs(10 * found[0] - round(10 * found[0])) > 0.01


def test_replicates_draw_speakers_as_a_whole() -> None:
    """One member is perfect for the speaker of 60 clips, the other for that of 40.

    A quarter of the draws has the second speaker alone. Were clips drawn from all, few would prefer it.
    """
    truth, first = np.zeros((100, 1)), np.arange(100) < 60
    members = [np.where(first, 0.0, 1.0)[:, None], np.where(first, 1.0, 0.0)[:, None]]
    found = chosen_shares(AGE, truth, members, np.where(first, "a", "b"))
    assert found == pytest.approx((0.75, 0.25), abs=0.15)


@pytest.mark.parametrize("task", [AGE, KIND])
def test_clips_without_a_label_choose_nothing(task: Task) -> None:
    rng = np.random.default_rng(7)
    if task is AGE:
        truth, unknown = TRUTH, np.full((50, 1), np.nan)
        members = [TRUTH + rng.normal(0, 5, (200, 1)) for _ in range(3)]
    else:
        truth, unknown = rng.integers(0, 3, 200), np.full(50, -1)
        members = [0.3 * np.eye(3)[truth] + 0.7 * rng.dirichlet(np.ones(3), 200) for _ in range(2)]
    without = chosen_shares(task, truth, members, SPEAKERS)
    assert len(set(without)) == len(members)
    more = [np.concatenate([rng.dirichlet(np.ones(one.shape[1]), 50), one]) for one in members]
    speakers = np.r_[np.full(50, "stranger"), SPEAKERS]
    assert chosen_shares(task, np.concatenate([unknown, truth]), more, speakers) == without
