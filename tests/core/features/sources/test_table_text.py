"""Tables of features as text: columns, separators and faults by line, of CSV and ARFF."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.core.config.sources import TableSource
from stages.core.features.sources import formats
from stages.core.features.sources.source import SourceError
from stages.core.features.sources.table import Joined, id_of, join

CLIPS = ["00001", "00002", "00003"]


def text(path: Path, content: str) -> Path:
    path.write_text(content, encoding="utf-8")
    return path


def joined(path: Path, tmp_path: Path, clips: list[str] = CLIPS, **options: str) -> Joined:
    return join(TableSource(str(path), **options), clips, tmp_path / "scratch")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            "clip_id,energy\n00001,1\n00002,loud\n",
            r"t\.csv, line 3, column energy: loud is not a finite number",
        ),
        ("clip_id,energy\n00001,nan\n", r"line 2, column energy: nan is not a finite number"),
        ("clip_id,energy\n00001,\n", r"line 2, column energy: empty is not a finite number"),
        ("clip_id,energy\n00001,1e39\n", r"line 2, column energy: 1e39 is not a finite number"),
        ("clip_id,energy\n00001,-inf\n", r"line 2, column energy: -inf is not"),
        ("clip_id,energy\n00001,1\n00001,2\n", r"several rows of clip 00001, one of them line 3; keep one"),
        ("clip_id,energy,zeros\n00001,1\n", r"line 2: 2 cells, but the first line has 3"),
        ("clip_id,energy\n00001,1\n00002,1,2\n", r"line 3: 3 cells, but the first line has 2"),
        ("00001,1\n\n00002,x\n", r"line 3, column value_0000: x is not a finite number"),
        ('clip_id,energy\n"00001",1\n"a\nb",2\n00002,\n', r"line 5, column energy: empty is not"),
        (
            "clip_id,energy\n00001," + "1" * 140_000,
            r"t\.csv, line 2 is not CSV: field larger than field limit",
        ),
        ("clip_id,energy\n00001.wav,1\nx,2\n", r"with the ending \.wav \(00001\.wav\), the corpus without"),
        (
            "clip_id,energy\nx,1\n[y],2\n",
            r"other clips alone, such as x; the corpus has clips such as 00001;",
        ),
        ("clip_id,energy,energy\n00001,1,2\n", r"two columns named energy; rename one"),
        ("energy,zeros\n1,2\n", r"no column of clip ids; name it clip_id"),
        ("clip_id,energy\n00001.wav,1\n", r"with the ending \.wav \(00001\.wav\).*; set ending: \.wav"),
        ("clip_id,energy\nwav/00001.wav,1\n", r"by their path \(wav/00001\.wav\); write the clip id alone"),
        ("clip_id,energy\n1,1\n2,4\n", r"lost the leading zeros of the clip ids \(1\)"),
        ("clip_id,energy\n'001',1\n", r"lost the leading zeros"),
        ("clip_id,energy\nother,1\n", r"rows of other clips alone, such as other; the corpus has .* 00001"),
        ("clip_id,energy\n", r"t\.csv has no rows; name the table of this corpus"),
        ("", r"t\.csv is empty"),
        ("clip_id\n00001\n", r"no columns beside the clip ids|no column of clip ids|empty"),
    ],
)
def test_what_does_not_fit_is_one_sentence(content: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=message):
        joined(text(tmp_path / "t.csv", content), tmp_path)


def test_an_ending_is_taken_off(tmp_path: Path) -> None:
    path = text(tmp_path / "t.csv", "file,energy\n00001.wav,1\n'00002.wav' ,2\n[00003.wav],3\n")
    found = joined(path, tmp_path, ["00003", "00001", "00002"], ending=".wav")
    assert found.found.all() and found.values[:, 0].tolist() == [3, 1, 2]


@pytest.mark.parametrize("column", ["clip_id", "File_ID", "FILENAME", "file", "Name", "clip", "id", "Path"])
def test_columns_that_hold_clip_ids(column: str, tmp_path: Path) -> None:
    content = f"rate, energy ,frameTime,{column},frameIndex,START,end\n" + "7,1.5,0,00002,0,0,0\n"
    found = joined(text(tmp_path / "t.csv", content), tmp_path)
    assert (found.names, found.found.tolist()) == (("rate", "energy"), [False, True, False])
    assert found.values[1].tolist() == [7, 1.5]


def test_of_several_columns_of_ids_the_first_in_rank_counts(tmp_path: Path) -> None:
    ranks = ["clip_id", "file_id", "filename", "file", "name", "clip", "id", "path"]
    for best, other in pairwise(ranks):
        found = joined(text(tmp_path / "t.csv", f"{other},{best},x\n00001,00002,3\n"), tmp_path)
        assert (found.names, found.found.tolist()) == ((other, "x"), [False, True, False])
        assert found.values[1].tolist() == [1, 3]


@pytest.mark.parametrize(
    ("content", "names"),
    [
        ("clip_id\tenergy\tzeros\n00001\t1\t2\n", ("energy", "zeros")),
        ("00001\t1\t2\n", ("value_0000", "value_0001")),
        (",0,1\n00001,1,2\n", ("0", "1")),
        (",energy,zeros\n00001,1,2\n", ("energy", "zeros")),
        ("00001;1;2\n", ("value_0000", "value_0001")),
        ('clip_id;"a,b";c\n00001;1;2\n', ("a,b", "c")),
        ("clip_id,energy, \n00001,1,2\n", ("energy", "")),
    ],
)
def test_headers_and_separators(content: str, names: tuple[str, ...], tmp_path: Path) -> None:
    found = joined(text(tmp_path / "t.CSV", content), tmp_path)
    assert (found.names, found.values[0].tolist()) == (names, [1, 2])


def test_a_first_row_that_counts_like_pandas_is_no_header(tmp_path: Path) -> None:
    found = joined(text(tmp_path / "t.csv", "00001,0,1\n00002,5,6\n"), tmp_path)
    assert found.found.tolist() == [True, True, False]
    assert found.values[:2].tolist() == [[0, 1], [5, 6]]


def test_rows_of_other_clips_are_counted(tmp_path: Path) -> None:
    rows = "".join(f"x{number},1\n" for number in range(1500))
    found = joined(text(tmp_path / "t.csv", f"clip_id,energy\n{rows}00003,5\n"), tmp_path)
    assert (found.others, found.found.tolist(), found.values[2].tolist()) == (1500, [False, False, True], [5])


def test_lines_that_are_no_text_or_too_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "t.csv").write_bytes(b"clip_id,energy\n00001,\xff\n")
    with pytest.raises(SourceError, match=r"t\.csv is not text in UTF-8; write it anew"):
        joined(tmp_path / "t.csv", tmp_path)
    monkeypatch.setattr(formats, "_LONGEST", 1000)
    for length, ending in ((1000, "csv"), (1000, "arff")):
        with pytest.raises(SourceError, match="has a line of more than 1,000 characters; is it a table"):
            joined(text(tmp_path / f"t.{ending}", "clip_id,energy\n" + "1" * length), tmp_path)
    assert joined(text(tmp_path / "t.csv", "00001," + "1".zfill(993)), tmp_path).values[0].tolist() == [1]


ARFF = """@relation x
% first
@ATTRIBUTE Name string
@attribute 'two words' numeric
@attribute kind {a,b}
@attribute frameTime numeric
@attribute "rate" REAL
@attribute Class numeric

