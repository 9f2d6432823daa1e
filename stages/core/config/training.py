"""How networks are built and trained: sections ``train``, ``recipes``, ``models`` and ``runs``."""

import math
from dataclasses import dataclass, field
from typing import Annotated, Literal

from annotated_types import Ge, Gt, Le, Lt, MinLen

from stages.core.config.bounds import Positive, Seed

Share = Annotated[float, Ge(0), Lt(1)]
Widths = tuple[Positive, ...]
Weight = Annotated[float, Ge(0), Lt(math.inf)]


@dataclass(frozen=True)
class Architecture:
    """A network: a trunk that all its tasks share, then one head per task.

    Attributes:
        joint: True: one network for all tasks; False: one network per task.
        trunk: widths of the shared layers (linear, layer normalization, Leaky ReLU).
        head: widths of the hidden layers of each head (linear, Leaky ReLU).
        dropout: share of each trunk layer's units that a training step leaves out.
        input_dropout: share of the features that a training step leaves out.
    """

    joint: bool
    trunk: Annotated[Widths, MinLen(1)]
    head: Widths = ()
    dropout: Share = 0.0
    input_dropout: Share = 0.0


@dataclass(frozen=True)
class TrainingConfig:
    """How a network is trained.

    Attributes:
        optimizer: Adam, where weight decay is part of the gradient, or AdamW, where it shrinks the weights.
        learning_rate: of the optimizer.
        weight_decay: of the optimizer.
        batch_size: clips per step.
        epochs: at most so many.
        patience: epochs to wait for an improvement on validation.
        seeds: one network, or one per task, for each.
        monitor: what must improve on validation: the total loss, or the mean score of the tasks.
        loss_weighting: ``equal``, ``relative`` to the naive predictor's loss, learnt by ``uncertainty``, or
            task → weight (1 for the others).
        regression_loss: squared error, or the score: 1 − CCC of a batch, or the absolute error.
        class_weights: how rare classes are kept from being overlooked: ``balanced`` gives each class the same
            weight in the loss, ``batches`` draws clips so that all classes are equally frequent, ``logits``
            adjusts the logits by the log of the class's share in the loss (Menon et al., 2021, τ = 1),
            ``focal`` is the focal loss (Lin et al., 2017, γ = 2), which weakens what is predicted well.
        label_smoothing: share of a class label that goes to all classes alike.
        scaling: of the features: standard units, or normal quantiles; ``speaker``: normal quantiles in the
            units of each speaker (:mod:`stages.core.networks.speakers`), another setting: it needs to know
            whose clips belong together.
        columns: how many features a network reads, those that correlate most with its labels; None: all; for
            sets side by side also set → number, all of the others.
        target_scale: ``standard``: linear targets in standard units inside the loss.
        blend: ``validation``: predictions are a mean of the networks, ridge regression and, where the score
            is an error, of a constant, weighted on validation (:mod:`stages.core.networks.blending`).
        calibration: ``match``: predictions on the scale of the labels, learnt on validation
            (:mod:`stages.core.networks.calibration`).
        device: where networks train; ``auto`` takes a GPU if there is one.
    """

    optimizer: Literal["adam", "adamw"] = "adam"
    learning_rate: Annotated[float, Gt(0), Le(1)] = 0.001
    weight_decay: Weight = 0.0
    batch_size: Positive = 8
    epochs: Positive = 20
    patience: Positive = 5
    seeds: Annotated[tuple[Seed, ...], MinLen(1)] = (1, 2, 3)
    monitor: Literal["loss", "score"] = "loss"
    loss_weighting: Literal["equal", "relative", "uncertainty"] | dict[str, Weight] = "equal"
    regression_loss: Literal["squared", "score"] = "squared"
    class_weights: Literal["none", "balanced", "batches", "logits", "focal"] = "none"
    label_smoothing: Share = 0.0
    scaling: Literal["standard", "quantile", "speaker"] = "standard"
    columns: Positive | dict[str, Positive] | None = None
    target_scale: Literal["none", "standard"] = "none"
    blend: Literal["none", "validation"] = "none"
    calibration: Literal["none", "match"] = "none"
    device: Literal["auto", "cpu", "cuda"] = "auto"


@dataclass(frozen=True)
class ModelOptions:
    """An architecture, the tasks that it learns, and how its training differs from section ``train``.

    Attributes:
        architecture: the network.
        tasks: the tasks to learn; None: all.
        recipe: name of a set of changes to section ``train`` that models share; None: none.
        train: changes of this model alone; they win over the recipe.
    """

    architecture: Architecture
    tasks: Annotated[tuple[str, ...], MinLen(1)] | None = None
    recipe: str | None = None
    train: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class RunOptions:
    """One cell of the paper's tables.

    Attributes:
        features: a set of the sections ``features``, ``external`` or ``fused_features``, or boaw.
        model: a model of section ``models``.
    """

    features: str
    model: str
