"""A clip as a picture: its waveform and its spectrogram, small enough for a page."""

import numpy as np

from stages.core.audio.recording import FULL_SCALE

WIDTH = 600  # columns at most
_FRAME = 400  # 25 ms
_HOP = 160  # 10 ms
_POINTS = 512
_RANGE_DB = 70.0


def waveform(samples: np.ndarray) -> np.ndarray:
    """int16 [frames] → float64 [2, columns]: lowest and highest sample of each column, in [−1, 1]."""
    columns = min(WIDTH, len(samples))
    starts = np.arange(columns) * len(samples) // columns
    return np.stack([extreme.reduceat(samples, starts) for extreme in (np.minimum, np.maximum)]) / FULL_SCALE


def spectrogram(samples: np.ndarray) -> np.ndarray:
    """int16 [frames] at 16 kHz → uint8 [128, columns], 0 to 8 kHz from the first row to the last.

    Frames of 25 ms, every 10 ms or as far apart as ``WIDTH`` columns allow; 255 is the loudest bin, 0 lies
    70 dB or more below.

    >>> tone = (10_000 * np.sin(2 * np.pi * 4_000 / 16_000 * np.arange(8_000))).astype(np.int16)
    >>> int(spectrogram(tone).mean(axis=1).argmax())
    64
    """
    padded = np.pad(samples.astype(np.float64), (0, max(0, _FRAME - len(samples))))
    hop = max(_HOP, -(-len(padded) // WIDTH))
    frames = np.lib.stride_tricks.sliding_window_view(padded, _FRAME)[::hop] * np.hanning(_FRAME)
    power = np.abs(np.fft.rfft(frames, _POINTS)) ** 2
    bands = power[:, : _POINTS // 2].reshape(len(frames), _POINTS // 4, 2).sum(axis=2)
    decibels = 10 * np.log10(np.maximum(bands, 1e-12) / max(bands.max(), 1e-12))
    return np.rint(np.clip(1 + decibels / _RANGE_DB, 0, 1) * 255).astype(np.uint8).T