@DATA
% about rows
'00002',1.5,a,0,2.5,1

"""


def test_what_an_arff_holds(tmp_path: Path) -> None:
    found = joined(text(tmp_path / "t.arff", ARFF), tmp_path)
    assert (found.names, found.found.tolist()) == (("two words", "rate"), [False, True, False])
    assert found.values[1].tolist() == [1.5, 2.5]
    folder = tmp_path / "clips"
    folder.mkdir()
    text(folder / "00003.arff", ARFF)
    found = joined(folder, tmp_path)  # the name within means nothing there
    assert (found.names, found.values[2].tolist()) == (("two words", "rate"), [1.5, 2.5])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            ARFF + "% more\n'00001',x,a,0,1,1\n",
            r"t\.arff, line 15, column two words: x is not a finite number",
        ),
        (ARFF + "'00001',1,a,0,1\n", r"line 14: 5 cells, but the first line has 6"),
        (ARFF + "{0 '00001', 1 2}\n", r"line 14: sparse rows are not read; write all values"),
        (ARFF + "'00001'," + "1" * 140_000 + ",a,0,1,1\n", r"line 14 is not ARFF: field larger than field"),
        (ARFF.replace("Name", "Sound"), r"t\.arff has no column of clip ids; name it clip_id"),
        ("@attribute id string\n@attribute class {a}\n@data\n", r"has no attributes beside the clip ids"),
    ],
)
def test_faults_of_an_arff_name_their_line(content: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=message):
        joined(text(tmp_path / "t.arff", content), tmp_path)


@settings(max_examples=200, deadline=None)
@given(
    content=st.text(alphabet="0123;,.'\"[]\nab@{}- ", max_size=80), ending=st.sampled_from(["csv", "arff"])
)
def test_nearly_tables_are_tables_or_one_sentence(
    content: str, ending: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("nearly")
    head = "@attribute name string\n@attribute x real\n@data\n" if ending == "arff" else ""
    try:
        found = joined(text(folder / f"t.{ending}", head + content), folder, ["0", "1", "00001"])
        assert np.isfinite(found.values[found.found]).all()
    except SourceError as error:
        assert str(error).endswith(".")


def test_ids_are_found_in_quotes_and_brackets() -> None:
    assert id_of(" '[007]' ") == id_of("[007]") == id_of('"007"') == "007"
