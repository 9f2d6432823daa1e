import numpy as np
import pytest

from stages.core.config.sources import Pooling
from stages.core.features.sources.pooling import numbered, pool, pooled_names


@pytest.mark.parametrize(
    ("pooling", "vector", "names"),
    [
        ("first", [1, 7], ("a_first", "b_first")),
        ("max", [4, 7], ("a_max", "b_max")),
        ("mean", [2, 3], ("a_mean", "b_mean")),
        ("mean-sd", [2, 3, 2**0.5, 8**0.5], ("a_mean", "b_mean", "a_sd", "b_sd")),
    ],
)
def test_frames_become_one_vector(pooling: Pooling, vector: list[float], names: tuple[str, ...]) -> None:
    frames = np.array([[1, 7], [1, 1], [4, 1]], np.float32)
    found = pool(frames, pooling)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, vector, rtol=1e-6)
    assert pooled_names(["a", "b"], pooling) == names


def test_sums_are_in_float64() -> None:
    frames = np.full((3, 1), 1e8, np.float32)
    frames[1] += 8
    assert pool(frames, "mean-sd").tolist() == [np.float32(1e8 + 8 / 3), np.float32(8 * 2**0.5 / 3)]


def test_names_of_values_that_have_none() -> None:
    assert numbered("x", 10_001)[::5000] == ("x_0000", "x_5000", "x_10000")
