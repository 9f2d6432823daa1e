"""Mixing down and resampling to 16 kHz, block by block, so that memory follows the clip's seconds."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import soxr

SAMPLE_RATE = 16_000
_CLIPPING = 0.98  # of the way from a channel's middle to its extremes, which an attenuation moves with it
_STEPS = 1000  # of levels, from zero to full scale
_FAINT = 0.1  # of full scale: a smaller swing has too few levels; of the largest swing: a channel is dead
FEW_VALUES = 3
"""So many different samples, in all channels, hold no voice: those of a muted microphone, of clicks."""
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
        clipped: share of the samples at an extreme of their channel, of channels that are not dead; 0 where
            samples exceed full scale or are faint.
        values: how many different samples there are; from ``FEW_VALUES`` + 1 on, they are not counted.
        loudest: index of the loudest channel if the channels cancel each other in the mix; else None.
    """

    samples: np.ndarray
    rate: int
    channels: int
    frames: int
    low: float
    high: float
    clipped: float
    values: int
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
    frames = rate = channels = 0
    levels, values = np.zeros((1, 2 * _STEPS + 1), np.int64), set[float]()
    low, high, largest = np.inf, -np.inf, 0.0
    sums = squares = np.zeros(1)
    resampler: soxr.ResampleStream | None = None
    parts: list[np.ndarray] = []
    for block_rate, block in blocks:
        if not rate:
            rate, channels = block_rate, block.shape[1]
            sums, squares = np.zeros((2, channels + 1))
            levels = np.zeros((channels, 2 * _STEPS + 1), np.int64)
            if rate != SAMPLE_RATE:
                resampler = soxr.ResampleStream(rate, SAMPLE_RATE, 1, "float64", "HQ")
        mono = block.mean(axis=1) if channel is None else block[:, channel].copy()
        frames += len(block)
        low, high = min(low, mono.min()), max(high, mono.max())
        block_peak = max(-block.min(), block.max())
        largest = max(largest, block_peak)
        if largest <= 1:
            levels += [np.bincount(of_channel, minlength=2 * _STEPS + 1) for of_channel in _levels(block)]
        for first in range(0, len(block), 1000):
            if len(values) > FEW_VALUES:
                break
            values.update(np.unique(block[first : first + 1000])[: FEW_VALUES + 1].tolist())
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
        _clipped(levels) if largest <= 1 else 0.0,
        len(values),
        loudest if cancelled else None,
    )


def _levels(block: np.ndarray) -> np.ndarray:
    """Where samples lie between both ends of full scale, in steps: int64 [channels, n]."""
    return ((block.T + 1) * _STEPS).astype(np.int64)


def _clipped(levels: np.ndarray) -> float:
    """Share of the samples at an extreme of their channel, of int64 [channels, levels]: their counts."""
    low, high = (levels > 0).argmax(axis=1), 2 * _STEPS - (levels[:, ::-1] > 0).argmax(axis=1)
    swing = (high - low) / 2
    if swing.max() < _FAINT * _STEPS:
        return 0.0
    heard = swing >= _FAINT * swing.max()
    level = np.arange(2 * _STEPS + 1)
    clipped = np.abs(level - ((high + low) / 2)[:, None]) >= _CLIPPING * swing[:, None]
    clipped[:, level == _STEPS] = False  # silence, even where all else lies on one side of it
    return float((levels * clipped)[heard].sum() / levels[heard].sum())
