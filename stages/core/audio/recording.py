"""From any recording to 16 kHz, 16 bit, mono with its peak at −3 dBFS.

The paper (section 2) says "normalized to −3 decibels, and converted to 16 kHz, 16 bit, mono". The
order matters: resampling moves peaks, so the peak is scaled last and the *result* peaks at −3 dBFS.
Full scale is 32,768, as in sox.
"""

from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from stages.core.audio.decoding import decode
from stages.core.audio.enhancing import ENHANCING_PACKAGES, gate_noise
from stages.core.audio.mixing import FEW_VALUES, Mix, mix_blocks
from stages.core.audio.rare import note_on_length
from stages.core.audio.silence import VAD_PACKAGES, trim_by_energy, trim_to_voice
from stages.core.config.data import PreprocessOptions
from stages.core.runtime.errors import UnusableClipError, UserError

FULL_SCALE = 32_768


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
        samples, trimming = normalize(mix, options)
        notes = filter(None, (note, trimming, note_on_length(path)))
        return Clip(samples, mix.rate, mix.channels, "; ".join(notes))
    except UnusableClipError as error:
        return error
    except MemoryError:
        return UnusableClipError("too large", "there is not enough memory to decode it")


def normalize(mix: Mix, options: PreprocessOptions) -> tuple[np.ndarray, str]:
    """Check what was recorded, enhance and trim it, scale its peak and round it to 16 bit.

    Returns:
        int16 [samples] at 16 kHz, and what a person should know of the trimming.

    Raises:
        UnusableClipError: if the recording is silent, constant, too quiet, clipped or too short.
    """
    _check(mix, options)
    mono, note, peak = mix.samples, "", 10 ** (options.peak_db / 20)
    if options.enhance == "spectral":
        mono = gate_noise(mono)
    if options.trim == "energy":
        mono = trim_by_energy(mono, options.trim_db)
    elif options.trim == "vad":
        voice = trim_to_voice(mono * (peak / np.abs(mono).max()))
        mono, note = (voice, "") if voice is not None else (mono, "silero-vad hears no voice; nothing is cut")
    scaled = mono * (peak * FULL_SCALE / np.abs(mono).max())
    return np.clip(np.rint(scaled), -FULL_SCALE, FULL_SCALE - 1).astype(np.int16), note


def preparation(options: PreprocessOptions) -> dict[str, Any]:
    """What decides how a usable recording becomes a clip: options, and versions of the optional packages.

    Raises:
        UserError: if a package that the options ask for is not installed.

    >>> preparation(PreprocessOptions())
    {'peak_db': -3.0, 'trim': 'none', 'enhance': 'none'}
    """
    shape: dict[str, Any] = {"peak_db": options.peak_db, "trim": options.trim, "enhance": options.enhance}
    if options.trim == "energy":
        shape["trim_db"] = options.trim_db
    packages: tuple[str, ...] = ENHANCING_PACKAGES if options.enhance == "spectral" else ()
    packages += VAD_PACKAGES if options.trim == "vad" else ()
    try:
        return {**shape, "packages": {name: version(name) for name in packages}} if packages else shape
    except PackageNotFoundError as error:
        raise UserError(
            f"params.yaml: preprocess needs the package {error.name}, which is not installed; "
            "`pip install --no-deps -r requirements-sources.txt`."
        ) from None


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
        detail = f"{mix.clipped:.0%} of the samples are at the peak, the limit is {options.max_clipped:.0%}"
        raise UnusableClipError("clipped", detail)
    if mix.values <= FEW_VALUES and options.max_clipped < 1:
        raise UnusableClipError(
            "too few values", f"its samples have {mix.values} different values, as no voice has"
        )


def _decibels(amplitude: float) -> float:
    """Decibels of full scale; silence is −300."""
    return 20 * np.log10(max(amplitude, 1e-15))
