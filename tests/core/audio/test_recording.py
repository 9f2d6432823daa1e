import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr

from stages.core.audio.mixing import mix_blocks
from stages.core.audio.recording import FULL_SCALE, Clip, normalize, preparation, read_clip
from stages.core.config.data import PreprocessOptions
from stages.core.runtime.errors import UnusableClipError
from tests.helpers import SHARED
from tests.helpers.corpora import tone

MP3 = SHARED / "emogator" / "data" / "mp3"
OPTIONS = PreprocessOptions()


def clip_of(samples: np.ndarray, rate: int, options: PreprocessOptions = OPTIONS) -> np.ndarray:
    return normalize(mix_blocks([(rate, samples)]), options)[0]


def peak_db(clip: np.ndarray) -> float:
    return 20 * np.log10(np.abs(clip.astype(float)).max() / FULL_SCALE)


@pytest.mark.parametrize("rate", [8000, 16_000, 22_050, 44_100, 48_000, 96_000, 192_000])
@pytest.mark.parametrize("channels", [1, 2, 8])
def test_any_rate_and_channel_count_peaks_at_minus_3_db(rate: int, channels: int) -> None:
    clip = clip_of(np.repeat(tone(0.5, rate)[:, None], channels, axis=1), rate)
    assert clip.dtype == np.int16
    assert abs(len(clip) - 8000) <= 1
    assert abs(peak_db(clip) + 3) < 0.01


def test_every_sample_is_scaled_to_the_peak_and_rounded_to_the_nearest() -> None:
    samples = np.array([0.1, -0.2, 0.15003, -0.049999])
    clip = clip_of(np.tile(samples, 1000)[:, None], 16_000, PreprocessOptions(peak_db=-6.0))
    scaled = samples * 10 ** (-6 / 20) * 32_768 / 0.2
    assert clip[:4].tolist() == [round(value) for value in scaled]
    assert any(round(value) != int(value) for value in scaled)
    assert clip_of(samples.repeat(1000)[:, None], 16_000, PreprocessOptions(peak_db=0)).min() == -32_768


def test_the_peak_is_that_of_the_result_not_of_the_recording() -> None:
    noise = np.random.default_rng(1).normal(size=(44_100, 1)) * 0.1
    resampled = mix_blocks([(44_100, noise)]).samples
    expected = np.rint(resampled * (10 ** (-3 / 20) * 32_768 / np.abs(resampled).max()))
    assert np.array_equal(clip_of(noise, 44_100), expected)


@pytest.mark.parametrize(
    ("samples", "reason"),
    [
        (np.zeros((8000, 1)), "silent"),
        (np.full((8000, 1), 0.25), "constant"),
        (np.array([[0.5]]), "too short"),
        (0.25 + np.random.default_rng(0).integers(-1, 2, (8000, 1)) / 32_768, "too quiet"),
        (np.eye(8000, 1) / 32_768, "too quiet"),
        (np.sign(tone(0.5, 16_000))[:, None], "clipped"),
        (np.clip(tone(0.5, 16_000) * 200, -1, 0.992)[:, None], "clipped"),
        (np.clip(tone(0.5, 16_000) * 200, -0.6, 0.6)[:, None], "clipped"),
        (np.clip(tone(0.5, 16_000) * 200, -1, 1)[:, None] * [0, 1], "clipped"),
        (np.clip(tone(0.5, 16_000) * 200, -1, 1)[:, None] * [1, 0.3], "clipped"),
        (np.random.default_rng(0).integers(-1, 2, (8000, 1)) / 128, "too few values"),
        (np.random.default_rng(0).integers(-1, 2, (8000, 2)) / 128, "too few values"),
        (np.eye(8000, 1, -4000) * 0.9, "too few values"),
    ],
)
def test_samples_without_a_voice_are_named_by_their_fault(samples: np.ndarray, reason: str) -> None:
    with pytest.raises(UnusableClipError) as caught:
        clip_of(samples, 16_000)
    assert caught.value.reason == reason


