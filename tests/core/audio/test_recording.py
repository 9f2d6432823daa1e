import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.core.audio.recording import FULL_SCALE, normalize, read_recording
from stages.core.audio.shards import count, decode, encode, origin_of_audio, read_shards, write_shard
from stages.core.config.data import PreprocessOptions
from stages.core.runtime.errors import UnusableClipError, UserError
from tests.helpers import SHARED
from tests.helpers.corpora import tone

MP3 = SHARED / "emogator" / "data" / "mp3"


def peak_db(clip: np.ndarray) -> float:
    return 20 * np.log10(np.abs(clip.astype(float)).max() / FULL_SCALE)


@pytest.mark.parametrize("rate", [8000, 16_000, 22_050, 44_100, 48_000, 96_000, 192_000])
@pytest.mark.parametrize("channels", [1, 2, 8])
def test_any_rate_and_channel_count_peaks_at_minus_3_db(rate: int, channels: int) -> None:
    clip = normalize(np.repeat(tone(0.5, rate)[:, None], channels, axis=1), rate, PreprocessOptions())
    assert clip.dtype == np.int16
    assert abs(len(clip) - 8000) <= 1
    assert abs(peak_db(clip) + 3) < 0.01


@pytest.mark.parametrize(
    ("format", "subtype"),
    [
        ("WAV", "PCM_U8"),
        ("WAV", "PCM_16"),
        ("WAV", "PCM_24"),
        ("WAV", "PCM_32"),
        ("WAV", "FLOAT"),
        ("FLAC", "PCM_16"),
        ("OGG", "VORBIS"),
        ("MP3", "MPEG_LAYER_III"),
    ],
)
def test_any_width_and_format_is_read(tmp_path: Path, format: str, subtype: str) -> None:
    path = tmp_path / "a clip, Ünïcode.wav"
    soundfile.write(path, tone(), 44_100, format=format, subtype=subtype)
    samples, rate = read_recording(path, 60)
    assert rate == 44_100
    assert abs(peak_db(normalize(samples, rate, PreprocessOptions())) + 3) < 0.01


def write_truncated(path: Path) -> None:
    soundfile.write(path, tone(), 44_100, format="FLAC")
    path.write_bytes(path.read_bytes()[:4000])


BAD_FILES = {
    "missing": lambda _: None,
    "empty": lambda path: path.write_bytes(b""),
    "not readable": lambda path: path.write_bytes(b"This is no recording. " * 40),
    "too long": lambda path: soundfile.write(path, np.zeros(61 * 8000), 8000, format="WAV"),
}


@pytest.mark.parametrize("reason", BAD_FILES)
def test_a_bad_file_is_named_by_its_fault(tmp_path: Path, reason: str) -> None:
    path = tmp_path / "x.wav"
    BAD_FILES[reason](path)
    with pytest.raises(UnusableClipError) as caught:
        read_recording(path, 60)
    assert caught.value.reason == reason


def test_a_folder_and_a_truncated_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UnusableClipError):
        read_recording(tmp_path, 60)
    write_truncated(tmp_path / "cut.flac")
    with pytest.raises(UnusableClipError) as caught:
        read_recording(tmp_path / "cut.flac", 60)
    assert caught.value.reason in {"truncated", "not readable"}


@pytest.mark.parametrize(
    ("samples", "reason"),
    [
        (np.zeros((8000, 1)), "silent"),
        (np.full((8000, 1), 0.25), "constant"),
        (np.array([[0.5]]), "too short"),
        (np.empty((0, 1)), "too short"),
        (np.full((8000, 1), np.nan), "not finite"),
        (np.r_[tone(0.5, 16_000), np.inf][:, None], "not finite"),
        (np.c_[tone(0.5, 16_000), -tone(0.5, 16_000)], "silent"),
    ],
)
def test_samples_without_sound_are_named_by_their_fault(samples: np.ndarray, reason: str) -> None:
    with pytest.raises(UnusableClipError) as caught:
        normalize(samples, 16_000, PreprocessOptions())
    assert caught.value.reason == reason


def test_trimming_cuts_silence_at_both_ends_only() -> None:
    silence = np.zeros(8000)
    clip = np.r_[silence, tone(0.3, 16_000), silence, tone(0.3, 16_000), silence][:, None]
    trimmed = normalize(clip, 16_000, PreprocessOptions(trim_silence=True))
    assert len(normalize(clip, 16_000, PreprocessOptions())) == len(clip)
    assert len(trimmed) == pytest.approx(9600 + 8000, abs=800)


@given(st.lists(st.integers(-32768, 32767), min_size=1, max_size=300))
def test_flac_is_lossless(samples: list[int]) -> None:
    clip = np.array(samples, np.int16)
    assert np.array_equal(decode(encode(clip)), clip)


def test_shards_come_back_in_order(tmp_path: Path) -> None:
    clips = {f"{number:03d}": np.arange(number + 1, dtype=np.int16) for number in range(150)}
    names = list(clips)
    for shard in range(2):
        part = names[shard * 100 : (shard + 1) * 100]
        write_shard(tmp_path / f"{shard:04d}.parquet", part, [encode(clips[name]) for name in part], {"a": 1})
    assert count(tmp_path) == 150
    assert origin_of_audio(tmp_path) == {"a": 1}
    assert [name for name, _ in read_shards(tmp_path)] == names
    assert all(np.array_equal(decode(flac), clips[name]) for name, flac in read_shards(tmp_path))
    with pytest.raises(UserError, match="no audio shards"):
        count(tmp_path / "elsewhere")


@settings(max_examples=60, deadline=None)
@given(data=st.data())
@pytest.mark.parametrize("format", ["WAV", "FLAC", "MP3"])
def test_flipped_bytes_give_a_clip_or_a_fault(
    tmp_path_factory: pytest.TempPathFactory, format: str, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("fuzz") / "x.wav"
    soundfile.write(path, tone(0.2), 44_100, format=format)
    content = bytearray(path.read_bytes())
    for place, value in data.draw(st.lists(st.tuples(st.integers(0, 200), st.integers(0, 255)), max_size=6)):
        content[place % len(content)] = value
    path.write_bytes(content)
    try:
        samples, rate = read_recording(path, 60)
        assert normalize(samples, rate, PreprocessOptions()).dtype == np.int16
    except UnusableClipError as fault:
        assert fault.reason


@pytest.mark.skipif(not MP3.is_dir() or not shutil.which("sox"), reason="needs the EmoGator slice and sox")
def test_real_clips_agree_with_sox(tmp_path: Path) -> None:
    for path in sorted(MP3.iterdir())[::270]:
        samples, rate = read_recording(path, 60)
        ours = normalize(samples, rate, PreprocessOptions())
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
