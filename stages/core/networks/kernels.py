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
"""

import math
from typing import Any, NamedTuple

import numpy as np
from numba import njit

from stages.core.arithmetic.elementary import EXP, EXP_RANGE, INV_LN2, LN2_HIGH, LN2_LOW, LOG, SQRT_HALF
from stages.core.networks.draws import FACTORS, GAMMA, SHIFTS
from stages.core.networks.lanes import (
    LANES,
    has_avx512,
    in_all_lanes,
    load,
    load_wide,
    spread,
    spread_wide,
    square_roots,
    store,
    sum_of_lanes,
    where_positive,
)
from stages.core.runtime.compiling import compiled

# Columns of the table of layers: where inputs come from (a layer, or −1: the features); inputs, outputs and
# offset among all outputs, each filled up to lanes; real outputs; where weights, biases and normalization
# begin (−1: none); whether Leaky ReLU follows; the first number that dropout draws for it (−1: none).
SOURCE, INPUTS, OUTPUTS, OFFSET, WIDTH, WEIGHT, BIAS, NORM, ACTIVE, DRAW = range(10)
# Columns of the table of tasks: the layer of the outputs, what is made of them, the loss, the number of
# outputs, the first target column, the first class weight, the first column among the outputs of all tasks.
LAYER, ACTIVATION, LOSS, UNITS, TARGET, CLASS, COLUMN = range(7)
LINEAR, SIGMOID, SOFTMAX = range(3)
SQUARED, ABSOLUTE, CONCORDANCE, CROSS_ENTROPY, FOCAL = range(5)
# Constants of Adam in the precision of the weights.
RATE, MOMENT_1, REST_1, MOMENT_2, REST_2, EPSILON, PENALTY, KEPT, ROOT = range(9)
BETA_1, BETA_2, LEAK, NORM_EPSILON = 0.9, 0.999, 0.01, 1e-5
ROWS = 32  # clips that prediction takes at once
INPUTS_AT_ONCE = 32  # of the first layer, in a step of training
TERMS_AT_ONCE = 32  # of a sum, so that the weights stay in a cache
_GAMMA, _FACTOR_1, _FACTOR_2 = np.uint64(GAMMA), np.uint64(FACTORS[0]), np.uint64(FACTORS[1])
_SHIFT_1, _SHIFT_2, _SHIFT_3 = (np.uint64(shift) for shift in SHIFTS)
_HALF = np.uint64(32)
# Numbers that are not compiled into the functions that take them, each value into one of its own.
_ZERO, _ONE, _ROWS, _NO = np.int64(0), np.int64(1), np.int64(ROWS), np.bool_(False)

_compiled: Any = njit(nogil=True, error_model="numpy")
_entry = compiled(nogil=True, error_model="numpy")  # what Python calls


class Net(NamedTuple):
    """A network: tables of layers and tasks (see above), which units are real (1, else 0), all weights."""

    layers: np.ndarray
    tasks: np.ndarray
    real: np.ndarray
    weights: np.ndarray


class Memory(NamedTuple):
    """What passes through the layers: each a vector that holds [rows, outputs] of one layer after another.

    ``normalized`` is the layer normalization before scale and shift, ``inv_std`` [layers, rows] its 1 / sd.
    """

    values: np.ndarray
    normalized: np.ndarray
    inv_std: np.ndarray
    masks: np.ndarray
    grads: np.ndarray
    scratch: np.ndarray


class Adam(NamedTuple):
    """Moments of all weights, the first and then the second, and the constants of :func:`adam_constants`."""

    moments: np.ndarray
    constants: np.ndarray


class Labels(NamedTuple):
    """Targets float64 [n, columns] of all tasks side by side, weights of all classes, offsets of their logits
    in the loss, label smoothing.

    A class is given by its index. Without a label there is NaN, or −1 for a class.
    """

    targets: np.ndarray
    class_weights: np.ndarray
    offsets: np.ndarray
    smoothing: float


class Dropout(NamedTuple):
    """The key of the stream of draws, draws per clip, and the rates of inputs and of units of the trunk."""

    key: np.uint64
    draws: int | np.int64
    inputs: float
    units: float


@_compiled
def _last_columns(to: tuple, factors: tuple, matrix: tuple, shape: tuple) -> None:
    """The product's last eight columns, where their number is no multiple of sixteen."""
    c, c0, c_row = to
    a, a0, a_term, a_row = factors
    b, b0, b_term = matrix
    rows, columns, terms = shape
    if columns % (2 * LANES):
        for row in range(0, rows, 4):
            at, p, q = c0 + row * c_row + columns - LANES, a0 + row * a_row, b0 + columns - LANES
            c00, c10 = load(c, at), load(c, at + c_row)
            c20, c30 = load(c, at + 2 * c_row), load(c, at + 3 * c_row)
            for _ in range(terms):
                left = load(b, q)
                c00, c10 = c00 + spread(a, p) * left, c10 + spread(a, p + a_row) * left
                c20, c30 = c20 + spread(a, p + 2 * a_row) * left, c30 + spread(a, p + 3 * a_row) * left
                p += a_term
                q += b_term
            store(c, at, c00)
            store(c, at + c_row, c10)
            store(c, at + 2 * c_row, c20)
            store(c, at + 3 * c_row, c30)


