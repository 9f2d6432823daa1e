"""Containers put together by hand: what is read of each, and what is refused."""

import struct
from collections.abc import Mapping
from pathlib import Path

import pytest

from stages.core.audio.containers import inspect
from stages.core.audio.source import Source
from stages.core.runtime.errors import UnusableClipError

SOUND = bytes(range(1, 201)) * 10  # 2000 bytes
FORM = struct.pack("<HHIIHH", 1, 1, 16_000, 32_000, 2, 16)


def chunk(name: bytes, content: bytes, size: int | None = None, form: str = "<I") -> bytes:
    """A chunk that announces ``size`` bytes."""
    return name + struct.pack(form, len(content) if size is None else size) + content


def wav(*rest: bytes, size: int = 2000, kind: bytes = b"RIFF") -> bytes:
    """A WAV whose samples begin at byte 44."""
    form = ">I" if kind == b"RIFX" else "<I"
    head = kind + bytes(4) + b"WAVE" + chunk(b"fmt ", FORM, form=form)
    return head + chunk(b"data", SOUND, size, form) + b"".join(rest)


def rf64(size: int, long_size: int) -> bytes:
    """An RF64 whose long size stands at byte 28, and whose samples begin at byte 80."""
    long_sizes = chunk(b"ds64", struct.pack("<QQQI", 9, long_size, 7, 0))
    return b"RF64" + bytes(4) + b"WAVE" + long_sizes + chunk(b"fmt ", FORM) + chunk(b"data", SOUND, size)


def aiff(*rest: bytes, size: int = 2008, name: bytes = b"SSND") -> bytes:
    return b"FORM" + bytes(4) + b"AIFF" + chunk(name, bytes(8) + SOUND, size, ">I") + b"".join(rest)


def w64(size: int, before: bytes = b"") -> bytes:
    """A W64 whose samples begin at byte 64, or 32 behind ``before``; sizes count the header of a chunk."""
    known = b"\xf3\xac\xd3\x11\x8c\xd1\x00\xc0\x4f\x8e\xdb\x8a"
    return b"riff".ljust(40, b"\0") + before + b"data" + known + struct.pack("<Q", size) + SOUND


def caf(*rest: bytes, size: int = 2000) -> bytes:
    return (
        b"caff\0\1\0\0"
        + chunk(b"desc", bytes(32), form=">q")
        + chunk(b"data", SOUND, size, ">q")
        + b"".join(rest)
    )


def au(*rest: bytes, size: int = 2000, order: str = ">") -> bytes:
    magic = b".snd" if order == ">" else b"dns."
    return magic + struct.pack(f"{order}IIIII", 28, size, 3, 16_000, 1) + bytes(4) + SOUND + b"".join(rest)


def nist(fields: str, header: int = 1024, length: str | None = None, sound: bytes = SOUND) -> bytes:
    text = f"NIST_1A\n{header if length is None else length:>7}\n{fields}end_head\n"
    return text.encode().ljust(header) + sound


COUNTS = "sample_count -i 500\nchannel_count -i 2\nsample_n_bytes -i 2\nsample_rate -i 16000\n"


def voc(*blocks: bytes, end: bytes = b"\0") -> bytes:
    return b"Creative Voice File\x1a" + struct.pack("<HHH", 26, 266, 4393) + b"".join(blocks) + end


def block(content: bytes, size: int | None = None) -> bytes:
    return b"\1" + (len(content) if size is None else size).to_bytes(3, "little") + content


NOTE = bytes(range(256)) * 8  # more than anybody would leave out
STRAY = b"stray" * 300


def held(number: int, announced: int) -> str:
    return f"truncated: the file holds {number} of {announced} announced bytes of audio"


def follow(number: int, announced: int = 2000) -> str:
    return f"damaged: {number} bytes follow the {announced} announced bytes of audio, and are no chunk"


