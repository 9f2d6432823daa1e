"""Reducing stationary noise by spectral gating, with the package noisereduce (MIT; Sainburg et al., 2020)."""

import numpy as np

from stages.core.audio.mixing import SAMPLE_RATE

ENHANCING_PACKAGES = ("noisereduce",)
_NOISE = SAMPLE_RATE // 4  # length of the stretch that stands for the noise
_STEP = SAMPLE_RATE // 40
_LEAST = 1e-3  # of the peak; a clip of which less is left is all noise


def gate_noise(samples: np.ndarray) -> np.ndarray:
    """Attenuate what lies below a clip's noise floor in each band.

    The noise is the quietest 0.25 s of the clip. A band is kept at times when it lies 1.5 standard deviations
    above its mean level in the noise, the default of noisereduce. A clip shorter than 0.5 s has no room for a
    stretch of noise; it, and a clip of which nothing would be left, stays as it is.

    Args:
        samples: float64 [n] at 16 kHz.

    Returns:
        float64 [n].
    """
    if len(samples) < 2 * _NOISE:
        return samples
    from noisereduce import reduce_noise  # takes seconds to load

    energy = np.r_[0.0, np.cumsum(samples**2)]
    starts = np.arange(0, len(samples) - _NOISE + 1, _STEP)
    quietest = starts[np.argmin(energy[starts + _NOISE] - energy[starts])]
    gated: np.ndarray = reduce_noise(
        samples, SAMPLE_RATE, stationary=True, y_noise=samples[quietest : quietest + _NOISE]
    )
    nothing_left = np.abs(gated).max() <= _LEAST * np.abs(samples).max()
    return samples if nothing_left else gated