FOUR = np.tile([1.0, -0.4, 0.3, 0.2], 2000)[:, None]  # half of them at an extreme
THREE = np.tile([1.0, -0.4, 0.1, 0.1, 0.1, 0.1], 2000)[:, None]
TWO = np.tile([1.0, 0.0, 0.0, 0.0], 2000)[:, None]


@pytest.mark.parametrize(
    ("samples", "options", "fault"),
    [
        (FOUR, {}, ""),
        (np.zeros((8000, 1)), {}, "silent: all samples are 0"),
        (np.full((8000, 1), -0.25), {}, "constant: all samples are equal"),
        (FOUR[:1599], {}, "too short: 0.0999 s, the limit is 0.1 s"),
        (FOUR, {"min_seconds": 0.51}, "too short: 0.5000 s, the limit is 0.51 s"),
        (FOUR * 0.01, {"min_peak_db": -43.099}, ""),
        (FOUR * 0.01, {"min_peak_db": -43.097}, "too quiet: its peak is -43.1 dB, the limit is -43.097 dB"),
        (np.tile([1e-3, -1e-3, 5e-4, 1e-4], 2000)[:, None], {}, ""),
        (
            np.tile([9.9e-4, -1e-3, 5e-4, 1e-4], 2000)[:, None],
            {},
            "too quiet: its peak is -60.0 dB, the limit is -60 dB",
        ),
        (
            FOUR.repeat(2, 1) * [1, 0],
            {"max_clipped": 0.49},
            "clipped: 50% of the samples are at the peak, the limit is 49%",
        ),
        (FOUR, {"max_clipped": 0.5}, ""),
        (FOUR, {"max_clipped": 0.49}, "clipped: 50% of the samples are at the peak, the limit is 49%"),
        (
            TWO,
            {},
            "too few values: its samples have 2 different values, as no voice has",
        ),
        (
            THREE,
            {},
            "too few values: its samples have 3 different values, as no voice has",
        ),
        (
            THREE,
            {"max_clipped": 0.99},
            "too few values: its samples have 3 different values, as no voice has",
        ),
        (THREE, {"max_clipped": 1}, ""),
    ],
)
def test_what_is_refused_at_which_limit(samples: np.ndarray, options: dict, fault: str) -> None:
    try:
        clip_of(samples, 16_000, PreprocessOptions(**options))
    except UnusableClipError as error:
        assert str(error) == fault
    else:
        assert not fault


def test_what_decides_a_clip_names_its_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stages.core.audio.recording.version", lambda name: f"version of {name}")
    packages = {name: f"version of {name}" for name in ("noisereduce", "silero-vad", "onnxruntime")}
    plain = {"peak_db": -6.0, "trim": "none", "enhance": "none"}
    vad = {"packages": {name: packages[name] for name in ("silero-vad", "onnxruntime")}}
    for options, expected in (
        ({}, {}),
        ({"trim": "energy", "trim_db": -30.0}, {"trim_db": -30.0}),
        ({"trim": "vad", "trim_db": -30.0}, vad),
        ({"enhance": "spectral"}, {"packages": {"noisereduce": packages["noisereduce"]}}),
        ({"enhance": "spectral", "trim": "vad"}, {"packages": packages}),
        ({"min_seconds": 3.0, "max_seconds": 9.0, "min_peak_db": -9.0, "max_clipped": 0.9}, {}),
    ):
        found = preparation(PreprocessOptions(peak_db=-6.0, **options))
        chosen = {name: value for name, value in options.items() if name in plain}
        assert found == {**plain, **chosen, **expected}, options


def test_limits_themselves_are_allowed() -> None:
    assert len(clip_of(tone(0.1, 16_000)[:, None], 16_000)) == 1600
    half = tone(0.5, 16_000)[:, None] * 0.5
    half[::2] = np.where(half[::2] < 0, -1, 1)
    assert mix_blocks([(16_000, half)]).clipped == 0.5
    assert len(clip_of(half, 16_000)) == 8000
    four = np.random.default_rng(0).integers(0, 4, (8000, 1)) / 16 - 0.1
    assert mix_blocks([(16_000, four[:10]), (16_000, four[10:])]).values == 4
    assert len(clip_of(four, 16_000)) == 8000


