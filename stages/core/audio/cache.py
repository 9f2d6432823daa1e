"""The clips that were converted before, so that no recording is converted twice.

The key of a recording is a digest of its bytes, of its file's extension, by which libsndfile tells files
without a header apart, and of everything else that decides the clip. Only clips are kept: why a recording
cannot be used may depend on its name, on the disk or on the memory there was, so it is found out anew.
"""

import hashlib
import json
import os
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

import soundfile
import soxr

from stages.core.audio.recording import preparation
from stages.core.config.data import PreprocessOptions
from stages.core.runtime.files import digest_of
from stages.core.runtime.store import Store

_PACKAGES = ("numpy", "scipy", "soundfile", "soxr")


@dataclass(frozen=True)
class ConvertedClip:
    """A clip, ready to be written.

    Attributes:
        flac: 16 kHz, 16 bit, mono, without loss.
        seconds: its length.
        source_rate: sample rate of the recording, in Hz.
        source_channels: channels of the recording.
        note: what a person should know about it; empty: nothing.
    """

    flac: bytes
    seconds: float
    source_rate: int
    source_channels: int
    note: str


def fingerprint(options: PreprocessOptions) -> str:
    """Hex digest of what decides a clip beside the recording: options, packages, this package's source.

    Raises:
        UserError: if a package that the options ask for is not installed.
    """
    libraries = soundfile.__libsndfile_version__, soxr.__libsoxr_version__
    source = digest_of(Path(__file__).parent, "*.py")
    text = repr((asdict(options), preparation(options), list(map(version, _PACKAGES)), libraries, source))
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def key_of(path: Path, fingerprint: str) -> bytes | None:
    """Digest of a recording and of the fingerprint; None where it is no file or cannot be read."""
    digest = hashlib.blake2b(os.fsencode(path.suffix), digest_size=20, key=fingerprint.encode())
    digest.update(b"\0")
    try:
        if not path.is_file():  # a pipe would never end
            return None
        with path.open("rb") as file:
            return hashlib.file_digest(file, lambda: digest).digest()
    except OSError:
        return None


class ClipCache(Store):
    """Clips by key.

    Args:
        folder: where the file lies; there is one for each fingerprint.
        options: how a recording becomes a clip.

    Raises:
        UserError: if another process has the file open, it is damaged, or a package that the options ask for
            is not installed.
    """

    def __init__(self, folder: Path, options: PreprocessOptions) -> None:
        self.fingerprint = fingerprint(options)
        super().__init__(folder / f"{self.fingerprint}.sqlite", ("flac", "facts"))

    def put(self, key: bytes, clip: ConvertedClip) -> None:
        """Store what a recording was converted to."""
        facts = [clip.seconds, clip.source_rate, clip.source_channels, clip.note]
        self.write(key, flac=clip.flac, facts=json.dumps(facts).encode())

    def clip(self, key: bytes) -> ConvertedClip:
        """A clip that is in the cache."""
        return ConvertedClip(self.read(key, "flac"), *json.loads(self.read(key, "facts")))
