"""The features that were computed before, so that no clip is computed twice.

The key of a clip is a digest of its losslessly compressed audio and of everything else that decides its
features.
"""

import hashlib
import json
from pathlib import Path

import numpy as np

from stages.core.features.extractor import Features
from stages.core.runtime.errors import UnusableClipError
from stages.core.runtime.store import Store


def key_of(flac: bytes, fingerprint: str) -> bytes:
    """Digest of a clip's FLAC and of the extraction's fingerprint.

    >>> key_of(b"clip", "a") == key_of(b"clip", "b")
    False
    """
    return hashlib.blake2b(flac, digest_size=20, key=fingerprint.encode()).digest()


class Cache(Store):
    """Features and faults by key."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, ("functionals", "descriptors", "fault"))

    def put(self, key: bytes, outcome: Features | UnusableClipError) -> None:
        """Store what was computed for a clip."""
        if isinstance(outcome, Features):
            self.write(
                key, functionals=outcome.functionals.tobytes(), descriptors=outcome.descriptors.tobytes()
            )
        else:
            self.write(key, fault=json.dumps([outcome.reason, outcome.detail]).encode())

    def functionals(self, key: bytes) -> np.ndarray:
        """float32 [d] of a usable clip."""
        return np.frombuffer(self.read(key, "functionals"), np.float32)

    def descriptors(self, key: bytes, columns: int) -> np.ndarray:
        """float32 [frames, columns] of a usable clip."""
        return np.frombuffer(self.read(key, "descriptors"), np.float32).reshape(-1, columns)

    def fault(self, key: bytes) -> UnusableClipError | None:
        """Why a clip that is in the cache cannot be used; None: it can be used."""
        content = self.read(key, "fault")
        return UnusableClipError(*json.loads(content)) if content else None
