from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from multiprocessing import get_context

import numpy as np
import opensmile
import pytest
import soundfile

from stages.core.audio.mixing import SAMPLE_RATE, mix_blocks
from stages.core.audio.recording import normalize
from stages.core.config.data import PreprocessOptions
from stages.core.features import extractor as extractor_module
from stages.core.features.extractor import Extractor, Features, extract_clip, fingerprint
from stages.core.features.feature_sets import column_names, package_extractors
from stages.core.runtime.errors import UnusableClipError, UserError
from tests.helpers import SHARED

RECORDINGS = sorted((SHARED / "emogator/data/mp3").rglob("*.mp3"))
REAL = RECORDINGS[:: max(1, len(RECORDINGS) // 200)][:200]
needs_recordings = pytest.mark.skipif(len(REAL) < 200, reason="needs the recordings of EmoGator")


def voice(seconds: float = 1.0, pitch: float = 180.0, seed: int = 1) -> np.ndarray:
    """int16 samples of a trembling voice in noise."""
    random = np.random.default_rng(seed)
    time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    phase = 2 * np.pi * pitch * (time + 0.004 * np.sin(2 * np.pi * 5 * time))
    wave = sum(np.sin(k * phase) / k for k in range(1, 15)) * np.abs(np.sin(2 * np.pi * 1.5 * time))
    wave = wave + 0.02 * random.normal(size=len(time))
    return np.rint(wave / np.abs(wave).max() * 23198).astype(np.int16)


EDGES = {
    "half a second": voice(0.5),
    "shortest with frames": voice(0.1),
    "long": voice(12),
    "noise": np.random.default_rng(2).integers(-23198, 23198, 20_000).astype(np.int16),
    "one click": np.pad(np.array([23198], np.int16), 9000),
    "square, clipped": np.where(voice() > 0, 32767, -32768).astype(np.int16),
    "quiet": np.sign(voice()).astype(np.int16),
    "silence after": np.concatenate([voice(), np.zeros(20_000, np.int16)]),
    "zeros": np.zeros(16_000, np.int16),
}


def reference(samples: np.ndarray, levels: Sequence[opensmile.Smile]) -> list[np.ndarray]:
    """What the package gives: one array [rows, features] a level."""
    signal = samples.astype(np.float32) / 32768
    return [level.process_signal(signal, SAMPLE_RATE).to_numpy() for level in levels]


def differences(samples: np.ndarray, name: str, functionals_only: bool = False) -> list[str]:
    """What of our values is not the package's, bit by bit."""
    features = extract_clip(name, samples)
    assert isinstance(features, Features), features
    levels = package_extractors(name)
    pairs = {"functionals": (features.functionals, reference(samples, levels[:1])[0][0])}
    if not functionals_only:
        descriptors = reference(samples, levels[1:])
        frames = min(map(len, descriptors))
        pairs["descriptors"] = features.descriptors, np.hstack([level[:frames] for level in descriptors])
    return [
        what
        for what, (ours, theirs) in pairs.items()
        if ours.shape != theirs.shape or ours.tobytes() != theirs.astype(np.float32).tobytes()
    ]


def differences_of_recording(path) -> list[str]:
    samples, rate = soundfile.read(path, always_2d=True)
    clip, _ = normalize(mix_blocks([(rate, samples)]), PreprocessOptions())
    return [*differences(clip, "ComParE_2016"), *differences(clip, "eGeMAPSv02", functionals_only=True)]


@needs_recordings
def test_real_clips_are_bit_identical_to_the_package():
    with ProcessPoolExecutor(2, get_context("spawn")) as pool:
        found = dict(zip(REAL, pool.map(differences_of_recording, REAL, chunksize=10), strict=True))
    assert {path.name: what for path, what in found.items() if what} == {}


@pytest.mark.parametrize("edge", EDGES)
@pytest.mark.parametrize("name", ["ComParE_2016", "eGeMAPSv02"])
def test_edge_cases_are_bit_identical_to_the_package(edge, name):
    assert differences(EDGES[edge], name) == []


@pytest.mark.parametrize("name", list(opensmile.FeatureSet.__members__))
@pytest.mark.filterwarnings("ignore:Feature set")
def test_every_set_of_the_package(name):
    for samples in (voice(0.8), voice(0.6, 300.0, seed=3)):
        assert differences(samples, name) == []
    names = column_names(name)
    features = extract_clip(name, voice(0.8))
    assert len(names.functionals) == len(features.functionals)
    assert len(names.descriptors) == features.descriptors.shape[1]


def test_names_are_the_package_s_own():
    names = column_names("ComParE_2016")
    assert len(names.functionals) == 6373
    assert len(names.descriptors) == 130
    assert names.functionals[0] == "audspec_lengthL1norm_sma_range"
    assert names.descriptors[0] == "F0final_sma"
    assert names.descriptors[65] == "F0final_sma_de"


def test_a_clip_leaves_no_trace_in_the_next():
    extractor = Extractor("eGeMAPSv02")
    alone = extractor.extract(voice())
    with pytest.raises(UnusableClipError):
        extractor.extract(voice()[:10])
    extractor.extract(EDGES["noise"])
    again = extractor.extract(voice())
    assert alone.functionals.tobytes() == again.functionals.tobytes()
    assert alone.descriptors.tobytes() == again.descriptors.tobytes()


@pytest.mark.parametrize("length", [0, 1, 10, 300])
@pytest.mark.parametrize("name", ["ComParE_2016", "eGeMAPSv02"])
def test_too_short_is_a_fault(length, name):
    fault = extract_clip(name, voice()[:length])
    assert isinstance(fault, UnusableClipError)
    assert fault.reason == "too short"
    assert f"{length} samples" in fault.detail


def test_failure_of_the_extractor_is_a_fault_and_the_next_clip_works(monkeypatch):
    extractor = Extractor("eGeMAPSv02")
    alone = extractor.extract(voice())

    def fail():
        raise extractor_module.OpenSmileException(1, "out of order")

    monkeypatch.setattr(extractor._smile, "run", fail)
    with pytest.raises(UnusableClipError, match=r"openSMILE failed.*out of order"):
        extractor.extract(voice())
    assert extractor.extract(voice()).functionals.tobytes() == alone.functionals.tobytes()


@pytest.mark.parametrize("level", ["functionals", "descriptors"])
@pytest.mark.parametrize("count", [1, 25])
def test_nan_is_a_fault(monkeypatch, level, count):
    rows = {"functionals": np.ones((1, 88), np.float32), "descriptors": np.ones((3, 25), np.float32)}
    rows[level].flat[:count] = np.nan
    levels = iter(rows.values())
    monkeypatch.setattr(extractor_module, "_rows", lambda _: next(levels))
    with pytest.raises(UnusableClipError, match=f"{count} of the {level} are NaN"):
        Extractor("eGeMAPSv02").extract(voice())


def test_one_instance_of_opensmile_serves_all_clips(monkeypatch):
    extractor = Extractor("eGeMAPSv02")
    monkeypatch.setattr(extractor, "_start", lambda: pytest.fail("a second instance"))
    for seconds in (0.3, 0.5, 0.001, 0.4):
        with suppress(UnusableClipError):
            extractor.extract(voice(seconds))


def test_unknown_set():
    with pytest.raises(UserError, match=r"no feature set 'eGeMAPS2' \(did you mean eGeMAPS\?\)"):
        column_names("eGeMAPS2")


def test_fingerprint_depends_on_set_version_and_configuration(monkeypatch):
    seen = {fingerprint("ComParE_2016"), fingerprint("IS13")}
    monkeypatch.setattr(opensmile, "__version__", "0")
    seen.add(fingerprint("ComParE_2016"))
    monkeypatch.setattr(extractor_module, "SAMPLE_RATE", 8000)
    seen.add(fingerprint("ComParE_2016"))
    monkeypatch.setattr(extractor_module, "_SINK", extractor_module._SINK + ";")
    seen.add(fingerprint("ComParE_2016"))
    assert len(seen) == 5


def test_buffer_where_there_are_no_files_in_memory(monkeypatch):
    expected = extract_clip("eGeMAPSv02", voice())
    monkeypatch.delattr(extractor_module.os, "memfd_create")
    found = Extractor("eGeMAPSv02").extract(voice())
    assert found.functionals.tobytes() == expected.functionals.tobytes()
