"""The pass through the layers of a network in compiled code, from a batch of clips to outputs."""

from typing import Any, NamedTuple

import numpy as np

from stages.core.networks.draws import FACTORS, GAMMA, SHIFTS
from stages.core.networks.lanes import (
    LANES,
    ONE,
    in_all_lanes,
    kernel,
    load,
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

LEAK, NORM_EPSILON = 0.01, 1e-5
INPUTS_AT_ONCE = 32  # of the first layer, in a step of training
TERMS_AT_ONCE = 32  # of a sum, so that the weights stay in a cache
_GAMMA, _FACTOR_1, _FACTOR_2 = np.uint64(GAMMA), np.uint64(FACTORS[0]), np.uint64(FACTORS[1])
_SHIFT_1, _SHIFT_2, _SHIFT_3 = (np.uint64(shift) for shift in SHIFTS)
_HALF = np.uint64(32)


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


class Dropout(NamedTuple):
    """The key of the stream of draws, draws per clip, and the rates of inputs and of units of the trunk."""

    key: np.uint64
    draws: int | np.int64
    inputs: float
    units: float


@kernel
def memory_of(net: Net, rows: int) -> Memory:
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


@kernel
def _keeps(key: np.uint64, draw: np.uint64, threshold: np.uint64) -> Any:
    """Whether dropout keeps the unit of a draw (see :mod:`stages.core.networks.draws`)."""
    z = key + (draw + np.uint64(1)) * _GAMMA
    z = (z ^ (z >> _SHIFT_1)) * _FACTOR_1
    z = (z ^ (z >> _SHIFT_2)) * _FACTOR_2
    z = z ^ (z >> _SHIFT_3)
    return (z >> _HALF) >= threshold


@kernel
def fill(vector: np.ndarray, start: int, count: int, value: float) -> None:
    """Write one value to ``count`` elements, a multiple of the lanes."""
    lanes = in_all_lanes(vector.dtype.type(value))
    for index in range(start, start + count, LANES):
        store(vector, index, lanes)


@kernel
def gather(
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
    fill(batch, len(clips) * stride, (rows - len(clips)) * stride, 0.0)


@kernel
def fill_with_bias(layer: np.ndarray, net: Net, values: np.ndarray, rows: int) -> None:
    """Write a layer's biases to its outputs, to which the products are added."""
    start, width = rows * layer[OFFSET], layer[OUTPUTS]
    for row in range(rows):
        for unit in range(0, width, LANES):
            store(values, start + row * width + unit, load(net.weights, layer[BIAS] + unit))


@kernel
def linear(
    layer: np.ndarray, net: Net, source: np.ndarray, first: int, stride: int, values: np.ndarray, rows: int
) -> None:
    """Outputs of a linear layer from the rows of ``source``, ``stride`` apart, from ``first`` on."""
    fill_with_bias(layer, net, values, rows)
    width = layer[OUTPUTS]
    for term in range(0, layer[INPUTS], TERMS_AT_ONCE):
        add_product(
            (values, rows * layer[OFFSET], width),
            (source, first + term, ONE, stride),
            (net.weights, layer[WEIGHT] + term * width, width),
            (rows, width, min(TERMS_AT_ONCE, layer[INPUTS] - term)),
        )


@kernel
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


@kernel
def draw_masks(net: Net, masks: np.ndarray, rows: int, first: int, dropout: Dropout) -> None:
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


@kernel
def forward(net: Net, memory: Memory, rows: int, dropout: bool) -> None:
    """Outputs of all layers; the first one is linear already."""
    values = memory.values
    leak = in_all_lanes(values.dtype.type(LEAK))
    for index in range(len(net.layers)):
        layer = net.layers[index]
        start, end = rows * layer[OFFSET], rows * (layer[OFFSET] + layer[OUTPUTS])
        if index:
            source = net.layers[layer[SOURCE]]
            linear(layer, net, values, rows * source[OFFSET], source[OUTPUTS], values, rows)
        if layer[NORM] >= 0:
            _normalize(index, net, memory, rows)
        if layer[ACTIVE]:
            for unit in range(start, end, LANES):
                value = load(values, unit)
                store(values, unit, where_positive(value, value, value * leak))
        if dropout and layer[DRAW] >= 0:
            for unit in range(start, end, LANES):
                store(values, unit, load(values, unit) * load(memory.masks, unit))
