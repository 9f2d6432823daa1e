"""What the header of a recording announces, compared with what the file holds.

libsndfile takes a file that was cut off for a whole one, and relies on lengths that may be wrong, unknown or
estimated. Here the containers are walked, without decoding.
"""

import struct
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from stages.core.audio.codecs import flac_source, ogg_source
from stages.core.audio.mpeg import behind_id3, mpeg_source
from stages.core.audio.rare import avr_audio, mpc2k_audio, sds_audio, wve_audio
from stages.core.audio.source import Source, part_of
from stages.core.runtime.errors import UnusableClipError

# Programs that write to a pipe announce the largest number they can: 0x7FFFFFFF, 0xFFFFFFFF, or a bit less.
_UNKNOWN = 0x7FFF0000
_MOST_CHUNKS = 10_000
_STRAY = 1024  # bytes behind the audio that nobody asks about
SourceOf = Callable[[Path, BinaryIO], Source]
_TAGS = (b"TAG", b"ID3", b"APETAGEX", b"LYRICSBE")


def inspect(path: Path) -> Source:
    """How to decode a recording so that no sample is lost.

    Args:
        path: an existing file.

    Raises:
        UnusableClipError: if the file ends before its announced end.
    """
    with path.open("rb") as file:
        skipped = behind_id3(file)
        file.seek(skipped)
        start = file.read(12)
        for magic, source_of in _CONTAINERS.items():
            if start.startswith(magic):
                return _behind(path, file, skipped, source_of) if skipped else source_of(path, file)
        return mpeg_source(path, file)


def _behind(path: Path, file: BinaryIO, first: int, source_of: SourceOf) -> Source:
    """How to decode a container that begins at a byte of a file."""
    size = _size(file)
    source = source_of(path, part_of(file, first, size))
    return replace(
        source,
        ranges=tuple((begin + first, end + first) for begin, end in source.ranges) or ((first, size),),
        patches={place + first: patch for place, patch in source.patches.items()},
    )


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


def _only_chunks(file: BinaryIO, first: int, header: str, padding: int) -> bool:
    """Whether from a byte on there is nothing, or nothing but well-formed chunks."""
    size = _size(file)
    for name, start, announced in _chunks(file, first, header, padding):
        first = start + announced
        if not 0 <= announced <= size - start or not all(32 <= byte < 127 for byte in name):
            return False
        first += -first % padding
    return first >= size


def _check_rest(file: BinaryIO, first: int, announced: int, header: str = "", padding: int = 1) -> None:
    """Refuse what follows the announced audio, unless it is short, chunks, a tag or zeros: it may be audio.

    Args:
        file: the recording.
        first: byte at which the audio begins.
        announced: its bytes, as the header says.
        header: form of the header of a chunk; empty: the container has no chunks.
        padding: chunks begin at multiples of it, though some programs forget that.
    """
    end = first + announced
    rest = _size(file) - end
    if rest <= _STRAY or (header and _only_chunks(file, end + -end % padding, header, padding)):
        return
    if header and _only_chunks(file, end, header, 1):
        return
    file.seek(end)
    if file.read(8).startswith(_TAGS):
        return
    file.seek(end)
    if any(block.strip(b"\0") for block in iter(lambda: file.read(1 << 20), b"")):
        raise UnusableClipError(
            "damaged", f"{rest} bytes follow the {announced} announced bytes of audio, and are no chunk"
        )


def _riff(path: Path, file: BinaryIO) -> Source:
    """WAV (RIFF, RIFX) and RF64."""
    file.seek(0)
    container = file.read(4)
    header = ">4sI" if container == b"RIFX" else "<4sI"
    long_size = None
    for name, first, announced in _chunks(file, 12, header, 2):
        if name == b"ds64":
            long_size = first + 8
        if name == b"data":
            if container == b"RF64" and announced == 0xFFFFFFFF and long_size is not None:
                file.seek(long_size)
                size = int.from_bytes(file.read(8), "little")
                return _data(path, file, header, first, size, (long_size, "<Q"))
            return _data(path, file, header, first, announced, (first - 4, f"{header[0]}I"))
    return Source(path)


