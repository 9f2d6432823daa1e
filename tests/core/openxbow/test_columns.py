import pytest

from stages.core.openxbow.columns import from_alternative, from_attributes, from_table
from stages.core.runtime.errors import UserError


def test_groups_follow_their_numbers() -> None:
    assert from_attributes("n1[99999]").width == 100_000
    assert from_attributes("nr[3]1t").time == 5
    assert from_attributes("n1").time is None
    columns = from_attributes("nt2[2]r[3]1[2]2c[2]")
    assert columns.width == 12
    assert (columns.time, columns.labels) == (1, (10, 11))
    assert [group.tolist() for group in columns.groups] == [[7, 8], [2, 3, 9]]


def test_codebooks_may_share_columns_and_choose_their_order() -> None:
    columns = from_alternative("nm[3]rm[2]_[5+1-2][2]")
    assert [group.tolist() for group in columns.groups] == [[6, 1, 2], [2]]


def test_a_table_that_nothing_describes() -> None:
    assert from_table(["name", "x", "Label"], 3, False).labels == (2,)
    assert from_table(["name", "x", "labels"], 3, False).labels == ()
    timed = from_table(None, 4, True, [3])
    assert (timed.time, timed.labels, timed.groups[0].tolist()) == (1, (3,), [2])
    header = ["name", "time", "x", "y", "Class"]
    timed = from_table(header, 5, True)
    assert (timed.width, timed.time, timed.labels) == (5, 1, (4,))
    assert [group.tolist() for group in timed.groups] == [[2, 3]]
    assert [group.tolist() for group in from_table(header, 5, False).groups] == [[1, 2, 3]]
    assert from_table(None, 5, False).labels == ()
    assert from_table(["class"], 3, False).labels == ()
    for width, with_time, nominal in ((1, False, []), (2, True, []), (3, True, [1]), (3, False, [1, 2])):
        with pytest.raises(UserError, match="the table has no column of numbers; see -attributes"):
            from_table(None, width, with_time, nominal)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "first column"),
        ("t1", "first column, and no other, is the name"),
        ("n1n", "first column, and no other, is the name"),
        ("n", "no column holds numbers"),
        ("ntt1", "only one column can be the time"),
        ("n1[", r"'\[' describes no columns"),
        ("n1[0]", "not between 1 and 100000 columns"),
        ("n1[99999]2[99999]", "not between 1 and 100000 columns"),
        ("n1x", "'x' describes no columns"),
        ("n10", r"0 \(text\) is not supported"),
        ("n13", "codebooks 1, 3 should be numbered from 1 without a gap"),
    ],
)
def test_attributes_that_make_no_sense(text: str, message: str) -> None:
    with pytest.raises(UserError, match="-attributes: .*" + message):
        from_attributes(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nm[3]", "should follow a _"),
        ("nm[3]_", "should follow a _"),
        ("nm[3]_[1]x", "should follow a _"),
        ("nm[3]_[4]", r"\[4\] is not among the 3 numeric columns"),
        ("nm[3]_[2-1]", r"is not among the 3"),
        ("nm[3]_[2-4]", r"\[2-4\] is not among the 3 numeric columns"),
        ("nm[3]_[0-1]", r"\[0-1\] is not among the 3"),
        ("ncr_[1]", r"\[1\] is not among the 0 numeric columns"),
        ("nm[3]_[1++2]", "is no list of columns"),
        ("n1_[1]", "'1' describes no columns"),
    ],
)
def test_alternatives_that_make_no_sense(text: str, message: str) -> None:
    with pytest.raises(UserError, match="-attributesAlt: .*" + message):
        from_alternative(text)
