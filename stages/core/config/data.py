"""Every choice that params.yaml offers, typed: frozen, light, and free of heavy imports.

A bound that a type can state stands in the type; :mod:`stages.core.config.load` reads the file and
reports what does not fit.
"""

from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_types import Ge, Gt, Le

from stages.core.config.bounds import Positive


@dataclass(frozen=True)
class CorpusOptions:
    """Which recordings: a folder in HUME-VB's layout."""

    path: str
    name: str | None = None


@dataclass(frozen=True)
class SynthesisOptions:
    """The embedded synthetic corpus."""

    speakers: Annotated[int, Ge(4)] = 72
    clips_per_speaker: Positive = 20
    seed: Annotated[int, Ge(0)] = 1


@dataclass(frozen=True)
class PreprocessOptions:
    """How a recording becomes a clip."""

    peak_db: Annotated[float, Ge(-60), Le(0)] = -3.0
    trim_silence: bool = False
    min_seconds: Annotated[float, Gt(0)] = 0.1
    max_seconds: Annotated[float, Gt(0)] = 60.0


@dataclass(frozen=True)
class SplitOptions:
    """Who trains, who validates, who tests."""

    method: Literal["official", "balanced"] = "balanced"
    balance: str | None = "Country"
    seed: Annotated[int, Ge(0)] = 1