def _data(
    path: Path, file: BinaryIO, header: str, first: int, announced: int, field: tuple[int, str]
) -> Source:
    """A WAV whose samples begin at byte ``first``; ``field``: where, and how, their bytes are announced."""
    at, form = field
    rest = _size(file) - first
    unknown = announced >= (1 << 62 if form == "<Q" else _UNKNOWN)
    if (unknown and form == "<Q") or (announced == 0 and not _only_chunks(file, first, header, 2)):
        return Source(path, patches={at: struct.pack(form, min(rest, 0xFFFFFFFF))})  # never finished
    if announced and not unknown:
        _check_end(_size(file), first, announced)
        _check_rest(file, first, announced, header, 2)
    return Source(path)


def _iff(path: Path, file: BinaryIO) -> Source:
    """AIFF, AIFC and 8SVX."""
    header = ">4sI"
    for name, first, announced in _chunks(file, 12, header, 2):
        if name in (b"SSND", b"BODY"):
            unfinished = announced in (0, 8) and _size(file) > first + 8
            if unfinished and not _only_chunks(file, first + announced, header, 2):
                raise UnusableClipError("truncated", "the header was never finished")
            if announced < _UNKNOWN:
                _check_end(_size(file), first, announced)
                if name == b"SSND":  # libsndfile reads a BODY to the end of the file
                    _check_rest(file, first, announced, header, 2)
    return Source(path)


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
            _check_rest(file, first, announced, ">4sq")
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
            _check_rest(file, first, announced)
    return Source(path)


def _nist(path: Path, file: BinaryIO) -> Source:
    file.seek(0)
    lines = file.read(1024).decode("latin-1").splitlines()
    fields = {}
    for line in lines:
        name, _, rest = line.partition(" ")
        _, _, value = rest.partition(" ")  # behind its type, -i or -s and a length
        if value.strip().isdecimal():
            fields[name] = int(value)
    wanted = ("sample_count", "channel_count", "sample_n_bytes")
    if all(name in fields for name in wanted):
        announced = fields["sample_count"] * fields["channel_count"] * fields["sample_n_bytes"]
        length = lines[1].strip() if len(lines) > 1 else ""
        _check_end(_size(file), int(length) if length.isdecimal() else 1024, announced)
    return Source(path)


def _voc(path: Path, file: BinaryIO) -> Source:
    """Creative's VOC: blocks of a type (one byte), a size (three) and content, until a type of 0."""
    file.seek(20)
    (first,) = struct.unpack("<H", file.read(2).ljust(2, b"\0"))
    size = _size(file)
    while first < size:
        file.seek(first)
        header = file.read(4)
        if header[0] == 0:
            break
        announced = int.from_bytes(header[1:], "little")
        _check_end(size, first + 4, announced)
        first += 4 + announced
    return Source(path)


def _simple(audio: Callable[[bytes], tuple[int, int]]) -> SourceOf:
    """A format whose header tells, at a fixed place, where the audio begins and how many bytes it has."""

    def source(path: Path, file: BinaryIO) -> Source:
        file.seek(0)
        try:
            first, announced = audio(file.read(1024))
        except (struct.error, IndexError):  # no whole header, as the decoder will say
            return Source(path)
        if announced:
            _check_end(_size(file), first, announced)
            _check_rest(file, first, announced)
        return Source(path)

    return source


_CONTAINERS: dict[bytes, SourceOf] = {
    b"RIFF": _riff,
    b"RIFX": _riff,
    b"RF64": _riff,
    b"FORM": _iff,
    b"riff": _w64,
    b"caff": _caf,
    b".snd": _au,
    b"dns.": _au,
    b"NIST_1A": _nist,
    b"Creative Voi": _voc,
    b"fLaC": flac_source,
    b"OggS": ogg_source,
    b"2BIT": _simple(avr_audio),
    b"\1\4": _simple(mpc2k_audio),
    b"ALawSoundFil": _simple(wve_audio),
    b"\xf0\x7e": _simple(sds_audio),
}
