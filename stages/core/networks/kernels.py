"""One epoch of training in compiled code: forward, backward and Adam of a network given as a list of layers.

Written for batches too small for matrix products to pay: a step of the paper's recipe multiplies 8 rows.
Weights lie as [inputs, outputs], so that one row of them belongs to one input. The gradient of a row is a
sum of as many terms as the batch has clips; it is formed, given to Adam and forgotten while the row is
in the processor's nearest cache, and the first layer's row is at once applied to the next batch. So the large
matrix passes once a step, and its gradient is never written out.

Each function runs on one thread, so that its sums have one order. The parts become one function: as functions
of their own they would be compiled twice, alone and within their caller, with sums in different orders,
and which one runs would depend on whether the code comes from the compiler or from its cache. They stay in
one file, since numba's cache knows of changes in the file of ``epoch`` alone.
"""

import numpy as np
from numba import njit

# Columns of the table of layers: where inputs come from (a layer, or −1), widths, where in the vector of
# weights the matrix, the biases and the normalization begin (−1: none), whether Leaky ReLU follows, where the
# outputs lie.
SOURCE, INPUTS, OUTPUTS, WEIGHT, BIAS, NORM, ACTIVE, OFFSET = range(8)
# Columns of the table of tasks: the layer that gives the outputs, the kind, the first of its target columns,
# the first of its class weights.
LAYER, KIND, TARGET, CLASS = range(4)
LINEAR, SIGMOID, CLASSES = range(3)
# Constants in the precision of the weights.
RATE, MOMENT_1, REST_1, MOMENT_2, REST_2, EPSILON, PENALTY, KEPT, ROOT, LEAK_SLOPE, ONE, ZERO = range(12)
BETA_1, BETA_2, LEAK, NORM_EPSILON = 0.9, 0.999, 0.01, 1e-5
LANES = 8  # clips, or inputs, that a sum takes at once; a batch is filled up with zeros

_FREE = {"contract", "reassoc", "nsz", "arcp"}  # sums may be reordered; NaN stays NaN
_part = njit(inline="always", fastmath=_FREE, error_model="numpy")


def adam_constants(dtype: np.dtype, rate: float, penalty: float, decay: float) -> np.ndarray:
    """Constants of Adam in the precision of the weights.

    Args:
        dtype: float32 or float64.
        rate: learning rate.
        penalty: weight decay that is added to the gradient (Adam).
        decay: weight decay that shrinks the weights (AdamW).
    """
    values = [rate, BETA_1, 1 - BETA_1, BETA_2, 1 - BETA_2, 1e-8, penalty, 1 - rate * decay, 1, LEAK, 1, 0]
    return np.array(values, dtype)


