"""FLAC and Ogg: how much there is, whatever their headers announce."""

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from stages.core.audio.source import Source
from stages.core.runtime.errors import UnusableClipError

_FLAC_TOTAL = 21  # byte whose lower half starts the 36 bits of STREAMINFO's number of samples
_TAIL = 1 << 18  # bytes that hold the last frame of any FLAC
_FLAC_BLOCKS = (0, 192, 576, 1152, 2304, 4608, 0, 0, 256, 512, 1024, 2048, 4096, 8192, 16_384, 32_768)


def flac_source(path: Path, file: BinaryIO) -> Source:
    """FLAC is decoded to its end where its number of samples is unknown, or less than its frames hold."""
    file.seek(0)
    head = file.read(42)
    if len(head) < 42:
        return Source(path)
    total = int.from_bytes(head[_FLAC_TOTAL : _FLAC_TOTAL + 5], "big") & 0xF_FFFF_FFFF
    size = file.seek(0, 2)
    file.seek(max(42, size - _TAIL))
    if total and _last_flac_sample(file.read(), struct.unpack(">H", head[8:10])[0]) <= total:
        return Source(path)
    unknown = bytes([head[_FLAC_TOTAL] & 0xF0, 0, 0, 0, 0])
    return Source(path, patches={_FLAC_TOTAL: unknown})


def _last_flac_sample(tail: bytes, block: int) -> int:
    """The end of the last frame whose header is sound, in samples; 0 if there is none."""
    position = len(tail)
    while (position := tail.rfind(b"\xff", 0, position)) >= 0:
        header = tail[position : position + 16]
        if len(header) < 6 or header[1] not in (0xF8, 0xF9):
            continue
        number, length = _utf8_number(header[4:])
        size_code = header[2] >> 4
        end = 4 + length
        if size_code in (6, 7):  # the size follows, in one byte or two
            samples = int.from_bytes(header[end : end + size_code - 5], "big") + 1
            end += size_code - 5
        else:
            samples = _FLAC_BLOCKS[size_code]
        end += {12: 1, 13: 2, 14: 2}.get(header[2] & 15, 0)
        if length and end < len(header) and _crc8(header[:end]) == header[end]:
            return (number if header[1] & 1 else number * block) + samples
    return 0


def _utf8_number(data: bytes) -> tuple[int, int]:
    """A number coded as UTF-8 codes characters, up to 36 bits, and its length; length 0: it is none."""
    ones = next((bit for bit in range(8) if not data[0] & 0x80 >> bit), 8)
    if ones == 0:
        return data[0], 1
    rest = data[1:ones]
    if ones in (1, 8) or len(rest) < ones - 1 or any(byte >> 6 != 2 for byte in rest):
        return 0, 0
    number = data[0] & 0x7F >> ones
    for byte in rest:
        number = number << 6 | byte & 0x3F
    return number, ones


def _crc8(data: bytes) -> int:
    """CRC-8 with polynomial 0x07, as in the headers of FLAC's frames."""
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc << 1 ^ 0x107) if crc & 0x80 else crc << 1
    return crc


_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
_FIRST_PAGE, _LAST_PAGE = 2, 4


class _Page(NamedTuple):
    first: int
    end: int
    flags: int


def ogg_source(path: Path, file: BinaryIO) -> Source:
    """Ogg: every page is checked, and chained streams are decoded one after the other.

    Raises:
        UnusableClipError: if a page is cut off or damaged, or no page ends the last stream.
    """
    links: list[list[_Page]] = []
    for page in _ogg_pages(file):
        if page.flags & _FIRST_PAGE and not (links and links[-1][-1].flags & _FIRST_PAGE):
            links.append([])
        if links:
            links[-1].append(page)
    if links and not links[-1][-1].flags & _LAST_PAGE:
        raise UnusableClipError("truncated", "no page is marked as the last one of the Ogg stream")
    ranges = tuple((pages[0].first, pages[-1].end) for pages in links)
    return Source(path, ranges=ranges if len(ranges) > 1 else ())


def _ogg_pages(file: BinaryIO) -> Iterator[_Page]:
    size, first = file.seek(0, 2), 0
    while first < size:
        file.seek(first)
        header = file.read(27)
        if not header.startswith(b"OggS"):
            return  # a tag, or something else behind the audio
        table = file.read(header[26]) if len(header) == 27 else b""
        content = file.read(sum(table))
        if len(header) < 27 or len(table) < header[26] or len(content) < sum(table):
            raise UnusableClipError("truncated", "the last page of the Ogg stream is cut off")
        page = header[:22] + bytes(4) + header[26:] + table + content
        if _ogg_checksum(page) != struct.unpack("<I", header[22:26])[0]:
            raise UnusableClipError("damaged", f"the checksum of the Ogg page at byte {first} does not match")
        end = first + len(page)
        yield _Page(first, end, header[5])
        first = end


def _ogg_checksum(page: bytes) -> int:
    """CRC-32 without reflection, initial value and final inversion, by zlib's, which has all three."""
    reflected = zlib.crc32(page.translate(_REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int.from_bytes(reflected.to_bytes(4, "little").translate(_REVERSED), "big")
