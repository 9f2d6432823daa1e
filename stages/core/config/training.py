"""How networks are built and trained: sections ``train``, ``recipes``, ``models`` and ``runs``."""

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
    """A network: a trunk that all its tasks share, then one head per task.

    Attributes:
        joint: one network for all tasks (multi-task); false: one network per task (single-task).
        trunk: widths of the shared layers, each a linear layer, layer normalization and the activation.
        head: widths of the hidden layers of each head, each a linear layer and the activation.
        activation: between layers; leaky-relu has a slope of 0.01 below 0.
        dropout: share of a trunk layer's outputs that a training step sets to 0.
        input_dropout: share of the inputs that a training step sets to 0.
    """

    joint: bool
    trunk: Annotated[Widths, MinLen(1)]
    head: Widths = ()
    activation: Literal["leaky-relu", "relu", "silu"] = "leaky-relu"
    dropout: Share = 0.0
    input_dropout: Share = 0.0


@dataclass(frozen=True)
class TrainingConfig:
    """How a network is trained.

    Attributes:
        optimizer: adamw applies the weight decay to the weights themselves (decoupled), adam to the gradient.
        learning_rate: of the optimizer.
        weight_decay: strength of the decay; 0: none.
        batch_size: clips per step.
        epochs: at most this many passes over the training clips.
        patience: epochs without improvement on validation after which training stops.
        seeds: one network (or one per task) is trained per seed.
        monitor: what must improve on validation: the loss, or the score of the tasks.
        loss_weighting: how the tasks' losses are weighed against each other in a joint network.
        regression_loss: squared error, or the task's own score: 1 − CCC of the batch, or the absolute error.
        class_weights: balanced weighs a clip inversely to the frequency of its class in training.
        label_smoothing: share of the probability that is spread evenly over all classes.
        output_bias: what a linear output starts at: the mean label of training, or zero.
        scaling: of the features: zero mean and unit variance, or to the quantiles of a normal distribution.
        columns: read only this many features, those most correlated with the labels in training; None: all.
        target_scale: standard brings linear targets to zero mean and unit variance inside the loss.
        device: where to train; auto takes a GPU if there is one.
    """

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
        features: an openSMILE set of section ``features``, or boaw.
        model: a model of section ``models``.
    """

    features: str
    model: str
