"""openSMILE's feature sets: bit-identical to the ``opensmile`` package, several times faster.

The package builds a new extractor for each clip and each level. Here one extractor computes all
levels of a set in one pass and is reset between clips. What a clip costs beside the computing itself
is then mostly openSMILE's external sink, which at each reset looks up the name of each element, and
each look-up is linear in their number. The data dump sink asks for no names: its raw float32 rows are
written to a buffer in memory and read from there, with no call into Python a frame.

Feature sets: Schuller et al., "The INTERSPEECH 2016 Computational Paralinguistics Challenge"
(ComParE_2016); Eyben et al., "The Geneva Minimalistic Acoustic Parameter Set", IEEE Transactions on
Affective Computing 7(2), 2016 (eGeMAPS). openSMILE: Eyben, Wöllmer, Schuller, ACM Multimedia 2010.
"""

import ctypes
import hashlib
import os
import sys
import tempfile
import threading
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import opensmile
from opensmile.core.config import config as package
from opensmile.core.lib import OpenSMILE, OpenSmileException

from stages.core.audio.recording import SAMPLE_RATE
from stages.core.runtime.errors import UnusableClipError, UserError

_SINK = """[componentInstances:cComponentManager]
instance[dump_{level}].type = cDatadumpSink
[dump_{level}:cDatadumpSink]
reader.dmLevel = {level}
filename = {path}
append = 0
"""
_HEADER = 2  # A data dump opens with two float32: the elements of a row, and a place for the number of rows.


@dataclass(frozen=True)
class Features:
    """What openSMILE computes of one clip.

    Attributes:
        functionals: float32 [d], one value a feature.
        descriptors: float32 [frames, k]: low-level descriptors, then their deltas where the set has
            them. openSMILE gives a few frames more of the one than of the other; the leading frames
            that both have are kept.
    """

    functionals: np.ndarray
    descriptors: np.ndarray


@dataclass(frozen=True)
class Names:
    """openSMILE's own names of a set's functionals and of its descriptors (deltas behind)."""

    functionals: tuple[str, ...]
    descriptors: tuple[str, ...]


def feature_set(name: str) -> opensmile.FeatureSet:
    """The package's feature set of that name.

    Raises:
        UserError: if the package has none.

    >>> feature_set("eGeMAPSv02").value
    'egemaps/v02/eGeMAPSv02'
    """
    if name not in opensmile.FeatureSet.__members__:
        known = ", ".join(opensmile.FeatureSet.__members__)
        raise UserError(f"params.yaml: features: openSMILE has no set {name!r}; it has {known}.")
    return opensmile.FeatureSet[name]


@cache
def levels_of(name: str) -> tuple[opensmile.Smile, ...]:
    """The package's extractors of a set: functionals, descriptors and, where the set has them, deltas."""
    chosen = feature_set(name)
    level = opensmile.FeatureLevel
    extractors = [
        opensmile.Smile(chosen, level.Functionals),
        opensmile.Smile(chosen, level.LowLevelDescriptors),
    ]
    with suppress(ValueError):  # The GeMAPS family has no deltas.
        extractors.append(opensmile.Smile(chosen, level.LowLevelDescriptors_Deltas))
    return tuple(extractors)


def names_of(name: str) -> Names:
    """Names of a set's columns.

    >>> names = names_of("eGeMAPSv02")
    >>> len(names.functionals), len(names.descriptors)
    (88, 25)
    """
    functionals, *descriptors = (tuple(extractor.feature_names) for extractor in levels_of(name))
    return Names(functionals, sum(descriptors, ()))


def fingerprint(name: str) -> str:
    """Hex digest of what decides a row beside the samples: set, levels, rate, openSMILE, configuration."""
    levels = [extractor.feature_level.value for extractor in levels_of(name)]
    text = repr((feature_set(name).value, levels, SAMPLE_RATE, opensmile.__version__, _SINK))
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


