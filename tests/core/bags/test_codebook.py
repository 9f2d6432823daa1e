import numpy as np
import pytest

from stages.core.bags import codebook as codebooks
from stages.core.bags.codebook import check, groups, normalization, standardization
from stages.core.runtime.errors import UserError
from tests.helpers import openxbow
from tests.helpers.codebooks import codebook_of
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


COLUMNS = ["F0_sma", "mfcc_sma[1]", "mfcc_sma[12]", "F0_sma_de", "mfcc_sma_de[1]", "mfcc_sma_de[12]"]


def test_layouts() -> None:
    def of(layout: codebooks.Layout) -> list[list[int]]:
        return [group.tolist() for group in groups(COLUMNS, layout)]

    assert of("joint") == [[0, 1, 2, 3, 4, 5]]
    assert of("split") == [[0, 1, 2], [3, 4, 5]]
    assert of({"spectrum": ["mfcc_sma*"], "pitch": ["F0_sma", "F0_sma_de"]}) == [[1, 2, 4, 5], [0, 3]]
    assert of({"one": ["mfcc_sma[1]"]}) == [[1]]


@needs_openxbow
def test_split_is_65_and_65() -> None:
    names = openxbow.descriptors("train")[0]
    assert [group.tolist() for group in groups(names, "split")] == [list(range(65)), list(range(65, 130))]


@pytest.mark.parametrize(
    ("layout", "message"),
    [
        (
            {"pitch": ["F1*"]},
            r"codebook\.layout\.pitch: 'F1\*' covers no column; columns are named like F0_sma",
        ),
        ({"pitch": []}, r"codebook\.layout\.pitch is empty"),
        ({}, "names no group"),
        ({"a": ["F0*"], "b": ["*_de"]}, "column F0_sma_de is in both a and b"),
    ],
)
def test_layouts_that_do_not_fit(layout: codebooks.Layout, message: str) -> None:
    with pytest.raises(UserError, match=message):
        groups(COLUMNS, layout)
    with pytest.raises(UserError, match="have no deltas"):
        groups(COLUMNS[:3], "split")


def test_a_codebook_must_fit_the_layout() -> None:
    words = np.zeros((4, 3), np.float32)
    check(codebook_of([words], 4), [np.arange(3)], "a.txt")
    with pytest.raises(UserError, match=r"a\.txt covers groups of \[3\] columns.*give \[1, 2\]"):
        check(codebook_of([words], 4), [np.arange(1), np.arange(1, 3)], "a.txt")