@_compiled
def _product_by_four_rows(to: tuple, factors: tuple, matrix: tuple, shape: tuple) -> None:
    """Add to C [rows, columns] the products A [rows, terms] · B [terms, columns], term by term.

    Args:
        to: vector that holds C, where C begins, elements from one row to the next.
        factors: vector that holds A, where A begins, elements from one term, and from one row, to the next.
        matrix: vector that holds B, where B begins, elements from one term to the next.
        shape: rows (a multiple of 8), columns (a multiple of 8) and terms.
    """
    c, c0, c_row = to
    a, a0, a_term, a_row = factors
    b, b0, b_term = matrix
    rows, columns, terms = shape
    for column in range(0, columns - LANES, 2 * LANES):
        for row in range(0, rows, 4):
            at, p, q = c0 + row * c_row + column, a0 + row * a_row, b0 + column
            sum_0 = load_wide(c, at)
            sum_1 = load_wide(c, at + c_row)
            sum_2 = load_wide(c, at + 2 * c_row)
            sum_3 = load_wide(c, at + 3 * c_row)
            for _ in range(terms):
                of_b = load_wide(b, q)
                sum_0 = sum_0 + spread_wide(a, p) * of_b
                sum_1 = sum_1 + spread_wide(a, p + a_row) * of_b
                sum_2 = sum_2 + spread_wide(a, p + 2 * a_row) * of_b
                sum_3 = sum_3 + spread_wide(a, p + 3 * a_row) * of_b
                p += a_term
                q += b_term
            store(c, at, sum_0)
            store(c, at + c_row, sum_1)
            store(c, at + 2 * c_row, sum_2)
            store(c, at + 3 * c_row, sum_3)
    _last_columns(to, factors, matrix, shape)