UNFINISHED = "truncated: the header was never finished"
LARGE = bytes(1 << 20)
# name → file, and the bytes that are patched (none: it is decoded as it is) or why it is refused
FILES: dict[str, tuple[bytes, Mapping[int, bytes] | str]] = {
    "wav": (wav(), {}),
    "wav and a chunk": (wav(chunk(b"LIST", NOTE)), {}),
    "wav with an odd size and a chunk behind a byte of padding": (wav(chunk(b"LIST", NOTE), size=1999), {}),
    "wav with an odd size and a chunk at once": (
        wav(size=1999)[:-1] + chunk(b"LIST", NOTE),
        {},
    ),
    "wav and little that is no chunk": (wav(STRAY[:1024]), {}),
    "wav and more that is no chunk": (wav(STRAY[:1025]), follow(1025)),
    "wav and a chunk that is cut off": (wav(chunk(b"LIST", NOTE, 2049)), follow(2056)),
    "wav and a chunk without a name": (wav(chunk(b"LI\x1fT", NOTE)), follow(2056)),
    "wav and a chunk beside letters": (wav(chunk(b"LI\x7fT", NOTE)), follow(2056)),
    "wav and a chunk of signs": (wav(chunk(b" ~~ ", NOTE)), {}),
    "wav and a chunk and more": (wav(chunk(b"LIST", NOTE), STRAY), follow(2056 + 1500)),
    "wav and zeros": (wav(LARGE, bytes(99)), {}),
    "wav and late bytes": (wav(LARGE, bytes(99), b"x"), follow((1 << 20) + 100)),
    **{f"wav and {tag!r}": (wav(tag, NOTE), {}) for tag in (b"TAG", b"ID3", b"APETAGEX", b"LYRICSBE")},
    "wav cut off": (wav(size=2001), held(2000, 2001)),
    "wav of the largest size": (wav(size=0x7FFEFFFF), held(2000, 0x7FFEFFFF)),
    "wav of an unknown size": (wav(size=0x7FFF0000), {}),
    "wav never finished": (wav(size=0), {40: struct.pack("<I", 2000)}),
    "wav without samples": (wav(size=0)[:44], {}),
    "wav without samples and a chunk": (wav(size=0)[:44] + chunk(b"LIST", NOTE), {}),
    "wav without data": (wav()[:36], {}),
    "wav with an odd chunk before": (
        wav()[:36] + chunk(b"note", b"abc") + b"\0" + chunk(b"data", SOUND, 2001),
        held(2000, 2001),
    ),
    "rifx": (wav(kind=b"RIFX"), {}),
    "rifx cut off": (wav(kind=b"RIFX", size=2001), held(2000, 2001)),
    "rifx never finished": (wav(kind=b"RIFX", size=0), {40: struct.pack(">I", 2000)}),
    "rf64": (rf64(0xFFFFFFFF, 2000), {}),
    "rf64 cut off": (rf64(0xFFFFFFFF, 2001), held(2000, 2001)),
    "rf64 of a large size": (rf64(0xFFFFFFFF, (1 << 62) - 1), held(2000, (1 << 62) - 1)),
    "rf64 of an unknown size": (rf64(0xFFFFFFFF, 1 << 62), {28: struct.pack("<Q", 2000)}),
    "rf64 never finished": (rf64(0xFFFFFFFF, 0), {28: struct.pack("<Q", 2000)}),
    "rf64 of a short size": (rf64(2001, 5), held(2000, 2001)),
    "rf64 without a long size": (wav(kind=b"RF64", size=0xFFFFFFFF), {}),
    "wav with a long size": (b"RIFF" + rf64(0xFFFFFFFF, 2001)[4:], {}),
    "aiff": (aiff(), {}),
    "aiff and a chunk": (aiff(chunk(b"(c) ", NOTE, form=">I")), {}),
    "aiff and more": (aiff(STRAY), follow(1500, 2008)),
    "aiff cut off": (aiff(size=2009), held(2008, 2009)),
    "aiff of an unknown size": (aiff(size=0x7FFF0000), {}),
    "aiff of the largest size": (aiff(size=0x7FFEFFFF), held(2008, 0x7FFEFFFF)),
    "aiff never finished": (aiff(size=0), UNFINISHED),
    "aiff never finished but for its offset": (aiff(size=8), UNFINISHED),
    "aiff without samples": (aiff(size=8)[:28], {}),
    "aiff without samples and a chunk": (aiff(size=8)[:28] + chunk(b"(c) ", NOTE, form=">I"), {}),
    "svx and more": (aiff(STRAY, name=b"BODY"), {}),
    "svx cut off": (aiff(name=b"BODY", size=2009), held(2008, 2009)),
    "w64": (w64(2024), {}),
    "w64 cut off": (w64(2025), held(2000, 2001)),
    "w64 never finished": (w64(24), {56: struct.pack("<Q", 2024)}),
    "w64 without a size": (w64(0), {56: struct.pack("<Q", 2024)}),
    "w64 of an unknown size": (w64((1 << 62) + 24), {}),
    "w64 of a large size": (w64((1 << 62) + 23), held(2000, (1 << 62) - 1)),
    "w64 with an odd chunk before": (
        w64(2025, b"note".ljust(16, b"\0") + struct.pack("<Q", 27) + b"abc" + bytes(5)),
        held(2000, 2001),
    ),
    "caf": (caf(), {}),
    "caf and a chunk": (caf(chunk(b"free", NOTE, form=">q")), {}),
    "caf and more": (caf(STRAY), follow(1500)),
    "caf cut off": (caf(size=2001), held(2000, 2001)),
    "caf never finished": (caf(size=-1), {56: struct.pack(">q", 2000)}),
    "au": (au(), {}),
    "au and more": (au(STRAY), follow(1500)),
    "au cut off": (au(size=2001), held(2000, 2001)),
    "au never finished": (au(size=0), {8: b"\xff" * 4}),
    "au without samples": (au(size=0)[:28], {}),
    "au of an unknown size": (au(size=0xFFFFFFFF), {}),
    "au of the largest size": (au(size=0x7FFEFFFF), held(2000, 0x7FFEFFFF)),
    "au of little end": (au(order="<"), {}),
    "au of little end cut off": (au(order="<", size=2001), held(2000, 2001)),
    "au without its fields": (au()[:11], {}),
    "nist": (nist(COUNTS), {}),
    "nist cut off": (nist(COUNTS, sound=SOUND[1:]), held(1999, 2000)),
    "nist with a long header": (nist(COUNTS, 2048), {}),
    "nist with a long header cut off": (nist(COUNTS, 2048, sound=SOUND[1:]), held(1999, 2000)),
    "nist without its length": (nist(COUNTS, length="what", sound=SOUND[1:]), held(1999, 2000)),
    "nist without its counts": (nist(COUNTS.replace("channel", "chanel"), sound=b""), {}),
    "nist of a count that is none": (nist(COUNTS.replace("500", "-500"), sound=b""), {}),
    "nist of one line": (b"NIST_1A", {}),
    "voc": (voc(block(SOUND), block(SOUND[:7])), {}),
    "voc without an end": (voc(block(SOUND), end=b""), {}),
    "voc cut off": (voc(block(SOUND), block(SOUND, 2001), end=b""), held(2000, 2001)),
    "voc and more": (voc(block(SOUND), end=b"\0\xff\xff\xff"), {}),
    "voc cut off in a header": (voc(block(SOUND), b"\1\5\0", end=b""), held(0, 5)),
    "voc of blocks beyond one byte": (voc(block(bytes(0x010203)), block(b"12", 3), end=b""), held(2, 3)),
}


@pytest.mark.parametrize("name", FILES)
def test_what_is_read_of_a_container(tmp_path: Path, name: str) -> None:
    (tmp_path / "x").write_bytes(FILES[name][0])
    try:
        found = inspect(tmp_path / "x")
    except UnusableClipError as error:
        assert str(error) == FILES[name][1]
    else:
        assert found == Source(tmp_path / "x", patches=FILES[name][1])  # type: ignore[arg-type]
