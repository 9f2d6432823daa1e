"""The pass back through the layers of a network in compiled code: gradients, and steps of Adam."""

from typing import NamedTuple

import numpy as np

from stages.core.networks.forward import INPUTS_AT_ONCE, LEAK, Memory, fill
from stages.core.networks.lanes import (
    LANES,
    ONE,
    ZERO,
    in_all_lanes,
    kernel,
    load,
    spread,
    square_roots,
    store,
    sum_of_lanes,
    where_positive,
)
from stages.core.networks.layout import (
    ACTIVE,
    BIAS,
    DRAW,
    INPUTS,
    NORM,
    OFFSET,
    OUTPUTS,
    SOURCE,
    WEIGHT,
    WIDTH,
    Net,
)
from stages.core.networks.products import add_product

# Constants of Adam in the precision of the weights.
RATE, MOMENT_1, REST_1, MOMENT_2, REST_2, EPSILON, PENALTY, KEPT, ROOT = range(9)
BETA_1, BETA_2 = 0.9, 0.999


class Adam(NamedTuple):
    """Moments of all weights, the first and then the second, and the constants of :func:`adam_constants`."""

    moments: np.ndarray
    constants: np.ndarray


def adam_constants(dtype: np.dtype, rate: float, penalty: float, decay: float) -> np.ndarray:
    """Constants of Adam in the precision of the weights.

    Args:
        dtype: float32 or float64.
        rate: learning rate.
        penalty: weight decay that is added to the gradient (Adam).
        decay: weight decay that shrinks the weights (AdamW).
    """
    values = [rate, BETA_1, 1 - BETA_1, BETA_2, 1 - BETA_2, 1e-8, penalty, 1 - rate * decay, 1]
    return np.array(values, dtype)


@kernel
def adam_step(net: Net, adam: Adam, start: int, gradient: np.ndarray, count: int) -> None:
    """One step of Adam (Kingma and Ba, 2015) or AdamW (Loshchilov and Hutter, 2019) of some weights."""
    constants, moments, second = adam.constants, adam.moments, len(net.weights)
    rate, epsilon = spread(constants, RATE), spread(constants, EPSILON)
    penalty, kept = spread(constants, PENALTY), spread(constants, KEPT)
    moment_1, rest_1 = spread(constants, MOMENT_1), spread(constants, REST_1)
    moment_2, rest_2 = spread(constants, MOMENT_2), spread(constants, REST_2)
    root = spread(constants, ROOT)
    for unit in range(0, count, LANES):
        at = start + unit
        weight = load(net.weights, at)
        grad = load(gradient, unit) + penalty * weight
        m = moment_1 * load(moments, at) + rest_1 * grad
        v = moment_2 * load(moments, second + at) + rest_2 * grad * grad
        store(moments, at, m)
        store(moments, second + at, v)
        store(net.weights, at, kept * weight - rate * m / (square_roots(v) * root + epsilon))


@kernel
def update_bias(layer: np.ndarray, net: Net, memory: Memory, adam: Adam, rows: int, clips: int) -> None:
    """An Adam step of a layer's biases."""
    width, start = layer[OUTPUTS], rows * layer[OFFSET]
    for unit in range(0, width, LANES):
        total = in_all_lanes(memory.grads.dtype.type(0))
        for row in range(clips):
            total = total + load(memory.grads, start + row * width + unit)
        store(memory.scratch, unit, total)
    adam_step(net, adam, layer[BIAS], memory.scratch, width)


@kernel
def update_rows(
    layer: np.ndarray, net: Net, memory: Memory, adam: Adam, inputs: tuple, batch: tuple, row: int
) -> None:
    """An Adam step of the weights of some inputs, from ``row`` on.

    Args:
        layer: the layer.
        net: the network.
        memory: holds the gradients of its outputs.
        adam: the optimizer.
        inputs: vector that holds the inputs, where they begin, elements from one clip to the next.
        batch: rows of the batch, and how many of them are clips.
        row: the first of the inputs.
    """
    rows, clips = batch
    vector, first, stride = inputs
    width, count = layer[OUTPUTS], min(INPUTS_AT_ONCE, layer[INPUTS] - row)
    fill(memory.scratch, ZERO, count * width, 0.0)
    add_product(
        (memory.scratch, ZERO, width),
        (vector, first + row, stride, ONE),
        (memory.grads, rows * layer[OFFSET], width),
        (count, width, clips),
    )
    adam_step(net, adam, layer[WEIGHT] + row * width, memory.scratch, count * width)


