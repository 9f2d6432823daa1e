import numpy as np
import pandas as pd
import pytest

from stages.core.config.evaluation import EvaluationOptions
from stages.core.scoring.sampling import Sampling

CLIPS = pd.DataFrame(
    {"clip_id": [f"{n:03d}" for n in range(60)], "speaker": [f"s{n // 4}" for n in range(60)]}
)
TRUTH = np.random.default_rng(1).normal(30, 5, (60, 1))
PREDICTION = TRUTH + np.random.default_rng(2).normal(0, 3, (60, 1))


def interval(confidence: float, seed: int = 1) -> tuple[float, float]:
    sampling = Sampling.of(CLIPS, EvaluationOptions(bootstrap=400, confidence=confidence, seed=seed))
    found = sampling.estimate("mae", sampling.sums("mae", TRUTH, [PREDICTION]))
    return found.low, found.high


def test_speakers_are_drawn_and_not_clips() -> None:
    assert Sampling.of(CLIPS, EvaluationOptions()).drawn.shape == (1000, 15)


def test_clips_without_a_speaker_are_speakers_of_their_own() -> None:
    clips = CLIPS.assign(speaker=CLIPS["speaker"].where(CLIPS.index >= 6))
    sampling = Sampling.of(clips, EvaluationOptions(bootstrap=7))
    assert sampling.drawn.shape == (7, 14 + 6)  # the clips of one speaker, and half of the next
    assert len(set(sampling.speaker[:6])) == 6 and len(set(sampling.speaker[6:])) == 14
    sums = sampling.sums("mae", TRUTH, [PREDICTION, TRUTH])
    assert sums.shape == (2, 20, 2, 1)
    errors = np.abs(TRUTH - PREDICTION)[:, 0]
    for speaker in range(20):
        of_speaker = sampling.speaker == speaker
        assert sums[0, speaker, :, 0] == pytest.approx([of_speaker.sum(), errors[of_speaker].sum()])
    assert Sampling.of(clips.head(0), EvaluationOptions(bootstrap=7)).drawn.shape == (0, 0)


def test_the_confidence_and_the_seed_are_those_that_were_asked_for() -> None:
    wide, narrow = interval(0.95), interval(0.5)
    assert wide[0] < narrow[0] < narrow[1] < wide[1]
    # A normal distribution: 0.674 standard deviations to each side instead of 1.96.
    assert (narrow[1] - narrow[0]) / (wide[1] - wide[0]) == pytest.approx(0.344, abs=0.06)
    assert interval(0.95, seed=2) != wide == interval(0.95)


def test_a_difference_has_that_confidence_too() -> None:
    widths = []
    for confidence in (0.95, 0.5):
        sampling = Sampling.of(CLIPS, EvaluationOptions(bootstrap=400, confidence=confidence))
        sides = [sampling.sums("mae", TRUTH, [TRUTH + shift * (PREDICTION - TRUTH)]) for shift in (1.0, 0.5)]
        found = sampling.difference("mae", *sides)
        widths.append(found.high - found.low)
    assert widths[1] / widths[0] == pytest.approx(0.344, abs=0.06)
