"""Pitch statistics for bursts, which leave the range of speech: by swift-f0, from 47 to 2,094 Hz.

openSMILE's search ends at 620 Hz (ComParE) and at 1,000 Hz (eGeMAPS). The model comes with the package
``swift-f0`` (MIT, 135 kB); it gives a pitch and a confidence per 16 ms.
"""

import hashlib
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from stages.core.config.sources import PitchSource
from stages.core.features.extractor import Features
from stages.core.features.sources.onnx import session_of
from stages.core.features.sources.source import SourceError, vector_only
from stages.core.runtime.files import digest_of

HOP = 256
SECONDS_PER_FRAME = HOP / 16000
_LOWEST, _HIGHEST = 46.875, 2093.75
_SILENCE = 1e-3  # where no sample of a frame reaches this, the model's answer means nothing
_VOICED = 0.5  # confidence from which a frame is voiced, as the package says
CEILINGS = (620.0, 1000.0)
NAMES = (
    *(f"pitch_st_{name}" for name in ("mean", "sd", "p05", "p20", "p50", "p80", "p95")),
    *(f"glide_{name}" for name in ("mean", "abs_mean", "sd", "p05", "p95", "max", "min")),
    *(f"share_above_{ceiling:.0f}" for ceiling in CEILINGS),
    *("voiced_share", "voiced_per_second", "voiced_seconds_mean", "voiced_seconds_sd", "voiced_seconds_max"),
    *("gap_seconds_mean", "repetition_rate", "repetition_strength", "confidence_mean", "confidence_sd"),
)


class Pitch:
    """The pitch of one process.

    Raises:
        SourceError: if swift-f0 or onnxruntime is not installed.
    """

    names = NAMES
    frame_names = ()

    def __init__(self, options: PitchSource) -> None:
        import onnxruntime

        spec = find_spec("swift_f0")
        if spec is None or spec.origin is None:
            raise SourceError(
                f"kind {options.kind} needs the package swift-f0; "
                "`pip install --no-deps -r requirements-sources.txt`"
            )
        model = Path(spec.origin).with_name("model.onnx")
        self._session = session_of(str(model))
        text = repr((NAMES, _SILENCE, _VOICED, onnxruntime.__version__))
        self.fingerprint = f"{hashlib.blake2b(text.encode(), digest_size=8).hexdigest()}-{digest_of(model)}"

    def track(self, samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Pitch in Hz and confidence per frame of 16 ms, of int16 [samples]: float64 [frames] each."""
        wave = (samples / 32768).astype(np.float32)
        limits = {"fmin": np.float32(_LOWEST), "fmax": np.float32(_HIGHEST)}
        feed = {name: np.asarray(limit) for name, limit in limits.items()}
        pitch, confidence = self._session.run(["pitch", "confidence"], {"audio": wave[None], **feed})
        pitch, confidence = pitch[0].astype(np.float64), confidence[0].astype(np.float64)
        hops = wave[: len(pitch) * HOP].reshape(len(pitch), HOP) if len(wave) >= HOP else wave[None]
        confidence[np.abs(hops).max(axis=1) < _SILENCE] = 0.0
        return pitch, confidence

    def extract(self, samples: np.ndarray) -> Features:
        """int16 [samples] → the statistics that :func:`statistics` describes."""
        return vector_only(statistics(*self.track(samples)))


def statistics(pitch: np.ndarray, confidence: np.ndarray) -> np.ndarray:
    """What the pitch of a burst does: float64 values in the order of ``NAMES``; 0 where nothing is voiced.

    ``pitch_st``: semitones above 55 Hz of voiced frames. ``glide``: semitones per second between neighbouring
    voiced frames. ``share_above``: voiced frames above what openSMILE looks for. ``voiced``: stretches of
    voiced frames, their number per second and length; ``gap``: what lies between them. ``repetition``: the
    highest peak of the confidence's autocorrelation between 1.5 and 12 Hz, its rate in Hz and its height.

    Args:
        pitch: Hz, [frames].
        confidence: 0 to 1, [frames].
    """
    voiced = confidence >= _VOICED
    semitones = 12 * np.log2(np.maximum(pitch, _LOWEST) / 55)
    glides = (np.diff(semitones) / SECONDS_PER_FRAME)[voiced[1:] & voiced[:-1]]
    levels = semitones[voiced]
    starts = np.flatnonzero(np.diff(np.r_[False, voiced].astype(int)) == 1)
    ends = np.flatnonzero(np.diff(np.r_[voiced, False].astype(int)) == -1) + 1
    lengths, gaps = (ends - starts) * SECONDS_PER_FRAME, (starts[1:] - ends[:-1]) * SECONDS_PER_FRAME
    return np.array(
        [
            *(_moments(levels) + _quantiles(levels, (5, 20, 50, 80, 95))),
            *(_mean(glides), _mean(np.abs(glides)), _sd(glides), *_quantiles(glides, (5, 95))),
            *(float(glides.max(initial=0)), float(glides.min(initial=0))),
            *(_mean(pitch[voiced] > ceiling) for ceiling in CEILINGS),
            *(_mean(voiced), len(starts) / (len(voiced) * SECONDS_PER_FRAME)),
            *(_mean(lengths), _sd(lengths), float(lengths.max(initial=0)), _mean(gaps)),
            *_repetition(confidence),
            *(_mean(confidence), _sd(confidence)),
        ]
    )


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else 0.0


def _sd(values: np.ndarray) -> float:
    return float(values.std()) if len(values) else 0.0


def _moments(values: np.ndarray) -> list[float]:
    return [_mean(values), _sd(values)]


def _quantiles(values: np.ndarray, percents: tuple[int, ...]) -> list[float]:
    return np.percentile(values, percents).tolist() if len(values) else [0.0] * len(percents)


def _repetition(confidence: np.ndarray) -> tuple[float, float]:
    """Rate in Hz and strength of what repeats: laughter and sobs come at 2 to 6 Hz."""
    centred = confidence - confidence.mean()
    power = (centred**2).sum()
    shortest, longest = round(1 / 12 / SECONDS_PER_FRAME), round(1 / 1.5 / SECONDS_PER_FRAME)
    if power <= 0 or len(confidence) <= shortest + 1:
        return 0.0, 0.0
    lags = range(shortest, min(longest, len(confidence) - 1) + 1)
    strength = [float((centred[lag:] * centred[:-lag]).sum() / power) for lag in lags]
    best = int(np.argmax(strength))
    return (1 / (lags[best] * SECONDS_PER_FRAME), strength[best]) if strength[best] > 0 else (0.0, 0.0)