def test_the_peak_is_half_of_what_lies_between_the_extremes() -> None:
    voice = tone(0.5, 16_000)[:, None] / np.abs(tone(0.5, 16_000)).max()
    with pytest.raises(UnusableClipError, match=r"its peak is -62\.\d dB, the limit is -60 dB"):
        clip_of(0.25 + voice * 0.0008, 16_000)
    assert len(clip_of(0.25 + voice * 0.0012, 16_000)) == 8000


def test_clipping_is_a_share_of_the_samples_of_all_channels() -> None:
    voice = tone(0.5, 16_000)
    shout = np.clip(voice * 200, -1, 1)
    alone, soft = (mix_blocks([(16_000, samples[:, None])]).clipped for samples in (shout, voice))
    assert alone > 0.9
    assert soft < 0.2
    assert mix_blocks([(16_000, np.c_[shout, voice])]).clipped == pytest.approx((alone + soft) / 2)
    assert mix_blocks([(16_000, np.c_[shout, voice * 0.01])]).clipped == alone
    assert mix_blocks([(16_000, shout[:, None] * 0.01)]).clipped == 0


def test_the_largest_sample_does_not_overflow() -> None:
    samples = np.tile([0.2, -0.1, 0.05, 0.01], 1000)[:, None]
    clip = clip_of(samples, 16_000, PreprocessOptions(peak_db=0))
    assert (clip.max(), clip.min()) == (32_767, -16_384)


def test_what_lies_above_8_khz_is_no_voice() -> None:
    time = np.arange(96_000) / 96_000
    fade = np.sin(np.pi * time)
    sentence = r"^too quiet: its peak below 8 kHz is -\d+\.\d dB, the limit is -60 dB$"
    with pytest.raises(UnusableClipError, match=sentence):
        clip_of((fade * np.sin(2 * np.pi * 20_000 * time))[:, None], 96_000)


def test_a_loud_shout_is_not_all_clipping_and_floats_beyond_full_scale_are_none() -> None:
    assert len(clip_of(np.clip(tone(0.5, 16_000) * 4, -1, 1)[:, None], 16_000)) == 8000
    assert np.array_equal(
        clip_of(tone(0.5, 16_000)[:, None] * 64, 16_000), clip_of(tone(0.5, 16_000)[:, None], 16_000)
    )


@pytest.mark.parametrize("gains", [(0.0, 1.0), (1.0, -1.0), (0.5, -0.45), (0, 0, 1, -1), (0,) * 15 + (1,)])
def test_dead_and_opposite_channels_do_not_change_the_voice(tmp_path: Path, gains: tuple[float, ...]) -> None:
    soundfile.write(tmp_path / "one.wav", tone(0.5, 16_000), 16_000, subtype="DOUBLE")
    soundfile.write(
        tmp_path / "many.wav", tone(0.5, 16_000)[:, None] * np.array(gains), 16_000, subtype="DOUBLE"
    )
    one, many = (read_clip(tmp_path / f"{name}.wav", OPTIONS) for name in ("one", "many"))
    assert isinstance(one, Clip)
    assert isinstance(many, Clip)
    assert np.abs(one.samples - many.samples).max() <= 1
    loudest = int(np.abs(gains).argmax())
    cancelled = abs(np.mean(gains)) < 0.1 * np.abs(gains).max()
    assert many.note == (
        f"its channels cancel each other; channel {loudest + 1} is used" if cancelled else ""
    )
    assert (many.rate, many.channels) == (16_000, len(gains))


