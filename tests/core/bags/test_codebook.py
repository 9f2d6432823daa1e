import numpy as np
import pytest

from stages.core.bags import codebook as codebooks
from stages.core.bags.codebook import Activity, Codebook, Counting, Scaling, normalization, standardization
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


def test_scalings_of_some_columns_and_of_a_wider_table() -> None:
    scaling = Scaling("standardize", np.array([1, 2, 3], np.float32), np.array([2, 4, 8], np.float32))
    values = np.array([[3, 10, 19], [1, 2, 3.0]], np.float32)
    scaling.apply(values)
    assert values.tolist() == [[1, 2, 2], [0, 0, 0]]
    part = np.array([[19, 3.0]], np.float32)
    scaling.apply(part, np.array([2, 0]))
    assert part.tolist() == [[2, 1]]
    picked = scaling.pick([2, 0])
    assert (picked.method, picked.offset.tolist(), picked.divisor.tolist()) == ("standardize", [3, 1], [8, 2])
    wide = picked.spread([4, 1], 6)
    assert (wide.method, wide.offset.tolist()) == ("standardize", [0, 1, 0, 0, 3, 0])
    assert wide.divisor.tolist() == [1, 2, 1, 1, 8, 1]
    wide = Scaling("normalize", np.array([5], np.float32), np.array([7], np.float32)).spread([1], 3)
    assert (wide.offset.tolist(), wide.divisor.tolist()) == ([np.inf, 5, np.inf], [1, 7, 1])
    codebook = Codebook((np.zeros((2, 2), np.float32),), (Counting(),), input=scaling)
    frames = np.array([[3, 10, 19.0]], np.float32)
    assert codebook.scaled(frames, np.array([2, 1])).tolist() == [[2, 2]]
    assert frames.tolist() == [[3, 10, 19]]


def test_statistics_by_hand() -> None:
    values = np.array([[1, 5], [2, 5], [6, 11]], np.float32)
    found = standardization(values)
    assert found.method == "standardize" and found.offset.tolist() == [3, 7]
    assert found.divisor.tolist() == np.sqrt(np.array([7, 12], np.float32)).tolist()
    assert standardization(values[:1]).divisor.tolist() == [1, 1]  # no deviation of a single frame
    half = standardization(values, repeats=2)  # frames count twice: mean of 6, deviation from it over 5
    squares = ((values - np.array([1.5, 3.5], np.float32)) ** 2).sum(axis=0)
    assert half.offset.tolist() == [1.5, 3.5]
    assert half.divisor.tolist() == np.sqrt(squares / np.float32(5)).tolist()
    found = normalization(values)
    assert (found.method, found.offset.tolist(), found.divisor.tolist()) == ("normalize", [1, 5], [5, 6])


def test_what_follows_the_words_in_words() -> None:
    words = (np.zeros((5, 2), np.float32), np.zeros((4, 3), np.float32))
    plain = Codebook(words, (Counting(3), Counting(3)))
    assert (plain.description, plain.bins, plain.soft) == ("3 assignments", 9, False)
    scaling = Scaling("normalize", np.zeros(9, np.float32), np.ones(9, np.float32))
    full = Codebook(
        words,
        (Counting(1, gaussian=2.0), Counting(4, off=1.0)),
        log=True,
        idf=np.ones(9, np.float32),
        output=scaling,
        activity=Activity(0, 1.0),
    )
    assert full.description == (
        "1/4 assignments, Gaussian weights, a largest distance, log, idf, normalized output, "
        "frames of low activity left out"
    )
    assert full.soft
    for how in (Counting(1, off=1.0), Counting(1, gaussian=1.0)):
        assert Codebook(words, (Counting(1), how)).soft


def test_a_frame_at_the_threshold_counts() -> None:
    frames = np.array([[9, 0.1], [9, np.nan], [9, 0.099], [0, 0.2]], np.float32)
    assert Activity(1, 0.1).of(frames).tolist() == [True, False, False, True]
