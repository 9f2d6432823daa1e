"""Any recording as blocks of samples: to its true end, within limits of time and memory."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile

from stages.core.audio.containers import inspect
from stages.core.audio.foreign import foreign_format
from stages.core.audio.source import Source, opened
from stages.core.config.data import PreprocessOptions
from stages.core.runtime.errors import UnusableClipError

SLOWEST, FASTEST = 4_000, 768_000  # sample rates, Hz
VALUES_PER_SECOND = 1_536_000  # rate × channels: 8 channels at 192 kHz
_VALUES_PER_BLOCK = 1 << 18
_BYTES_PER_VALUE = 8
_UNKNOWN_LENGTH = 1 << 62
_LOUDEST = 1e30  # of full scale; beyond, float recordings hold no sound, and sums overflow


def decode(path: Path, max_seconds: float) -> Iterator[tuple[int, np.ndarray]]:
    """Decode a recording to its true end, whatever length its header announces.

    Args:
        path: the file.
        max_seconds: longer recordings are refused as soon as that is known.

    Yields:
        The sample rate in Hz, and float64 [n, channels], block after block; the next one overwrites a block.

    Raises:
        UnusableClipError: if the file is missing, not audio, cut off, damaged, empty, too long, or holds
            samples that are not finite.
    """
    source = _source_of(path, max_seconds)
    form: tuple[int, int] | None = None
    frames = 0
    with opened(source) as streams:
        for sound in streams:
            _check_rate(sound.samplerate, sound.channels)
            if form not in (None, (sound.samplerate, sound.channels)):
                raise UnusableClipError("not readable", "its streams differ in sample rate or channels")
            form = sound.samplerate, sound.channels
            for block in _blocks(sound, source, max_seconds, frames):
                frames += len(block)
                yield sound.samplerate, block
    if not frames:
        raise UnusableClipError("empty", "the file holds no samples")
    if frames < source.least:
        raise UnusableClipError("damaged", f"{frames} of at least {source.least} samples can be decoded")


def measure(path: Path, options: PreprocessOptions) -> float:
    """Seconds of a recording; it is decoded only where its header does not tell them.

    Raises:
        UnusableClipError: if the header shows that the recording cannot be used.
    """
    source = _source_of(path, options.max_seconds)
    seconds = 0.0
    with opened(source) as streams:
        for sound in streams:
            _check_rate(sound.samplerate, sound.channels)
            if source.piped or sound.frames >= _UNKNOWN_LENGTH:
                frames = sum(len(block) for _, block in decode(path, options.max_seconds))
                seconds = frames / sound.samplerate
                break
            seconds += sound.frames / sound.samplerate
    _check_length(seconds, options.max_seconds)
    if seconds < options.min_seconds:
        raise UnusableClipError("too short", f"{seconds:.4f} s, the limit is {options.min_seconds:g} s")
    return seconds


def _source_of(path: Path, max_seconds: float) -> Source:
    """How to decode a file, after what can be refused without decoding."""
    try:
        size = path.stat().st_size
        if not path.is_file():  # a pipe would never end
            raise UnusableClipError("not readable", "it is not a file")
        if size == 0:
            raise UnusableClipError("empty", "the file has no bytes")
        if size > VALUES_PER_SECOND * _BYTES_PER_VALUE * max_seconds:
            raise UnusableClipError(
                "too long", f"the file has {size / 1e9:.1f} GB, the limit is {max_seconds:g} s"
            )
        foreign = foreign_format(path)
        if foreign:
            raise UnusableClipError("not audio", foreign)
        return inspect(path)
    except FileNotFoundError:
        raise UnusableClipError("missing", "no such file") from None
    except OSError as error:
        raise UnusableClipError("not readable", error.strerror or "it cannot be opened") from None


def _check_rate(rate: int, channels: int) -> None:
    if not SLOWEST <= rate <= FASTEST:
        raise UnusableClipError("sample rate", f"{rate} Hz; rates from {SLOWEST} to {FASTEST} Hz can be used")
    if rate * channels > VALUES_PER_SECOND:
        raise UnusableClipError(
            "too large",
            f"{channels} channels at {rate} Hz; at most {VALUES_PER_SECOND} samples per second can be used",
        )


def _check_length(seconds: float, max_seconds: float) -> None:
    if seconds > max_seconds:
        raise UnusableClipError("too long", f"{seconds:.1f} s, the limit is {max_seconds:g} s")


def _blocks(
    sound: soundfile.SoundFile, source: Source, max_seconds: float, before: int
) -> Iterator[np.ndarray]:
    """float64 [n, channels], block after block; ``before`` samples of other streams came first."""
    announced = sound.frames if sound.frames < _UNKNOWN_LENGTH and not source.piped else 0
    _check_length((before + announced) / sound.samplerate, max_seconds)
    buffer = np.empty((max(1, _VALUES_PER_BLOCK // sound.channels), sound.channels))
    decoded = 0
    while len(block := _read(sound, buffer[: announced - decoded] if announced else buffer)):
        decoded += len(block)
        _check_length((before + decoded) / sound.samplerate, max_seconds)
        extremes = np.array([block.min(), block.max()])  # NaN if any sample is
        if not np.isfinite(extremes).all():
            count = np.count_nonzero(~np.isfinite(block))
            raise UnusableClipError("not finite", f"at least {count} samples are NaN or infinite")
        if np.abs(extremes).max() > _LOUDEST:
            raise UnusableClipError("not finite", f"samples reach {np.abs(extremes).max():.0e} × full scale")
        yield block
    if decoded < announced:
        raise UnusableClipError("truncated", f"{decoded} of {announced} samples could be read")


def _read(sound: soundfile.SoundFile, buffer: np.ndarray) -> np.ndarray:
    """The next block, as the beginning of the buffer; without rows at the end."""
    try:
        return sound.read(out=buffer)
    except soundfile.LibsndfileError as error:
        reason = error.error_string.removeprefix("Error : ").rstrip(".")
        raise UnusableClipError("damaged", f"the decoder gives up: {reason or 'no reason given'}") from None
