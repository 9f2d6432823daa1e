"""MPEG audio (MP3): how much there is, whatever its headers announce."""

import struct
from pathlib import Path
from typing import BinaryIO, NamedTuple

from stages.core.audio.source import Source
from stages.core.runtime.errors import UnusableClipError

_HEAD = 1 << 16  # bytes in which the audio begins, unless an ID3 tag comes first
_LARGEST = 1 << 28  # bytes; larger files are left to the decoder
_MOST_TAGS = 100
_MOST_FAILURES = 100_000  # bytes of 255 that begin no frame; a frame of silence holds few, noise one in 256
_RATES = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}
_KILOBITS = {  # (MPEG 1, layer) → of each bit rate index
    (True, 1): (0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (True, 2): (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 1): (0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 3): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}


class _Frame(NamedTuple):
    """A frame of MPEG audio: its kind (version, layer, rate), bytes and samples."""

    kind: tuple[int, int, int]
    size: int
    samples: int


def _mpeg_frame(header: bytes) -> _Frame | None:
    """What four bytes say about a frame; None if they are no header."""
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE0 != 0xE0:
        return None
    version, layer = header[1] >> 3 & 3, 4 - (header[1] >> 1 & 3)
    bits, rate_index, padding = header[2] >> 4, header[2] >> 2 & 3, header[2] >> 1 & 1
    if version == 1 or layer == 4 or bits in (0, 15) or rate_index == 3:
        return None
    rate, kilobits = _RATES[version][rate_index], _KILOBITS[version == 3, layer][bits]
    if layer == 1:
        return _Frame((version, layer, rate), (12_000 * kilobits // rate + padding) * 4, 384)
    samples = 576 if layer == 3 and version != 3 else 1152
    return _Frame((version, layer, rate), samples // 8 * 1000 * kilobits // rate + padding, samples)


def mpeg_source(path: Path, file: BinaryIO) -> Source:
    """MPEG audio is decoded to its end where no header tells the number of its frames, or a wrong one.

    A file that holds no MPEG audio is left to the decoder as it is.

    Raises:
        UnusableClipError: if frames are missing that a header announces, or the last frame is cut off.
    """
    size = file.seek(0, 2)
    file.seek(0)
    data = file.read(_HEAD)
    tagged = data.startswith(b"ID3")
    if size > _LARGEST or not (tagged or _mpeg_frames(data, 0, len(data))[0]):
        return Source(path)
    data += file.read()
    end = _before_tags(data)
    frames, cut = _mpeg_frames(data, behind_id3(file), end)
    if not frames:
        return Source(path)
    first, frame = frames[0]
    announced = _announced_frames(data[first : first + frame.size])
    audio = frames if announced is None else frames[1:]
    if announced is not None and announced > len(audio) + 1:  # some encoders count the frame that announces
        raise UnusableClipError("truncated", f"the file holds {len(audio)} of {announced} announced frames")
    if cut:
        raise UnusableClipError("truncated", "the last frame is cut off")
    if not audio or announced == len(audio):
        return Source(path, ranges=() if tagged or first == 0 else ((first, end),))
    least = (len(audio) - 2) * frame.samples  # the first frames may need bits of others before them
    return Source(path, ranges=_runs(audio), piped=True, least=least)


def _runs(frames: list[tuple[int, _Frame]]) -> tuple[tuple[int, int], ...]:
    """First byte and end of frames that follow one another; what lies between is garbage."""
    runs: list[tuple[int, int]] = []
    for first, frame in frames:
        start = runs.pop()[0] if runs and runs[-1][1] == first else first
        runs.append((start, first + frame.size))
    return tuple(runs)


def _mpeg_frames(data: bytes, first: int, end: int) -> tuple[list[tuple[int, _Frame]], bool]:
    """Position and header of all frames, and whether the last one is cut off; garbage is skipped.

    Raises:
        UnusableClipError: if there is too much garbage.
    """
    found: list[tuple[int, _Frame]] = []
    failures = 0
    after = -1  # where the frame behind the last one begins
    while 0 <= first <= end - 4:
        frame = _mpeg_frame(data[first : first + 4])
        if frame is not None and (not found or frame.kind == found[0][1].kind):
            after_this = first + frame.size
            follower = _mpeg_frame(data[after_this : after_this + 4])
            if first == after and after_this > end:
                return found, True
            sure = first == after or (follower is not None and follower.kind == frame.kind)
            if after_this <= end and (sure or (after_this == end and (found or first == 0))):
                found.append((first, frame))
                first = after = after_this
                continue
        first = data.find(b"\xff", first + 1, end)
        failures += 1
        if failures > _MOST_FAILURES:
            raise UnusableClipError("not readable", "it holds more garbage than MPEG audio")
    return found, False


def behind_id3(file: BinaryIO) -> int:
    """The first byte behind the ID3v2 tags with which a file may begin, whatever its format."""
    first = 0
    for _ in range(_MOST_TAGS):
        file.seek(first)
        head = file.read(10)
        if len(head) < 10 or not head.startswith(b"ID3"):
            break
        footer = 10 if head[5] & 0x10 else 0
        sizes = zip(head[6:], (21, 14, 7, 0), strict=True)
        first += 10 + footer + sum(byte << shift for byte, shift in sizes)
    return first


def _before_tags(data: bytes) -> int:
    """Where the audio ends: before ID3v1, APE and Lyrics3 tags."""
    end = len(data)
    if data[-128:-125] == b"TAG":
        end -= 128
    if data[:end].endswith(b"LYRICS200") and data[end - 15 : end - 9].isdigit():
        end -= 15 + int(data[end - 15 : end - 9])
    if data[max(0, end - 32) : max(0, end - 24)] == b"APETAGEX":
        size, flags = struct.unpack_from("<I4xI", data, end - 20)
        end -= size + (32 if flags >> 31 else 0)
    return max(0, end)


def _announced_frames(frame: bytes) -> int | None:
    """The number of frames that a Xing, Info or VBRI header announces; None: there is no such header."""
    for tag in (b"Xing", b"Info"):
        position = frame.find(tag, 4, 48)
        if 0 <= position <= len(frame) - 12:
            flags, count = struct.unpack_from(">II", frame, position + 4)
            return count if flags & 1 else 0
    if frame[36:40] == b"VBRI" and len(frame) >= 54:
        return struct.unpack_from(">I", frame, 50)[0]
    return None
