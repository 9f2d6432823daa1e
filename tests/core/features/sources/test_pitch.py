"""Statistics of pitch tracks made by hand, and the silence that no model hears."""

from importlib.util import find_spec

import numpy as np
import pytest

from stages.core.config.sources import PitchSource
from stages.core.features.sources import pitch as module
from stages.core.features.sources.pitch import NAMES, SECONDS_PER_FRAME, Pitch, statistics
from stages.core.features.sources.source import open_source

HERTZ = {0: 55.0, 12: 110.0, 13: 55 * 2 ** (13 / 12), 43: 660.0, 55: 1320.0}  # by semitones above 55 Hz


def named(pitch: np.ndarray, confidence: np.ndarray) -> dict[str, float]:
    return dict(zip(NAMES, statistics(pitch, confidence).tolist(), strict=True))


def test_every_statistic_of_two_stretches() -> None:
    """Frames 1 to 3 and 6 to 7 are voiced; what the others say of pitch means nothing."""
    pitch = np.array([2000, 55, 110, 110, 1900, 1800, 660, 1320, 1700, 1600.0])
    confidence = np.array([0.4, 0.5, 1, 0.9, 0.1, 0.2, 0.8, 0.7, 0.3, 0.1])
    found = named(pitch, confidence)
    levels = 12 * np.log2(np.array([55, 110, 110, 660, 1320]) / 55)
    glides = np.array([12, 0, 12]) / 0.016
    lengths = np.array([3, 2]) * 0.016
    expected = {
        "pitch_st_mean": levels.mean(),
        "pitch_st_sd": levels.std(),
        "glide_mean": 500,
        "glide_abs_mean": 500,
        "glide_sd": glides.std(),
        "glide_max": 750,
        "glide_min": 0,
        "share_above_620": 2 / 5,
        "share_above_1000": 1 / 5,
        "voiced_share": 5 / 10,
        "voiced_per_second": 2 / (10 * 0.016),
        "voiced_seconds_mean": 0.04,
        "voiced_seconds_sd": lengths.std(),
        "voiced_seconds_max": 0.048,
        "gap_seconds_mean": 2 * 0.016,
        "confidence_mean": 0.5,
        "confidence_sd": np.sqrt(np.mean((confidence - 0.5) ** 2)),
    }
    for percent in (5, 20, 50, 80, 95):
        expected[f"pitch_st_p{percent:02d}"] = np.percentile(levels, percent)
    for percent in (5, 95):
        expected[f"glide_p{percent:02d}"] = np.percentile(glides, percent)
    centred = confidence - 0.5
    strengths = {lag: (centred[lag:] @ centred[:-lag]) / (centred @ centred) for lag in range(5, 10)}
    best = max(strengths, key=lambda lag: strengths[lag])
    expected |= {"repetition_rate": 1 / (best * 0.016), "repetition_strength": strengths[best]}
    assert found == pytest.approx(expected, rel=1e-9)


def test_a_falling_glide_and_the_lowest_pitch() -> None:
    found = named(np.array([110, 55.0, 20]), np.ones(3))
    lowest = 12 * np.log2(46.875 / 55)
    falls = np.array([-12, lowest]) / SECONDS_PER_FRAME
    assert found["glide_min"] == pytest.approx(-750) and found["glide_max"] == 0
    assert found["glide_mean"] == pytest.approx(falls.mean())
    assert found["glide_abs_mean"] == pytest.approx(-falls.mean())
    assert found["pitch_st_mean"] == pytest.approx((12 + lowest) / 3)
    assert named(np.array([620, 1000.0]), np.ones(2))["share_above_620"] == 0.5
    assert named(np.array([620, 1000.0]), np.ones(2))["share_above_1000"] == 0


@pytest.mark.parametrize(("frames", "second", "lag"), [(90, 52, 42), (90, 15, 5), (20, 19, 9)])
def test_repetitions_from_the_slowest_to_the_fastest(frames: int, second: int, lag: int) -> None:
    """Two pulses, 42 frames (1.5 Hz) or 5 (12 Hz) apart, or as far as a short clip lets them be."""
    confidence = np.zeros(frames)
    confidence[[10, second]] = 1
    found = named(np.full(frames, 200.0), confidence)
    centred = confidence - 2 / frames
    assert found["repetition_rate"] == pytest.approx(1 / (lag * 0.016))
    assert found["repetition_strength"] == pytest.approx(
        (centred[lag:] @ centred[:-lag]) / (centred @ centred)
    )
    assert found["repetition_strength"] > 0.3


@pytest.mark.parametrize(("second", "rate"), [(53, None), (14, None), (19, 19)])
def test_repetitions_beyond_both_limits_do_not_count(second: int, rate: int | None) -> None:
    frames = 20 if rate else 90
    confidence = np.zeros(frames)
    confidence[[0 if rate else 10, second]] = 1
    found = named(np.full(frames, 200.0), confidence)
    # A lag as long as the clip but for one frame is the last; pulses 43 or 4 frames apart are not found.
    assert (found["repetition_strength"] > 0.3) == bool(rate)
    if rate:
        assert found["repetition_rate"] == pytest.approx(1 / (rate * 0.016))


@pytest.mark.parametrize("frames", [1, 2, 6, 40])
def test_statistics_of_silence_are_zero_and_finite(frames: int) -> None:
    found = statistics(np.full(frames, 100.0), np.zeros(frames))
    assert np.isfinite(found).all()
    assert not found.any()


@pytest.mark.skipif(not find_spec("swift_f0"), reason="swift-f0 is not installed")
def test_statistics_and_version_are_in_the_fingerprint(monkeypatch: pytest.MonkeyPatch) -> None:
    prints = {Pitch(PitchSource()).fingerprint, Pitch(PitchSource()).fingerprint}
    assert len(prints) == 1
    with monkeypatch.context() as patch:
        patch.setattr("onnxruntime.__version__", "0")
        prints.add(Pitch(PitchSource()).fingerprint)
    monkeypatch.setattr(module, "NAMES", NAMES[::-1])
    prints.add(Pitch(PitchSource()).fingerprint)
    assert len(prints) == 3


@pytest.mark.skipif(not find_spec("swift_f0"), reason="swift-f0 is not installed")
def test_frames_that_hardly_sound_are_not_voiced() -> None:
    time = np.arange(8000) / 16000
    tone = sum(np.sin(2 * np.pi * 300 * n * time) / n for n in range(1, 4))
    tone = tone / np.abs(tone).max()
    source = open_source(PitchSource())
    loud, quiet = ((tone * peak).astype(np.int16) for peak in (400, 32))  # a thousandth of full scale is 32.8
    pitch, confidence = source.track(loud)
    assert (confidence > 0.5).mean() > 0.7
    assert not source.track(quiet)[1].any()
    half = np.concatenate([loud[: 15 * 256], quiet[15 * 256 :]])
    assert np.array_equal(source.track(half)[1][:15] > 0, np.ones(15, bool))
    assert not source.track(half)[1][15:].any()
    assert not source.track(np.zeros(100, np.int16))[1].any()
    assert source.names == NAMES and source.frame_names == ()
    expected = statistics(pitch, confidence).astype(np.float32)
    assert source.extract(loud).functionals.tobytes() == expected.tobytes()
