import numpy as np

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
    usage.add(Counts(np.array([[0, 0, 1]], np.int32), np.array([1]), np.inf))
    assert usage.summary(frames_read=7, columns=2)["quantization_error"] is None
