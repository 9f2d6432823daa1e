"""Training and prediction in compiled code that gives the same bits on every processor.

A network is a list of layers in one vector of weights. Eight units, the *lanes*, are computed at once: widths
are filled up to a multiple of eight with units whose weights are and stay zero. The operations on lanes, and
so the order of each sum, are written out (:mod:`stages.core.networks.lanes`). The compiler may neither
reorder them nor fuse a multiplication with an addition, since fast math is off; square roots and divisions
are exact by IEEE 754, exponentials and logarithms are those of :mod:`stages.core.arithmetic.elementary`.

Matrices of weights lie as [inputs, outputs]. A step of training multiplies few rows with many weights, so
that memory decides its speed. Therefore the gradient of the first layer is formed for a few inputs at a
time, given to Adam while it is in the nearest cache, and the new weights are at once applied to the next
batch: the matrix passes once per step.

This file holds what Python calls. The passes through the layers are in :mod:`stages.core.networks.forward`
and :mod:`stages.core.networks.backward`, the losses in :mod:`stages.core.networks.compiled_losses`.
"""

import numpy as np

from stages.core.arithmetic.scalars import scalar_exp
from stages.core.networks.backward import (
    BETA_1,
    BETA_2,
    RATE,
    ROOT,
    Adam,
    adam_step,
    backward,
    update_bias,
    update_rows,
)
from stages.core.networks.compiled_losses import Labels, estimate_of, highest_of, loss_of
from stages.core.networks.forward import (
    INPUTS_AT_ONCE,
    Dropout,
    draw_masks,
    fill,
    fill_with_bias,
    forward,
    gather,
    linear,
    memory_of,
)
from stages.core.networks.lanes import LANES, ONE, ZERO
from stages.core.networks.layout import (
    ACTIVATION,
    COLUMN,
    LAYER,
    OFFSET,
    OUTPUTS,
    SIGMOID,
    SOFTMAX,
    UNITS,
    WEIGHT,
    Net,
)
from stages.core.networks.products import add_product
from stages.core.runtime.compiling import compiled

ROWS = 32  # clips that prediction takes at once
_ROWS, _NO = np.int64(ROWS), np.bool_(False)  # as ZERO and ONE

_entry = compiled(nogil=True, error_model="numpy")  # what Python calls


