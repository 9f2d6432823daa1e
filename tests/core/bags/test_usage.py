import numpy as np
import pytest

from stages.core.bags import usage as module
from stages.core.bags.assignment import Counts
from stages.core.bags.usage import Usage


def test_the_error_is_a_mean_over_frames_and_columns_or_none() -> None:
    usage = Usage(3)
    usage.add(Counts(np.array([[2, 0, 0], [1, 3, 0]], np.int32), np.array([2, 4]), 30.0))
    figures = usage.summary(frames_read=7, columns=2)
    assert figures == {
        "clips": 2,
        "frames": 6,
        "not_finite": 1,
        "words": 3,
        "dead_words": 1,
        "dead_share": 0.3333,
        "different_words_per_clip": 1.5,
        "quantization_error": 2.5,
    }
    one, other = usage.most_different()
    assert (one.tolist(), other.tolist()) == ([2, 0, 0], [1, 3, 0])
    usage.add(Counts(np.array([[0, 0, 1]], np.int32), np.array([1]), np.inf))
    assert usage.summary(frames_read=7, columns=2)["quantization_error"] is None
    assert usage.counts.tolist() == [3, 3, 1]
    assert usage.summary(frames_read=9, columns=2) == {
        **figures,
        **{"clips": 3, "frames": 7, "not_finite": 2, "dead_words": 0, "dead_share": 0.0},
        **{"different_words_per_clip": 1.3, "quantization_error": None},
    }


def test_of_the_first_clips_the_two_whose_bags_differ_most(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "COMPARED", 4)
    usage = Usage(2)
    for bags in ([[4, 1], [3, 1]], [[0, 0], [1, 1], [0, 9]], [[9, 0]]):  # the last two come too late
        usage.add(Counts(np.array(bags, np.int32), np.full(len(bags), 10), 1.0))
    found = [bag.tolist() for bag in usage.most_different()]
    assert [0, 0] in found  # nothing in common with any
    usage = Usage(2)
    usage.add(Counts(np.array([[4, 1], [3, 1], [1, 1], [2, 2], [0, 9]], np.int32), np.full(5, 10), 1.0))
    assert sorted(bag.tolist() for bag in usage.most_different())[1] == [4, 1]
    assert usage.summary(50, 1)["quantization_error"] == 0.02
    assert usage.summary(50, 1)["different_words_per_clip"] == 1.8
    assert usage.summary(50, 1)["dead_words"] == 0
    usage.add(Counts(np.array([[1, 0]], np.int32), np.array([10]), 5.0))
    assert usage.summary(60, 1)["quantization_error"] == 0.1


def test_bags_without_frames_have_no_error() -> None:
    usage = Usage(2)
    usage.add(Counts(np.zeros((1, 2), np.int32), np.array([0]), 0.0))
    assert usage.summary(3, 2) == {
        "clips": 1,
        "frames": 0,
        "not_finite": 3,
        "words": 2,
        "dead_words": 2,
        "dead_share": 1.0,
        "different_words_per_clip": 0.0,
        "quantization_error": 0.0,
    }