@_compiled
def _product_by_eight_rows(to: tuple, factors: tuple, matrix: tuple, shape: tuple) -> None:
    """The same product for processors with registers for eight rows at once."""
    c, c0, c_row = to
    a, a0, a_term, a_row = factors
    b, b0, b_term = matrix
    rows, columns, terms = shape
    for column in range(0, columns - LANES, 2 * LANES):
        for row in range(0, rows, 8):
            at, p, q = c0 + row * c_row + column, a0 + row * a_row, b0 + column
            sum_0 = load_wide(c, at)
            sum_1 = load_wide(c, at + c_row)
            sum_2 = load_wide(c, at + 2 * c_row)
            sum_3 = load_wide(c, at + 3 * c_row)
            sum_4 = load_wide(c, at + 4 * c_row)
            sum_5 = load_wide(c, at + 5 * c_row)
            sum_6 = load_wide(c, at + 6 * c_row)
            sum_7 = load_wide(c, at + 7 * c_row)
            for _ in range(terms):
                of_b = load_wide(b, q)
                sum_0 = sum_0 + spread_wide(a, p) * of_b
                sum_1 = sum_1 + spread_wide(a, p + a_row) * of_b
                sum_2 = sum_2 + spread_wide(a, p + 2 * a_row) * of_b
                sum_3 = sum_3 + spread_wide(a, p + 3 * a_row) * of_b
                sum_4 = sum_4 + spread_wide(a, p + 4 * a_row) * of_b
                sum_5 = sum_5 + spread_wide(a, p + 5 * a_row) * of_b
                sum_6 = sum_6 + spread_wide(a, p + 6 * a_row) * of_b
                sum_7 = sum_7 + spread_wide(a, p + 7 * a_row) * of_b
                p += a_term
                q += b_term
            store(c, at, sum_0)
            store(c, at + c_row, sum_1)
            store(c, at + 2 * c_row, sum_2)
            store(c, at + 3 * c_row, sum_3)
            store(c, at + 4 * c_row, sum_4)
            store(c, at + 5 * c_row, sum_5)
            store(c, at + 6 * c_row, sum_6)
            store(c, at + 7 * c_row, sum_7)
    _last_columns(to, factors, matrix, shape)


_product = _product_by_eight_rows if has_avx512() else _product_by_four_rows  # the same bits


@_compiled
def _exp(x: float) -> float:
    """As in :mod:`stages.core.arithmetic.elementary`."""
    if np.isnan(x):
        return x
    x = min(max(x, -EXP_RANGE), EXP_RANGE)
    exponent = np.rint(x * INV_LN2)
    high, low = x - exponent * LN2_HIGH, exponent * LN2_LOW
    rest = high - low
    square = rest * rest
    even = rest - square * (
        EXP[0] + square * (EXP[1] + square * (EXP[2] + square * (EXP[3] + square * EXP[4])))
    )
    fraction = 1.0 - ((low - (rest * even) / (2.0 - even)) - high)
    return math.ldexp(fraction, int(exponent))


@_compiled
def _log(x: float) -> float:
    """As in :mod:`stages.core.arithmetic.elementary`, for positive finite numbers."""
    fraction, exponent = math.frexp(x)
    if fraction < SQRT_HALF:
        fraction, exponent = 2.0 * fraction, exponent - 1
    f = fraction - 1.0
    s = f / (2.0 + f)
    z = s * s
    series = z * (LOG[4] + z * (LOG[5] + z * LOG[6]))
    series = z * (LOG[0] + z * (LOG[1] + z * (LOG[2] + z * (LOG[3] + series))))
    half = 0.5 * f * f
    return exponent * LN2_HIGH - ((half - (s * (half + series) + exponent * LN2_LOW)) - f)


@_compiled
def _keeps(key: np.uint64, draw: np.uint64, threshold: np.uint64) -> Any:
    """Whether dropout keeps the unit of a draw (see :mod:`stages.core.networks.draws`)."""
    z = key + (draw + np.uint64(1)) * _GAMMA
    z = (z ^ (z >> _SHIFT_1)) * _FACTOR_1
    z = (z ^ (z >> _SHIFT_2)) * _FACTOR_2
    z = z ^ (z >> _SHIFT_3)
    return (z >> _HALF) >= threshold


@_compiled
def _fill(vector: np.ndarray, start: int, count: int, value: float) -> None:
    """Write one value to ``count`` elements, a multiple of the lanes."""
    lanes = in_all_lanes(vector.dtype.type(value))
    for index in range(start, start + count, LANES):
        store(vector, index, lanes)


