"""What all sources of features have in common: an extractor opened from its options, once per process."""

import hashlib
import importlib
import threading
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from stages.core.config.sources import Source, TableSource
from stages.core.runtime.errors import UnusableClipError, UserError

_BLOCK = 1 << 20


class SourceError(UserError):
    """A source that cannot be opened; the message names file, field and remedy. The caller adds the entry."""

    def __init__(self, message: str) -> None:
        super().__init__(f"{message}.")


@dataclass(frozen=True)
class Extracted:
    """What a source makes of one clip.

    Attributes:
        vector: float32 [d].
        frames: float32 [frames, k]; k is 0 for sources that give no frames.
    """

    vector: np.ndarray
    frames: np.ndarray


class Extractor(Protocol):
    """An opened source.

    Attributes:
        names: d names of the vector's values.
        fingerprint: what decides a vector beside the samples: options, versions, hash of the weights.
    """

    names: tuple[str, ...]
    fingerprint: str

    def extract(self, samples: np.ndarray) -> Extracted:
        """int16 [samples] at 16 kHz → the clip's features.

        Raises:
            UnusableClipError: if the source can make nothing of the clip.
        """


def vector_only(values: np.ndarray) -> Extracted:
    """The features of a source without frames.

    Raises:
        UnusableClipError: if a value is not finite.
    """
    finite = np.isfinite(values)
    if not finite.all():
        raise UnusableClipError("NaN", f"{np.count_nonzero(~finite)} of {len(values)} values are not finite")
    return Extracted(np.ascontiguousarray(values, np.float32), np.empty((0, 0), np.float32))


_KINDS = {
    "OpenSmileConfig": "opensmile.Configuration",
    "ResemblyzerSource": "resemblyzer.Encoder",
    "PitchSource": "pitch.Pitch",
    "HubModel": "transformers.SpeechModel",
    "LocalModel": "transformers.SpeechModel",
    "OnnxSource": "onnx.OnnxModel",
}


@cache
def open_source(options: Source) -> Extractor:
    """The extractor of a source, opened once per process.

    Raises:
        SourceError: if a package, file or model is missing, or cannot be used; or if it is a table, whose
            features no recording can be turned into.
    """
    if isinstance(options, TableSource):
        raise SourceError(f"the features of {options.path} were made elsewhere; new recordings have none")
    module, name = _KINDS[type(options).__name__].split(".")
    return getattr(importlib.import_module(f"stages.core.features.sources.{module}"), name)(options)


_LOCK = threading.Lock()


def extract(options: Source, samples: np.ndarray) -> Extracted | tuple[str, str]:
    """Work of one clip as a process does it: the features, or the reason and the detail of a fault.

    Each process keeps one extractor per source. Threads wait for each other.
    """
    try:
        with _LOCK:
            return open_source(options).extract(samples)
    except UnusableClipError as fault:
        return fault.reason, fault.detail


def digest_of(path: Path) -> str:
    """Hex digest of a file, or of the names and the content of all files below a folder."""
    digest = hashlib.blake2b(digest_size=8)
    files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
    for file in files:
        digest.update(file.relative_to(path).as_posix().encode() + b"\0")
        with file.open("rb") as content:
            while block := content.read(_BLOCK):
                digest.update(block)
    return digest.hexdigest()


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
