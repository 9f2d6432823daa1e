"""What all sources of features have in common: an extractor opened from its options, once per process."""

import importlib
import threading
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from stages.core.config.sources import Source, TableSource
from stages.core.features.extractor import Features
from stages.core.runtime.errors import UnusableClipError, UserError


class SourceError(UserError):
    """A source that cannot be opened; the message names file, field and remedy. The caller adds the entry."""

    def __init__(self, message: str) -> None:
        super().__init__(f"{message.removesuffix('.')}.")


class Extractor(Protocol):
    """An opened source.

    Attributes:
        names: d names of the functionals: one vector per clip, whatever the source calls it.
        frame_names: k names of the descriptors; empty if the source gives no frames.
        fingerprint: what decides a vector beside the samples: options, versions, hash of the weights.
    """

    names: tuple[str, ...]
    frame_names: tuple[str, ...]

    @property
    def fingerprint(self) -> str:
        """Hex digest."""

    def extract(self, samples: np.ndarray) -> Features:
        """int16 [samples] at 16 kHz → the clip's features.

        Raises:
            UnusableClipError: if the source can make nothing of the clip.
        """


def vector_only(values: np.ndarray) -> Features:
    """The features of a source without frames.

    Raises:
        UnusableClipError: if a value is not finite as float32.
    """
    with np.errstate(over="ignore"):
        values = np.ascontiguousarray(values, np.float32)
    finite = np.isfinite(values)
    if not finite.all():
        raise UnusableClipError("NaN", f"{np.count_nonzero(~finite)} of {len(values)} values are not finite")
    return Features(values, np.empty((0, 0), np.float32))


_KINDS = {
    "OpenSmileSet": "opensmile.FeatureSet",
    "OpenSmileConfig": "opensmile.Configuration",
    "ResemblyzerSource": "resemblyzer.Encoder",
    "PitchSource": "pitch.Pitch",
    "HubModel": "transformers.SpeechModel",
    "LocalModel": "transformers.SpeechModel",
    "OnnxSource": "onnx.OnnxModel",
}


_opened: dict[str, Extractor] = {}


def open_source(options: Source) -> Extractor:
    """The extractor of a source, opened once per process.

    Raises:
        SourceError: if a package, file or model is missing, or cannot be used; or if it is a table, whose
            features no recording can be turned into.
    """
    if isinstance(options, TableSource):
        raise SourceError(f"the features of {options.path} were made elsewhere; new recordings have none")
    if repr(options) not in _opened:
        module, name = _KINDS[type(options).__name__].split(".")
        opener = getattr(importlib.import_module(f"stages.core.features.sources.{module}"), name)
        _opened[repr(options)] = opener(options)
    return _opened[repr(options)]


_LOCK = threading.Lock()


def extract_from(options: Source, samples: np.ndarray) -> Features | UnusableClipError:
    """The features of one clip, or why it cannot be used; works in any process and thread.

    Threads take turns.

    Args:
        options: the source.
        samples: int16 [samples] at 16 kHz.
    """
    try:
        with _LOCK:
            return open_source(options).extract(samples)
    except UnusableClipError as error:
        return error


def existing_file(path: str) -> Path:
    """The file at a path.

    Raises:
        SourceError: if there is none.
    """
    if not Path(path).is_file():
        raise SourceError(f"path {path} is no file; correct it, or put the file there")
    return Path(path)


def needed(package: str, kind: str, requirements: str) -> Any:
    """An optional package, imported; ``requirements`` is what ``pip install`` is given.

    Raises:
        SourceError: if it is not installed.
    """
    try:
        return importlib.import_module(package)
    except ImportError:
        raise SourceError(
            f"kind {kind} needs the package {package}, which is not installed; `pip install {requirements}`"
        ) from None
