"""Which bytes of a file a decoder gets, so that it gives every sample that is there."""

import io
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import soundfile

from stages.core.runtime.errors import UnusableClipError

_UNKNOWN_FORMAT = (  # libsndfile's words for files that are there, and RAW's without a header
    "File does not exist or is not a regular file (possibly a pipe?)",
    "Format not recognised",
    "samplerate must be specified",
)


@dataclass(frozen=True)
class Source:
    """The bytes of a recording, as its decoder should see them.

    Attributes:
        path: the file.
        ranges: first byte and end of the streams in the file, which are decoded one after the other; empty:
            the whole file is one stream.
        patches: offset → bytes that replace those of the file, such as a length that is wrong.
        piped: the ranges are parts of one stream, and the decoder must not seek, since it would then rely on
            an announced or estimated length.
        least: samples per channel below which the decoder has lost some.
    """

    path: Path
    ranges: tuple[tuple[int, int], ...] = ()
    patches: Mapping[int, bytes] = field(default_factory=dict)
    piped: bool = False
    least: int = 0


class _Sequential(soundfile.SoundFile):
    """A sound file that is read from the start to its true end: ``soundfile`` trusts no length of it."""

    def seekable(self) -> bool:
        return False


class _Window(io.RawIOBase):
    """A range of a file with some of its bytes replaced."""

    def __init__(self, file: BinaryIO, first: int, end: int, patches: Mapping[int, bytes]) -> None:
        self._file, self._first, self._end, self._patches = file, first, end, patches
        self._position = first

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position - self._first

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        origin = {os.SEEK_SET: self._first, os.SEEK_CUR: self._position, os.SEEK_END: self._end}[whence]
        self._position = max(self._first, origin + offset)
        return self.tell()

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        first = self._position
        self._file.seek(first)
        data = bytearray(self._file.read(max(0, min(len(buffer), self._end - first))))
        for offset, patch in self._patches.items():
            for index, value in enumerate(patch, offset - first):
                if 0 <= index < len(data):
                    data[index] = value
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)


def part_of(file: BinaryIO, first: int, end: int) -> BinaryIO:
    """A range of an open file as a file of its own."""
    return io.BufferedReader(_Window(file, first, end, {}))


@contextmanager
def opened(source: Source) -> Iterator[Iterator[soundfile.SoundFile]]:
    """Open the streams of a source, each when it is asked for.

    Whatever fails while it is open is an :class:`UnusableClipError`.
    """
    try:
        yield _streams(source)
    except FileNotFoundError:
        raise UnusableClipError("missing", "no such file") from None
    except (soundfile.LibsndfileError, OSError, ValueError, TypeError, RuntimeError) as error:
        detail = str(error).rpartition(": ")[2].rstrip(".")
        if detail in _UNKNOWN_FORMAT:
            detail = "no decoder knows its format, or it is damaged; convert it to WAV"
        raise UnusableClipError("not readable", detail or "the decoder gives no reason") from None


def _streams(source: Source) -> Iterator[soundfile.SoundFile]:
    if not source.ranges and not source.patches:
        with _Sequential(os.fsencode(source.path)) as sound:  # also of a name that is not UTF-8
            yield sound
        return
    if source.piped:
        with _piped(source) as sound:
            yield sound
        return
    with source.path.open("rb") as file:
        size = source.path.stat().st_size
        for first, end in source.ranges or ((0, size),):
            with _Sequential(_Window(file, first, end, source.patches)) as sound:
                yield sound


@contextmanager
def _piped(source: Source) -> Iterator[soundfile.SoundFile]:
    """Decode from a pipe: libsndfile then reads MP3 to its end instead of to an estimate of its length."""
    reader, writer = os.pipe()

    def feed() -> None:
        try:
            with os.fdopen(writer, "wb") as pipe, source.path.open("rb") as file:
                for first, end in source.ranges:
                    file.seek(first)
                    pipe.write(file.read(end - first))
        except BrokenPipeError:  # the decoder has had enough
            pass

    feeder = threading.Thread(target=feed, daemon=True)
    feeder.start()
    try:
        with _Sequential(reader, closefd=False) as sound:
            yield sound
    finally:
        os.close(reader)
        feeder.join()
