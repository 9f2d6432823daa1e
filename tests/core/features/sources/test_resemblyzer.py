"""The voice encoder against the package's own code, with the package's old dependencies replaced by stubs."""

import sys
import types
from collections.abc import Iterator
from importlib.util import find_spec

import numpy as np
import pytest
import torch

from stages.core.config.sources import ResemblyzerSource
from stages.core.features.sources import resemblyzer
from stages.core.features.sources.source import SourceError, open_source
from stages.core.runtime.errors import UnusableClipError

if find_spec("resemblyzer") is None:
    pytest.skip("the package resemblyzer is not installed", allow_module_level=True)


def burst(seconds: float, seed: int = 1, level: float = 0.2) -> np.ndarray:
    """Noise in bursts, int16 at 16 kHz."""
    generator = np.random.default_rng(seed)
    time = np.arange(int(seconds * 16000)) / 16000
    tone = np.sin(2 * np.pi * (300 + 200 * np.sin(9 * time)) * time)
    return ((tone + 0.1 * generator.standard_normal(len(time))) * level * 20000).astype(np.int16)


@pytest.fixture
def package(monkeypatch: pytest.MonkeyPatch) -> Iterator[types.ModuleType]:
    """The package's encoder, whose spectra come from this project."""
    scipy_morphology = types.ModuleType("scipy.ndimage.morphology")
    scipy_morphology.binary_dilation = None
    for name in ("webrtcvad", "librosa"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    monkeypatch.setitem(sys.modules, "scipy.ndimage.morphology", scipy_morphology)
    before = {name for name in sys.modules if name.split(".")[0] == "resemblyzer"}
    for name in before:
        monkeypatch.delitem(sys.modules, name)
    from resemblyzer import voice_encoder

    monkeypatch.setattr(voice_encoder.audio, "wav_to_mel_spectrogram", resemblyzer.mel_spectrum)
    yield voice_encoder
    for name in [name for name in sys.modules if name.split(".")[0] == "resemblyzer"]:
        del sys.modules[name]


@pytest.mark.parametrize("seconds", [0.1, 0.4, 1.6, 1.61, 2.3, 3.0, 5.7])
def test_the_embedding_is_that_of_the_package(package: types.ModuleType, seconds: float) -> None:
    samples = burst(seconds, level=0.9)  # louder than -30 dB: the package's preprocessing would not raise it
    theirs = package.VoiceEncoder("cpu", verbose=False).embed_utterance(samples / 32768)
    ours = open_source(ResemblyzerSource()).extract(samples)
    assert ours.functionals.dtype == np.float32
    np.testing.assert_allclose(ours.functionals, theirs, atol=2e-6)


def test_a_clip_has_as_many_partials_as_in_the_package(package: types.ModuleType) -> None:
    lengths = [1, 159, 160, 161, *range(1000, 90_000, 331)]
    theirs = [len(package.VoiceEncoder.compute_partial_slices(length, 1.3, 0.75)[0]) for length in lengths]
    ours = [len(resemblyzer.partials(np.ones(length, np.int16))) for length in lengths]
    assert ours == theirs


def test_a_quiet_clip_is_raised_as_the_package_does_it() -> None:
    quiet = burst(1.0, level=1.0) // 512
    raised = resemblyzer.partials(quiet)
    rms = np.sqrt(((quiet / 32768) ** 2).mean())
    expected = resemblyzer.mel_spectrum(np.pad(quiet / 32768 * 10**-1.5 / rms, (0, 9600)))
    np.testing.assert_allclose(raised[0], expected[:160], rtol=1e-5)


def test_mel_spectra_are_those_of_librosa() -> None:
    librosa = pytest.importorskip("librosa")
    wave = burst(1.3) / 32768
    theirs = librosa.feature.melspectrogram(y=wave, sr=16000, n_fft=400, hop_length=160, n_mels=40).T
    np.testing.assert_allclose(resemblyzer.mel_spectrum(wave), theirs, rtol=1e-5, atol=1e-9)


def test_states_stand_before_the_embedding() -> None:
    samples = burst(2.5)
    alone = open_source(ResemblyzerSource()).extract(samples).functionals
    states = open_source(ResemblyzerSource(output="states"))
    found = states.extract(samples).functionals
    assert len(found) == len(states.names) == len(set(states.names)) == 1024
    assert found[768:].tobytes() == alone.tobytes()
    assert states.names[:768:256] == ("voice_state_mean_0000", "voice_state_sd_0000", "voice_state_max_0000")
    assert states.names[768:] == open_source(ResemblyzerSource()).names
    assert states.names[768] == "voice_0000"
    weights = torch.load(resemblyzer.weights_file(), "cpu", weights_only=True)["model_state"]
    lstm = torch.nn.LSTM(40, 256, 3, batch_first=True)
    lstm.load_state_dict({key[5:]: value for key, value in weights.items() if key.startswith("lstm.")})
    with torch.no_grad():
        rows = lstm(torch.from_numpy(resemblyzer.partials(samples)))[0].reshape(-1, 256).double().numpy()
    expected = np.concatenate([rows.mean(axis=0), rows.std(axis=0), rows.max(axis=0)])
    np.testing.assert_allclose(found[:768], expected, atol=1e-5)


def test_a_clip_has_the_same_bits_again_and_sources_differ_in_their_fingerprints() -> None:
    encoder = open_source(ResemblyzerSource())
    first = encoder.extract(burst(1.0)).functionals.tobytes()
    encoder.extract(burst(2.0, seed=2))
    assert encoder.extract(burst(1.0)).functionals.tobytes() == first
    assert encoder.fingerprint != open_source(ResemblyzerSource(output="states")).fingerprint


def test_an_embedding_of_zeros_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = resemblyzer.Encoder(ResemblyzerSource())
    monkeypatch.setattr(torch, "relu", torch.zeros_like)
    with pytest.raises(UnusableClipError, match=r"^no voice: the voice encoder's embedding is 0$"):
        encoder.extract(burst(1.0))


def test_silence_is_a_fault_or_a_vector_never_nan() -> None:
    try:
        vector = open_source(ResemblyzerSource()).extract(np.zeros(16000, np.int16)).functionals
    except UnusableClipError:
        return
    assert np.isfinite(vector).all()


def test_without_the_package_one_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resemblyzer, "find_spec", lambda _: None)
    with pytest.raises(SourceError, match=r"needs the package resemblyzer; `pip install"):
        resemblyzer.weights_file()