@pytest.mark.parametrize(
    ("form", "subtype", "suffix"),
    [
        ("IRCAM", "PCM_16", "wav"),
        ("PVF", "PCM_16", "wav"),
        ("PAF", "PCM_24", "wav"),
        ("RAW", "GSM610", "gsm"),
        ("RAW", "VOX_ADPCM", "vox"),
        ("SD2", "PCM_16", "sd2"),
    ],
)
def test_of_a_format_without_a_length_every_sample_is_used_and_said(
    tmp_path: Path, form: str, subtype: str, suffix: str
) -> None:
    path = tmp_path / f"x.{suffix}"
    soundfile.write(path, tone(0.5, 8000), 8000, format=form, subtype=subtype)
    name = form if suffix == "wav" else suffix.upper()
    expected = f"{name} announces no length: a file that was cut off looks like a whole one"
    whole = read_clip(path, OPTIONS)
    assert isinstance(whole, Clip)
    assert whole.note == expected
    assert 8000 <= len(whole.samples) <= 8000 + 320
    path.write_bytes(path.read_bytes()[: -path.stat().st_size // 4])
    cut = read_clip(path, OPTIONS)
    assert isinstance(cut, Clip)
    assert cut.note == expected
    assert len(cut.samples) < len(whole.samples)


def test_a_wav_by_the_name_of_a_format_without_a_length_is_a_wav(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "x.gsm", tone(0.5, 8000), 8000, format="WAV", subtype="GSM610")
    clip = read_clip(tmp_path / "x.gsm", OPTIONS)
    assert isinstance(clip, Clip)
    assert clip.note == ""


def test_channels_that_cancel_are_found_beside_an_offset() -> None:
    voice = tone(0.5, 16_000)
    assert mix_blocks([(16_000, np.c_[0.2 + voice, 0.2 - voice])]).loudest == 0
    assert mix_blocks([(16_000, np.c_[0.2 + voice * 0.5, voice * 0.2, 0.2 - voice * 0.7])]).loudest == 2
    assert mix_blocks([(16_000, np.c_[0.2 + voice, voice])]).loudest is None


@pytest.mark.parametrize("rate", [8000, 22_050, 44_100, 48_000, 192_000])
def test_the_resampler_is_soxr_at_high_quality(rate: int) -> None:
    noise = np.random.default_rng(rate).normal(size=rate // 4) * 0.1
    found = mix_blocks((rate, noise[first : first + 1000, None]) for first in range(0, len(noise), 1000))
    assert np.array_equal(found.samples, soxr.resample(noise, rate, 16_000, quality="HQ"))


def test_blocks_change_no_bit() -> None:
    noise = np.random.default_rng(2).normal(size=(20_000, 2)) * 0.1
    for rate in (16_000, 44_100):
        whole = mix_blocks([(rate, noise)])
        parts = mix_blocks((rate, noise[first : first + 777]) for first in range(0, 20_000, 777))
        assert np.array_equal(whole.samples, parts.samples)
        assert (whole.low, whole.high, whole.frames, whole.loudest) == (parts.low, parts.high, 20_000, None)


def test_trimming_cuts_silence_at_both_ends_only() -> None:
    silence = np.zeros(8000)
    clip = np.r_[silence, tone(0.3, 16_000), silence, tone(0.3, 16_000), silence][:, None]
    trimmed = clip_of(clip, 16_000, PreprocessOptions(trim="energy"))
    assert len(clip_of(clip, 16_000)) == len(clip)
    assert len(trimmed) == pytest.approx(9600 + 8000, abs=800)


def test_too_little_memory_is_the_fault_of_one_clip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr("stages.core.audio.recording.mix_blocks", fail)
    assert str(read_clip(tmp_path / "x.wav", OPTIONS)) == "too large: there is not enough memory to decode it"


@pytest.mark.skipif(not MP3.is_dir() or not shutil.which("sox"), reason="needs the EmoGator slice and sox")
def test_real_clips_agree_with_sox(tmp_path: Path) -> None:
    for path in sorted(MP3.iterdir())[::270]:
        samples, rate = soundfile.read(path, always_2d=True)
        clip = read_clip(path, OPTIONS)
        assert isinstance(clip, Clip)
        ours = clip.samples
        soundfile.write(tmp_path / "in.wav", samples, rate, subtype="FLOAT")
        subprocess.run(
            [
                "sox",
                tmp_path / "in.wav",
                "-c",
                "1",
                "-r",
                "16000",
                "-b",
                "16",
                tmp_path / "out.wav",
                "norm",
                "-3",
            ],
            check=True,
            capture_output=True,
        )
        theirs = soundfile.read(tmp_path / "out.wav", dtype="int16")[0]
        assert abs(len(ours) - len(theirs)) <= 1
        shorter = min(len(ours), len(theirs))
        assert np.corrcoef(ours[:shorter], theirs[:shorter])[0, 1] >= 0.9999