class Extractor:
    """One openSMILE instance of a feature set, for one process; not for several threads.

    >>> noise = np.random.default_rng(1).integers(-9000, 9000, 8000).astype(np.int16)
    >>> Extractor("eGeMAPSv02").extract(noise).functionals.shape
    (88,)
    """

    def __init__(self, name: str) -> None:
        keep_memory()
        self._levels = [extractor.feature_level.value for extractor in levels_of(name)]
        self._config = levels_of(name)[0].config_path
        self._root = Path(levels_of(name)[0].default_config_root)
        self._buffers = [_buffer() for _ in self._levels]
        self._smile = self._start()

    def _start(self) -> OpenSMILE:
        sinks = [
            _SINK.format(level=level, path=path)
            for level, (_, path) in zip(self._levels, self._buffers, strict=True)
        ]
        with tempfile.TemporaryDirectory() as folder:
            sink = Path(folder) / "sink.conf"
            sink.write_text("\n".join(sinks))
            options = {
                "source": self._root / package.EXTERNAL_INPUT_CONFIG,
                "sink": sink,
                "sampleRate": SAMPLE_RATE,
                "nBits": 16,
                "bufferModeRbConf": self._root / "shared/BufferModeRb.conf.inc",
                "frameModeFunctionalsConf": self._root / "shared/FrameModeFunctionals.conf.inc",
            }
            smile = OpenSMILE()
            smile.initialize(self._config, options)
        return smile

    def extract(self, samples: np.ndarray) -> Features:
        """Functionals and descriptors of one clip.

        Args:
            samples: int16 [samples] at 16 kHz.

        Raises:
            UnusableClipError: if openSMILE fails, gives nothing (the clip is too short), or gives NaN.
        """
        try:
            self._smile.external_audio_source_write_data(package.EXTERNAL_SOURCE_COMPONENT, samples.tobytes())
            self._smile.external_audio_source_set_eoi(package.EXTERNAL_SOURCE_COMPONENT)
            self._smile.run()
            _libc().fflush(None)
            functionals, *descriptors = (_rows(descriptor) for descriptor, _ in self._buffers)
            self._smile.reset()
        except OpenSmileException as error:
            self._smile.free()
            self._smile = self._start()
            raise UnusableClipError("openSMILE failed", str(error)) from None
        frames = min(map(len, descriptors))
        if not len(functionals) or not frames:
            raise UnusableClipError(
                "too short", f"openSMILE gives no features of {len(samples)} samples at 16 kHz"
            )
        features = Features(functionals[0], np.concatenate([level[:frames] for level in descriptors], axis=1))
        for what, values in (("functionals", features.functionals), ("descriptors", features.descriptors)):
            if np.isnan(values).any():
                raise UnusableClipError("NaN", f"{np.count_nonzero(np.isnan(values))} of the {what} are NaN")
        return features


def keep_memory() -> None:
    """Tell glibc to keep the memory that openSMILE frees and asks for again at each clip.

    The thresholds lie above all that a clip needs. Other C libraries and allocators are left alone.
    """
    if sys.platform == "linux" and hasattr(_libc(), "mallopt"):
        trim_threshold, top_pad, mmap_threshold = -1, -2, -3
        for option, value in ((mmap_threshold, 1 << 25), (trim_threshold, 1 << 30), (top_pad, 1 << 24)):
            _libc().mallopt(option, value)


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None)


def _buffer() -> tuple[int, str]:
    """A file in memory where the system has such a thing: its descriptor, and a path that opens it again."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("features")
        return descriptor, f"/proc/self/fd/{descriptor}"
    return tempfile.mkstemp()


def _rows(descriptor: int) -> np.ndarray:
    """float32 [rows, elements] of a data dump, its rows in the order of time."""
    size = os.fstat(descriptor).st_size
    values = np.frombuffer(os.pread(descriptor, size, 0), np.float32)
    return (
        values[_HEADER:].reshape(-1, int(values[0]))
        if len(values) > _HEADER
        else np.empty((0, 1), np.float32)
    )


_LOCK = threading.Lock()
_extractor = cache(Extractor)


def extract(name: str, samples: np.ndarray) -> Features | tuple[str, str]:
    """Work of one clip as a process does it: the features, or the reason and the detail of a fault.

    Each process keeps one extractor a set. openSMILE knows no threads, so threads wait for each other.
    """
    try:
        with _LOCK:
            return _extractor(name).extract(samples)
    except UnusableClipError as fault:
        return fault.reason, fault.detail
