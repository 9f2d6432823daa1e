import io
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from stages.core.audio.mixing import mix_blocks
from stages.core.audio.recording import Clip, normalize, preparation, read_clip
from stages.core.audio.silence import FRAME, SHORTEST, trim_by_energy, trim_to_voice, voice_probabilities
from stages.core.config.data import PreprocessOptions, SynthesisOptions
from stages.core.runtime.errors import UserError
from stages.core.synthetic.corpus import make_clip, plan
from tests.helpers import SHARED
from tests.helpers.corpora import tone

MP3 = SHARED / "emogator" / "data" / "mp3"
needs_vad = pytest.mark.skipif(
    not find_spec("silero_vad") or not find_spec("onnxruntime"), reason="silero-vad is not installed"
)


@given(
    samples=arrays(np.float64, st.integers(1, 4000), elements=st.floats(-1, 1)),
    decibels=st.floats(-60, -1),
)
def test_what_stays_is_one_stretch_with_the_loudest_frame(samples: np.ndarray, decibels: float) -> None:
    kept = trim_by_energy(samples, decibels)
    assert len(kept) >= min(len(samples), SHORTEST)
    frames = np.array_split(samples, max(1, len(samples) // FRAME))
    loudest = max(frames, key=lambda frame: float(np.mean(frame**2)))
    assert np.shares_memory(kept, loudest)


def test_the_level_decides_what_is_silence() -> None:
    noise = np.random.default_rng(1).normal(size=8000) * 0.01
    clip = np.r_[noise, tone(0.5, 16_000), noise]
    assert len(trim_by_energy(clip, -60)) == len(clip)
    assert len(trim_by_energy(clip, -20)) < 9000


def test_a_click_leaves_enough_for_opensmile() -> None:
    for place in (0, 5000, 15_999):
        clip = np.zeros(16_000)
        clip[place] = 1
        kept = trim_by_energy(clip, -20)
        assert len(kept) == SHORTEST
        assert kept.max() == 1


def test_the_level_is_of_the_energy_and_the_click_in_the_middle() -> None:
    """Frames at 0.178 of the amplitude lie 15 dB below the loudest."""
    clip = np.r_[np.zeros(4000), np.full(4000, 0.178), np.ones(4000), np.full(4000, 0.178), np.zeros(4000)]
    assert len(trim_by_energy(clip, -15.1)) == 12_000
    assert len(trim_by_energy(clip, -14.9)) == 4000
    click = np.zeros(16_000)
    click[5000] = 1  # in the frame from 4800 to 5200, which is widened by 600 on each side
    assert trim_by_energy(click, -20).argmax() == 5000 - (4800 - 600)


def test_a_hop_stays_on_each_side_of_the_voice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Voiced are the hops of 512 samples number 9 to 19."""
    heard = np.isin(np.arange(40), [9, 12, 19]).astype(np.float32)
    monkeypatch.setattr("stages.core.audio.silence.voice_probabilities", lambda _: heard)
    kept = trim_to_voice(np.arange(1.0, 40 * 512 + 1))
    assert kept is not None
    assert (kept[0] - 1, kept[-1]) == (8 * 512, 21 * 512)


def test_what_counts_as_voice(monkeypatch: pytest.MonkeyPatch) -> None:
    samples = np.arange(40 * 512.0)  # the first sample is 0
    heard = np.zeros(40, np.float32)
    monkeypatch.setattr("stages.core.audio.silence.voice_probabilities", lambda _: heard)
    heard[:] = 0.499
    assert trim_to_voice(samples) is None
    heard[[0, 3]] = 0.5
    kept = trim_to_voice(samples)
    assert kept is not None
    assert (kept[0], kept[-1]) == (0, 5 * 512 - 1)
    assert trim_to_voice(np.r_[np.zeros(5 * 512), samples]) is None  # all that was heard is silence
    heard[:] = 0
    heard[38] = 1
    kept = trim_to_voice(samples)
    assert kept is not None
    assert (kept[0], kept[-1]) == (40 * 512 - 1600, 40 * 512 - 1)  # 0.1 s stay


@needs_vad
def test_the_detector_hears_a_synthetic_voice_as_the_package_does() -> None:
    """The whole clip at once against the package's model, which is called window by window."""
    torch = pytest.importorskip("torch")
    from silero_vad import load_silero_vad

    speakers, clips = plan(SynthesisOptions(speakers=4, clips_per_speaker=1, seed=5))
    model = load_silero_vad(onnx=True)
    for clip in clips[:2]:
        wav, _ = make_clip(5, (clip, speakers[clip.speaker]))
        samples, rate = soundfile.read(io.BytesIO(wav), always_2d=True)
        wave = mix_blocks([(rate, samples)]).samples[:18_000]  # the last window is not full
        wave = (wave / np.abs(wave).max()).astype(np.float32)
        found = voice_probabilities(wave)
        assert (found.shape, found.dtype) == ((36,), np.float32)
        assert found.min() < 0.1 and found.max() > 0.5
        model.reset_states()
        padded = np.pad(wave, (0, -len(wave) % 512)).reshape(-1, 512)
        theirs = [float(model(torch.from_numpy(window), 16_000)) for window in padded]
        assert found == pytest.approx(theirs, abs=1e-3)


@pytest.mark.parametrize("level", [0.01, 0.3, 40.0])
def test_the_detector_hears_a_clip_as_loud_as_it_becomes(
    level: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[np.ndarray] = []

    def second_half(samples: np.ndarray) -> np.ndarray:
        heard.append(samples)
        return samples[4000:]

    monkeypatch.setattr("stages.core.audio.recording.trim_to_voice", second_half)
    voice = tone(0.5, 16_000)
    options = PreprocessOptions(trim="vad", peak_db=-6.0, max_clipped=1)
    clip, note = normalize(mix_blocks([(16_000, voice[:, None] * level)]), options)
    loud = voice * (10 ** (-6 / 20) / np.abs(voice).max())
    np.testing.assert_allclose(heard[0], loud, rtol=1e-12)
    expected = voice[4000:] * (10 ** (-6 / 20) * 32_768 / np.abs(voice[4000:]).max())
    assert np.abs(clip - expected).max() <= 0.51
    assert note == ""


def test_all_that_a_person_should_know_stands_in_the_note(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stages.core.audio.recording.trim_to_voice", lambda _: None)
    opposite = np.c_[tone() * 0.1, -tone() * 0.3, tone() * 0.2]
    soundfile.write(tmp_path / "x.wav", opposite, 44_100, format="IRCAM", subtype="FLOAT")
    clip = read_clip(tmp_path / "x.wav", PreprocessOptions(trim="vad"))
    assert isinstance(clip, Clip)
    assert clip.note == (
        "its channels cancel each other; channel 2 is used; silero-vad hears no voice; nothing is cut; "
        "IRCAM announces no length: a file that was cut off looks like a whole one"
    )


@needs_vad
@pytest.mark.skipif(not MP3.is_dir(), reason="needs the EmoGator slice")
def test_the_detector_is_the_packages_own_model() -> None:
    """The whole clip at once against the package's model, which is called window by window."""
    torch = pytest.importorskip("torch")
    from silero_vad import load_silero_vad

    model = load_silero_vad(onnx=True)
    for path in sorted(MP3.iterdir())[::500]:
        clip = read_clip(path, PreprocessOptions())
        assert isinstance(clip, Clip)
        wave = (clip.samples / 32768).astype(np.float32)
        found = voice_probabilities(wave)
        assert found.tobytes() == voice_probabilities(wave).tobytes()
        model.reset_states()
        padded = np.pad(wave, (0, -len(wave) % 512)).reshape(-1, 512)
        theirs = [float(model(torch.from_numpy(window), 16_000)) for window in padded]
        assert found == pytest.approx(theirs, abs=1e-3)


@needs_vad
def test_silence_around_a_voice_is_cut_and_a_clip_without_voice_stays() -> None:
    corpus = SHARED / "emogator" / "data" / "mp3" / "000001-02-1.mp3"
    if not corpus.is_file():
        pytest.skip("needs the EmoGator slice")
    wave, rate = soundfile.read(corpus)
    silence = np.zeros(rate)
    around = np.r_[silence, wave, silence][:, None]
    options = PreprocessOptions(trim="vad")
    cut, note = normalize(mix_blocks([(rate, around)]), options)
    assert note == ""
    assert len(cut) <= len(wave) * 16_000 / rate + 2 * 1024
    hum = np.sin(np.arange(16_000) * 0.02)
    assert trim_to_voice(hum * 0.5) is None
    whole, note = normalize(mix_blocks([(16_000, hum[:, None])]), options)
    assert (len(whole), note) == (16_000, "silero-vad hears no voice; nothing is cut")


def test_a_missing_package_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stages.core.audio.recording.VAD_PACKAGES", ("no-such-package",))
    with pytest.raises(UserError, match=r"needs the package no-such-package.*requirements-sources"):
        preparation(PreprocessOptions(trim="vad"))
