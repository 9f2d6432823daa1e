"""Cutting what is no voice from both ends of a clip, by its energy or by a voice activity detector.

The detector is silero-vad (Silero Team, 2024, MIT), run by onnxruntime from the ONNX file in its wheel. It
learnt from speech.
"""

from functools import cache
from importlib.metadata import distribution
from typing import Any

import numpy as np

from stages.core.audio.mixing import SAMPLE_RATE

FRAME = SAMPLE_RATE // 40  # 25 ms
SHORTEST = SAMPLE_RATE // 10  # what stays at least, since openSMILE describes nothing below 60 ms
VAD_PACKAGES = ("silero-vad", "onnxruntime")
_HOP, _CONTEXT = 512, 64  # samples that the detector judges at once, and those before them that it sees
_VOICE = 0.5  # probability from which silero-vad calls a stretch voice, by its default


def trim_by_energy(samples: np.ndarray, decibels: float) -> np.ndarray:
    """Cut frames of 25 ms below a level from both ends; at least 0.1 s stay.

    Args:
        samples: float [n] at 16 kHz.
        decibels: the level, relative to the loudest frame.

    >>> tone = np.r_[np.zeros(8000), np.ones(8000), np.zeros(8000)]
    >>> len(trim_by_energy(tone, -20))
    8000
    """
    frames = np.array_split(samples, max(1, len(samples) // FRAME))
    energy = np.array([np.mean(frame**2) for frame in frames])
    loud = np.flatnonzero(energy >= energy.max() * 10 ** (decibels / 10))
    ends = np.cumsum([len(frame) for frame in frames])
    return _stretch(samples, ends[loud[0]] - len(frames[loud[0]]), ends[loud[-1]])


def trim_to_voice(samples: np.ndarray) -> np.ndarray | None:
    """Cut what lies before the first and after the last voiced 32 ms, of which one more stays on each side.

    Args:
        samples: float [n] at 16 kHz, full scale being 1.

    Returns:
        At least 0.1 s; None if the detector hears no voice.
    """
    voiced = np.flatnonzero(voice_probabilities(samples) >= _VOICE)
    if not len(voiced):
        return None
    voice = _stretch(samples, (voiced[0] - 1) * _HOP, (voiced[-1] + 2) * _HOP)
    return voice if voice.any() else None


def voice_probabilities(samples: np.ndarray) -> np.ndarray:
    """Silero-vad's probability of voice for each 32 ms: float32 [frames].

    Args:
        samples: float [n] at 16 kHz, full scale being 1.
    """
    frames = -(-len(samples) // _HOP)
    padded = np.pad(samples.astype(np.float32), (_CONTEXT, frames * _HOP - len(samples)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, _CONTEXT + _HOP)[::_HOP]
    silence = np.zeros((1, 1, 128), np.float32)
    found: np.ndarray = _detector().run(["speech_probs"], {"input": windows, "h": silence, "c": silence})[0]
    return found


@cache
def _detector() -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1  # the same bits each time
    options.log_severity_level = 3
    model = distribution("silero-vad").locate_file("silero_vad/data/silero_vad_16k_sequence.onnx")
    return onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])


def _stretch(samples: np.ndarray, start: int, end: int) -> np.ndarray:
    """The samples from start to end, widened on both sides where they are fewer than ``SHORTEST``."""
    lacking = max(0, SHORTEST - (end - start))
    start = max(0, min(start - lacking // 2, len(samples) - SHORTEST))
    return samples[start : max(end, start + SHORTEST)]
