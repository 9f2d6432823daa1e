"""openSMILE's features of a clip: bit-identical to the ``opensmile`` package, several times faster.

The package builds a new extractor per clip and level. Here one extractor computes all levels of a set in
one pass and is reset between clips. Apart from the computation itself, most of the time per clip would then
go to openSMILE's external sink: at each reset it looks up the name of each element, and each look-up is
linear in their number. The data dump sink needs no names: it writes raw float32 rows to a buffer in memory,
which is read without a call into Python per frame.

openSMILE: Eyben, Wöllmer, Schuller, ACM Multimedia 2010.
"""

import ctypes
import hashlib
import os
import sys
import tempfile
import threading
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import opensmile
from opensmile.core.config import config as package
from opensmile.core.lib import OpenSMILE, OpenSmileException

from stages.core.audio.mixing import SAMPLE_RATE
from stages.core.features.feature_sets import feature_set_of, package_extractors
from stages.core.runtime.errors import UnusableClipError

_SINK = """[componentInstances:cComponentManager]
instance[dump_{level}].type = cDatadumpSink
[dump_{level}:cDatadumpSink]
reader.dmLevel = {level}
filename = {path}
append = 0
"""
_HEADER = 2  # A data dump opens with two float32: the elements per row, and room for the number of rows.


@dataclass(frozen=True)
class Features:
    """What openSMILE computes of one clip.

    Attributes:
        functionals: float32 [d], one value per feature.
        descriptors: float32 [frames, k]: low-level descriptors, then their deltas where the set has
            them. openSMILE gives a few more frames of the one than of the other; the leading frames
            that both have are kept.
    """

    functionals: np.ndarray
    descriptors: np.ndarray


def fingerprint(name: str) -> str:
    """Hex digest of everything but the samples that decides a row: set, levels, rate, openSMILE, sinks."""
    levels = [extractor.feature_level.value for extractor in package_extractors(name)]
    text = repr((feature_set_of(name).value, levels, SAMPLE_RATE, opensmile.__version__, _SINK))
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


class Extractor:
    """One openSMILE instance of a feature set, for use in one process by one thread at a time.

    >>> noise = np.random.default_rng(1).integers(-9000, 9000, 8000).astype(np.int16)
    >>> Extractor("eGeMAPSv02").extract(noise).functionals.shape
    (88,)
    """

    def __init__(self, name: str) -> None:
        keep_memory()
        self._levels = [extractor.feature_level.value for extractor in package_extractors(name)]
        self._config = package_extractors(name)[0].config_path
        self._root = Path(package_extractors(name)[0].default_config_root)
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
    """Tell glibc to keep the memory that openSMILE frees and requests again with each clip.

    The thresholds lie above what any clip needs. Other C libraries and allocators are left alone.
    """
    if sys.platform == "linux" and hasattr(_libc(), "mallopt"):
        trim_threshold, top_pad, mmap_threshold = -1, -2, -3
        for option, value in ((mmap_threshold, 1 << 25), (trim_threshold, 1 << 30), (top_pad, 1 << 24)):
            _libc().mallopt(option, value)


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None)


def _buffer() -> tuple[int, str]:
    """A file, in memory where the system supports it: its descriptor, and a path that opens it again."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("features")
        return descriptor, f"/proc/self/fd/{descriptor}"
    return tempfile.mkstemp()


def _rows(descriptor: int) -> np.ndarray:
    """float32 [rows, elements] of a data dump, its rows in time order."""
    size = os.fstat(descriptor).st_size
    values = np.frombuffer(os.pread(descriptor, size, 0), np.float32)
    return (
        values[_HEADER:].reshape(-1, int(values[0]))
        if len(values) > _HEADER
        else np.empty((0, 1), np.float32)
    )


_LOCK = threading.Lock()
_extractor_of = cache(Extractor)


def extract_clip(name: str, samples: np.ndarray) -> Features | UnusableClipError:
    """The features of one clip, or why it cannot be used; works in any process and thread.

    Each process keeps one extractor per feature set. openSMILE is not thread-safe, so threads take turns.

    Args:
        name: the feature set.
        samples: int16 [samples] at 16 kHz.
    """
    try:
        with _LOCK:
            return _extractor_of(name).extract(samples)
    except UnusableClipError as error:
        return error
