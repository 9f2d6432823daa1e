"""Compiled training and prediction: what it computes, and that no processor computes it otherwise."""

from pathlib import Path

import numba
import numpy as np
import pytest

from stages.core.config.training import TrainingConfig
from stages.core.networks import compiled, kernels
from stages.core.networks.backward import Adam, adam_constants, adam_step
from stages.core.networks.forward import Dropout
from stages.core.networks.layout import Net, layout_of
from tests.core.networks.test_training import JOINT, PROBLEM, TASKS

RNG = np.random.default_rng(2)


def test_nothing_is_fused_in_the_compiled_code() -> None:
    """Compiled afresh where numba's cache keeps no assembly."""
    if "fma" not in Path("/proc/cpuinfo").read_text():
        pytest.skip("this processor fuses nothing")
    net, adam = net_of(np.dtype(np.float32))
    outputs_of = numba.njit(nogil=True, error_model="numpy")(kernels.outputs_of.py_func)
    outputs_of(PROBLEM.train.inputs, net)
    adam_step(net, adam, np.int64(0), np.ones(8, np.float32), np.int64(8))
    for function in (outputs_of, adam_step):
        code = "".join(function.inspect_asm().values())
        assert "mulps" in code
        assert "fmadd" not in code
        assert "fmsub" not in code
        assert "fnmadd" not in code


def net_of(kind: np.dtype) -> tuple[Net, Adam]:
    layout = layout_of(12, PROBLEM.outputs, JOINT, TASKS)
    weights = {slot.name: RNG.normal(size=slot.shape) for slot in layout.slots}
    net = layout.net(layout.pack(weights, kind))
    return net, Adam(np.zeros(2 * layout.size, kind), adam_constants(kind, 0.01, 0.1, 0.0))


def test_what_fills_up_the_lanes_stays_zero() -> None:
    outputs = {"emotion": 2, "country": 3, "age": 1}
    layout = layout_of(12, outputs, JOINT, TASKS)
    ones = {slot.name: np.ones(slot.shape) for slot in layout.slots}
    vector = layout.pack(ones, np.dtype(np.float64))
    assert vector.sum() == sum(values.size for values in ones.values())
    assert layout.real(np.dtype(np.float32)).sum() == 16 + 8 + 3 * 6 + 2 + 3 + 1
    for name, values in layout.unpack(vector).items():
        np.testing.assert_array_equal(values, ones[name])
    filling = vector == 0
    net = layout.net(vector)
    adam = Adam(np.zeros(2 * len(vector)), adam_constants(np.dtype(np.float64), 0.01, 0.1, 0.0))
    labels = compiled.labels_of(PROBLEM, PROBLEM.train, TrainingConfig())
    dropout = Dropout(np.uint64(5), 12 + 16 + 8, 0.2, 0.5)
    order, inputs = np.arange(300), PROBLEM.train.inputs.astype(np.float64)
    kernels.epoch(inputs, order, 7, labels, net, adam, np.ones(3), False, 0.01, np.ones(2), 0, dropout)
    assert not vector[filling].any()
    assert np.isfinite(vector).all()


def test_a_clips_outputs_do_not_depend_on_its_company() -> None:
    net, _ = net_of(np.dtype(np.float32))
    together = kernels.outputs_of(PROBLEM.train.inputs, net)
    for rows in ([5], [70, 3, 88], list(range(33))):
        np.testing.assert_array_equal(kernels.outputs_of(PROBLEM.train.inputs[rows], net), together[rows])
    assert kernels.outputs_of(PROBLEM.train.inputs[:0], net).shape == (0, 6)
