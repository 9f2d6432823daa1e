"""Resemblyzer's voice encoder: a three-layer LSTM over mel spectra, trained to tell speakers apart.

The weights come with the package ``resemblyzer`` 0.1.4 (Apache-2.0). Its own code is not used: it needs
webrtcvad and a SciPy of the past, and unpickles the weights. Its voice activity detection is left out: it is
made for speech and cuts bursts. Model: Wan et al., "Generalized End-to-End Loss for Speaker
Verification", ICASSP 2018. Mel filters: Slaney, "Auditory Toolbox", 1998.
"""

import hashlib
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from stages.core.config.sources import ResemblyzerSource
from stages.core.features.extractor import Features
from stages.core.features.sources.pooling import numbered
from stages.core.features.sources.source import SourceError, vector_only
from stages.core.runtime.errors import UnusableClipError
from stages.core.runtime.files import digest_of

RATE = 16000
_WINDOW, _HOP, _MELS = 400, 160, 40
_FRAMES = 160  # of a partial, 1.6 s
_STEP = 77  # frames from one partial to the next: 1.3 of them per second
_COVERAGE = 0.75  # a last partial with less audio is left out
_LOUDNESS = 10 ** (-30 / 20)  # root mean square that quieter clips are raised to


class Encoder:
    """The voice encoder in one process.

    Raises:
        SourceError: if the package or its weights are not there.
    """

    frame_names = ()

    def __init__(self, options: ResemblyzerSource) -> None:
        import torch

        self._output = options.output
        path = weights_file()
        state = torch.load(path, map_location="cpu", weights_only=True)["model_state"]
        self._lstm = torch.nn.LSTM(_MELS, 256, 3, batch_first=True)
        self._linear = torch.nn.Linear(256, 256)
        for name, module in (("lstm.", self._lstm), ("linear.", self._linear)):
            of_module = {
                key.removeprefix(name): values for key, values in state.items() if key.startswith(name)
            }
            module.load_state_dict(of_module)
            module.requires_grad_(False)
        digest = hashlib.blake2b(repr((options, _STEP, _COVERAGE)).encode(), digest_size=8).hexdigest()
        self.fingerprint = f"{digest}-{digest_of(path)}"
        states = [f"voice_state_{kind}_{n:04d}" for kind in ("mean", "sd", "max") for n in range(256)]
        self.names = (*(states if options.output == "states" else ()), *numbered("voice", 256))

    def extract(self, samples: np.ndarray) -> Features:
        """int16 [samples] → the embedding, of length 1; before it the states, if asked for.

        Raises:
            UnusableClipError: if the encoder finds nothing (the embedding is 0).
        """
        import torch

        threads = torch.get_num_threads()
        torch.set_num_threads(1)  # the number of threads could change the last bit
        try:
            with torch.no_grad():
                states, (hidden, _) = self._lstm(torch.from_numpy(partials(samples)))
                embeddings = torch.relu(self._linear(hidden[-1])).numpy().astype(np.float64)
        finally:
            torch.set_num_threads(threads)
        lengths = np.sqrt((embeddings**2).sum(axis=1, keepdims=True))
        mean = np.divide(embeddings, lengths, out=np.zeros_like(embeddings), where=lengths > 0).mean(axis=0)
        length = np.sqrt((mean**2).sum())
        if not length > 0:
            raise UnusableClipError("no voice", "the voice encoder's embedding is 0")
        values = mean / length
        if self._output == "states":
            rows = states.numpy().reshape(-1, 256).astype(np.float64)
            values = np.concatenate([rows.mean(axis=0), rows.std(axis=0), rows.max(axis=0), values])
        return vector_only(values)


def weights_file() -> Path:
    """The weights within the installed package.

    Raises:
        SourceError: if it is not installed.
    """
    spec = find_spec("resemblyzer")
    if spec is None or spec.origin is None:
        raise SourceError(
            "kind resemblyzer needs the package resemblyzer; "
            "`pip install --no-deps -r requirements-sources.txt`"
        )
    path = Path(spec.origin).with_name("pretrained.pt")
    if not path.is_file():
        raise SourceError(f"{path} is missing; install the package resemblyzer again")
    return path


def partials(samples: np.ndarray) -> np.ndarray:
    """int16 [samples] → float32 [partials, 160, 40]: mel spectra of overlapping stretches of 1.6 s."""
    wave = samples.astype(np.float64) / 32768
    loudness = np.sqrt((wave**2).mean())
    if 0 < loudness < _LOUDNESS:
        wave = wave * (_LOUDNESS / loudness)
    frames = -(-(len(wave) + 1) // _HOP)
    starts = list(range(0, max(1, frames - _FRAMES + _STEP + 1), _STEP))
    covered = (len(wave) - starts[-1] * _HOP) / (_FRAMES * _HOP)
    if covered < _COVERAGE and len(starts) > 1:
        starts.pop()
    wave = np.pad(wave, (0, max(0, (starts[-1] + _FRAMES) * _HOP - len(wave))))
    mel = mel_spectrum(wave)
    return np.stack([mel[start : start + _FRAMES] for start in starts])


def mel_spectrum(wave: np.ndarray) -> np.ndarray:
    """Power in 40 mel bands: [samples] → float32 [1 + samples // 160, 40]; centred frames, zeros outside."""
    padded = np.pad(wave, _WINDOW // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::_HOP]
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(_WINDOW) / _WINDOW)
    power = np.abs(np.fft.rfft(frames * window, axis=1)) ** 2
    return np.einsum("fb,mb->fm", power, _filters()).astype(np.float32)


@cache
def _filters() -> np.ndarray:
    """Slaney's mel filters, each of unit area: float64 [40, 201]."""
    bins = np.fft.rfftfreq(_WINDOW, 1 / RATE)
    # Linear to 1,000 Hz (15 mel), logarithmic above: 27 mel to a factor of 6.4.
    mels = np.linspace(0, 15 + 27 * np.log(RATE / 2 / 1000) / np.log(6.4), _MELS + 2)
    edges = np.where(mels < 15, mels * 200 / 3, 1000 * 6.4 ** ((mels - 15) / 27))
    rising = (bins - edges[:-2, None]) / np.diff(edges)[:-1, None]
    falling = (edges[2:, None] - bins) / np.diff(edges)[1:, None]
    area = 2 / (edges[2:] - edges[:-2])
    return np.maximum(0, np.minimum(rising, falling)) * area[:, None]
