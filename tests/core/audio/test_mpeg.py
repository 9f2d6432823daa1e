"""Frames of MPEG audio as the standards define them (ISO 11172-3, 13818-3), put together by hand."""

import io
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from stages.core.audio.mpeg import mpeg_source
from stages.core.audio.source import Source
from stages.core.runtime.errors import UnusableClipError

PATH = Path("x.mp3")
VERSIONS = {3: 1, 2: 2, 0: 4}  # two bits of the header → by what the rates of MPEG 1 are divided
RATES = (44_100, 48_000, 32_000)
KILOBITS = {  # (MPEG 1, layer) → of the bit rate indices 1 to 14
    (True, 1): [32 * index for index in range(1, 15)],
    (True, 2): [32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384],
    (True, 3): [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
    (False, 1): [32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256],
    (False, 2): [8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
    (False, 3): [8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
}


def header(version: int = 3, layer: int = 3, bits: int = 9, rate: int = 0, padding: int = 0) -> bytes:
    return bytes([0xFF, 0xE0 | version << 3 | 4 - layer << 1 | 1, bits << 4 | rate << 2 | padding << 1, 0])


FRAME = header() + bytes(413)  # 128 kbit/s at 44,100 Hz: 144 · 128,000 / 44,100 = 417.96 bytes, 1152 samples


def source(data: bytes) -> Source:
    return mpeg_source(PATH, io.BytesIO(data))


def reason(data: bytes) -> str:
    with pytest.raises(UnusableClipError) as caught:
        source(data)
    return str(caught.value)


def to_its_end(*ranges: tuple[int, int], least: int) -> Source:
    return Source(PATH, ranges=ranges, piped=True, least=least)


@pytest.mark.parametrize(
    ("version", "layer"), [(version, layer) for version in VERSIONS for layer in (1, 2, 3)]
)
def test_the_size_of_each_frame_is_that_of_the_standard(version: int, layer: int) -> None:
    samples = {1: 384, 2: 1152, 3: 1152 if version == 3 else 576}[layer]
    slot = 4 if layer == 1 else 1  # bytes by which padding lengthens a frame
    for bits, kilobits in enumerate(KILOBITS[version == 3, layer], 1):
        for index, rate in enumerate(RATES):
            for padding in (0, 1):
                slots = samples * kilobits * 1000 // 8 // slot * VERSIONS[version] // rate
                size = (slots + padding) * slot
                frame = header(version, layer, bits, index, padding).ljust(size, b"\0")
                data = frame * 5
                assert source(data) == to_its_end((0, 5 * size), least=3 * samples), (kilobits, rate, padding)


def test_what_the_standard_reserves_is_no_frame() -> None:
    for other in (header(version=1), header(layer=4), header(bits=0), header(bits=15), header(rate=3)):
        assert source((other + bytes(413)) * 5) == Source(PATH)
    assert source(b"\xff\x1b\x90\x00" + FRAME[4:] * 5) == Source(PATH)
    assert source(bytes(100)) == source(b"") == Source(PATH)


def xing(count: int, flags: int = 15, tag: bytes = b"Xing", side: int = 32, sort: bytes = header()) -> bytes:
    return (sort + bytes(side) + tag + struct.pack(">II", flags, count)).ljust(417, b"\0")


def vbri(count: int) -> bytes:
    fields = struct.pack(
        ">4sHHHII", b"VBRI", 1, 0, 75, 5 * 417, count
    )  # version, delay, quality, bytes, frames
    return (header() + bytes(32) + fields).ljust(417, b"\0")


@pytest.mark.parametrize(
    "first",
    [
        xing,
        vbri,
        lambda count: xing(count, tag=b"Info"),
        lambda count: xing(count, flags=1, side=17),
        lambda count: xing(count, side=9),
    ],
)
def test_a_header_that_tells_the_number_of_frames(first: Callable[[int], bytes]) -> None:
    assert source(first(5) + FRAME * 5) == Source(PATH)
    untold = to_its_end((417, 6 * 417), least=3 * 1152)
    for wrong in (0, 4, 6):  # some programs count the header's frame, too
        assert source(first(wrong) + FRAME * 5) == untold
    assert reason(first(7) + FRAME * 5) == "truncated: the file holds 5 of 7 announced frames"


def test_a_header_that_does_not_tell_it() -> None:
    assert source(xing(5, flags=14) + FRAME * 5) == to_its_end((417, 6 * 417), least=3 * 1152)
    assert source(xing(5, tag=b"Lavc") + FRAME * 5) == to_its_end((0, 6 * 417), least=4 * 1152)
    assert source(xing(9, side=45) + FRAME * 5) == to_its_end((0, 6 * 417), least=4 * 1152)
    assert source(xing(0)) == Source(PATH)  # the decoder will say that there is nothing


ID3 = b"ID3\4\0\0" + bytes([0, 0, 2, 5])  # 2 · 128 + 5 bytes follow
APE = b"APETAGEX" + struct.pack("<IIII", 2000, 40 + 32, 1, 0) + bytes(8)
LYRICS = b"LYRICSBEGIN" + b"\xff\xfb\x90\x00" * 50
V1 = b"TAG" + b"\xff" * 125


@pytest.mark.parametrize("told", [True, False])
def test_tags_are_no_audio(told: bool) -> None:
    sound = (xing(5) if told else FRAME) + FRAME * 5
    noise = b"\xff\xfb\x90\x00" * 10
    tags = {
        "id3v1": V1,
        "ape without a header": noise + APE,
        "ape with a header": APE + noise + APE[:20] + struct.pack("<I", 1 << 31) + bytes(8),
        "lyrics": LYRICS + f"{len(LYRICS):06d}LYRICS200".encode(),
    }
    tags |= {f"{name} and id3v1": tag + V1 for name, tag in tags.items() if name != "id3v1"}
    tags["ape, lyrics and id3v1"] = tags["ape without a header"] + tags["lyrics and id3v1"]
    size = len(sound)
    for name, tag in {"": b"", **tags}.items():
        found = source(sound + tag)
        assert found == (Source(PATH) if told else to_its_end((0, size), least=4 * 1152)), name
    starts = {
        ID3 + bytes(2 * 128 + 5): 271,
        ID3[:5] + b"\x10" + ID3[6:] + bytes(2 * 128 + 5 + 10): 281,  # with a footer
        (ID3 + bytes(2 * 128 + 5)) * 2: 542,
        ID3[:6] + bytes([0, 3, 2, 5]) + bytes(3 * 16_384 + 261): 49_423,
        ID3[:6] + bytes([1, 0, 0, 1]) + bytes((1 << 21) + 1): (1 << 21) + 11,
    }
    for tag, first in starts.items():
        found = source(tag + sound + V1)
        assert found == (Source(PATH) if told else to_its_end((first, first + size), least=4 * 1152)), first


def test_what_lies_between_frames_is_left_out() -> None:
    told = b"garbage" + xing(5) + FRAME * 5
    assert source(told) == Source(PATH, ranges=((7, len(told)),))
    gap = FRAME * 3 + b"garbage!" * 4 + FRAME * 3
    assert source(gap) == to_its_end((0, 1251), (1283, 2534), least=4 * 1152)
    other = header(rate=1).ljust(384, b"\0")  # of another sample rate
    assert source(FRAME * 3 + other * 2 + FRAME * 3) == to_its_end((0, 1251), (2019, 3270), least=4 * 1152)
    alone = FRAME * 3 + b"garbage!" + FRAME  # the last frame has none behind it
    assert source(alone) == to_its_end((0, 1251), (1259, 1676), least=2 * 1152)
    assert reason(FRAME * 3 + FRAME[:-1]) == "truncated: the last frame is cut off"
    assert source(FRAME * 3 + FRAME[:3]) == to_its_end((0, 1251), least=1152)
    assert source(FRAME).ranges == ((0, 417),)
