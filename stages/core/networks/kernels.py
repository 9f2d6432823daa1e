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
SOURCE, INPUTS, OUTPUTS, WEIGHT, BIAS, NORM, ACTIVE, PLACE = range(8)
# Columns of the table of tasks: the layer that gives the outputs, the kind, the first of its target columns,
# the first of its class weights.
LAYER, KIND, TARGET, CLASS = range(4)
LINEAR, SIGMOID, CLASSES = range(3)
# Constants in the precision of the weights.
RATE, MOMENT_1, REST_1, MOMENT_2, REST_2, EPSILON, PENALTY, KEPT, ROOT, SLOPE, ONE, ZERO = range(12)
BETA_1, BETA_2, LEAK, NORM_EPSILON = 0.9, 0.999, 0.01, 1e-5
LANES = 8  # clips, or inputs, that a sum takes at once; a batch is filled up with zeros

_FREE = {"contract", "reassoc", "nsz", "arcp"}  # sums may be reordered; NaN stays NaN
_part = njit(inline="always", fastmath=_FREE, error_model="numpy")


def constants(dtype: np.dtype, rate: float, penalty: float, decay: float) -> np.ndarray:
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
    numbers: np.ndarray,
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
        numbers: see :func:`constants`.
        rate: learning rate.
        steps: steps taken before this epoch.

    Returns:
        float64 [tasks], each loss as a mean over the clips.
    """
    rows = -(-size // LANES) * LANES
    width = layers[-1, PLACE] + layers[-1, OUTPUTS]
    values, normed, slopes = (
        np.zeros(rows * width, weights.dtype),
        np.zeros(rows * width, weights.dtype),
        np.zeros(rows * width, weights.dtype),
    )
    spreads = np.zeros((len(layers), rows), weights.dtype)
    losses = np.zeros(len(tasks))
    now = np.zeros((inputs.shape[1], rows), weights.dtype)
    following = np.zeros((inputs.shape[1], rows), weights.dtype)
    _gather(inputs, order[:size], now)
    _apply(layers[0], weights, now, _of(values, layers[0], rows))
    for start in range(0, len(order), size):
        clips = order[start : start + size]
        after = order[start + size : start + 2 * size]
        _gather(inputs, after, following)
        _forward(layers, weights, values, normed, spreads, rows, numbers)
        slopes[:] = numbers[ZERO]
        for task in range(len(tasks)):
            layer = layers[tasks[task, LAYER]]
            losses[task] += len(clips) * _loss(
                _of(values, layer, rows),
                _of(slopes, layer, rows),
                clips,
                targets,
                known[:, task],
                tasks[task],
                multipliers[task],
                class_weights,
                smoothing,
            )
        steps += 1
        _correct(numbers, rate, steps)
        _backward(layers, weights, moments, values, normed, slopes, spreads, rows, len(clips), numbers)
        first = layers[0]
        slope, output = _of(slopes, first, rows), _of(values, first, rows)
        _learn(first, weights, moments, now, slope, following, output, len(after) > 0, numbers)
        now, following = following, now
    return losses / len(order)


@_part
def _of(values: np.ndarray, layer: np.ndarray, rows: int) -> np.ndarray:
    """The part of a buffer that belongs to a layer, [rows, outputs]."""
    start = rows * layer[PLACE]
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
            for place in range(weight.shape[1]):
                low = (
                    x0 * weight[0, place]
                    + x1 * weight[1, place]
                    + x2 * weight[2, place]
                    + x3 * weight[3, place]
                )
                high = (
                    x4 * weight[4, place]
                    + x5 * weight[5, place]
                    + x6 * weight[6, place]
                    + x7 * weight[7, place]
                )
                output[place] += low + high
        else:
            for column in range(len(weight)):
                factor = inputs[column, row]
                for place in range(weight.shape[1]):
                    output[place] += factor * weight[column, place]


@_part
def _forward(
    layers: np.ndarray,
    weights: np.ndarray,
    values: np.ndarray,
    normed: np.ndarray,
    spreads: np.ndarray,
    rows: int,
    numbers: np.ndarray,
) -> None:
    """Outputs of all layers; those of the first are linear already."""
    for index in range(len(layers)):
        layer = layers[index]
        output = _of(values, layer, rows)
        if index:
            source = np.ascontiguousarray(_of(values, layers[layer[SOURCE]], rows).T)
            _apply(layer, weights, source, output)
        if layer[NORM] >= 0:
            _normalize(layer, weights, output, _of(normed, layer, rows), spreads[index], numbers)
        if layer[ACTIVE]:
            flat = output.ravel()
            for place in range(len(flat)):
                flat[place] = max(flat[place], flat[place] * numbers[SLOPE])


@_part
def _normalize(
    layer: np.ndarray,
    weights: np.ndarray,
    output: np.ndarray,
    normed: np.ndarray,
    spread: np.ndarray,
    numbers: np.ndarray,
) -> None:
    """Layer normalization in place; ``normed`` keeps it before scale and shift, ``spread`` 1 / sd."""
    width = layer[OUTPUTS]
    scale = weights[layer[NORM] : layer[NORM] + width]
    shift = weights[layer[NORM] + width : layer[NORM] + 2 * width]
    for row in range(len(output)):
        total = numbers[ZERO]
        for place in range(width):
            total += output[row, place]
        mean = output.dtype.type(total / width)
        squares = numbers[ZERO]
        for place in range(width):
            difference = output[row, place] - mean
            squares += difference * difference
        spread[row] = 1 / np.sqrt(squares / width + NORM_EPSILON)
        factor = spread[row]
        for place in range(width):
            normed[row, place] = (output[row, place] - mean) * factor
            output[row, place] = normed[row, place] * scale[place] + shift[place]


@_part
def _loss(
    outputs: np.ndarray,
    slopes: np.ndarray,
    clips: np.ndarray,
    targets: np.ndarray,
    known: np.ndarray,
    task: np.ndarray,
    multiplier: float,
    class_weights: np.ndarray,
    smoothing: float,
) -> float:
    """A task's loss; its slope, times ``multiplier``, goes to ``slopes`` [rows, outputs]."""
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
            for place in range(width):
                wanted = even * balance[place] + ((1 - smoothing) * balance[truth] if place == truth else 0.0)
                loss -= wanted * (outputs[row, place] - highest - np.log(sum_of_them)) / total
                slope = pull * exponents[place] / sum_of_them - wanted
                slopes[row, place] = multiplier * slope / total
        else:
            for place in range(width):
                value = np.float64(outputs[row, place])
                inner = 1.0
                if task[KIND] == SIGMOID:
                    value = 1 / (1 + np.exp(-value))
                    inner = value * (1 - value)
                error = value - targets[clips[row], task[TARGET] + place]
                loss += error * error / total
                slopes[row, place] = multiplier * 2 * error * inner / total
    return loss