@_compiled
def _gather(
    inputs: np.ndarray, clips: np.ndarray, batch: np.ndarray, rows: int, first: int, dropout: Dropout
) -> None:
    """Copy clips to the rows of ``batch`` [rows, lanes of d], with dropout; zero where there are no more.

    ``first`` is the draw of the first row's first input.
    """
    columns, stride, zero = inputs.shape[1], len(batch) // rows, inputs.dtype.type(0)
    threshold, kept = np.uint64(dropout.inputs * 2.0**32), inputs.dtype.type(1 / (1 - dropout.inputs))
    for row in range(len(clips)):
        clip, start = clips[row], row * stride
        if dropout.inputs > 0:
            draw = np.uint64(first + row * dropout.draws)
            for column in range(columns):
                keeps = _keeps(dropout.key, draw + np.uint64(column), threshold)
                batch[start + column] = inputs[clip, column] * kept if keeps else zero
        else:
            for column in range(columns):
                batch[start + column] = inputs[clip, column]
    _fill(batch, len(clips) * stride, (rows - len(clips)) * stride, 0.0)


@_compiled
def _fill_with_bias(layer: np.ndarray, net: Net, values: np.ndarray, rows: int) -> None:
    start, width = rows * layer[OFFSET], layer[OUTPUTS]
    for row in range(rows):
        for unit in range(0, width, LANES):
            store(values, start + row * width + unit, load(net.weights, layer[BIAS] + unit))


@_compiled
def _linear(
    layer: np.ndarray, net: Net, source: np.ndarray, first: int, stride: int, values: np.ndarray, rows: int
) -> None:
    """Outputs of a linear layer from the rows of ``source``, ``stride`` apart, from ``first`` on."""
    _fill_with_bias(layer, net, values, rows)
    width = layer[OUTPUTS]
    for term in range(0, layer[INPUTS], TERMS_AT_ONCE):
        _product(
            (values, rows * layer[OFFSET], width),
            (source, first + term, _ONE, stride),
            (net.weights, layer[WEIGHT] + term * width, width),
            (rows, width, min(TERMS_AT_ONCE, layer[INPUTS] - term)),
        )


@_compiled
def _normalize(index: int, net: Net, memory: Memory, rows: int) -> None:
    """Layer normalization in place."""
    layer, values, normalized = net.layers[index], memory.values, memory.normalized
    width, scale, shift = layer[OUTPUTS], layer[NORM], layer[NORM] + layer[OUTPUTS]
    for row in range(rows):
        start = rows * layer[OFFSET] + row * width
        total = in_all_lanes(values.dtype.type(0))
        for unit in range(0, width, LANES):
            total = total + load(values, start + unit)
        mean = in_all_lanes(values.dtype.type(sum_of_lanes(total) / layer[WIDTH]))
        squares = in_all_lanes(values.dtype.type(0))
        for unit in range(0, width, LANES):
            difference = (load(values, start + unit) - mean) * load(net.real, layer[OFFSET] + unit)
            store(normalized, start + unit, difference)
            squares = squares + difference * difference
        factor = values.dtype.type(1 / np.sqrt(sum_of_lanes(squares) / layer[WIDTH] + NORM_EPSILON))
        memory.inv_std[index, row] = factor
        for unit in range(0, width, LANES):
            unscaled = load(normalized, start + unit) * in_all_lanes(factor)
            store(normalized, start + unit, unscaled)
            scaled = unscaled * load(net.weights, scale + unit)
            store(values, start + unit, scaled + load(net.weights, shift + unit))


@_compiled
def _draw_masks(net: Net, masks: np.ndarray, rows: int, first: int, dropout: Dropout) -> None:
    """Factors of dropout for the outputs of the trunk's layers: 0 or 1 / (1 − rate)."""
    threshold, kept = np.uint64(dropout.units * 2.0**32), masks.dtype.type(1 / (1 - dropout.units))
    for index in range(len(net.layers)):
        layer = net.layers[index]
        if layer[DRAW] < 0:
            continue
        for row in range(rows):
            start = rows * layer[OFFSET] + row * layer[OUTPUTS]
            draw = np.uint64(first + row * dropout.draws + layer[DRAW])
            for unit in range(layer[WIDTH]):
                keeps = _keeps(dropout.key, draw + np.uint64(unit), threshold)
                masks[start + unit] = kept if keeps else masks.dtype.type(0)


