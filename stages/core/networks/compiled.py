"""Training on a processor, several times faster than the plain loop of :mod:`stages.core.networks.training`.

The same network, batches, losses and optimizer; the steps run in :mod:`stages.core.networks.kernels`, without
Python between them, so that networks train side by side on threads. The plain loop is the
definition: this one is tested to follow it, and takes over wherever :func:`covers` says that it can.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from stages.core.config.training import Architecture, TrainingConfig
from stages.core.networks import kernels
from stages.core.networks.data import MultiTaskData, batch_size_of
from stages.core.networks.losses import Weighting, class_weights_of, losses_of, naive_losses
from stages.core.networks.network import Network
from stages.core.networks.stopping import EarlyStopping, TrainingResult
from stages.core.networks.training import end_epoch, on_device, order_of_clips, start


def covers(architecture: Architecture, config: TrainingConfig) -> bool:
    """Whether it knows all that these ask for: the paper's layers and losses, without learnt weights."""
    dropout = architecture.dropout or architecture.input_dropout
    return not dropout and config.loss_weighting != "uncertainty" and config.regression_loss == "squared"


def train_network(
    data: MultiTaskData,
    architecture: Architecture,
    config: TrainingConfig,
    seed: int,
    dtype: torch.dtype = torch.float32,
) -> TrainingResult:
    """Train one network; several calls may run on threads.

    Args:
        data: tasks and clips.
        architecture: the network.
        config: how to train; :func:`covers` must be true.
        seed: decides the first weights and the order of clips.
        dtype: of weights and inputs.
    """
    torch.set_num_threads(1)
    network = start(data, architecture, seed).to(dtype)
    layers = layers_of(network)
    layer_table, task_table = _tables(data, layers)
    weights = _flatten(layers)
    moments = np.zeros((2, len(weights)), weights.dtype)
    targets, known = _targets(data)
    class_weights = np.concatenate(list(class_weights_of(data, config).values()))
    decoupled = config.optimizer == "adamw"
    constants = kernels.adam_constants(
        weights.dtype,
        config.learning_rate,
        penalty=0.0 if decoupled else config.weight_decay,
        decay=config.weight_decay if decoupled else 0.0,
    )
    weighting = Weighting(data.tasks, config, naive_losses(data, config))
    losses_by_task = losses_of(data, config, "cpu", dtype)
    validation = on_device(data.validation, "cpu", dtype)
    stopping = EarlyStopping(data, config)
    inputs = data.train.inputs.astype(weights.dtype, copy=False)
    size = batch_size_of(data, config)
    steps, batches = 0, -(-len(data.train) // size)
    orders = order_of_clips(len(data.train), seed)
    while stopping.goes_on:
        losses = kernels.epoch(
            inputs,
            next(orders).numpy(),
            size,
            targets,
            known,
            layer_table,
            task_table,
            weighting.weights.numpy(),
            class_weights,
            config.label_smoothing,
            weights,
            moments,
            constants,
            config.learning_rate,
            steps,
        )
        steps += batches
        _restore(layers, weights)
        means = dict(zip(data.tasks, losses.tolist(), strict=True))
        end_epoch(stopping, means, network, weighting, losses_by_task, validation)
    return stopping.result()


@dataclass(frozen=True)
class Layer:
    """A linear layer: where its inputs come from (−1: the features), and what follows."""

    source: int
    linear: nn.Linear
    norm: nn.LayerNorm | None
    active: bool

    @property
    def parameters(self) -> list[Tensor]:
        """In the order of the vector of weights; the matrix as [inputs, outputs]."""
        normed = [self.norm.weight, self.norm.bias] if self.norm else []
        return [self.linear.weight.T, self.linear.bias, *normed]


def layers_of(network: Network) -> list[Layer]:
    """All linear layers, the trunk's first; a head ends with a layer that is not active."""
    layers: list[Layer] = []
    for module in network.trunk.modules():
        if isinstance(module, nn.Linear):
            layers.append(Layer(len(layers) - 1, module, None, True))
        elif isinstance(module, nn.LayerNorm):
            layers[-1] = replace(layers[-1], norm=module)
    fork = len(layers) - 1
    for head in network.heads.values():
        linears = [module for module in head.modules() if isinstance(module, nn.Linear)]
        for depth, linear in enumerate(linears):
            layers.append(Layer(len(layers) - 1 if depth else fork, linear, None, linear is not linears[-1]))
    return layers


def _tables(data: MultiTaskData, layers: Sequence[Layer]) -> tuple[np.ndarray, np.ndarray]:
    """Layers int64 [layers, 8] and tasks int64 [tasks, 4], as the kernels read them."""
    rows, weight, index = [], 0, 0
    for layer in layers:
        inputs, outputs = layer.linear.in_features, layer.linear.out_features
        bias = weight + inputs * outputs
        norm = bias + outputs if layer.norm else -1
        rows.append([layer.source, inputs, outputs, weight, bias, norm, layer.active, index])
        weight += sum(values.numel() for values in layer.parameters)
        index += outputs
    tasks, column, classes = [], 0, 0
    ends = [index for index, layer in enumerate(layers) if not layer.active]
    for end, (name, task) in zip(ends, data.tasks.items(), strict=True):
        kind = kernels.SIGMOID if task.output == "sigmoid" else kernels.LINEAR
        tasks.append([end, kernels.CLASSES if task.kind == "classification" else kind, column, classes])
        column += len(task.columns)
        classes += data.outputs[name]
    return np.array(rows, np.int64), np.array(tasks, np.int64)


def _flatten(layers: Sequence[Layer]) -> np.ndarray:
    """All weights as one vector."""
    return torch.cat([values.detach().reshape(-1) for layer in layers for values in layer.parameters]).numpy()


def _restore(layers: Sequence[Layer], weights: np.ndarray) -> None:
    """Give the vector's values to the network."""
    rest = torch.from_numpy(weights)
    with torch.no_grad():
        for layer in layers:
            for values in layer.parameters:
                values.copy_(rest[: values.numel()].reshape(values.shape))
                rest = rest[values.numel() :]


def _targets(data: MultiTaskData) -> tuple[np.ndarray, np.ndarray]:
    """Targets float64 [n, columns] side by side, and bool [n, tasks]: which clips are labelled."""
    columns = [data.train.targets[name].reshape(len(data.train), -1) for name in data.tasks]
    known = [
        values[:, 0] >= 0 if task.kind == "classification" else ~np.isnan(values[:, 0])
        for values, task in zip(columns, data.tasks.values(), strict=True)
    ]
    return np.concatenate(columns, axis=1).astype(np.float64), np.column_stack(known)
