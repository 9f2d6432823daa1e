from pathlib import Path

import pytest

from stages.core.openxbow import table as tables
from stages.core.openxbow.columns import from_attributes
from stages.core.openxbow.table import Block, Table, open_table, split
from stages.core.runtime.errors import UserError


def blocks(table: Table) -> list[Block]:
    return [table.block(line, text) for line, text in table.raw_blocks()]


def opened(path: Path, text: str, attributes: str | None = None) -> Table:
    path.write_text(text, newline="")
    return open_table(path, from_attributes(attributes) if attributes else None, False)


def test_a_header_is_a_line_without_a_number(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    assert opened(path, "name;x;y\na;1;2\n").names == ("name", "x", "y")
    assert opened(path, "name;1;2\na;1;2\n").names is None
    assert opened(path, "\n\ufeffname;x;y\na;1;2\n").names is not None
    [block] = blocks(opened(path, "name;x;y;class\na;1;2;'P'\na;1;2;Q\nb;3;4;R"))
    assert (block.names, block.starts.tolist(), block.labels) == (["a", "b"], [0, 2], [("P",), ("R",)])


@pytest.mark.parametrize("size", [1, 7, 50, 2**20])
def test_blocks_end_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    monkeypatch.setattr(tables, "BLOCK", size)
    lines = [f"'clip {row // 5}';{row};{-row / 8}" for row in range(40)]
    table = opened(tmp_path / "a.csv", "name;x;y\n" + "\n".join(lines), "n1[2]")
    found = blocks(table)
    assert [value for block in found for value in block.numbers.ravel().tolist()] == [
        value for row in range(40) for value in (row, -row / 8)
    ]
    owners = [
        name
        for block in found
        for name, length in zip(
            block.names, [*block.starts[1:], len(block.numbers)] - block.starts, strict=True
        )
        for _ in range(length)
    ]
    assert owners == [f"clip {row // 5}" for row in range(40)]


def test_arff(tmp_path: Path) -> None:
    path = tmp_path / "a.arff"
    head = "@RELATION 'my table'\n@attribute name string\n@ATTRIBUTE 'a b' numeric\n"
    head += "@attribute c {X,Y}\n\n@DATA\n"
    table = opened(path, head + "% no\n'a',1,X\n\n\"b\",2.5,Y\n")
    assert (table.relation, table.columns.labels, table.names) == ("my table", (2,), ("name", "a b", "c"))
    [block] = blocks(table)
    assert (block.names, block.labels, block.numbers.ravel().tolist()) == (
        ["a", "b"],
        [("X",), ("Y",)],
        [1, 2.5],
    )
    for text, message in (
        (head.replace("@DATA", ""), "has no @data"),
        ("nonsense\n" + head, "line 1 belongs into no ARFF head"),
        (head.replace("name string", "name"), "line 2: an attribute has a name and a kind"),
        (head + "{0 a, 1 2}\n", "line 7 has 2 columns instead of 3"),
        (head + "a,?,X\n", r"line 7: column 2 \(a b\) is '\?'"),
    ):
        with pytest.raises(UserError, match=message):
            blocks(opened(path, text))


def test_complaints_name_the_line_of_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Behind blank lines, comments and a header, in the first block and in later ones."""
    monkeypatch.setattr(tables, "BLOCK", 12)
    head = "@relation r\n@attribute n string\n@attribute x real\n\n@data\n"
    for name, text, message in (
        ("a.csv", "\n\nname;x\n\na;1\n\n\nb;two\n", r"line 8: column 2 \(x\) is 'two', which is no finite"),
        ("a.csv", "a;1\r\n\r\nb;2\r\nb;\r\n", r"line 4: column 2 is empty"),
        ("a.csv", "name;x\n\na;1\nb;2\nb;3\nb;4;5\n", r"line 6 has 3 columns instead of 2"),
        ("a.csv", "name;x\na;1\n\n\nb;2\n;3\n", r"line 6 has no name"),
        ("a.arff", head + "a,1\n% no\n\n% nor this\na,one\n", r"line 10: column 2 \(x\) is 'one', which"),
        ("a.arff", head + "% " + "x" * 30 + "\n\n\na,1\nb\n", r"line 10 has 1 columns instead of 2"),
    ):
        with pytest.raises(UserError, match=message):
            blocks(opened(tmp_path / name, text))


def test_columns_beside_those_of_the_codebooks_are_read_too(tmp_path: Path) -> None:
    table = opened(tmp_path / "a.csv", "a;0.5;7;1;2\nb;1.5;8;3;4\n", "ntr1[2]")
    assert table.numeric.tolist() == [3, 4]
    wider = table.reading(2, None, 1)
    assert wider.numeric.tolist() == [1, 2, 3, 4]
    [block] = blocks(wider)
    assert block.numbers.tolist() == [[0.5, 7, 1, 2], [1.5, 8, 3, 4]]
    assert table.reading(None, 4).numeric.tolist() == [3, 4]
    for column in (0, 5):
        with pytest.raises(UserError, match=rf"a\.csv has no column {column + 1} of numbers"):
            table.reading(column)


def test_names_of_files_and_of_relations(tmp_path: Path) -> None:
    assert opened(tmp_path / "b.c.csv", "a;1\n").relation == "b.c"
    assert opened(tmp_path / "b.ARFF", "@attribute a string\n@attribute b real\n@data\n").relation == "b"
    with pytest.raises(UserError, match=r"a\.csv has 2 columns in line 3, but -attributes names 3"):
        opened(tmp_path / "a.csv", "\n\na;1\n", "n1[2]")
    with pytest.raises(UserError, match=r"a\.arff has 2 attributes, but -attributes names 3"):
        opened(tmp_path / "a.arff", "@attribute a string\n@attribute b real\n@data\n", "n1[2]")


@pytest.mark.parametrize("text", ["\ufeffa;1\na;2\n", "\ufeffname;x\na;1\na;2\n", "\ufeff\na;1\na;2\n"])
def test_a_byte_order_mark_is_no_part_of_the_first_name(text: str, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(text, encoding="utf-8")
    [block] = blocks(open_table(tmp_path / "a.csv", None, False))
    assert (block.names, block.starts.tolist(), block.numbers.tolist()) == (["a"], [0], [[1], [2]])


def test_hostile_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.csv"
    for data, message in (
        (b"a;1\n\xff\xfe;2\n", "line 2 is no UTF-8 text"),
        (b"\xff\xfe;2\n", "line 1 is no UTF-8 text"),
        (b"a;1\nb;\x00\n", "line 2: column 2 is"),
    ):
        path.write_bytes(data)
        with pytest.raises(UserError, match=message):
            blocks(open_table(path, from_attributes("n1"), False))
    monkeypatch.setattr(tables, "LONGEST", 1000)
    monkeypatch.setattr(tables, "BLOCK", 100)
    with pytest.raises(UserError, match="longer than"):
        blocks(opened(path, "a;1\nb;" + "1" * 3000, "n1"))
    with pytest.raises(UserError, match="line 1 is longer than"):
        opened(path, "b;" + "1" * 3000, "n1")
    with pytest.raises(UserError, match="is no file"):
        open_table(tmp_path, None, False)


def test_columns_of_a_line() -> None:
    assert split("a;;c;;", ";") == ["a", "", "c"]
    assert split("\"a;b\";it's;'c;d'", ";") == ['"a;b"', "it's", "'c;d'"]