@_entry
def epoch(
    inputs: np.ndarray,
    order: np.ndarray,
    size: int,
    labels: Labels,
    net: Net,
    adam: Adam,
    factors: np.ndarray,
    learnt: bool,
    rate: float,
    powers: np.ndarray,
    step: int,
    dropout: Dropout,
) -> np.ndarray:
    """Train for one epoch; weights, ``adam`` and ``powers`` change in place.

    Args:
        inputs: float [n, d].
        order: int64 [n], the order of clips.
        size: clips in a batch.
        labels: of the n clips.
        net: the network.
        adam: the optimizer.
        factors: float64 [tasks], of the losses in the total.
        learnt: whether the last ``len(tasks)`` weights, filled up to lanes, are log variances of the losses.
        rate: learning rate.
        powers: float64 [2], Adam's decay rates to the power of the steps taken.
        step: steps taken before this epoch.
        dropout: rates, and where its draws come from.

    Returns:
        float64 [tasks], each loss as a mean over the clips.
    """
    kind, columns = net.weights.dtype, -(-inputs.shape[1] // LANES) * LANES
    rows, first = -(-size // LANES) * LANES, net.layers[0]
    width, drops = first[OUTPUTS], dropout.units > 0
    memory = memory_of(net, rows)
    batch, next_batch = np.zeros(rows * columns, kind), np.zeros(rows * columns, kind)
    losses, variance_grads = np.zeros(len(net.tasks)), np.zeros(-(-len(net.tasks) // LANES) * LANES, kind)
    variances = len(net.weights) - len(variance_grads)
    gather(inputs, order[:size], batch, rows, step * size * dropout.draws, dropout)
    linear(first, net, batch, ZERO, columns, memory.values, rows)
    for start in range(0, len(order), size):
        clips, following = order[start : start + size], order[start + size : start + 2 * size]
        if drops:
            draw_masks(net, memory.masks, rows, step * size * dropout.draws, dropout)
        step += 1
        gather(inputs, following, next_batch, rows, step * size * dropout.draws, dropout)
        forward(net, memory, rows, drops)
        fill(memory.grads, ZERO, len(memory.grads), 0.0)
        for index in range(len(net.tasks)):
            layer, precision = net.layers[net.tasks[index, LAYER]], 1.0
            if learnt:
                precision = scalar_exp(-np.float64(net.weights[variances + index]))
            outputs = (memory.values, rows * layer[OFFSET], layer[OUTPUTS])
            multiplier = factors[index] * precision
            loss = loss_of(net.tasks[index], outputs, clips, labels, multiplier, memory.grads)
            losses[index] += len(clips) * loss
            variance_grads[index] = factors[index] * (1 - precision * loss)
        powers[0] *= BETA_1
        powers[1] *= BETA_2
        adam.constants[RATE] = rate / (1 - powers[0])
        adam.constants[ROOT] = 1 / np.sqrt(1 - powers[1])
        if learnt:
            adam_step(net, adam, variances, variance_grads, len(variance_grads))
        backward(net, memory, adam, rows, len(clips), drops)
        update_bias(first, net, memory, adam, rows, len(clips))
        fill_with_bias(first, net, memory.values, rows)
        for row in range(0, columns, INPUTS_AT_ONCE):
            update_rows(first, net, memory, adam, (batch, ZERO, columns), (rows, len(clips)), row)
            if len(following):
                add_product(
                    (memory.values, ZERO, width),
                    (next_batch, row, ONE, columns),
                    (net.weights, first[WEIGHT] + row * width, width),
                    (rows, width, min(INPUTS_AT_ONCE, columns - row)),
                )
        batch, next_batch = next_batch, batch
    return losses / len(order)


@_entry
def outputs_of(inputs: np.ndarray, net: Net) -> np.ndarray:
    """Outputs of all tasks side by side, [n, columns], before sigmoid or softmax; rows do not interact."""
    columns, last = -(-inputs.shape[1] // LANES) * LANES, net.tasks[-1]
    memory, every = memory_of(net, _ROWS), np.arange(len(inputs))
    batch = np.zeros(ROWS * columns, net.weights.dtype)
    outputs = np.empty((len(inputs), last[COLUMN] + last[UNITS]), net.weights.dtype)
    for start in range(0, len(inputs), ROWS):
        clips = every[start : start + ROWS]
        gather(inputs, clips, batch, _ROWS, ZERO, Dropout(np.uint64(0), ZERO, 0.0, 0.0))
        linear(net.layers[0], net, batch, ZERO, columns, memory.values, _ROWS)
        forward(net, memory, _ROWS, _NO)
        for index in range(len(net.tasks)):
            task, layer = net.tasks[index], net.layers[net.tasks[index, LAYER]]
            for row in range(len(clips)):
                at = ROWS * layer[OFFSET] + row * layer[OUTPUTS]
                for unit in range(task[UNITS]):
                    outputs[start + row, task[COLUMN] + unit] = memory.values[at + unit]
    return outputs


@_entry
def losses_of(outputs: np.ndarray, tasks: np.ndarray, labels: Labels) -> np.ndarray:
    """Each task's loss over all clips at once, float64 [tasks], from :func:`outputs_of`."""
    flat, grads = outputs.ravel(), np.zeros(outputs.size, outputs.dtype)
    losses, every = np.zeros(len(tasks)), np.arange(len(outputs))
    for index in range(len(tasks)):
        part = (flat, tasks[index, COLUMN], outputs.shape[1])
        losses[index] = loss_of(tasks[index], part, every, labels, 1.0, grads)
    return losses


@_entry
def gradients_of(outputs: np.ndarray, tasks: np.ndarray, labels: Labels) -> np.ndarray:
    """Gradients of the tasks' losses over all clips at once, [n, columns] like the outputs."""
    flat, grads = outputs.ravel(), np.zeros(outputs.size, outputs.dtype)
    every = np.arange(len(outputs))
    for index in range(len(tasks)):
        part = (flat, tasks[index, COLUMN], outputs.shape[1])
        loss_of(tasks[index], part, every, labels, 1.0, grads)
    return grads.reshape(outputs.shape)


@_entry
def activate(outputs: np.ndarray, tasks: np.ndarray) -> None:
    """Turn outputs into what the tasks mean, in place: probabilities, ratings in [0, 1], or plain numbers."""
    for index in range(len(tasks)):
        task = tasks[index]
        first, end = task[COLUMN], task[COLUMN] + task[UNITS]
        for row in range(len(outputs)):
            if task[ACTIVATION] == SIGMOID:
                for column in range(first, end):
                    outputs[row, column] = estimate_of(task, outputs[row, column])[0]
            elif task[ACTIVATION] == SOFTMAX:
                highest, summed = highest_of(outputs[row], first, task[UNITS]), 0.0
                for column in range(first, end):
                    summed += scalar_exp(outputs[row, column] - highest)
                for column in range(first, end):
                    outputs[row, column] = scalar_exp(outputs[row, column] - highest) / summed
