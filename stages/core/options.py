"""Every choice that params.yaml offers, typed: frozen, light, and free of heavy imports.

A bound that a type can state stands in the type; :mod:`stages.core.parameters` reads the file and
reports what does not fit.
"""

import math
import os
from dataclasses import dataclass, field
from typing import Annotated, Literal

from annotated_types import Ge, Gt, Le, Lt, MinLen

Positive = Annotated[int, Ge(1)]
Share = Annotated[float, Ge(0), Lt(1)]
Widths = tuple[Positive, ...]
Weight = Annotated[float, Ge(0), Lt(math.inf)]


@dataclass(frozen=True)
class Corpus:
    """Which recordings: a folder in HUME-VB's layout."""

    path: str
    name: str | None = None


@dataclass(frozen=True)
class Synthesis:
    """The embedded synthetic corpus."""

    speakers: Annotated[int, Ge(4)] = 72
    clips_per_speaker: Positive = 20
    seed: Annotated[int, Ge(0)] = 1


@dataclass(frozen=True)
class Preprocess:
    """How a recording becomes a clip."""

    peak_db: Annotated[float, Ge(-60), Le(0)] = -3.0
    trim_silence: bool = False
    min_seconds: Annotated[float, Gt(0)] = 0.1
    max_seconds: Annotated[float, Gt(0)] = 60.0


@dataclass(frozen=True)
class Split:
    """Who trains, who validates, who tests."""

    method: Literal["official", "balanced"] = "balanced"
    balance: str | None = "Country"
    seed: Annotated[int, Ge(0)] = 1


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


@dataclass(frozen=True)
class Architecture:
    """A network: shared trunk, then one head a task; ``joint`` false means one network a task."""

    joint: bool
    trunk: Annotated[Widths, MinLen(1)]
    head: Widths = ()
    activation: Literal["leaky-relu", "relu", "silu"] = "leaky-relu"
    dropout: Share = 0.0
    input_dropout: Share = 0.0


@dataclass(frozen=True)
class Recipe:
    """How a network is trained."""

    optimizer: Literal["adam", "adamw"] = "adam"
    learning_rate: Annotated[float, Gt(0), Le(1)] = 0.001
    weight_decay: Weight = 0.0
    batch_size: Positive = 8
    epochs: Positive = 20
    patience: Positive = 5
    seeds: Annotated[tuple[Annotated[int, Ge(0)], ...], MinLen(1)] = (1, 2, 3)
    monitor: Literal["loss", "score"] = "loss"
    loss_weighting: Literal["equal", "relative", "uncertainty", "dynamic"] | dict[str, Weight] = "equal"
    regression_loss: Literal["squared", "score"] = "squared"
    class_weights: Literal["none", "balanced"] = "none"
    label_smoothing: Share = 0.0
    output_bias: Literal["zero", "mean"] = "mean"
    scaling: Literal["standard", "quantile"] = "standard"
    columns: Positive | None = None
    target_scale: Literal["none", "standard"] = "none"
    device: Literal["auto", "cpu", "cuda"] = "auto"


@dataclass(frozen=True)
class Model:
    """An architecture by name, the tasks that it learns, and the training options that it overrides."""

    architecture: Architecture
    tasks: Annotated[tuple[str, ...], MinLen(1)] | None = None
    train: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Run:
    """One cell of the paper's tables: a feature set and a model."""

    features: str
    model: str


@dataclass(frozen=True)
class Evaluate:
    """How sure a score is."""

    bootstrap: Positive = 1000
    confidence: Annotated[float, Gt(0), Lt(1)] = 0.95
    seed: Annotated[int, Ge(0)] = 1


@dataclass(frozen=True)
class Compute:
    """Where per-clip work runs."""

    processes: Positive | None = None
    scheduler: str | None = None

    @property
    def workers(self) -> int:
        """Processes or threads that work at once: as many as asked for, else one for each core to be had."""
        return self.processes or len(os.sched_getaffinity(0))
