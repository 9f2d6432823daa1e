"""The arithmetic of compiled code against that of arrays."""

import numpy as np

from stages.core.arithmetic.elementary import exp, log
from stages.core.arithmetic.scalars import scalar_exp, scalar_log

RNG = np.random.default_rng(2)


def test_exp_and_log_of_a_number_are_those_of_an_array() -> None:
    values = np.concatenate([RNG.uniform(-760, 720, 5000), RNG.normal(size=5000), [0.0, -np.inf, np.inf]])
    np.testing.assert_array_equal([scalar_exp(value) for value in values], exp(values))
    assert np.isnan(scalar_exp(np.nan))
    positive = np.concatenate([np.exp(RNG.uniform(-700, 700, 5000)), RNG.uniform(0.5, 2, 5000)])
    np.testing.assert_array_equal([scalar_log(value) for value in positive], log(positive))
