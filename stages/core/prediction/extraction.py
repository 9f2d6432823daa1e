"""From one recording to the row that a model reads: what preprocess, features and boaw do, for one clip.

Audio shards, feature tables and models say how they were made. Their *origin* is a dictionary with
``preprocess`` (see :func:`stages.core.audio.recording.preparation`), ``synthetic`` (whether the corpus is)
and ``feature_set`` (openSMILE's name) or, for other sources, ``source`` (its options) and ``fingerprint``;
for bags of audio words also ``bags`` (``layout``, ``normalize`` and the text of the ``codebook``). Where
several sets stand side by side, ``fused`` holds the origin of each.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, get_args

import numpy as np

from stages.core.audio.recording import preparation, read_clip
from stages.core.config.data import PreprocessOptions
from stages.core.config.sources import OpenSmileSet, Source, revived
from stages.core.features.extractor import Features
from stages.core.features.sources.source import extract_from, open_source
from stages.core.runtime.errors import UnusableClipError, UserError

LONGEST = 3600.0  # seconds


class RowExtractor:
    """Makes rows of features from recordings.

    Args:
        origin: how the rows of the training were made.

    Attributes:
        note: what a person should know of the latest recording; empty: nothing.

    Raises:
        UserError: if the origin is incomplete or wrong, a source cannot be opened here, or is not the one
            that the training read.
    """

    def __init__(self, origin: Mapping[str, Any]) -> None:
        self.note = ""
        try:
            self._options = _preprocessing(origin["preprocess"])
            origins = [part["origin"] for part in origin["fused"]] if "fused" in origin else [origin]
            self._parts = [_Part(part) for part in origins]
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            reason = " ".join(str(error).split())[:200]
            raise UserError(f"the model says wrongly how its features were made ({reason}).") from None

    def row(self, path: Path) -> np.ndarray:
        """The features of a recording: float32 [d], with the bits that the pipeline would give.

        Raises:
            UnusableClipError: if the recording cannot be used.
        """
        clip = read_clip(path, self._options)
        self.note = "" if isinstance(clip, UnusableClipError) else clip.note
        if isinstance(clip, UnusableClipError):
            raise clip
        extracted: dict[str, Features] = {}
        for part in self._parts:
            if part.key not in extracted:
                features = extract_from(part.source, clip.samples)
                if isinstance(features, UnusableClipError):
                    raise features
                extracted[part.key] = features
        return np.concatenate([part.values(extracted[part.key]) for part in self._parts])


def _preprocessing(shape: Mapping[str, Any]) -> PreprocessOptions:
    """How recordings become clips; sources themselves say what is too short.

    Raises:
        UserError: if a package that the training used is missing here, or of another version.
    """
    from pydantic import TypeAdapter  # takes longer to load than to use

    asked = {name: value for name, value in shape.items() if name != "packages"}
    if "trim_silence" in asked:  # what models said before `trim`
        asked |= {"trim": "energy", "trim_db": -40.0} if asked.pop("trim_silence") else {}
    options = PreprocessOptions(**asked, min_seconds=1e-3, max_seconds=LONGEST)
    options = TypeAdapter(PreprocessOptions).validate_python(asdict(options))
    here, there = preparation(options).get("packages", {}), shape.get("packages", {})
    for name, version in there.items():
        if here.get(name) != version:
            raise UserError(
                f"the model was trained on clips prepared with {name} {version}, and {here.get(name)} is "
                f"installed here; `pip install --no-deps {name}=={version}`, or train it again."
            )
    return options


class _Part:
    """One feature set: its source, and its bags where it is one of bags."""

    def __init__(self, origin: Mapping[str, Any]) -> None:
        self.source: Source = (
            revived(origin["source"]) if "source" in origin else OpenSmileSet(origin["feature_set"])
        )
        self.key = repr(self.source)
        opened = open_source(self.source)
        if origin.get("fingerprint", opened.fingerprint) != opened.fingerprint:
            raise UserError(
                f"the model was trained on features of {self.source.kind} with other weights, versions or a "
                "device other than here; install those, or train it again."
            )
        self._bags = _BagMaker(origin["bags"], opened.frame_names) if "bags" in origin else None

    def values(self, features: Features) -> np.ndarray:
        """float32 [d] of a clip."""
        return self._bags.bag(features.descriptors) if self._bags else features.functionals


class _BagMaker:
    """Makes a bag of audio words from the descriptors of a clip."""

    def __init__(self, origin: Mapping[str, Any], columns: Sequence[str]) -> None:
        from stages.core.bags.assignment import Assigner
        from stages.core.bags.codebook_file import for_descriptors, from_text
        from stages.core.bags.layout import check_groups, column_groups
        from stages.core.bags.weighting import Normalization

        codebook = for_descriptors(from_text(origin["codebook"]), len(columns), "the codebook")
        groups = column_groups(columns, origin["layout"])
        check_groups(codebook, groups, "the codebook")
        if origin["normalize"] not in get_args(Normalization):
            raise ValueError(f"unknown normalization {origin['normalize']}")
        self._assigner = Assigner(codebook, groups)
        self._normalize = origin["normalize"]

    def bag(self, descriptors: np.ndarray) -> np.ndarray:
        """float32 [frames, columns] → float32 [bins]."""
        from stages.core.bags.weighting import finish

        finite = descriptors[np.isfinite(descriptors).all(axis=1)]
        if self._assigner.codebook.activity is not None:
            finite = finite[self._assigner.codebook.activity.of(finite)]
        counts = self._assigner.count(finite, np.array([len(finite)]))
        return finish(counts, self._assigner.codebook, self._normalize)[0]
