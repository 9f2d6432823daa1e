"""openSMILE: its own feature sets, and configurations of yours, which the ``opensmile`` package runs."""

import hashlib

import numpy as np

from stages.core.config.sources import OpenSmileConfig, OpenSmileSet
from stages.core.features.extractor import Features, extract_clip, fingerprint
from stages.core.features.feature_sets import column_names
from stages.core.features.sources.parts import cut, joined, names_of_parts
from stages.core.features.sources.source import SourceError, existing_file, vector_only
from stages.core.runtime.errors import UnusableClipError, UserError
from stages.core.runtime.files import digest_of

RATE = 16000


class FeatureSet:
    """One of openSMILE's feature sets in one process.

    Raises:
        SourceError: if openSMILE has no set of that name.
    """

    def __init__(self, options: OpenSmileSet) -> None:
        self._set, self._windows = options.set, options.windows
        try:
            columns = column_names(options.set)
        except UserError as error:
            raise SourceError(str(error)) from None
        self.names, self.frame_names = columns.functionals, columns.descriptors
        if self._windows is not None:
            self.names, self.frame_names = names_of_parts(self.names, self._windows), ()

    @property
    def fingerprint(self) -> str:
        """See :func:`stages.core.features.extractor.fingerprint`; with parts, how they are cut, too."""
        whole = fingerprint(self._set)
        if self._windows is None:
            return whole
        return f"{whole}-{hashlib.blake2b(repr(self._windows).encode(), digest_size=8).hexdigest()}"

    def extract(self, samples: np.ndarray) -> Features:
        """Functionals and descriptors; see :meth:`stages.core.features.extractor.Extractor.extract`.

        Of parts of a clip, the functionals alone.
        """
        if self._windows is None:
            return self._extract(samples)
        parts = cut(samples, self._windows)
        return vector_only(
            joined(np.stack([self._extract(part).functionals for part in parts]), self._windows)
        )

    def _extract(self, samples: np.ndarray) -> Features:
        features = extract_clip(self._set, samples)
        if isinstance(features, UnusableClipError):
            raise features
        return features


class Configuration:
    """A configuration in one process, as ``opensmile.Smile`` runs it.

    Raises:
        SourceError: if the file is not there, or openSMILE does not take it or has no such level.
    """

    def __init__(self, options: OpenSmileConfig) -> None:
        import opensmile
        from opensmile.core.lib import OpenSmileException

        path = existing_file(options.path)
        try:
            self._vector = opensmile.Smile(str(path), options.level)
            self._frames = opensmile.Smile(str(path), options.frames) if options.frames else None
            self.names = tuple(self._vector.feature_names)
            self.frame_names = tuple(self._frames.feature_names) if self._frames else ()
        except (OpenSmileException, ValueError) as error:
            reason = " ".join(str(error).split()).removesuffix(".")
            raise SourceError(
                f"openSMILE cannot run {path} with level {options.level} ({reason}); "
                "name a level of the configuration, written as the opensmile package asks for"
            ) from None
        self._level = options.level
        text = repr((options.level, options.frames, opensmile.__version__))
        self.fingerprint = f"{hashlib.blake2b(text.encode(), digest_size=8).hexdigest()}-{digest_of(path)}"

    def extract(self, samples: np.ndarray) -> Features:
        """int16 [samples] → the one row of the level, and the rows of the level of frames.

        Raises:
            UnusableClipError: if openSMILE gives no row or NaN.
            SourceError: if the level gives several rows per clip.
        """
        signal = (samples / 32768).astype(np.float32)  # without loss: the package multiplies it again
        rows = self._vector.process_signal(signal, RATE).to_numpy()
        if len(rows) > 1:
            raise SourceError(
                f"level {self._level} gives {len(rows)} rows of a clip of {len(samples) / RATE:.2f} s; "
                "name a level of functionals, with one row per clip"
            )
        frames = self._frames.process_signal(signal, RATE).to_numpy() if self._frames else np.empty((0, 0))
        for what, values in (("values", rows), ("frames' values", frames)):
            if np.isnan(values).any():
                raise UnusableClipError("NaN", f"{np.count_nonzero(np.isnan(values))} of the {what} are NaN")
        if not len(rows):
            raise UnusableClipError("too short", f"openSMILE gives nothing of {len(samples)} samples")
        return Features(rows[0].astype(np.float32), np.ascontiguousarray(frames, np.float32))
