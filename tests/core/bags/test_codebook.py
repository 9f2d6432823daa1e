from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from stages.core.bags import codebook as codebooks
from stages.core.bags.codebook import Codebook, check, from_text, groups, read, statistics, to_text, write
from stages.core.runtime.errors import UserError
from tests.helpers import openxbow
from tests.helpers.openxbow import needs_openxbow

TAGS = sorted({command.tag for command in openxbow.commands()})
SMALL = "log\ncodebookNumeric\n2;3;1;0.0;0.0\n1.0;2.0;3.0\n4.0;5.0;6.0\n"


@needs_openxbow
@pytest.mark.parametrize("tag", TAGS)
def test_openxbows_files_are_read_and_written_to_the_byte(tag: str) -> None:
    assert to_text(openxbow.codebook(tag)) == openxbow.text(f"cb_{tag}.txt")


@needs_openxbow
@pytest.mark.parametrize("block", [100, 65_536])
def test_statistics_are_openxbows(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codebooks, "ROWS", block)
    theirs = openxbow.codebook("x_idf")
    mean, deviation = statistics(openxbow.frames("train"))
    assert np.array_equal(mean, theirs.mean)
    assert np.array_equal(deviation, theirs.deviation)


@needs_openxbow
def test_two_codebooks_do_not_halve_the_mean() -> None:
    mean, _ = statistics(openxbow.frames("train"))
    assert np.array_equal(openxbow.codebook("split50_a10logstd").mean * 2, mean)


def test_a_constant_column_has_deviation_one() -> None:
    mean, deviation = statistics(np.array([[3, 1], [3, 2]], np.float32))
    assert mean.tolist() == [3, 1.5]
    assert deviation.tolist() == [1, np.float32(np.sqrt(0.5))]


finite = st.floats(width=32, allow_nan=False, allow_infinity=False, allow_subnormal=False)


@settings(max_examples=50, deadline=None)
@given(
    first=hnp.arrays(np.float32, (3, 2), elements=finite),
    second=hnp.arrays(np.float32, (2, 4), elements=finite),
    rest=hnp.arrays(np.float32, (3, 6), elements=finite),
    log=st.booleans(),
    some=st.booleans(),
)
def test_what_is_written_is_read(
    first: np.ndarray, second: np.ndarray, rest: np.ndarray, log: bool, some: bool
) -> None:
    mean, deviation, idf = (rest[0], rest[1], rest[2][:5]) if some else (None, None, None)
    codebook = Codebook((first, second), 2, log, mean, deviation, idf)
    again = from_text(to_text(codebook))
    assert again.assignments == 2
    assert again.log == log
    for one, other in zip(codebook.words, again.words, strict=True):
        assert one.tobytes() == other.tobytes()
    for name in ("mean", "deviation", "idf"):
        one, other = getattr(codebook, name), getattr(again, name)
        assert one is other or one.tobytes() == other.tobytes()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello\n",
        SMALL.replace("log", "normalizeOutput"),
        SMALL.replace("2;3;1", "3;3;1"),
        SMALL.replace("2;3;1", "2;4;1"),
        SMALL.replace("5.0", "NaN"),
        SMALL.replace("5.0", "five"),
        SMALL + SMALL.replace("2;3;1", "2;3;2"),
        "idf\n1.0\n" + SMALL,
        "standardizeInput\n0.0",
    ],
)
def test_other_files_are_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "codebook.txt").write_text(text)
    with pytest.raises(UserError, match=r"codebook\.txt is not a numeric codebook"):
        read(tmp_path / "codebook.txt")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="does not exist"):
        read(tmp_path / "codebook.txt")
    write(tmp_path / "codebook.txt", from_text(SMALL))
    assert (tmp_path / "codebook.txt").read_text() == SMALL


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


def test_a_codebook_must_fit_the_descriptors() -> None:
    words = np.zeros((4, 3), np.float32)
    columns = [np.arange(3)]
    check(Codebook((words,), 4), columns, 3, "a.txt")
    with pytest.raises(UserError, match=r"a\.txt covers groups of \[3\] columns.*give \[1, 2\]"):
        check(Codebook((words,), 4), [np.arange(1), np.arange(1, 3)], 3, "a.txt")
    with pytest.raises(UserError, match="standardizes 5 columns, the descriptors have 3"):
        check(Codebook((words,), 4, mean=np.zeros(5), deviation=np.ones(5)), columns, 3, "a.txt")
    with pytest.raises(UserError, match="fewer words than its 5 assignments"):
        check(Codebook((words,), 5), columns, 3, "a.txt")