@_compiled
def _forward(net: Net, memory: Memory, rows: int, dropout: bool) -> None:
    """Outputs of all layers; the first one is linear already."""
    values = memory.values
    leak = in_all_lanes(values.dtype.type(LEAK))
    for index in range(len(net.layers)):
        layer = net.layers[index]
        start, end = rows * layer[OFFSET], rows * (layer[OFFSET] + layer[OUTPUTS])
        if index:
            source = net.layers[layer[SOURCE]]
            _linear(layer, net, values, rows * source[OFFSET], source[OUTPUTS], values, rows)
        if layer[NORM] >= 0:
            _normalize(index, net, memory, rows)
        if layer[ACTIVE]:
            for unit in range(start, end, LANES):
                value = load(values, unit)
                store(values, unit, where_positive(value, value, value * leak))
        if dropout and layer[DRAW] >= 0:
            for unit in range(start, end, LANES):
                store(values, unit, load(values, unit) * load(memory.masks, unit))


@_compiled
def _backward(net: Net, memory: Memory, adam: Adam, rows: int, clips: int, dropout: bool) -> None:
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
            _update_bias(layer, net, memory, adam, rows, clips)
            outputs = (values, rows * source[OFFSET], source[OUTPUTS])
            for row in range(0, layer[INPUTS], INPUTS_AT_ONCE):
                _update_rows(layer, net, memory, adam, outputs, (rows, clips), row)


@_compiled
def _backward_norm(index: int, net: Net, memory: Memory, adam: Adam, rows: int, clips: int) -> None:
    """Gradients before the normalization, in place, and an Adam step of its scale and shift."""
    layer, grads, sums = net.layers[index], memory.grads, memory.scratch
    width, scale = layer[OUTPUTS], layer[NORM]
    _fill(sums, _ZERO, 2 * width, 0.0)
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
    _adam(net, adam, scale, sums, 2 * width)


@_compiled
def _backward_inputs(layer: np.ndarray, source: np.ndarray, net: Net, memory: Memory, rows: int) -> None:
    """Add the gradients of a layer, through its weights, to those of its source."""
    grads, scratch = memory.grads, memory.scratch
    width, inputs = layer[OUTPUTS], layer[INPUTS]
    own, theirs = rows * layer[OFFSET], rows * source[OFFSET]
    turned = (
        inputs * rows
    )  # scratch: first the result [inputs, rows], then the layer's gradients [width, rows]
    _fill(scratch, _ZERO, turned, 0.0)
    for row in range(rows):
        for unit in range(width):
            scratch[turned + unit * rows + row] = grads[own + row * width + unit]
    _product(
        (scratch, _ZERO, rows),
        (net.weights, layer[WEIGHT], _ONE, width),
        (scratch, turned, rows),
        (inputs, rows, layer[WIDTH]),
    )
    for row in range(rows):
        for unit in range(inputs):
            grads[theirs + row * inputs + unit] += scratch[unit * rows + row]


@_compiled
def _update_bias(layer: np.ndarray, net: Net, memory: Memory, adam: Adam, rows: int, clips: int) -> None:
    width, start = layer[OUTPUTS], rows * layer[OFFSET]
    for unit in range(0, width, LANES):
        total = in_all_lanes(memory.grads.dtype.type(0))
        for row in range(clips):
            total = total + load(memory.grads, start + row * width + unit)
        store(memory.scratch, unit, total)
    _adam(net, adam, layer[BIAS], memory.scratch, width)


