"""FLAC's frame headers (RFC 9639) and Ogg's pages (RFC 3533), put together by hand."""

import io
import struct
from pathlib import Path

import pytest

from stages.core.audio.codecs import flac_source, ogg_source
from stages.core.audio.source import Source
from stages.core.runtime.errors import UnusableClipError

PATH = Path("x")


def remainder(data: bytes, polynomial: int, bits: int) -> int:
    """CRC by long division of one large number."""
    rest = int.from_bytes(data) << bits
    for place in range(rest.bit_length() - 1, bits - 1, -1):
        if rest >> place & 1:
            rest ^= (1 << bits | polynomial) << place - bits
    return rest


def frame(number: bytes, size: int = 9, rate: int = 9, more: bytes = b"", variable: bool = False) -> bytes:
    """A frame's header, without its audio."""
    head = bytes([0xFF, 0xF9 if variable else 0xF8, size << 4 | rate, 0x08]) + number + more
    return head + bytes([remainder(head, 0x07, 8)])


def flac(total: int, *frames: bytes, block: int = 4096, depth: int = 0xF) -> bytes:
    """A FLAC that announces ``total`` samples; what lies between the headers of frames is no header."""
    info = struct.pack(">HH", block, 65_535) + bytes(6) + b"\x0a\xc4\x42"  # rate, channels, depth
    info += bytes([depth << 4 | total >> 32]) + struct.pack(">I", total & 0xFFFFFFFF) + bytes(16)
    return b"fLaC\x80\0\0\x22" + info + b"".join(head + bytes(20) for head in frames)


def trusted(data: bytes) -> bool:
    """Whether the announced number of samples is; where not, it is made unknown, and the depth stays."""
    found = flac_source(PATH, io.BytesIO(data))
    assert found in (Source(PATH), Source(PATH, patches={21: bytes([data[21] & 0xF0, 0, 0, 0, 0])}))
    return not found.patches


NUMBERS = [0, 0x7F, 0x80, 0x7FF, 0x800, 0xFFFF, 0x10000, 0x10FFFF]
LARGEST = b"\xfe" + b"\xbf" * 6  # 36 ones


@pytest.mark.parametrize("variable", [False, True])
@pytest.mark.parametrize("number", [*NUMBERS, (1 << 36) - 1])
def test_the_last_frame_tells_how_much_there_is(number: int, variable: bool) -> None:
    coded = chr(number).encode() if number in NUMBERS else LARGEST
    end = number + 512 if variable else number * 4096 + 512
    data = frame(coded, 9, variable=variable)
    if end < 1 << 36:
        assert trusted(flac(end, frame(b"\0"), data))
        assert trusted(flac(end + 1, data))
        assert not trusted(flac(end - 1, frame(b"\0"), data))
    else:
        assert not trusted(flac((1 << 36) - 1, data))
    assert not trusted(flac(0, data))


def test_the_size_of_a_block_stands_in_its_header() -> None:
    sizes = {1: 192, **{code: 576 << code - 2 for code in range(2, 6)}}
    sizes |= {code: 256 << code - 8 for code in range(8, 16)}
    for code, size in sizes.items():
        for variable in (False, True):
            data = frame(b"\x05", code, variable=variable)
            end = (5 if variable else 5 * 1000) + size
            assert trusted(flac(end, data, block=1000)), code
            assert not trusted(flac(end - 1, data, block=1000)), code
    for code, more, size in ((6, b"\xff", 256), (7, b"\x01\x02", 259), (7, b"\xff\xff", 65_536)):
        for rate, extra in ((9, b""), (12, b"\x2c"), (13, b"\xac\x44"), (14, b"\x11\x3a")):
            data = frame(b"\x05", code, rate, more + extra)
            assert trusted(flac(5000 + size, data, block=1000)), (code, rate)
            assert not trusted(flac(5000 + size - 1, data, block=1000)), (code, rate)


@pytest.mark.parametrize("coded", [b"\x80", b"\xff", b"\xc2\x41", b"\xe0\xa0", b"\xc2\xff"])
def test_what_is_no_frame_is_passed_over(coded: bytes) -> None:
    real = frame(b"\x01")
    assert trusted(flac(4096 + 512, real, frame(coded)))
    assert not trusted(flac(4096 + 511, real, frame(coded)))
    wrong = real[:-1] + bytes([real[-1] ^ 1])
    assert trusted(flac(1, wrong)) and trusted(flac(4096 + 512, real, wrong))
    assert not trusted(flac(4096 + 511, real, b"\xff\xf7" + real[2:], wrong))


def test_only_the_end_of_a_file_is_searched_and_a_header_may_be_cut_off() -> None:
    late = flac(4096 + 511, frame(b"\x01"))
    assert not trusted(late + bytes((1 << 18) - 26)) and trusted(late + bytes(1 << 18))
    assert flac_source(PATH, io.BytesIO(flac(0)[:41])) == Source(PATH)
    assert not trusted(flac(0))


def page(serial: int, number: int, flags: int = 0, content: bytes = b"sound") -> bytes:
    table = bytes([255] * (len(content) // 255) + [len(content) % 255])
    head = b"OggS\0" + bytes([flags]) + struct.pack("<qII", 7, serial, number)
    rest = bytes([len(table)]) + table + content
    return head + struct.pack("<I", remainder(head + bytes(4) + rest, 0x04C11DB7, 32)) + rest


FIRST, LAST = 2, 4
ONE = page(1, 0, FIRST) + page(1, 1, content=bytes(range(256)) * 3) + page(1, 2, LAST)
OTHER = page(2, 0, FIRST) + page(2, 1, LAST, b"longer sound")


def ranges(data: bytes) -> tuple[tuple[int, int], ...]:
    found = ogg_source(PATH, io.BytesIO(data))
    assert found == Source(PATH, ranges=found.ranges)
    return found.ranges


def reason(data: bytes) -> str:
    with pytest.raises(UnusableClipError) as caught:
        ranges(data)
    return str(caught.value)


def test_chained_streams_are_apart_and_interleaved_ones_are_not() -> None:
    one, both = len(ONE), len(ONE) + len(OTHER)
    assert ranges(ONE) == ranges(b"") == ranges(b"no page") == ()
    assert ranges(ONE + OTHER) == ((0, one), (one, both))
    assert ranges(ONE + OTHER + ONE + b"a tag") == ((0, one), (one, both), (both, both + one))
    assert ranges(page(1, 0, FIRST) + page(2, 0, FIRST) + ONE[len(page(1, 0, FIRST)) :]) == ()
    assert ranges(page(1, 7) + ONE + OTHER)[0] == (len(page(1, 7)), len(page(1, 7)) + one)


def test_a_page_that_is_cut_off_missing_or_damaged() -> None:
    lost = "truncated: no page is marked as the last one of the Ogg stream"
    assert reason(ONE[: -len(page(1, 2, LAST))]) == lost
    assert reason(ONE + page(2, 0, FIRST) + page(2, 1)) == lost
    cut = "truncated: the last page of the Ogg stream is cut off"
    for end in (1, 5, 6, 20, len(page(1, 2, LAST)) - 4):
        assert reason(ONE[:-end]) == cut, end
    begin = len(page(1, 0, FIRST))
    for place in (5, 10, 25, 26 + 1 + 4, 200, 700):
        damaged = bytearray(ONE)
        damaged[begin + place] ^= 1
        sentence = reason(bytes(damaged))
        assert sentence == f"damaged: the checksum of the Ogg page at byte {begin} does not match", place
