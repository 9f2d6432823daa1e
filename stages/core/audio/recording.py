"""From any recording to 16 kHz, 16 bit, mono with its peak at −3 dBFS, and shards of such clips.

The paper (section 2) says "normalized to −3 decibels, and converted to 16 kHz, 16 bit, mono". The
order matters: resampling moves peaks, so the peak is scaled last and the *result* peaks at −3 dBFS.
Full scale is 32,768, as in sox.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import soundfile
import soxr

from stages.core.config.data import PreprocessOptions
from stages.core.runtime.errors import UnusableClipError

SAMPLE_RATE = 16_000
FULL_SCALE = 32_768
_TRIM_DB = -40.0
_TRIM_FRAME = 400
_LOUDEST = 1e30  # of full scale; beyond, float recordings hold no sound, and sums overflow
_SOFTEST = 1e-30


def measure(path: Path, options: PreprocessOptions) -> float:
    """Seconds of a recording by its header alone, without decoding it.

    Raises:
        UnusableClipError: if the header shows what :func:`read_recording` or :func:`normalize` refuse.
    """
    with _opened(path) as file:
        _refuse_longer(file.frames, file.samplerate, options.max_seconds)
        _refuse_shorter(file.frames, file.samplerate, options.min_seconds)
        return file.frames / file.samplerate


def read_recording(path: Path, max_seconds: float) -> tuple[np.ndarray, int]:
    """Read a recording of any format, width and channel count that libsndfile knows.

    Args:
        path: the file.
        max_seconds: longer recordings are refused before they are decoded.

    Returns:
        float64 samples [frames, channels] in [−1, 1], and the rate in Hz.

    Raises:
        UnusableClipError: if the file is missing, unreadable, not audio, truncated, empty or too long.
    """
    with _opened(path) as file:
        _refuse_longer(file.frames, file.samplerate, max_seconds)
        samples = file.read(dtype="float64", always_2d=True)
        if len(samples) < file.frames:
            raise UnusableClipError("truncated", f"{len(samples)} of {file.frames} samples could be read")
        return samples, file.samplerate


def _refuse_longer(frames: int, rate: int, max_seconds: float) -> None:
    if frames > max_seconds * rate:
        raise UnusableClipError("too long", f"{frames / rate:.1f} s, limit {max_seconds:g} s")


def _refuse_shorter(frames: int, rate: int, min_seconds: float) -> None:
    if frames < min_seconds * rate:
        raise UnusableClipError("too short", f"{frames / rate:.4f} s, least {min_seconds:g} s")


@contextmanager
def _opened(path: Path) -> Iterator[soundfile.SoundFile]:
    """A recording, opened; whatever fails meanwhile is an :class:`UnusableClipError`."""
    if path.exists() and not path.is_file():  # a pipe would never end
        raise UnusableClipError("not readable", "it is no file")
    try:
        with soundfile.SoundFile(path) as file:
            yield file
    except FileNotFoundError:
        raise UnusableClipError("missing", "no such file") from None
    except (soundfile.LibsndfileError, OSError, ValueError, TypeError) as error:
        if not path.exists():
            raise UnusableClipError("missing", "no such file") from None
        if path.is_file() and path.stat().st_size == 0:
            raise UnusableClipError("empty", "the file has no bytes") from None
        raise UnusableClipError("not readable", str(error).replace(str(path), path.name)) from None


def normalize(samples: np.ndarray, rate: int, options: PreprocessOptions) -> np.ndarray:
    """Mix down, resample to 16 kHz (soxr, high quality), scale the peak, round to 16 bit.

    Args:
        samples: float [frames, channels].
        rate: sample rate in Hz.
        options: peak in dBFS, limits of duration, trimming.

    Returns:
        int16 [frames'].

    Raises:
        UnusableClipError: if samples are not finite, silent, constant, or the clip is too short.

    >>> tone = np.sin(np.arange(48_000) * 0.1)[:, None] * 0.2
    >>> clip = normalize(tone, 48_000, PreprocessOptions())
    >>> clip.dtype, len(clip), int(np.abs(clip).max())
    (dtype('int16'), 16000, 23198)
    """
    if not np.isfinite(samples).all():
        raise UnusableClipError(
            "not finite", f"{np.count_nonzero(~np.isfinite(samples))} samples are NaN or infinite"
        )
    if np.abs(samples).max(initial=0) > _LOUDEST:
        raise UnusableClipError("not finite", f"samples reach {np.abs(samples).max():.0e} times full scale")
    mono = samples.mean(axis=1)
    _refuse_shorter(len(mono), rate, options.min_seconds)
    if mono.max() == mono.min():
        raise UnusableClipError(
            *(("silent", "all samples are 0") if mono[0] == 0 else ("constant", "no variation"))
        )
    if rate != SAMPLE_RATE:
        mono = soxr.resample(mono, rate, SAMPLE_RATE, quality="HQ")
    if not len(mono):
        raise UnusableClipError("too short", f"nothing is left of {len(samples)} samples at {SAMPLE_RATE} Hz")
    peak = np.abs(mono).max()
    if peak < _SOFTEST:
        raise UnusableClipError("silent", f"no sample at {SAMPLE_RATE} Hz above {_SOFTEST:g} of full scale")
    if options.trim_silence:
        mono = _trim(mono)
    scaled = mono * (10 ** (options.peak_db / 20) * FULL_SCALE / np.abs(mono).max())
    return np.clip(np.rint(scaled), -FULL_SCALE, FULL_SCALE - 1).astype(np.int16)


def _trim(samples: np.ndarray) -> np.ndarray:
    """Cut frames of 25 ms below −40 dB of the loudest from both ends."""
    frames = np.array_split(samples, max(1, len(samples) // _TRIM_FRAME))
    energy = np.array([np.mean(frame**2) for frame in frames])
    loud = np.flatnonzero(energy >= energy.max() * 10 ** (_TRIM_DB / 10))
    return np.concatenate(frames[loud[0] : loud[-1] + 1])
