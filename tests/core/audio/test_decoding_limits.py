"""How long, fast and wide a recording may be, how much is held at once, and what is said of all others."""

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from stages.core.audio.decoding import decode, measure
from stages.core.config.data import PreprocessOptions
from stages.core.runtime.errors import UnusableClipError
from tests.helpers.corpora import encoded, tone, with_total

RATE = 44_100


def wav_header(rate: int, channels: int, frames: int) -> bytes:
    """A WAV whose samples are not written."""
    size = frames * channels * 2
    form = struct.pack("<HHIIHH", 1, channels, rate, rate * channels * 2, channels * 2, 16)
    chunks = b"fmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", size)
    return b"RIFF" + struct.pack("<I", size + 36) + b"WAVE" + chunks


@pytest.mark.parametrize(
    ("rate", "channels", "reason"),
    [
        (1, 1, "sample rate"),
        (3999, 1, "sample rate"),
        (192_000, 64, "too large"),
        (800_000, 1, "sample rate"),
    ],
)
def test_rates_and_channels_beyond_reason_are_refused_without_decoding(
    tmp_path: Path, rate: int, channels: int, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.wav"
    path.write_bytes(wav_header(rate, channels, 10 * rate))
    with path.open("r+b") as file:
        file.truncate(44 + 10 * rate * channels * 2)  # sparse
    monkeypatch.setattr(soundfile.SoundFile, "read", lambda *_, **__: pytest.fail("decoded"))
    with pytest.raises(UnusableClipError) as caught:
        list(decode(path, 60))
    assert caught.value.reason == reason


def sparse(path: Path, rate: int, channels: int, frames: int) -> Path:
    """A recording of zeros that takes no space."""
    path.write_bytes(wav_header(rate, channels, frames))
    with path.open("r+b") as file:
        file.truncate(44 + frames * channels * 2)
    return path


def fault_of(path: Path, max_seconds: float = 60) -> str:
    """Why a recording can neither be decoded nor measured."""
    for attempt in (
        lambda: list(decode(path, max_seconds)),
        lambda: measure(path, PreprocessOptions(max_seconds=max_seconds)),
    ):
        with pytest.raises(UnusableClipError) as caught:
            attempt()
    return str(caught.value)


def test_limits_of_rate_and_channels_are_allowed_themselves(tmp_path: Path) -> None:
    for rate, channels in ((4000, 1), (768_000, 2), (192_000, 8), (8000, 192)):
        path = sparse(tmp_path / "x.wav", rate, channels, rate // 4)
        assert sum(len(block) for _, block in decode(path, 60)) == rate // 4
        assert measure(path, PreprocessOptions()) == 0.25
    beyond = {
        (3999, 1): "sample rate: 3999 Hz; rates from 4000 to 768000 Hz can be used",
        (768_001, 1): "sample rate: 768001 Hz; rates from 4000 to 768000 Hz can be used",
        (192_001, 8): "too large: 8 channels at 192001 Hz; at most 1536000 samples per second can be used",
        (192_000, 9): "too large: 9 channels at 192000 Hz; at most 1536000 samples per second can be used",
    }
    for (rate, channels), sentence in beyond.items():
        assert fault_of(sparse(tmp_path / "x.wav", rate, channels, rate)) == sentence


def test_limits_of_length_are_allowed_themselves(tmp_path: Path) -> None:
    path = tmp_path / "x.wav"
    for form, subtype in (("WAV", "PCM_16"), ("FLAC", "PCM_16")):
        data = encoded(f"{form}/{subtype}", tone(0.8))
        for content in (data, with_total(data, 0)) if form == "FLAC" else (data,):
            path.write_bytes(content)
            assert sum(len(block) for _, block in decode(path, 0.8)) == 35_280
            assert measure(path, PreprocessOptions(min_seconds=0.8, max_seconds=0.8)) == 0.8
            assert fault_of(path, 0.79).startswith("too long: 0.8 s, the limit is 0.79 s")
            with pytest.raises(UnusableClipError, match=r"^too short: 0\.8000 s, the limit is 0\.81 s$"):
                measure(path, PreprocessOptions(min_seconds=0.81))
    bytes_per_second = 1_536_000 * 8
    path.write_bytes(bytes(4 * bytes_per_second // 1000))
    assert fault_of(path, 4e-3).startswith("not audio: nothing but zeros")
    path.write_bytes(bytes(4 * bytes_per_second // 1000 + 1))
    assert fault_of(path, 4e-3) == "too long: the file has 0.0 GB, the limit is 0.004 s"


def test_chained_streams_are_one_recording_in_length(tmp_path: Path) -> None:
    path = tmp_path / "x.ogg"
    path.write_bytes(encoded("OGG/VORBIS", tone(0.5)) + encoded("OGG/VORBIS", tone(0.3)))
    assert fault_of(path, 0.79) == "too long: 0.8 s, the limit is 0.79 s"
    assert measure(path, PreprocessOptions(max_seconds=0.8)) == pytest.approx(0.8)
    assert sum(len(block) for _, block in decode(path, 0.8)) == 35_280


def test_what_is_announced_to_be_too_long_is_not_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(soundfile.SoundFile, "read", lambda *_, **__: pytest.fail("decoded"))
    path = sparse(tmp_path / "x.wav", 8000, 1, 8001)
    assert fault_of(path, 1.0) == "too long: 1.0 s, the limit is 1 s"


def test_a_file_that_cannot_be_opened_is_named_by_the_reason(tmp_path: Path) -> None:
    assert fault_of(tmp_path / ("x" * 300)) == "not readable: File name too long"
    assert fault_of(tmp_path) == "not readable: it is not a file"
    assert fault_of(tmp_path / "x.wav") == "missing: no such file"


@pytest.mark.parametrize("kind", ["WAV/PCM_16", "FLAC/PCM_16"])
def test_every_block_holds_its_samples(tmp_path: Path, kind: str) -> None:
    """Three channels, in blocks of 87,381 samples, of which the last is not full."""
    noise = np.random.default_rng(1).integers(-32_768, 32_768, (200_000, 3)).astype(np.int16)
    path = tmp_path / "x.wav"
    path.write_bytes(encoded(kind, noise, 48_000))
    for content in [path.read_bytes()] + [with_total(path.read_bytes(), 0)] * (kind[0] == "F"):
        path.write_bytes(content)
        blocks = [(rate, block.copy()) for rate, block in decode(path, 60)]
        assert [len(block) for _, block in blocks] == [87_381, 87_381, 25_238]
        assert {rate for rate, _ in blocks} == {48_000}
        np.testing.assert_array_equal(np.concatenate([block for _, block in blocks]) * 32_768, noise)


def test_decoding_takes_little_memory_at_once(tmp_path: Path) -> None:
    path = tmp_path / "x.wav"
    path.write_bytes(wav_header(192_000, 8, 192_000))
    with path.open("r+b") as file:
        file.truncate(44 + 192_000 * 16)
    sizes = [block.nbytes for _, block in decode(path, 60)]
    assert max(sizes) <= 1 << 21
    assert sum(sizes) == 192_000 * 8 * 8


def test_too_long_is_noticed_before_the_end_where_no_length_is_announced(tmp_path: Path) -> None:
    path = tmp_path / "x.flac"
    path.write_bytes(
        with_total(encoded("FLAC/PCM_16", np.random.default_rng(0).normal(size=8 * RATE) * 0.1), 0)
    )
    seen = 0
    with pytest.raises(UnusableClipError, match="too long"):
        for _, block in decode(path, 1.0):
            seen += len(block)
    assert seen <= RATE
    (tmp_path / "huge.wav").write_bytes(b"")
    with (tmp_path / "huge.wav").open("r+b") as file:
        file.truncate(1 << 40)
    with pytest.raises(UnusableClipError, match=r"too long: the file has 1099\.5 GB"):
        list(decode(tmp_path / "huge.wav", 60.0))


BAD: dict[str, Callable[[Path], object]] = {
    "missing": lambda _: None,
    "empty": lambda path: path.write_bytes(b""),
    "not audio": lambda path: path.write_text("This is no recording. " * 40),
    "not readable": lambda path: path.mkdir(),
    "too long": lambda path: soundfile.write(path, np.zeros(61 * 8000), 8000, format="WAV"),
}


@pytest.mark.parametrize("reason", BAD)
def test_a_bad_file_is_named_by_its_fault(tmp_path: Path, reason: str) -> None:
    path = tmp_path / "x.wav"
    BAD[reason](path)
    for attempt in (lambda: list(decode(path, 60)), lambda: measure(path, PreprocessOptions())):
        with pytest.raises(UnusableClipError) as caught:
            attempt()
        assert caught.value.reason == reason


def test_the_header_shows_what_is_too_short(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "x.wav", tone(0.05), RATE)
    with pytest.raises(UnusableClipError, match=r"too short: 0\.0500 s, the limit is 0\.1 s"):
        measure(tmp_path / "x.wav", PreprocessOptions())
