import numpy as np
import pytest

from stages.core.bags.layout import Layout, check_groups, column_groups
from stages.core.runtime.errors import OptionError
from tests.helpers import openxbow
from tests.helpers.codebooks import codebook_of
from tests.helpers.openxbow import needs_openxbow

COLUMNS = ["F0_sma", "mfcc_sma[1]", "mfcc_sma[12]", "F0_sma_de", "mfcc_sma_de[1]", "mfcc_sma_de[12]"]


def test_layouts() -> None:
    def of(layout: Layout) -> list[list[int]]:
        return [group.tolist() for group in column_groups(COLUMNS, layout)]

    assert of("joint") == [[0, 1, 2, 3, 4, 5]]
    assert of("split") == [[0, 1, 2], [3, 4, 5]]
    assert of({"spectrum": ["mfcc_sma*"], "pitch": ["F0_sma", "F0_sma_de"]}) == [[1, 2, 4, 5], [0, 3]]
    assert of({"one": ["mfcc_sma[1]"]}) == [[1]]
    assert of({"one": ["F0_sma"], "two": ["F0_sma_de"]}) == [[0], [3]]  # the whole name
    assert of({"one": ["*_sma"]}) == [[0]]
    assert of({"b": ["*[12]", "F0*", "F0_sma"], "a": ["*_sma[1]"]}) == [[0, 2, 3, 5], [1]]
    many = [f"c{column}" for column in range(20)]
    assert [group.tolist() for group in column_groups(many, {"a": ["c16", "c1"], "b": ["c8", "c0"]})] == [
        *([1, 16], [0, 8]),
    ]
    names = ["F0_de_sma", "pcm_de[1]_sma", "pcm_sma_de[1]x", "pcm_sma_de[3]", "x_de"]
    assert [group.tolist() for group in column_groups(names, "split")] == [[0, 1, 2], [3, 4]]


@needs_openxbow
def test_split_is_65_and_65() -> None:
    names = openxbow.descriptors("train")[0]
    assert [group.tolist() for group in column_groups(names, "split")] == [
        list(range(65)),
        list(range(65, 130)),
    ]


@pytest.mark.parametrize(
    ("layout", "message"),
    [
        (
            {"pitch": ["F1*"]},
            r"layout\.pitch has 'F1\*', which covers no column; columns are named like F0_sma",
        ),
        ({"pitch": []}, r"layout\.pitch is empty"),
        ({}, "names no group"),
        ({"a": ["F0*"], "b": ["*_de"]}, "column F0_sma_de in both a and b"),
    ],
)
def test_layouts_that_do_not_fit(layout: Layout, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        column_groups(COLUMNS, layout)
    for names in (COLUMNS[:3], COLUMNS[3:]):
        with pytest.raises(OptionError, match="have no deltas; use joint"):
            column_groups(names, "split")


def test_a_codebook_must_fit_the_layout() -> None:
    words = np.zeros((4, 3), np.float32)
    check_groups(codebook_of([words], 4), [np.arange(3)], "a.txt")
    with pytest.raises(
        OptionError, match=r"layout gives groups of \[1, 2\] .* but a\.txt has words of \[3\]"
    ):
        check_groups(codebook_of([words], 4), [np.arange(1), np.arange(1, 3)], "a.txt")
