"""The bytes that a decoder gets of a file."""

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile

from stages.core.audio.source import Source, opened
from stages.core.runtime.errors import UnusableClipError

RNG = np.random.default_rng(1)
NOISE = {number: RNG.integers(-30_000, 30_000, (50_000 + number, 2)).astype(np.int16) for number in (1, 2)}


def wav(number: int) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, NOISE[number], 8000 * number, format="WAV", subtype="PCM_16")
    return buffer.getvalue()


def read(source: Source) -> list[tuple[int, np.ndarray]]:
    with opened(source) as streams:
        return [(sound.samplerate, sound.read(sound.frames, dtype="int16")) for sound in streams]


def reason(source: Source) -> str:
    with pytest.raises(UnusableClipError) as caught:
        read(source)
    return str(caught.value)


def test_a_file_its_parts_and_what_is_patched(tmp_path: Path) -> None:
    path = tmp_path / "x.wav"
    one, two = wav(1), wav(2)
    path.write_bytes(b"tag" + one + b"between" + two + b"behind")
    second = 3 + len(one) + 7
    ranges = ((3, 3 + len(one)), (second, second + len(two)))
    (rate, first), (other_rate, other) = read(Source(path, ranges=ranges))
    assert (rate, other_rate) == (8000, 16_000)
    np.testing.assert_array_equal(first, NOISE[1])
    np.testing.assert_array_equal(other, NOISE[2])
    path.write_bytes(one)
    [(_, whole)] = read(Source(path))
    np.testing.assert_array_equal(whole, NOISE[1])
    # Bytes far into the file, and some across the ends of blocks that are read, are those of the patch.
    samples = {place: (place % 100, -7) for place in (0, 1000, 2047, 2048, 4095, 40_000)}
    patches = {44 + 4 * place: np.array(values, "<i2").tobytes() for place, values in samples.items()}
    patches[24] = (22_050).to_bytes(4, "little")
    expected = NOISE[1].copy()
    for place, values in samples.items():
        expected[place] = values
    [(rate, found)] = read(Source(path, patches=patches))
    assert rate == 22_050
    np.testing.assert_array_equal(found, expected)


def test_what_fails_is_named(tmp_path: Path) -> None:
    path = tmp_path / "x.wav"
    assert reason(Source(path, patches={1: b"x"})) == "missing: no such file"
    path.write_bytes(b"what is it" * 10)
    unknown = "not readable: no decoder knows its format, or it is damaged; convert it to WAV"
    assert reason(Source(path)) == reason(Source(path, patches={1: b"x"})) == unknown
    assert reason(Source(path, ranges=((0, 90),), piped=True)) == unknown
    raw = path.rename(tmp_path / "x.raw")
    assert reason(Source(raw)) == unknown
    broken = wav(1)[:20] + b"\x77\x77" + wav(1)[22:]  # a codec that nobody has
    path.write_bytes(broken)
    sentence = reason(Source(path))
    assert sentence.startswith("not readable: ") and sentence != unknown
    assert str(tmp_path) not in sentence and not sentence.endswith(".")
