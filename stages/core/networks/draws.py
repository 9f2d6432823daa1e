"""Random numbers by counting: first weights, orders of clips and dropout, the same on every processor.

SplitMix64 (Steele, Lea and Flood, 2014) turns the number n of a draw into 64 bits with integer arithmetic
alone, so that any draw can be had without those before it, in NumPy, in compiled code and in torch alike.
"""

from enum import IntEnum

import numpy as np

from stages.core.config.training import Architecture
from stages.core.metrics.naive import naive_prediction
from stages.core.networks.data import MultiTaskData
from stages.core.networks.description import parameter_shapes

GAMMA = 0x9E3779B97F4A7C15
FACTORS = (0xBF58476D1CE4E5B9, 0x94D049BB133111EB)
SHIFTS = (30, 27, 31)


class Purpose(IntEnum):
    """What numbers are drawn for; each purpose has a stream of its own."""

    WEIGHTS = 1
    ORDER = 2
    DROPOUT = 3
    SAMPLE = 4


def key_of(seed: int, purpose: Purpose) -> int:
    """The key, below 2⁶⁴, of a seed's stream for one purpose."""
    seeded = _mixed(np.array([seed % 2**64], np.uint64))
    return int(_mixed(seeded + np.uint64(purpose * GAMMA % 2**64))[0])


def bits(key: int, first: int, count: int) -> np.ndarray:
    """Draws ``first`` to ``first + count − 1`` of a stream: uint64 [count].

    >>> int(bits(0, 0, 1)[0]) == 0xE220A8397B1DCDAF  # the first output for the seed 0
    True
    """
    counters = np.arange(first + 1, first + count + 1, dtype=np.uint64)
    return _mixed(np.uint64(key) + counters * np.uint64(GAMMA))


def _mixed(values: np.ndarray) -> np.ndarray:
    for shift, factor in zip(SHIFTS[:2], FACTORS, strict=True):
        values = (values ^ (values >> np.uint64(shift))) * np.uint64(factor)
    return values ^ (values >> np.uint64(SHIFTS[2]))


def order_of_clips(clips: int, seed: int, epoch: int, weights: np.ndarray | None = None) -> np.ndarray:
    """The order in which an epoch, counted from 0, takes the training clips: int64 [clips].

    Args:
        clips: their number.
        seed: decides the order.
        epoch: counted from 0.
        weights: how often each is taken on average, float64 [clips] of mean 1; None: each once. A clip is
            taken ⌊weight⌋ or ⌈weight⌉ times (systematic sampling in an order of its own).
    """
    order = np.argsort(bits(key_of(seed, Purpose.ORDER), epoch * clips, clips), kind="stable")
    if weights is None:
        return order
    draws = bits(key_of(seed, Purpose.SAMPLE), epoch * (clips + 1), clips + 1)
    shuffled = np.argsort(draws[:clips], kind="stable")
    start = float(draws[clips] >> np.uint64(11)) * 2.0**-53
    ends = np.cumsum(weights[shuffled])
    places = np.searchsorted(ends, (np.arange(clips) + start) * (ends[-1] / clips), side="right")
    return shuffled[np.minimum(places, clips - 1)][order]


def first_weights(data: MultiTaskData, architecture: Architecture, seed: int) -> dict[str, np.ndarray]:
    """Float32 weights to start from: name → array (see :func:`parameter_shapes`).

    As in PyTorch, weights and biases of a linear layer are uniform between ±1 / √(its inputs), and a layer
    normalization starts with scale 1 and shift 0. The bias of a linear output starts at the training mean.
    """
    key, drawn = key_of(seed, Purpose.WEIGHTS), 0
    weights: dict[str, np.ndarray] = {}
    bound = 0.0
    for name, shape in parameter_shapes(data.train.inputs.shape[1], data.outputs, architecture):
        if name.startswith("trunk.") and name.split(".")[2] == "1":
            weights[name] = np.full(shape, float(name.endswith("weight")), np.float32)
            continue
        if name.endswith("weight"):
            bound = 1 / np.sqrt(shape[1])
        count = int(np.prod(shape))
        uniform = (bits(key, drawn, count) >> np.uint64(11)) * 2.0**-53
        weights[name] = (bound * (2 * uniform - 1)).astype(np.float32).reshape(shape)
        drawn += count
    for name, task in data.tasks.items():
        if task.kind == "regression" and task.output == "linear":
            bias = weights[f"heads.{name}.{2 * len(architecture.head)}.bias"]
            bias[:] = naive_prediction(data.train.targets[name], data.outputs[name])
    return weights
