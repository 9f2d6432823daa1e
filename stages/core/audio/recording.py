"""From any recording to 16 kHz, 16 bit, mono with its peak at −3 dBFS.

The paper (section 2) says "normalized to −3 decibels, and converted to 16 kHz, 16 bit, mono". The
order matters: resampling moves peaks, so the peak is scaled last and the *result* peaks at −3 dBFS.
Full scale is 32,768, as in sox.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stages.core.audio.decoding import decode
from stages.core.audio.mixing import Mix, mix_blocks
from stages.core.config.data import PreprocessOptions
from stages.core.runtime.errors import UnusableClipError

FULL_SCALE = 32_768
_TRIM_DB = -40.0
_TRIM_FRAME = 400


@dataclass(frozen=True)
class Clip:
    """A recording as the pipeline uses it.

    Attributes:
        samples: int16 [samples] at 16 kHz.
        rate: sample rate of the recording, in Hz.
        channels: channels of the recording.
        note: what a person should know of it; empty: nothing.
    """

    samples: np.ndarray
    rate: int
    channels: int
    note: str = ""


def read_clip(path: Path, options: PreprocessOptions) -> Clip | UnusableClipError:
    """A recording as a clip, or why it cannot be used; works in any process.

    It is the mean of its channels, or the loudest where their mean is 20 dB below it.

    Args:
        path: a recording of any format, width and channel count that libsndfile reads.
        options: peak, limits of duration, level and clipping, trimming.
    """
    try:
        mix, note = mix_blocks(decode(path, options.max_seconds)), ""
        if mix.loudest is not None:
            note = f"its channels cancel each other; channel {mix.loudest + 1} is used"
            mix = mix_blocks(decode(path, options.max_seconds), mix.loudest)
        return Clip(normalize(mix, options), mix.rate, mix.channels, note)
    except UnusableClipError as error:
        return error
    except MemoryError:
        return UnusableClipError("too large", "there is not enough memory to decode it")


def normalize(mix: Mix, options: PreprocessOptions) -> np.ndarray:
    """Check what was recorded, scale its peak and round it to 16 bit: int16 [samples] at 16 kHz.

    Raises:
        UnusableClipError: if the recording is silent, constant, too quiet, clipped or too short.
    """
    _check(mix, options)
    mono = mix.samples
    if options.trim_silence:
        mono = _trim(mono)
    scaled = mono * (10 ** (options.peak_db / 20) * FULL_SCALE / np.abs(mono).max())
    return np.clip(np.rint(scaled), -FULL_SCALE, FULL_SCALE - 1).astype(np.int16)


def _check(mix: Mix, options: PreprocessOptions) -> None:
    """Refuse what holds no voice."""
    seconds, limit = mix.frames / mix.rate, options.min_peak_db
    if seconds < options.min_seconds or not len(mix.samples):
        raise UnusableClipError("too short", f"{seconds:.4f} s, the limit is {options.min_seconds:g} s")
    if mix.low == mix.high == 0:
        raise UnusableClipError("silent", "all samples are 0")
    if mix.low == mix.high:
        raise UnusableClipError("constant", "all samples are equal")
    if (peak := _decibels((mix.high - mix.low) / 2)) < limit:
        raise UnusableClipError("too quiet", f"its peak is {peak:.1f} dB, the limit is {limit:g} dB")
    if (peak := _decibels(np.abs(mix.samples).max())) < limit:
        raise UnusableClipError(
            "too quiet", f"its peak below 8 kHz is {peak:.1f} dB, the limit is {limit:g} dB"
        )
    if mix.clipped > options.max_clipped:
        detail = f"{mix.clipped:.0%} of the samples are at full scale, the limit is {options.max_clipped:.0%}"
        raise UnusableClipError("clipped", detail)


def _decibels(amplitude: float) -> float:
    """Decibels of full scale; silence is −300."""
    return 20 * np.log10(max(amplitude, 1e-15))


def _trim(samples: np.ndarray) -> np.ndarray:
    """Cut frames of 25 ms that are 40 dB below the loudest from both ends."""
    frames = np.array_split(samples, max(1, len(samples) // _TRIM_FRAME))
    energy = np.array([np.mean(frame**2) for frame in frames])
    loud = np.flatnonzero(energy >= energy.max() * 10 ** (_TRIM_DB / 10))
    return np.concatenate(frames[loud[0] : loud[-1] + 1])
