import numpy as np
import pytest

from stages.core.bags import codebook as codebooks
from stages.core.bags.codebook import normalization, standardization
from tests.helpers import openxbow
from tests.helpers.openxbow import needs_openxbow


@needs_openxbow
@pytest.mark.parametrize("block", [100, 65_536])
def test_statistics_are_openxbows(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codebooks, "ROWS", block)
    theirs = openxbow.codebook("x_idf")
    scaling = standardization(openxbow.frames("train"))
    assert theirs.input is not None
    assert np.array_equal(scaling.offset, theirs.input.offset)
    assert np.array_equal(scaling.divisor, theirs.input.divisor)


@needs_openxbow
def test_two_codebooks_do_not_halve_the_mean() -> None:
    theirs = openxbow.codebook("split50_a10logstd").input
    assert theirs is not None
    assert np.array_equal(theirs.offset * 2, standardization(openxbow.frames("train")).offset)
    assert np.array_equal(theirs.offset, standardization(openxbow.frames("train"), repeats=2).offset)
    assert np.array_equal(theirs.divisor, standardization(openxbow.frames("train"), repeats=2).divisor)


def test_a_constant_column_has_deviation_one() -> None:
    scaling = standardization(np.array([[3, 1], [3, 2]], np.float32))
    assert scaling.offset.tolist() == [3, 1.5]
    assert scaling.divisor.tolist() == [1, np.float32(np.sqrt(0.5))]
    scaling = normalization(np.array([[3, 1], [3, 2]], np.float32))
    assert (scaling.offset.tolist(), scaling.divisor.tolist()) == ([3, 1], [1, 1])


def test_sums_run_frame_after_frame_also_in_a_single_column() -> None:
    values = np.random.default_rng(0).standard_normal((3000, 2)).astype(np.float32)
    total = np.float32(0)
    for value in values[:, 0]:
        total += value
    assert standardization(values[:, :1]).offset[0] == total / np.float32(3000)
    assert standardization(values).offset[0] == total / np.float32(3000)
