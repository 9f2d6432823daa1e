"""From one recording to the row that a model reads: what preprocess, features and boaw do, for one clip.

Audio shards, feature tables and models say how they were made. Their *origin* is a dictionary with
``preprocess`` (``peak_db``, ``trim_silence``), ``synthetic`` (whether the corpus is), ``feature_set``
(openSMILE's name) and, for bags of audio words, ``bags`` (``layout``, ``normalize`` and the text of the
``codebook``).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from stages.core.audio.recording import read_clip
from stages.core.config.data import PreprocessOptions
from stages.core.features.extractor import extract_clip
from stages.core.features.feature_sets import column_names
from stages.core.runtime.errors import UnusableClipError

LONGEST = 3600.0  # seconds


class RowExtractor:
    """Makes rows of features from recordings.

    Args:
        origin: how the rows of the training were made.

    Raises:
        KeyError: if the origin is not complete.
    """

    def __init__(self, origin: Mapping[str, Any]) -> None:
        # openSMILE itself says what is too short.
        self._options = PreprocessOptions(**origin["preprocess"], min_seconds=1e-3, max_seconds=LONGEST)
        self._feature_set: str = origin["feature_set"]
        self._bags = _BagMaker(origin["bags"], self._feature_set) if "bags" in origin else None

    def row(self, path: Path) -> np.ndarray:
        """The features of a recording: float32 [d], with the bits that the pipeline would give.

        Raises:
            UnusableClipError: if the recording cannot be used.
        """
        clip = read_clip(path, self._options)
        if isinstance(clip, UnusableClipError):
            raise clip
        features = extract_clip(self._feature_set, clip.samples)
        if isinstance(features, UnusableClipError):
            raise features
        return self._bags.bag(features.descriptors) if self._bags else features.functionals


class _BagMaker:
    """Makes a bag of audio words from the descriptors of a clip."""

    def __init__(self, origin: Mapping[str, Any], feature_set: str) -> None:
        from stages.core.bags.assignment import Assigner
        from stages.core.bags.codebook import from_text, groups

        columns = column_names(feature_set).descriptors
        codebook = from_text(origin["codebook"])
        self._assigner = Assigner(codebook, groups(columns, origin["layout"]))
        self._normalize = origin["normalize"]

    def bag(self, descriptors: np.ndarray) -> np.ndarray:
        """float32 [frames, columns] → float32 [bins]."""
        from stages.core.bags.counting import finish

        finite = descriptors[np.isfinite(descriptors).all(axis=1)]
        counts = self._assigner.count(finite, np.array([len(finite)]))
        return finish(counts, self._assigner.codebook, self._normalize)[0]
