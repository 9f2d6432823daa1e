"""Every choice that params.yaml offers, typed: frozen, light, and free of heavy imports.

A bound that a type can state stands in the type; :mod:`stages.core.config.load` reads the file and
reports what does not fit.
"""

import math
from dataclasses import dataclass, field
from typing import Annotated, Literal

from annotated_types import Ge, Gt, Le, Lt, MinLen

from stages.core.config.bounds import Positive

Share = Annotated[float, Ge(0), Lt(1)]
Widths = tuple[Positive, ...]
Weight = Annotated[float, Ge(0), Lt(math.inf)]


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
class TrainingConfig:
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
class ModelOptions:
    """An architecture by name, the tasks that it learns, and the training options that it overrides."""

    architecture: Architecture
    tasks: Annotated[tuple[str, ...], MinLen(1)] | None = None
    train: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class RunOptions:
    """One cell of the paper's tables: a feature set and a model."""

    features: str
    model: str