@njit(cache=True, nogil=True, fastmath=_FREE, error_model="numpy")
def epoch(
    inputs: np.ndarray,
    order: np.ndarray,
    size: int,
    targets: np.ndarray,
    known: np.ndarray,
    layers: np.ndarray,
    tasks: np.ndarray,
    multipliers: np.ndarray,
    class_weights: np.ndarray,
    smoothing: float,
    weights: np.ndarray,
    moments: np.ndarray,
    constants: np.ndarray,
    rate: float,
    steps: int,
) -> np.ndarray:
    """Train for one epoch; ``weights`` and ``moments`` change in place.

    Args:
        inputs: float [n, d].
        order: int64 [n], the order of clips.
        size: clips in a batch.
        targets: float64 [n, columns], of all tasks side by side; a class as its number.
        known: bool [n, tasks], whether a clip is labelled.
        layers: int64 [layers, 8], see above; the first reads the inputs.
        tasks: int64 [tasks, 4], see above.
        multipliers: float64 [tasks], weights of the losses in the total.
        class_weights: float64, of all classifications behind each other.
        smoothing: label smoothing of classifications.
        weights: float [p], all that is learnt.
        moments: float [2, p], Adam's.
        constants: see :func:`adam_constants`.
        rate: learning rate.
        steps: steps taken before this epoch.

    Returns:
        float64 [tasks], each loss as a mean over the clips.
    """
    rows = -(-size // LANES) * LANES
    width = layers[-1, OFFSET] + layers[-1, OUTPUTS]
    values, normalized, grads = (
        np.zeros(rows * width, weights.dtype),
        np.zeros(rows * width, weights.dtype),
        np.zeros(rows * width, weights.dtype),
    )
    inv_std = np.zeros((len(layers), rows), weights.dtype)
    losses = np.zeros(len(tasks))
    batch = np.zeros((inputs.shape[1], rows), weights.dtype)
    next_batch = np.zeros((inputs.shape[1], rows), weights.dtype)
    _gather(inputs, order[:size], batch)
    _apply(layers[0], weights, batch, _of(values, layers[0], rows))
    for start in range(0, len(order), size):
        clips = order[start : start + size]
        after = order[start + size : start + 2 * size]
        _gather(inputs, after, next_batch)
        _forward(layers, weights, values, normalized, inv_std, rows, constants)
        grads[:] = constants[ZERO]
        for task in range(len(tasks)):
            layer = layers[tasks[task, LAYER]]
            losses[task] += len(clips) * _loss(
                _of(values, layer, rows),
                _of(grads, layer, rows),
                clips,
                targets,
                known[:, task],
                tasks[task],
                multipliers[task],
                class_weights,
                smoothing,
            )
        steps += 1
        _correct(constants, rate, steps)
        _backward(layers, weights, moments, values, normalized, grads, inv_std, rows, len(clips), constants)
        first = layers[0]
        grad, output = _of(grads, first, rows), _of(values, first, rows)
        _update(first, weights, moments, batch, grad, next_batch, output, len(after) > 0, constants)
        batch, next_batch = next_batch, batch
    return losses / len(order)


@_part
def _of(values: np.ndarray, layer: np.ndarray, rows: int) -> np.ndarray:
    """The part of a buffer that belongs to a layer, [rows, outputs]."""
    start = rows * layer[OFFSET]
    return values[start : start + rows * layer[OUTPUTS]].reshape(rows, layer[OUTPUTS])


@_part
def _gather(inputs: np.ndarray, clips: np.ndarray, batch: np.ndarray) -> None:
    """Clips as columns of ``batch`` [d, rows]; zeros where there are no more."""
    batch[:, len(clips) :] = 0
    for start in range(0, inputs.shape[1], 64):  # a few cache lines of each clip at a time
        for row in range(len(clips)):
            clip = inputs[clips[row]]
            for column in range(start, min(start + 64, len(clip))):
                batch[column, row] = clip[column]


@_part
def _apply(layer: np.ndarray, weights: np.ndarray, inputs: np.ndarray, outputs: np.ndarray) -> None:
    """Linear layer: inputs [d, rows] → outputs [rows, width]."""
    width = layer[OUTPUTS]
    for row in range(len(outputs)):
        outputs[row, :] = weights[layer[BIAS] : layer[BIAS] + width]
    for column in range(0, len(inputs), LANES):
        rows = min(LANES, len(inputs) - column)
        start = layer[WEIGHT] + column * width
        part = weights[start : start + rows * width].reshape(rows, width)
        _add(part, inputs[column : column + rows], outputs)


@_part
def _add(weight: np.ndarray, inputs: np.ndarray, outputs: np.ndarray) -> None:
    """Add weights [d, width] times inputs [d, rows] to outputs [rows, width]; eight inputs at once."""
    for row in range(len(outputs)):
        output = outputs[row]
        if len(weight) == LANES:
            x0, x1, x2, x3 = inputs[0, row], inputs[1, row], inputs[2, row], inputs[3, row]
            x4, x5, x6, x7 = inputs[4, row], inputs[5, row], inputs[6, row], inputs[7, row]
            for index in range(weight.shape[1]):
                low = (
                    x0 * weight[0, index]
                    + x1 * weight[1, index]
                    + x2 * weight[2, index]
                    + x3 * weight[3, index]
                )
                high = (
                    x4 * weight[4, index]
                    + x5 * weight[5, index]
                    + x6 * weight[6, index]
                    + x7 * weight[7, index]
                )
                output[index] += low + high
        else:
            for column in range(len(weight)):
                factor = inputs[column, row]
                for index in range(weight.shape[1]):
                    output[index] += factor * weight[column, index]


@_part
def _forward(
    layers: np.ndarray,
    weights: np.ndarray,
    values: np.ndarray,
    normalized: np.ndarray,
    inv_std: np.ndarray,
    rows: int,
    constants: np.ndarray,
) -> None:
    """Outputs of all layers; those of the first are linear already."""
    for index in range(len(layers)):
        layer = layers[index]
        output = _of(values, layer, rows)
        if index:
            source = np.ascontiguousarray(_of(values, layers[layer[SOURCE]], rows).T)
            _apply(layer, weights, source, output)
        if layer[NORM] >= 0:
            _normalize(layer, weights, output, _of(normalized, layer, rows), inv_std[index], constants)
        if layer[ACTIVE]:
            flat = output.ravel()
            for unit in range(len(flat)):
                flat[unit] = max(flat[unit], flat[unit] * constants[LEAK_SLOPE])


@_part
def _normalize(
    layer: np.ndarray,
    weights: np.ndarray,
    output: np.ndarray,
    normalized: np.ndarray,
    inv_std_of_rows: np.ndarray,
    constants: np.ndarray,
) -> None:
    """Layer normalization in place; ``normalized`` keeps it before scale and shift."""
    width = layer[OUTPUTS]
    scale = weights[layer[NORM] : layer[NORM] + width]
    shift = weights[layer[NORM] + width : layer[NORM] + 2 * width]
    for row in range(len(output)):
        total = constants[ZERO]
        for index in range(width):
            total += output[row, index]
        mean = output.dtype.type(total / width)
        squares = constants[ZERO]
        for index in range(width):
            difference = output[row, index] - mean
            squares += difference * difference
        inv_std_of_rows[row] = 1 / np.sqrt(squares / width + NORM_EPSILON)
        factor = inv_std_of_rows[row]
        for index in range(width):
            normalized[row, index] = (output[row, index] - mean) * factor
            output[row, index] = normalized[row, index] * scale[index] + shift[index]


@_part
def _loss(
    outputs: np.ndarray,
    grads: np.ndarray,
    clips: np.ndarray,
    targets: np.ndarray,
    known: np.ndarray,
    task: np.ndarray,
    multiplier: float,
    class_weights: np.ndarray,
    smoothing: float,
) -> float:
    """A task's loss; its grad, times ``multiplier``, goes to ``grads`` [rows, outputs]."""
    width, loss, total = outputs.shape[1], 0.0, 0.0
    balance = class_weights[task[CLASS] : task[CLASS] + width]
    for row in range(len(clips)):
        if known[clips[row]]:
            classes = task[KIND] == CLASSES
            total += balance[int(targets[clips[row], task[TARGET]])] if classes else width
    if total == 0:
        return 0.0
    for row in range(len(clips)):
        if not known[clips[row]]:
            continue
        if task[KIND] == CLASSES:
            truth = int(targets[clips[row], task[TARGET]])
            highest = outputs[row].max()
            exponents = np.exp((outputs[row] - highest).astype(np.float64))
            sum_of_them = exponents.sum()
            even = smoothing / width
            pull = (1 - smoothing) * balance[truth] + even * balance.sum()
            for index in range(width):
                wanted = even * balance[index] + ((1 - smoothing) * balance[truth] if index == truth else 0.0)
                loss -= wanted * (outputs[row, index] - highest - np.log(sum_of_them)) / total
                grad = pull * exponents[index] / sum_of_them - wanted
                grads[row, index] = multiplier * grad / total
        else:
            for index in range(width):
                value = np.float64(outputs[row, index])
                inner = 1.0
                if task[KIND] == SIGMOID:
                    value = 1 / (1 + np.exp(-value))
                    inner = value * (1 - value)
                error = value - targets[clips[row], task[TARGET] + index]
                loss += error * error / total
                grads[row, index] = multiplier * 2 * error * inner / total
    return loss


@_part
def _correct(constants: np.ndarray, rate: float, steps: int) -> None:
    """Adam's correction of the bias of the moments."""
    constants[RATE] = rate / (1 - BETA_1**steps)
    constants[ROOT] = 1 / np.sqrt(1 - BETA_2**steps)


@_part
def _backward(
    layers: np.ndarray,
    weights: np.ndarray,
    moments: np.ndarray,
    values: np.ndarray,
    normalized: np.ndarray,
    grads: np.ndarray,
    inv_std: np.ndarray,
    rows: int,
    clips: int,
    constants: np.ndarray,
) -> None:
    """Gradients of all layers, and an Adam step of all but the first layer's weights and biases."""
    empty = np.empty((0, rows), weights.dtype), np.empty((rows, 0), weights.dtype)
    for index in range(len(layers) - 1, -1, -1):
        layer = layers[index]
        grad, output = _of(grads, layer, rows), _of(values, layer, rows)
        if layer[ACTIVE]:
            flat, sign = grad.ravel(), output.ravel()
            for unit in range(len(flat)):
                flat[unit] *= constants[ONE] if sign[unit] > 0 else constants[LEAK_SLOPE]
        if layer[NORM] >= 0:
            hidden = _of(normalized, layer, rows)
            _backward_norm(layer, weights, moments, grad, hidden, inv_std[index], clips, constants)
        if index == 0:
            return
        source = layers[layer[SOURCE]]
        _backward_inputs(layer, weights, grad, _of(grads, source, rows))
        inputs = np.ascontiguousarray(_of(values, source, rows).T)
        _update(layer, weights, moments, inputs, grad, empty[0], empty[1], False, constants)


@_part
def _backward_norm(
    layer: np.ndarray,
    weights: np.ndarray,
    moments: np.ndarray,
    grad: np.ndarray,
    normalized: np.ndarray,
    inv_std_of_rows: np.ndarray,
    clips: int,
    constants: np.ndarray,
) -> None:
    """Gradients before the normalization, in place, and an Adam step of its scale and shift."""
    width = layer[OUTPUTS]
    gradient = np.zeros(2 * width, grad.dtype)
    scale = weights[layer[NORM] : layer[NORM] + width]
    for row in range(clips):
        plain, product = constants[ZERO], constants[ZERO]
        for index in range(width):
            gradient[index] += grad[row, index] * normalized[row, index]
            gradient[width + index] += grad[row, index]
            grad[row, index] *= scale[index]
            plain += grad[row, index]
            product += grad[row, index] * normalized[row, index]
        mean, tilt = grad.dtype.type(plain / width), grad.dtype.type(product / width)
        factor = inv_std_of_rows[row]
        for index in range(width):
            grad[row, index] = factor * (grad[row, index] - mean - normalized[row, index] * tilt)
    part = slice(layer[NORM], layer[NORM] + 2 * width)
    _adam(weights[part], moments[0, part], moments[1, part], gradient, constants)


@_part
def _backward_inputs(layer: np.ndarray, weights: np.ndarray, grad: np.ndarray, source: np.ndarray) -> None:
    """Add a layer's grads [rows, outputs], through its weights, to those of its source."""
    width = layer[OUTPUTS]
    for column in range(layer[INPUTS]):
        start = layer[WEIGHT] + column * width
        weight = weights[start : start + width]
        for row in range(len(grad)):
            total, own = grad.dtype.type(0), grad[row]
            for index in range(width):
                total += own[index] * weight[index]
            source[row, column] += total


@_part
def _update(
    layer: np.ndarray,
    weights: np.ndarray,
    moments: np.ndarray,
    inputs: np.ndarray,
    grad: np.ndarray,
    next_batch: np.ndarray,
    outputs: np.ndarray,
    goes_on: bool,
    constants: np.ndarray,
) -> None:
    """An Adam step of weights and biases; where it goes on, the new ones applied to the next batch.

    Args:
        layer: the layer.
        weights: all weights.
        moments: all moments.
        inputs: [d, rows] of this batch.
        grad: [rows, width] of this batch.
        next_batch: [d, rows] of the next batch.
        outputs: [rows, width], takes what the new weights make of ``next_batch``.
        goes_on: whether there is a next batch.
        constants: constants.
    """
    width = layer[OUTPUTS]
    gradient = np.zeros(width, grad.dtype)
    for row in range(len(grad)):
        gradient += grad[row]
    part = slice(layer[BIAS], layer[BIAS] + width)
    _adam(weights[part], moments[0, part], moments[1, part], gradient, constants)
    if goes_on:
        for row in range(len(outputs)):
            outputs[row, :] = weights[part]
    block = np.empty((LANES, width), grad.dtype)
    for column in range(0, len(inputs), LANES):
        rows = min(LANES, len(inputs) - column)
        start = layer[WEIGHT] + column * width
        part = slice(start, start + rows * width)
        _gradient(inputs[column : column + rows], grad, block)
        _adam(weights[part], moments[0, part], moments[1, part], block.ravel(), constants)
        if goes_on:
            _add(weights[part].reshape(rows, width), next_batch[column : column + rows], outputs)


@_part
def _gradient(inputs: np.ndarray, grad: np.ndarray, gradient: np.ndarray) -> None:
    """Sum over clips of inputs [d, clips] times grads [clips, width]; eight clips at once."""
    for start in range(0, inputs.shape[1], LANES):
        part = grad[start : start + LANES]
        for row in range(len(inputs)):
            x = inputs[row, start : start + LANES]
            x0, x1, x2, x3, x4, x5, x6, x7 = x[0], x[1], x[2], x[3], x[4], x[5], x[6], x[7]
            for index in range(grad.shape[1]):
                low = x0 * part[0, index] + x1 * part[1, index] + x2 * part[2, index] + x3 * part[3, index]
                high = x4 * part[4, index] + x5 * part[5, index] + x6 * part[6, index] + x7 * part[7, index]
                gradient[row, index] = low + high + (gradient[row, index] if start else grad.dtype.type(0))


@_part
def _adam(
    weight: np.ndarray, first: np.ndarray, second: np.ndarray, gradient: np.ndarray, constants: np.ndarray
) -> None:
    """One step of Adam (Kingma and Ba, 2015) or AdamW (Loshchilov and Hutter, 2019)."""
    rate, epsilon, penalty, kept = constants[RATE], constants[EPSILON], constants[PENALTY], constants[KEPT]
    moment_1, rest_1, moment_2, rest_2 = (
        constants[MOMENT_1],
        constants[REST_1],
        constants[MOMENT_2],
        constants[REST_2],
    )
    root = constants[ROOT]
    for index in range(len(weight)):
        grad = gradient[index] + penalty * weight[index]
        m = moment_1 * first[index] + rest_1 * grad
        v = moment_2 * second[index] + rest_2 * grad * grad
        first[index], second[index] = m, v
        weight[index] = kept * weight[index] - rate * m / (np.sqrt(v) * root + epsilon)
