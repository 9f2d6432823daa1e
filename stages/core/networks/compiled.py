"""Training on a processor, in compiled code without Python between the steps.

The same network, batches, losses and optimizer as in the plain loop of
:mod:`stages.core.networks.training`, which is the definition: this one is tested to follow it, with every
option. Its results have the same bits on every processor (see :mod:`stages.core.networks.kernels`); networks
may train side by side on threads.
"""

import numpy as np

from stages.core.config.training import Architecture, TrainingConfig
from stages.core.networks import kernels
from stages.core.networks.backward import Adam, adam_constants
from stages.core.networks.compiled_losses import Labels
from stages.core.networks.data import MultiTaskData, SplitData, batch_size_of
from stages.core.networks.draws import Purpose, first_weights, key_of, order_of_clips
from stages.core.networks.forward import Dropout
from stages.core.networks.layout import filled, layout_of
from stages.core.networks.stopping import EarlyStopping, EpochLosses, TrainingResult
from stages.core.networks.weighting import (
    class_weights_of,
    factors_of,
    logit_offsets_of,
    sampling_weights_of,
    shares_of,
)


def train_network(
    data: MultiTaskData,
    architecture: Architecture,
    config: TrainingConfig,
    seed: int,
    dtype: type[np.floating] = np.float32,
) -> TrainingResult:
    """Train one network.

    Args:
        data: tasks and clips.
        architecture: the network.
        config: how to train.
        seed: decides the first weights, the order of clips and the dropout.
        dtype: of weights and inputs.
    """
    kind = np.dtype(dtype)
    layout = layout_of(
        data.train.inputs.shape[1],
        data.outputs,
        architecture,
        data.tasks,
        config.regression_loss,
        focal=config.class_weights == "focal",
    )
    learnt = config.loss_weighting == "uncertainty"
    variances = np.zeros(filled(len(data.tasks)) if learnt else 0, kind)
    weights = np.concatenate([layout.pack(first_weights(data, architecture, seed), kind), variances])
    decoupled = config.optimizer == "adamw"
    constants = adam_constants(
        kind,
        config.learning_rate,
        penalty=0.0 if decoupled else config.weight_decay,
        decay=config.weight_decay if decoupled else 0.0,
    )
    factors = factors_of(data, config)
    inputs, labels = data.train.inputs.astype(kind, copy=False), labels_of(data, data.train, config)
    unseen, unseen_labels = (
        data.validation.inputs.astype(kind, copy=False),
        labels_of(data, data.validation, config),
    )
    net = layout.net(weights)
    adam = Adam(np.zeros(2 * len(weights), kind), constants)
    dropout = Dropout(
        np.uint64(key_of(seed, Purpose.DROPOUT)),
        inputs.shape[1] + sum(architecture.trunk),
        architecture.input_dropout,
        architecture.dropout,
    )
    clips, size, powers = len(data.train), batch_size_of(data, config), np.ones(2)
    stopping, epochs, sampling = EarlyStopping(data, config), 0, sampling_weights_of(data, config)
    while stopping.goes_on:
        order, step = order_of_clips(clips, seed, epochs, sampling), epochs * -(-clips // size)
        train_losses = kernels.epoch(
            inputs,
            order,
            size,
            labels,
            net,
            adam,
            factors,
            learnt,
            config.learning_rate,
            powers,
            step,
            dropout,
        )
        epochs += 1
        outputs = kernels.outputs_of(unseen, net)
        losses = kernels.losses_of(outputs, layout.tasks, unseen_labels)
        kernels.activate(outputs, layout.tasks)
        log_variances = weights[layout.size :][: len(data.tasks)].astype(np.float64) if learnt else None
        stopping.end_epoch(
            _epoch_losses(data, train_losses, factors, log_variances),
            _epoch_losses(data, losses, factors, log_variances),
            layout.by_task(outputs),
            lambda: layout.unpack(weights),
        )
    return stopping.result()


def labels_of(data: MultiTaskData, clips: SplitData, config: TrainingConfig) -> Labels:
    """Targets of a split, with the class weights of the training split, as the compiled code reads them."""
    columns = [values.reshape(len(clips), -1) for values in clips.targets.values()]
    targets = np.concatenate(columns, axis=1).astype(np.float64)
    class_weights, offsets = (
        np.concatenate(list(found.values()))
        for found in (class_weights_of(data, config), logit_offsets_of(data, config))
    )
    return Labels(targets, class_weights, offsets, config.label_smoothing)


def _epoch_losses(
    data: MultiTaskData, losses: np.ndarray, factors: np.ndarray, log_variances: np.ndarray | None
) -> EpochLosses:
    by_task = dict(zip(data.tasks, losses.tolist(), strict=True))
    return EpochLosses(by_task, shares_of(by_task, factors, log_variances))
