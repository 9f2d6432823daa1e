"""What of a clip is not the voice: silence, noise, hum and bandwidth of its recording; float64 numbers.

Of the clip as the features see it (16 kHz, its peak normalized), with frames of 25 ms every 10 ms. Frames
more than 30 dB below the loudest count as silence.
"""

import numpy as np

from stages.core.audio.mixing import SAMPLE_RATE

NAMES = (
    "silence before (s)",
    "silence after (s)",
    "noise floor (dB)",
    "hum at 50 Hz (dB)",
    "hum at 60 Hz (dB)",
    "bandwidth of the noise (Hz)",
    "clipped samples (%)",
)
FRAME, HOP = SAMPLE_RATE // 40, SAMPLE_RATE // 100
SILENT_DB = -30.0
QUIETEST = 0.1  # share of the frames that are the noise floor
INSIDE = 0.99  # share of the power that lies within the bandwidth
_TINY = 1e-12


def nuisances(samples: np.ndarray) -> np.ndarray:
    """The numbers of :data:`NAMES` of one clip, rounded to two places: float64 [7].

    The noise floor is the power of the quietest tenth of the frames over that of the loudest frame. Hum is
    the power at the mains frequency over the mean of its neighbourhood, where no voice is heard. Clipped are
    the samples as loud as the loudest, but for one.

    Args:
        samples: int16 [n].
    """
    sound = samples / 32768.0
    frames = np.lib.stride_tricks.sliding_window_view(np.pad(sound, (0, max(0, FRAME - len(sound)))), FRAME)
    powers = (frames[::HOP] ** 2).mean(axis=1) + _TINY
    loud = np.flatnonzero(powers > powers.max() * 10 ** (SILENT_DB / 10))
    first, last = loud[0] * HOP, min(loud[-1] * HOP + FRAME, len(sound))
    outside = np.concatenate([sound[:first], sound[last:]])
    quietest = np.sort(powers)[: max(1, int(QUIETEST * len(powers)))].mean()
    clipped = (np.count_nonzero(np.abs(sound) == np.abs(sound).max()) - 1) / len(sound)
    found = [
        first / SAMPLE_RATE,
        (len(sound) - last) / SAMPLE_RATE,
        _decibels(quietest / powers.max()),
        *(_hum(outside, frequency) for frequency in (50, 60)),
        _bandwidth(outside),
        100 * clipped,
    ]
    return np.round(found, 2)


def _spectrum(sound: np.ndarray) -> np.ndarray:
    """Power at each whole Hz, of the sound with zeros up to whole seconds: float64 [8001]."""
    seconds = max(1, -(-len(sound) // SAMPLE_RATE))
    whole = np.pad(sound, (0, seconds * SAMPLE_RATE - len(sound)))
    return (np.abs(np.fft.rfft(whole)) ** 2)[::seconds] + _TINY


def _hum(sound: np.ndarray, frequency: int) -> float:
    """Power at a mains frequency and its first overtone over the mean within 30 Hz, in dB."""
    power = _spectrum(sound)
    over = [power[of] / power[of - 30 : of + 31].mean() for of in (frequency, 2 * frequency)]
    return _decibels(sum(over) / 2)


def _bandwidth(sound: np.ndarray) -> float:
    """Frequency below which 99 % of the power lies, in Hz."""
    power = np.cumsum(_spectrum(sound))
    return float(np.searchsorted(power, INSIDE * power[-1]))


def _decibels(ratio: float) -> float:
    return 10 * float(np.log10(max(ratio, _TINY)))
