"""What the header of a recording announces, compared with what the file holds.

libsndfile takes a file that was cut off for a whole one, and relies on lengths that may be wrong, unknown or
estimated. Here the containers are walked, without decoding.
"""

import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from stages.core.audio.codecs import flac_source, ogg_source
from stages.core.audio.mpeg import mpeg_source
from stages.core.audio.source import Source
from stages.core.runtime.errors import UnusableClipError

# Programs that write to a pipe announce the largest number they can: 0x7FFFFFFF, 0xFFFFFFFF, or a bit less.
_UNKNOWN = 0x7FFF0000
_MOST_CHUNKS = 10_000


def inspect(path: Path) -> Source:
    """How to decode a recording so that no sample is lost.

    Args:
        path: an existing file.

    Raises:
        UnusableClipError: if the file ends before its announced end.
    """
    with path.open("rb") as file:
        start = file.read(12)
        for magic, source_of in _CONTAINERS.items():
            if start.startswith(magic):
                return source_of(path, file)
        return mpeg_source(path, file)


def _size(file: BinaryIO) -> int:
    return file.seek(0, 2)


def _check_end(size: int, first: int, announced: int) -> None:
    """Refuse audio data that starts at byte ``first`` and ends behind the end of the file."""
    if first + announced > size:
        raise UnusableClipError(
            "truncated", f"the file holds {max(0, size - first)} of {announced} announced bytes of audio"
        )


def _chunks(file: BinaryIO, first: int, header: str, padding: int) -> Iterator[tuple[bytes, int, int]]:
    """The chunks from byte ``first`` on: name, first byte of the content, announced size of the content."""
    size, length = _size(file), struct.calcsize(header)
    for _ in range(_MOST_CHUNKS):
        if first + length > size:
            return
        file.seek(first)
        name, announced = struct.unpack(header, file.read(length))
        if header == _W64_CHUNK:  # counts its own header
            announced -= length
        yield name, first + length, announced
        first += length + max(0, announced)
        first += -first % padding


_W64_CHUNK = "<16sQ"


def _riff(path: Path, file: BinaryIO) -> Source:
    """WAV (RIFF, RIFX) and RF64."""
    file.seek(0)
    container = file.read(4)
    order = ">" if container == b"RIFX" else "<"
    size, data_size = _size(file), None
    for name, first, announced in _chunks(file, 12, f"{order}4sI", 2):
        if name == b"ds64":
            file.seek(first + 8)
            data_size = int.from_bytes(file.read(8), "little")
        if name == b"data":
            if container == b"RF64" and announced == 0xFFFFFFFF and data_size is not None:
                if 0 < data_size < 1 << 63:
                    _check_end(size, first, data_size)
            elif announced == 0 and not _only_chunks(file, first, size):
                rest = struct.pack(f"{order}I", min(size - first, 0xFFFFFFFF))  # never finished
                return Source(path, patches={first - 4: rest})
            elif announced < _UNKNOWN:
                _check_end(size, first, announced)
            return Source(path)
    return Source(path)


def _only_chunks(file: BinaryIO, first: int, size: int) -> bool:
    """Whether from a byte on there is nothing, or nothing but well-formed chunks."""
    for name, start, announced in _chunks(file, first, "<4sI", 2):
        first = start + announced + announced % 2
        if not name.isalnum() and name.strip() not in (b"LIST", b"fact", b"id3"):
            return False
    return first >= size


def _iff(path: Path, file: BinaryIO) -> Source:
    """AIFF, AIFC and 8SVX."""
    for name, first, announced in _chunks(file, 12, ">4sI", 2):
        if name in (b"SSND", b"BODY"):
            unfinished = announced in (0, 8) and _size(file) > first + 8
            if unfinished and not _only_chunks_iff(file, first + announced):
                raise UnusableClipError("truncated", "the header was never finished")
            if announced < _UNKNOWN:
                _check_end(_size(file), first, announced)
    return Source(path)


def _only_chunks_iff(file: BinaryIO, first: int) -> bool:
    return all(name.strip().isalnum() for name, _, _ in _chunks(file, first, ">4sI", 2))


def _w64(path: Path, file: BinaryIO) -> Source:
    for name, first, announced in _chunks(file, 40, _W64_CHUNK, 8):
        if name.startswith(b"data"):
            if announced <= 0:
                rest = struct.pack("<Q", _size(file) - first + 24)
                return Source(path, patches={first - 8: rest})
            if announced < 1 << 62:
                _check_end(_size(file), first, announced)
    return Source(path)


def _caf(path: Path, file: BinaryIO) -> Source:
    for name, first, announced in _chunks(file, 8, ">4sq", 1):
        if name == b"data" and announced < 0:
            return Source(path, patches={first - 8: struct.pack(">q", _size(file) - first)})
        if name == b"data":
            _check_end(_size(file), first, announced)
    return Source(path)


def _au(path: Path, file: BinaryIO) -> Source:
    file.seek(0)
    order = ">" if file.read(4) == b".snd" else "<"
    fields = file.read(8)
    if len(fields) == 8:
        first, announced = struct.unpack(f"{order}II", fields)
        if announced == 0 and _size(file) > first:
            return Source(path, patches={8: b"\xff\xff\xff\xff"})
        if announced < _UNKNOWN:
            _check_end(_size(file), first, announced)
    return Source(path)


def _nist(path: Path, file: BinaryIO) -> Source:
    file.seek(0)
    fields = {}
    for line in file.read(1024).decode("latin-1").splitlines():
        name, _, rest = line.partition(" ")
        kind, _, value = rest.partition(" ")
        if kind == "-i" and value.strip().isdigit():
            fields[name] = int(value)
    wanted = ("sample_count", "channel_count", "sample_n_bytes")
    if all(name in fields for name in wanted):
        announced = fields["sample_count"] * fields["channel_count"] * fields["sample_n_bytes"]
        _check_end(_size(file), 1024, announced)
    return Source(path)


_CONTAINERS: dict[bytes, Callable[[Path, BinaryIO], Source]] = {
    b"RIFF": _riff,
    b"RIFX": _riff,
    b"RF64": _riff,
    b"FORM": _iff,
    b"riff": _w64,
    b"caff": _caf,
    b".snd": _au,
    b"dns.": _au,
    b"NIST_1A": _nist,
    b"fLaC": flac_source,
    b"OggS": ogg_source,
}
