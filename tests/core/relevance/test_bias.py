"""What is not the voice: measured in made sounds, and told to a linear model."""

import numpy as np
import pytest

from stages.core.config.evaluation import EvaluationOptions
from stages.core.relevance.bias import Recorded, told
from stages.core.relevance.nuisance import NAMES, nuisances
from stages.core.scoring import bootstrap
from stages.core.scoring.sampling import Sampling


def clip(before: float = 0.3, after: float = 0.5, hum: float = 50.0, peak: float = 0.7) -> np.ndarray:
    """A tone of half a second between two silences with noise and hum, int16."""
    rng = np.random.default_rng(1)
    time = np.arange(round(16_000 * (before + 0.5 + after))) / 16_000
    voice = np.where((time >= before) & (time < before + 0.5), np.sin(2 * np.pi * 440 * time), 0)
    sound = voice + 0.003 * np.sin(2 * np.pi * hum * time) + 0.001 * rng.normal(size=len(time))
    return (np.clip(peak * sound, -0.7, 0.7) * 32767).astype(np.int16)


def test_what_surrounds_the_voice_is_measured() -> None:
    found = dict(zip(NAMES, nuisances(clip()), strict=True))
    assert found["silence before (s)"] == pytest.approx(0.3, abs=0.03)
    assert found["silence after (s)"] == pytest.approx(0.5, abs=0.03)
    assert found["noise floor (dB)"] < -45
    assert found["hum at 50 Hz (dB)"] > found["hum at 60 Hz (dB)"] + 6
    other = dict(zip(NAMES, nuisances(clip(hum=60.0)), strict=True))
    assert other["hum at 60 Hz (dB)"] > other["hum at 50 Hz (dB)"] + 6


def test_clipping_is_measured() -> None:
    clipped = dict(zip(NAMES, nuisances(clip(peak=2.0)), strict=True))
    assert (
        clipped["clipped samples (%)"]
        > 10
        > dict(zip(NAMES, nuisances(clip()), strict=True))["clipped samples (%)"]
    )


@pytest.mark.parametrize(
    "samples", [np.zeros(16_000, np.int16), np.ones(100, np.int16), np.ones(1, np.int16)]
)
def test_odd_clips_have_finite_numbers(samples: np.ndarray) -> None:
    assert np.isfinite(nuisances(samples)).all()


def test_a_fact_that_tells_is_found_and_noise_is_not() -> None:
    rng = np.random.default_rng(3)
    speaker = np.repeat(np.arange(90), 3)
    classes = speaker % 3
    facts = np.stack([classes + rng.normal(0, 0.5, 270), rng.normal(size=270)], axis=1)
    splits = np.array(["train", "validation", "test"])[speaker // 3 % 3]
    recorded = Recorded(["rate", "noise"], facts, classes, 3, splits)
    number = np.unique(speaker[recorded.rows("test")], return_inverse=True)[1]
    drawn = bootstrap.draws(30, 200, np.random.default_rng(1))
    found = {row.by: row for row in told(recorded, Sampling(number, drawn, EvaluationOptions()))}
    assert list(found) == ["all together", "rate", "noise"]
    for by in ("all together", "rate"):
        assert (found[by].low or 0) > 0.5 and found[by].p < 0.01
    assert (found["noise"].low or 1) < 1 / 3 < (found["noise"].high or 0) and found["noise"].p > 0.05
