"""Every choice that params.yaml offers, typed: frozen, light, and free of heavy imports.

A bound that a type can state stands in the type; :mod:`stages.core.config.load` reads the file and
reports what does not fit.
"""

from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_types import Ge

from stages.core.config.bounds import Positive


@dataclass(frozen=True)
class CodebookOptions:
    """How the audio words are chosen."""

    features: str = "compare"
    size: Positive = 2000
    method: Literal["random++", "random", "kmeans", "kmeans++"] = "random++"
    layout: Literal["joint", "split"] | dict[str, tuple[str, ...]] = "joint"
    frames: Positive | None = 1_000_000
    standardize: bool = True
    seed: Annotated[int, Ge(0)] = 10
    file: str | None = None


@dataclass(frozen=True)
class BagOptions:
    """How frames are counted into bags."""

    assignments: Positive = 10
    log: bool = True
    idf: bool = False
    normalize: Literal["none", "frames", "sum", "norm"] = "none"
    device: Literal["auto", "cpu", "cuda"] = "auto"
