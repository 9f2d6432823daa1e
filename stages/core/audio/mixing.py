"""Mixing down and resampling to 16 kHz, block by block, so that memory follows the clip's seconds."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import soxr

SAMPLE_RATE = 16_000
_CLIPPING = 0.98  # of full scale: the largest sample of µ-law is 0.980, of 8 bit 0.992
_CANCELLED_DB = -20.0  # the mix against the loudest channel


@dataclass(frozen=True)
class Mix:
    """A recording in mono.

    Attributes:
        samples: float64 [samples] at 16 kHz.
        rate: sample rate of the recording, in Hz.
        channels: channels of the recording.
        frames: samples per channel of the recording.
        low: the smallest sample in mono, before resampling; full scale is 1.
        high: the largest.
        clipped: share of all channels' samples at full scale; 0 where samples exceed it.
        loudest: index of the loudest channel if the channels cancel each other in the mix; else None.
    """

    samples: np.ndarray
    rate: int
    channels: int
    frames: int
    low: float
    high: float
    clipped: float
    loudest: int | None


def mix_blocks(blocks: Iterable[tuple[int, np.ndarray]], channel: int | None = None) -> Mix:
    """Mix a recording down and resample it to 16 kHz (soxr, high quality).

    Args:
        blocks: sample rate in Hz and float64 [n, channels], block after block; finite, at least one block.
        channel: the channel to take; None: the mean of all.

    >>> tone = np.sin(np.arange(48_000) * 0.1)[:, None] * 0.2
    >>> mix = mix_blocks([(48_000, tone[:1000]), (48_000, tone[1000:])])
    >>> len(mix.samples), mix.channels, mix.loudest
    (16000, 1, None)
    """
    frames = clipped = rate = channels = 0
    low, high, largest = np.inf, -np.inf, 0.0
    sums = squares = np.zeros(1)
    resampler: soxr.ResampleStream | None = None
    parts: list[np.ndarray] = []
    for block_rate, block in blocks:
        if not rate:
            rate, channels = block_rate, block.shape[1]
            sums, squares = np.zeros((2, channels + 1))
            if rate != SAMPLE_RATE:
                resampler = soxr.ResampleStream(rate, SAMPLE_RATE, 1, "float64", "HQ")
        mono = block.mean(axis=1) if channel is None else block[:, channel].copy()
        frames += len(block)
        low, high = min(low, mono.min()), max(high, mono.max())
        block_peak = max(-block.min(), block.max())
        largest = max(largest, block_peak)
        if block_peak >= _CLIPPING:
            clipped += int(np.count_nonzero(np.abs(block) >= _CLIPPING))
        if channels > 1 and channel is None:
            signals = np.vstack([block.T, mono])
            sums += signals.sum(axis=1)
            squares += np.einsum("ij,ij->i", signals, signals)
        parts.append(resampler.resample_chunk(mono) if resampler else mono)
    if resampler:
        parts.append(resampler.resample_chunk(np.empty(0), last=True))
    variances = squares / frames - (sums / frames) ** 2
    loudest = int((variances[:-1] >= 0.99 * variances[:-1].max()).argmax())  # of equals, the first
    cancelled = variances[-1] < variances[loudest] * 10 ** (_CANCELLED_DB / 10)
    return Mix(
        np.concatenate(parts),
        rate,
        channels,
        frames,
        float(low),
        float(high),
        clipped / (frames * channels) if largest <= 1 else 0.0,
        loudest if cancelled else None,
    )