@kernel
def _backward_inputs(layer: np.ndarray, source: np.ndarray, net: Net, memory: Memory, rows: int) -> None:
    """Add the gradients of a layer, through its weights, to those of its source."""
    grads, scratch = memory.grads, memory.scratch
    width, inputs = layer[OUTPUTS], layer[INPUTS]
    own, theirs = rows * layer[OFFSET], rows * source[OFFSET]
    turned = (
        inputs * rows
    )  # scratch: first the result [inputs, rows], then the layer's gradients [width, rows]
    fill(scratch, ZERO, turned, 0.0)
    for row in range(rows):
        for unit in range(width):
            scratch[turned + unit * rows + row] = grads[own + row * width + unit]
    add_product(
        (scratch, ZERO, rows),
        (net.weights, layer[WEIGHT], ONE, width),
        (scratch, turned, rows),
        (inputs, rows, layer[WIDTH]),
    )
    for row in range(rows):
        for unit in range(inputs):
            grads[theirs + row * inputs + unit] += scratch[unit * rows + row]


@kernel
def _backward_norm(index: int, net: Net, memory: Memory, adam: Adam, rows: int, clips: int) -> None:
    """Gradients before the normalization, in place, and an Adam step of its scale and shift."""
    layer, grads, sums = net.layers[index], memory.grads, memory.scratch
    width, scale = layer[OUTPUTS], layer[NORM]
    fill(sums, ZERO, 2 * width, 0.0)
    for row in range(clips):
        start = rows * layer[OFFSET] + row * width
        plain, product = in_all_lanes(grads.dtype.type(0)), in_all_lanes(grads.dtype.type(0))
        for unit in range(0, width, LANES):
            grad, hidden = load(grads, start + unit), load(memory.normalized, start + unit)
            store(sums, unit, load(sums, unit) + grad * hidden)
            store(sums, width + unit, load(sums, width + unit) + grad)
            grad = grad * load(net.weights, scale + unit)
            store(grads, start + unit, grad)
            plain, product = plain + grad, product + grad * hidden
        mean = in_all_lanes(grads.dtype.type(sum_of_lanes(plain) / layer[WIDTH]))
        tilt = in_all_lanes(grads.dtype.type(sum_of_lanes(product) / layer[WIDTH]))
        factor = in_all_lanes(memory.inv_std[index, row])
        for unit in range(0, width, LANES):
            grad = load(grads, start + unit) - mean - load(memory.normalized, start + unit) * tilt
            store(grads, start + unit, factor * grad * load(net.real, layer[OFFSET] + unit))
    adam_step(net, adam, scale, sums, 2 * width)


@kernel
def backward(net: Net, memory: Memory, adam: Adam, rows: int, clips: int, dropout: bool) -> None:
    """Gradients of all layers, and an Adam step of all but the first layer's weights and biases."""
    values, grads = memory.values, memory.grads
    one, leak = in_all_lanes(values.dtype.type(1)), in_all_lanes(values.dtype.type(LEAK))
    for index in range(len(net.layers) - 1, -1, -1):
        layer = net.layers[index]
        start, end = rows * layer[OFFSET], rows * (layer[OFFSET] + layer[OUTPUTS])
        if dropout and layer[DRAW] >= 0:
            for unit in range(start, end, LANES):
                store(grads, unit, load(grads, unit) * load(memory.masks, unit))
        if layer[ACTIVE]:
            for unit in range(start, end, LANES):
                store(grads, unit, load(grads, unit) * where_positive(load(values, unit), one, leak))
        if layer[NORM] >= 0:
            _backward_norm(index, net, memory, adam, rows, clips)
        if index:
            source = net.layers[layer[SOURCE]]
            _backward_inputs(layer, source, net, memory, rows)
            update_bias(layer, net, memory, adam, rows, clips)
            outputs = (values, rows * source[OFFSET], source[OUTPUTS])
            for row in range(0, layer[INPUTS], INPUTS_AT_ONCE):
                update_rows(layer, net, memory, adam, outputs, (rows, clips), row)
