"""ONNX models: swift-f0's, which its own package runs, too."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from stages.core.config.sources import OnnxSource, PitchSource
from stages.core.features.sources import pitch as pitch_module
from stages.core.features.sources.source import Extractor, SourceError, open_source

swift_f0 = pytest.importorskip("swift_f0")
MODEL = str(Path(swift_f0.__file__).with_name("model.onnx"))
LIMITS = {"fmin": 46.875, "fmax": 2093.75}


def tone(hertz: float, seconds: float = 1.0) -> np.ndarray:
    time = np.arange(int(seconds * 16000)) / 16000
    partials = sum(np.sin(2 * np.pi * hertz * n * time) / n for n in range(1, 4))
    return (partials * 6000).astype(np.int16)


def opened(**options: object) -> Extractor:
    return open_source(OnnxSource(MODEL, **{"constants": LIMITS, **options}))


def test_frames_are_those_of_the_package_and_pooled() -> None:
    samples = tone(440, 1.3)
    theirs = swift_f0.SwiftF0(threads=1).detect(samples, 16000)
    model = opened()
    assert model.names == ("pitch_mean", "pitch_sd")
    np.testing.assert_allclose(
        model.extract(samples).functionals, [theirs.pitch_hz.mean(), theirs.pitch_hz.std()], rtol=1e-4
    )
    confidence = opened(output="confidence", pooling="max").extract(samples).functionals
    np.testing.assert_allclose(confidence, [theirs.confidence.max()], rtol=1e-5)


def test_a_clip_has_the_same_bits_in_any_company() -> None:
    model = opened()
    first = model.extract(tone(300)).functionals.tobytes()
    model.extract(tone(900, 3.0))
    assert model.extract(tone(300)).functionals.tobytes() == first


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"constants": {}}, r"has the inputs audio, fmin, fmax; name the one that takes the audio as input"),
        ({"constants": {}, "input": "audio"}, r"asks for fmin, too; give it a value under constants"),
        ({"constants": {"high": 2.0}}, r"has no input high; its inputs are audio, fmin, fmax"),
        ({"input": "sound"}, r"has no input sound; its inputs are audio, fmin, fmax"),
        ({"output": "loudness"}, r"has no output loudness; its outputs are pitch, confidence"),
        ({"constants": {"audio": 1.0, "fmin": 1.0}}, r"input fmax has the shape \[\], not that of audio"),
    ],
)
def test_what_does_not_fit_is_one_sentence(options: dict, message: str) -> None:
    with pytest.raises(SourceError, match=message):
        opened(**options)


def test_no_model_and_a_damaged_one_are_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"none\.onnx is no file; correct it"):
        open_source(OnnxSource("none.onnx"))
    damaged = tmp_path / "model.onnx"
    damaged.write_bytes(b"\x08\x07\x12\x04junk")
    with pytest.raises(SourceError, match=r"onnxruntime cannot open .*model\.onnx as a model"):
        open_source(OnnxSource(str(damaged)))


def test_another_output_or_constant_is_another_fingerprint() -> None:
    prints = {
        opened().fingerprint,
        opened(output="confidence").fingerprint,
        opened(pooling="max").fingerprint,
        opened(constants={"fmin": 50.0, "fmax": 2000.0}).fingerprint,
    }
    assert len(prints) == 4


def test_pitch_above_opensmiles_ceiling_is_found() -> None:
    pitch = open_source(PitchSource())
    found = dict(zip(pitch.names, pitch.extract(tone(1500)).functionals, strict=True))
    assert found["share_above_1000"] > 0.9
    assert found["pitch_st_p50"] == pytest.approx(12 * np.log2(1500 / 55), abs=0.3)
    assert found["voiced_share"] > 0.9
    low = dict(zip(pitch.names, pitch.extract(tone(200)).functionals, strict=True))
    assert low["share_above_620"] == 0


def test_the_track_is_that_of_the_package() -> None:
    samples = np.r_[tone(440, 0.5), np.zeros(8000, np.int16), tone(700, 0.4)]
    theirs = swift_f0.SwiftF0(threads=1).detect(samples, 16000)
    pitch, confidence = open_source(PitchSource()).track(samples)
    np.testing.assert_allclose(pitch, theirs.pitch_hz, rtol=1e-5)
    np.testing.assert_allclose(confidence, theirs.confidence, atol=1e-6)


def test_statistics_of_a_track_made_by_hand() -> None:
    seconds = pitch_module.SECONDS_PER_FRAME
    pitch = np.full(100, 110.0)
    confidence = np.zeros(100)
    for start in range(0, 100, 20):  # ten frames on, ten frames off: 3.125 times per second
        confidence[start : start + 10] = 1.0
    found = dict(zip(pitch_module.NAMES, pitch_module.statistics(pitch, confidence), strict=True))
    assert found["pitch_st_mean"] == pytest.approx(12)
    assert found["pitch_st_sd"] == found["glide_abs_mean"] == 0
    assert found["voiced_share"] == 0.5
    assert found["voiced_seconds_mean"] == pytest.approx(10 * seconds)
    assert found["gap_seconds_mean"] == pytest.approx(10 * seconds)
    assert found["voiced_per_second"] == pytest.approx(5 / (100 * seconds))
    assert found["repetition_rate"] == pytest.approx(1 / (20 * seconds))
    assert found["repetition_strength"] > 0.7


def test_without_the_package_one_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_spec("swift_f0")
    monkeypatch.setattr(pitch_module, "find_spec", lambda _: None)
    with pytest.raises(SourceError, match=r"kind pitch needs the package swift-f0; `pip install"):
        pitch_module.Pitch(PitchSource())