@_compiled
def _update_rows(
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
    _fill(memory.scratch, _ZERO, count * width, 0.0)
    _product(
        (memory.scratch, _ZERO, width),
        (vector, first + row, stride, _ONE),
        (memory.grads, rows * layer[OFFSET], width),
        (count, width, clips),
    )
    _adam(net, adam, layer[WEIGHT] + row * width, memory.scratch, count * width)


@_compiled
def _adam(net: Net, adam: Adam, start: int, gradient: np.ndarray, count: int) -> None:
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


@_compiled
def _loss(
    task: np.ndarray,
    outputs: tuple,
    clips: np.ndarray,
    labels: Labels,
    multiplier: float,
    grads: np.ndarray,
) -> float:
    """A task's loss on some clips; its gradient, times ``multiplier``, goes to ``grads``.

    Args:
        task: a row of the table of tasks.
        outputs: vector that holds the outputs, where they begin, elements from one clip to the next.
        clips: rows of the labels.
        labels: targets, class weights and label smoothing.
        multiplier: of the gradient.
        grads: a vector like that of the outputs.
    """
    if task[LOSS] == CROSS_ENTROPY or task[LOSS] == FOCAL:
        return _cross_entropy(task, outputs, clips, labels, multiplier, grads)
    if task[LOSS] == CONCORDANCE:
        return _concordance(task, outputs, clips, labels.targets, multiplier, grads)
    loss, total = 0.0, _known(task, clips, labels.targets) * task[UNITS]
    vector, start, stride = outputs
    for row in range(len(clips)):
        if np.isnan(labels.targets[clips[row], task[TARGET]]):
            continue
        for unit in range(task[UNITS]):
            at = start + row * stride + unit
            value, slope = _estimate(task, vector[at])
            error = value - labels.targets[clips[row], task[TARGET] + unit]
            if task[LOSS] == SQUARED:
                loss += error * error / total
                grads[at] = multiplier * 2 * error * slope / total
            else:
                sign = 1.0 if error > 0 else (-1.0 if error < 0 else 0.0)
                loss += abs(error) / total
                grads[at] = multiplier * sign * slope / total
    return loss


@_compiled
def _known(task: np.ndarray, clips: np.ndarray, targets: np.ndarray) -> int:
    """How many of the clips have labels for a regression."""
    known = 0
    for row in range(len(clips)):
        if not np.isnan(targets[clips[row], task[TARGET]]):
            known += 1
    return known


@_compiled
def _estimate(task: np.ndarray, output: float) -> tuple[float, float]:
    """What a regression makes of an output, and the derivative of that."""
    value: Any = np.float64(output)
    if task[ACTIVATION] == SIGMOID:
        value = 1 / (1 + _exp(-value))
        return value, value * (1 - value)
    return value, 1.0


@_compiled
def _varies(clips: np.ndarray, targets: np.ndarray, column: int) -> bool:
    """Whether a column has two different labels among the clips."""
    first = np.nan
    for row in range(len(clips)):
        value = targets[clips[row], column]
        if not np.isnan(value):
            if value != first and not np.isnan(first):
                return True
            first = value
    return False


@_compiled
def _concordance(
    task: np.ndarray,
    outputs: tuple,
    clips: np.ndarray,
    targets: np.ndarray,
    multiplier: float,
    grads: np.ndarray,
) -> float:
    """1 − CCC on the clips, mean over the columns whose labels vary among them; 0 if none does."""
    vector, start, stride = outputs
    known = _known(task, clips, targets)
    truth, estimate, slope = np.empty(known), np.empty(known), np.empty(known)
    at = np.empty(known, np.int64)
    loss, varying = 0.0, 0
    for unit in range(task[UNITS]):
        if _varies(clips, targets, task[TARGET] + unit):
            varying += 1
    for unit in range(task[UNITS]):
        if not _varies(clips, targets, task[TARGET] + unit):
            continue
        index, mean_truth, mean_estimate = 0, 0.0, 0.0
        for row in range(len(clips)):
            value = targets[clips[row], task[TARGET] + unit]
            if not np.isnan(value):
                at[index], truth[index] = start + row * stride + unit, value
                estimate[index], slope[index] = _estimate(task, vector[at[index]])
                mean_truth += value / known
                mean_estimate += estimate[index] / known
                index += 1
        bias = mean_estimate - mean_truth
        together, spread = 0.0, known * bias * bias
        for clip in range(known):
            x, y = truth[clip] - mean_truth, estimate[clip] - mean_estimate
            together += 2 * x * y
            spread += x * x + y * y
        loss += (1 - together / spread) / varying
        for clip in range(known):
            x, y = truth[clip] - mean_truth, estimate[clip] - mean_estimate
            rise = (2 * x - together / spread * 2 * (y + bias)) / spread
            grads[at[clip]] = -multiplier * rise * slope[clip] / varying
    return loss


@_compiled
def _cross_entropy(
    task: np.ndarray,
    outputs: tuple,
    clips: np.ndarray,
    labels: Labels,
    multiplier: float,
    grads: np.ndarray,
) -> float:
    """Cross entropy with weights of classes and smoothed labels, over the weight of the labelled clips.

    Where it is focal, a class of probability p counts (1 − p)² (see :mod:`stages.core.networks.losses`).
    """
    vector, start, stride = outputs
    classes, weights = task[UNITS], labels.class_weights[task[CLASS] :]
    offsets = labels.offsets[task[CLASS] :]
    even = labels.smoothing / task[UNITS]
    loss, total, balance = 0.0, 0.0, 0.0
    for row in range(len(clips)):
        truth = int(labels.targets[clips[row], task[TARGET]])
        if truth >= 0:
            total += weights[truth]
    for unit in range(classes):
        balance += weights[unit]
    logits, exponents = np.empty(classes), np.empty(classes)
    for row in range(len(clips)):
        truth, at = int(labels.targets[clips[row], task[TARGET]]), start + row * stride
        if truth < 0:
            continue
        own = (1 - labels.smoothing) * weights[truth]
        for unit in range(classes):
            logits[unit] = vector[at + unit] + offsets[unit]
        highest = _highest(logits, _ZERO, classes)
        summed = 0.0
        for unit in range(classes):
            exponents[unit] = _exp(logits[unit] - highest)
            summed += exponents[unit]
        surprise = _log(summed) if summed < np.inf else np.nan
        if task[LOSS] == FOCAL:
            pull = 0.0
            for unit in range(classes):
                wanted = even * weights[unit] + (own if unit == truth else 0.0)
                share, logarithm = exponents[unit] / summed, logits[unit] - highest - surprise
                rest = 1 - share
                loss -= wanted * rest * rest * logarithm / total
                logits[unit] = wanted * (2 * share * rest * logarithm - rest * rest)
                pull += logits[unit]
            for unit in range(classes):
                grads[at + unit] = multiplier * (logits[unit] - exponents[unit] / summed * pull) / total
            continue
        for unit in range(classes):
            wanted = even * weights[unit] + (own if unit == truth else 0.0)
            loss -= wanted * (logits[unit] - highest - surprise) / total
            grads[at + unit] = (
                multiplier * ((own + even * balance) * exponents[unit] / summed - wanted) / total
            )
    return loss


@_compiled
def _highest(vector: np.ndarray, start: int, count: int) -> float:
    highest = np.float64(vector[start])
    for index in range(start + 1, start + count):
        if vector[index] > highest:
            highest = np.float64(vector[index])
    return highest


@_compiled
def _memory(net: Net, rows: int) -> Memory:
    """Room for a batch."""
    layers, kind = net.layers, net.weights.dtype
    units, widest = layers[-1, OFFSET] + layers[-1, OUTPUTS], 0
    for index in range(len(layers)):
        widest = max(widest, layers[index, OUTPUTS])
    return Memory(
        np.zeros(rows * units, kind),
        np.zeros(rows * units, kind),
        np.zeros((len(layers), rows), kind),
        np.zeros(rows * units, kind),
        np.zeros(rows * units, kind),
        np.zeros(max(INPUTS_AT_ONCE, 2 * rows) * widest, kind),
    )


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
    memory = _memory(net, rows)
    batch, next_batch = np.zeros(rows * columns, kind), np.zeros(rows * columns, kind)
    losses, variance_grads = np.zeros(len(net.tasks)), np.zeros(-(-len(net.tasks) // LANES) * LANES, kind)
    variances = len(net.weights) - len(variance_grads)
    _gather(inputs, order[:size], batch, rows, step * size * dropout.draws, dropout)
    _linear(first, net, batch, _ZERO, columns, memory.values, rows)
    for start in range(0, len(order), size):
        clips, following = order[start : start + size], order[start + size : start + 2 * size]
        if drops:
            _draw_masks(net, memory.masks, rows, step * size * dropout.draws, dropout)
        step += 1
        _gather(inputs, following, next_batch, rows, step * size * dropout.draws, dropout)
        _forward(net, memory, rows, drops)
        _fill(memory.grads, _ZERO, len(memory.grads), 0.0)
        for index in range(len(net.tasks)):
            layer, precision = net.layers[net.tasks[index, LAYER]], 1.0
            if learnt:
                precision = _exp(-np.float64(net.weights[variances + index]))
            outputs = (memory.values, rows * layer[OFFSET], layer[OUTPUTS])
            multiplier = factors[index] * precision
            loss = _loss(net.tasks[index], outputs, clips, labels, multiplier, memory.grads)
            losses[index] += len(clips) * loss
            variance_grads[index] = factors[index] * (1 - precision * loss)
        powers[0] *= BETA_1
        powers[1] *= BETA_2
        adam.constants[RATE] = rate / (1 - powers[0])
        adam.constants[ROOT] = 1 / np.sqrt(1 - powers[1])
        if learnt:
            _adam(net, adam, variances, variance_grads, len(variance_grads))
        _backward(net, memory, adam, rows, len(clips), drops)
        _update_bias(first, net, memory, adam, rows, len(clips))
        _fill_with_bias(first, net, memory.values, rows)
        for row in range(0, columns, INPUTS_AT_ONCE):
            _update_rows(first, net, memory, adam, (batch, _ZERO, columns), (rows, len(clips)), row)
            if len(following):
                _product(
                    (memory.values, _ZERO, width),
                    (next_batch, row, _ONE, columns),
                    (net.weights, first[WEIGHT] + row * width, width),
                    (rows, width, min(INPUTS_AT_ONCE, columns - row)),
                )
        batch, next_batch = next_batch, batch
    return losses / len(order)


@_entry
def outputs_of(inputs: np.ndarray, net: Net) -> np.ndarray:
    """Outputs of all tasks side by side, [n, columns], before sigmoid or softmax; rows do not interact."""
    columns, last = -(-inputs.shape[1] // LANES) * LANES, net.tasks[-1]
    memory, every = _memory(net, _ROWS), np.arange(len(inputs))
    batch = np.zeros(ROWS * columns, net.weights.dtype)
    outputs = np.empty((len(inputs), last[COLUMN] + last[UNITS]), net.weights.dtype)
    for start in range(0, len(inputs), ROWS):
        clips = every[start : start + ROWS]
        _gather(inputs, clips, batch, _ROWS, _ZERO, Dropout(np.uint64(0), _ZERO, 0.0, 0.0))
        _linear(net.layers[0], net, batch, _ZERO, columns, memory.values, _ROWS)
        _forward(net, memory, _ROWS, _NO)
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
        losses[index] = _loss(tasks[index], part, every, labels, 1.0, grads)
    return losses


@_entry
def gradients_of(outputs: np.ndarray, tasks: np.ndarray, labels: Labels) -> np.ndarray:
    """Gradients of the tasks' losses over all clips at once, [n, columns] like the outputs."""
    flat, grads = outputs.ravel(), np.zeros(outputs.size, outputs.dtype)
    every = np.arange(len(outputs))
    for index in range(len(tasks)):
        part = (flat, tasks[index, COLUMN], outputs.shape[1])
        _loss(tasks[index], part, every, labels, 1.0, grads)
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
                    outputs[row, column] = _estimate(task, outputs[row, column])[0]
            elif task[ACTIVATION] == SOFTMAX:
                highest, summed = _highest(outputs[row], first, task[UNITS]), 0.0
                for column in range(first, end):
                    summed += _exp(outputs[row, column] - highest)
                for column in range(first, end):
                    outputs[row, column] = _exp(outputs[row, column] - highest) / summed


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