@_part
def _correct(numbers: np.ndarray, rate: float, steps: int) -> None:
    """Adam's correction of the bias of the moments."""
    numbers[RATE] = rate / (1 - BETA_1**steps)
    numbers[ROOT] = 1 / np.sqrt(1 - BETA_2**steps)


@_part
def _backward(
    layers: np.ndarray,
    weights: np.ndarray,
    moments: np.ndarray,
    values: np.ndarray,
    normed: np.ndarray,
    slopes: np.ndarray,
    spreads: np.ndarray,
    rows: int,
    clips: int,
    numbers: np.ndarray,
) -> None:
    """Slopes of all layers, and an Adam step of all but the first layer's weights and biases."""
    nothing = np.empty((0, rows), weights.dtype), np.empty((rows, 0), weights.dtype)
    for index in range(len(layers) - 1, -1, -1):
        layer = layers[index]
        slope, output = _of(slopes, layer, rows), _of(values, layer, rows)
        if layer[ACTIVE]:
            flat, sign = slope.ravel(), output.ravel()
            for place in range(len(flat)):
                flat[place] *= numbers[ONE] if sign[place] > 0 else numbers[SLOPE]
        if layer[NORM] >= 0:
            hidden = _of(normed, layer, rows)
            _denormalize(layer, weights, moments, slope, hidden, spreads[index], clips, numbers)
        if index == 0:
            return
        source = layers[layer[SOURCE]]
        _pull_back(layer, weights, slope, _of(slopes, source, rows))
        inputs = np.ascontiguousarray(_of(values, source, rows).T)
        _learn(layer, weights, moments, inputs, slope, nothing[0], nothing[1], False, numbers)


@_part
def _denormalize(
    layer: np.ndarray,
    weights: np.ndarray,
    moments: np.ndarray,
    slope: np.ndarray,
    normed: np.ndarray,
    spread: np.ndarray,
    clips: int,
    numbers: np.ndarray,
) -> None:
    """Slopes before the normalization, in place, and an Adam step of its scale and shift."""
    width = layer[OUTPUTS]
    gradient = np.zeros(2 * width, slope.dtype)
    scale = weights[layer[NORM] : layer[NORM] + width]
    for row in range(clips):
        plain, product = numbers[ZERO], numbers[ZERO]
        for place in range(width):
            gradient[place] += slope[row, place] * normed[row, place]
            gradient[width + place] += slope[row, place]
            slope[row, place] *= scale[place]
            plain += slope[row, place]
            product += slope[row, place] * normed[row, place]
        mean, tilt = slope.dtype.type(plain / width), slope.dtype.type(product / width)
        factor = spread[row]
        for place in range(width):
            slope[row, place] = factor * (slope[row, place] - mean - normed[row, place] * tilt)
    part = slice(layer[NORM], layer[NORM] + 2 * width)
    _adam(weights[part], moments[0, part], moments[1, part], gradient, numbers)


