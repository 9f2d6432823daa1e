import numpy as np
import pytest

from stages.core.config.sources import Pooling
from stages.core.features.sources.pooling import pool, pooled_names


@pytest.mark.parametrize(
    ("pooling", "vector"),
    [("first", [1, 7]), ("max", [4, 7]), ("mean", [2, 3]), ("mean-sd", [2, 3, 2**0.5, 8**0.5])],
)
def test_frames_become_one_vector(pooling: Pooling, vector: list[float]) -> None:
    frames = np.array([[1, 7], [1, 1], [4, 1]], np.float32)
    found = pool(frames, pooling)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, vector, rtol=1e-6)
    assert len(pooled_names(["a", "b"], pooling)) == len(vector)