@_part
def _pull_back(layer: np.ndarray, weights: np.ndarray, slope: np.ndarray, source: np.ndarray) -> None:
    """Add a layer's slopes [rows, outputs], through its weights, to those of its source."""
    width = layer[OUTPUTS]
    for column in range(layer[INPUTS]):
        start = layer[WEIGHT] + column * width
        weight = weights[start : start + width]
        for row in range(len(slope)):
            total, own = slope.dtype.type(0), slope[row]
            for place in range(width):
                total += own[place] * weight[place]
            source[row, column] += total


@_part
def _learn(
    layer: np.ndarray,
    weights: np.ndarray,
    moments: np.ndarray,
    inputs: np.ndarray,
    slope: np.ndarray,
    following: np.ndarray,
    outputs: np.ndarray,
    goes_on: bool,
    numbers: np.ndarray,
) -> None:
    """An Adam step of weights and biases; where it goes on, the new ones applied to the next batch.

    Args:
        layer: the layer.
        weights: all weights.
        moments: all moments.
        inputs: [d, rows] of this batch.
        slope: [rows, width] of this batch.
        following: [d, rows] of the next batch.
        outputs: [rows, width], takes what the new weights make of ``following``.
        goes_on: whether there is a next batch.
        numbers: constants.
    """
    width = layer[OUTPUTS]
    gradient = np.zeros(width, slope.dtype)
    for row in range(len(slope)):
        gradient += slope[row]
    part = slice(layer[BIAS], layer[BIAS] + width)
    _adam(weights[part], moments[0, part], moments[1, part], gradient, numbers)
    if goes_on:
        for row in range(len(outputs)):
            outputs[row, :] = weights[part]
    block = np.empty((LANES, width), slope.dtype)
    for column in range(0, len(inputs), LANES):
        rows = min(LANES, len(inputs) - column)
        start = layer[WEIGHT] + column * width
        part = slice(start, start + rows * width)
        _gradient(inputs[column : column + rows], slope, block)
        _adam(weights[part], moments[0, part], moments[1, part], block.ravel(), numbers)
        if goes_on:
            _add(weights[part].reshape(rows, width), following[column : column + rows], outputs)


@_part
def _gradient(inputs: np.ndarray, slope: np.ndarray, gradient: np.ndarray) -> None:
    """Sum over clips of inputs [d, clips] times slopes [clips, width]; eight clips at once."""
    for start in range(0, inputs.shape[1], LANES):
        part = slope[start : start + LANES]
        for row in range(len(inputs)):
            x = inputs[row, start : start + LANES]
            x0, x1, x2, x3, x4, x5, x6, x7 = x[0], x[1], x[2], x[3], x[4], x[5], x[6], x[7]
            for place in range(slope.shape[1]):
                low = x0 * part[0, place] + x1 * part[1, place] + x2 * part[2, place] + x3 * part[3, place]
                high = x4 * part[4, place] + x5 * part[5, place] + x6 * part[6, place] + x7 * part[7, place]
                gradient[row, place] = low + high + (gradient[row, place] if start else slope.dtype.type(0))


@_part
def _adam(
    weight: np.ndarray, first: np.ndarray, second: np.ndarray, gradient: np.ndarray, numbers: np.ndarray
) -> None:
    """One step of Adam (Kingma and Ba, 2015) or AdamW (Loshchilov and Hutter, 2019)."""
    rate, epsilon, penalty, kept = numbers[RATE], numbers[EPSILON], numbers[PENALTY], numbers[KEPT]
    moment_1, rest_1, moment_2, rest_2 = (
        numbers[MOMENT_1],
        numbers[REST_1],
        numbers[MOMENT_2],
        numbers[REST_2],
    )
    root = numbers[ROOT]
    for place in range(len(weight)):
        slope = gradient[place] + penalty * weight[place]
        m = moment_1 * first[place] + rest_1 * slope
        v = moment_2 * second[place] + rest_2 * slope * slope
        first[place], second[place] = m, v
        weight[place] = kept * weight[place] - rate * m / (np.sqrt(v) * root + epsilon)
