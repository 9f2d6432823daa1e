"""Label files: CSV in its dialects, and several files joined by File_ID."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from stages.core.config.tasks import Task
from stages.core.corpus.reading import Corpus
from stages.core.runtime.errors import UserError
from tests.helpers.corpora import info_row
from tests.helpers.label_files import TASKS, make, read


def test_a_stray_comma_shifts_no_label(tmp_path: Path) -> None:
    folder = make(tmp_path, [info_row(1, 1), info_row(2, 2)])
    info = folder / "data_info.csv"
    info.write_text(info.read_text().replace("[00002],", "[00002],,"))
    corpus = read(folder, TASKS)
    assert [fault.reason for fault in corpus.faults] == ["malformed row"]
    assert list(corpus.clips["clip_id"]) == ["00001"]


@pytest.mark.parametrize(
    "change",
    [
        lambda text: b"\xef\xbb\xbf" + text.encode(),
        lambda text: text.replace("\n", "\r\n").encode(),
        lambda text: text.replace(",", ";").encode(),
        lambda text: text.replace(",", "\t").encode(),
        lambda text: text.replace("United States", '"United States"').encode(),
        lambda text: (text + "\n\n").encode(),
        lambda text: text.replace(",", "|").encode(),
        lambda text: ("sep=;\n" + text.replace(",", ";")).encode(),
        lambda text: ("SEP=;\r\n" + text.replace(",", ";")).encode(),
        lambda text: ('"sep=,"\n' + text).encode(),
    ],
)
def test_dialects_of_csv_read_alike(tmp_path: Path, change: Any) -> None:
    folder = make(tmp_path, [info_row(number, number) for number in range(5)])
    plain = read(folder, TASKS, "Country").clips
    info = folder / "data_info.csv"
    info.write_bytes(change(info.read_text()))
    pd.testing.assert_frame_equal(read(folder, TASKS, "Country").clips, plain)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is empty"),
        (b"A,B\n1,2\n", "has no column File_ID"),
        (b"File_ID,Age\n1,2\n", "has no column Subject_ID"),
        (b"File_ID,Subject_ID,Age,Age\n1,2,3,4\n", "has the column Age twice"),
        (b"File_ID,Subject_ID\n", "lists no clips"),
        (b"File_ID,Subject_ID\n1,2\n[1],3\n", "lines 2 and 3 have the same File_ID '1'"),
        (b"File_ID,Subject_ID\n,2\n", "line 2 has no File_ID"),
        (b"File_ID,Subject_ID\n\xff,2\n", "is not UTF-8 at byte 19"),
        ("File_ID,Subject_ID\n1,2\n".encode("utf-16"), "is not UTF-8 at byte 0"),
        ("File_ID,Subject_ID\n1,2\n".encode("utf-16-le"), "looks like UTF-16"),
        (b'File_ID,Subject_ID\n"1"x,2\n', "line 2 is not CSV"),
        (b"PK\x03\x04" + bytes(range(256)), "is a workbook of a spreadsheet; save it as CSV in UTF-8"),
        (b"\xd0\xcf\x11\xe0" + bytes(range(256)), "is a workbook of a spreadsheet"),
    ],
)
def test_a_file_that_cannot_be_used_is_one_sentence(tmp_path: Path, content: bytes, sentence: str) -> None:
    (tmp_path / "wav").mkdir()
    (tmp_path / "data_info.csv").write_bytes(content)
    with pytest.raises(UserError) as caught:
        read(tmp_path, TASKS)
    assert sentence in str(caught.value)
    assert "data_info.csv" in str(caught.value)


def test_decimal_commas_and_excels_first_line(tmp_path: Path) -> None:
    folder = make(tmp_path, [info_row(1, 1, Age="27.5"), info_row(2, 2, Age="30")])
    plain, info = read(folder).clips, folder / "data_info.csv"
    text = info.read_text()
    info.write_text("sep=;\n" + text.replace(",", ";").replace("27.5", "27,5"))
    pd.testing.assert_frame_equal(read(folder).clips, plain)
    info.write_text(text.replace("27.5", '"27,5"'))
    assert "Age is '27,5'; write a decimal point" in read(folder).faults[0].detail
    info.write_text("sep=;\n" + text.replace(",", ";").replace("27.5", "old"))
    assert "data_info.csv line 3: Age is 'old'" in read(folder).faults[0].detail


def test_a_point_among_decimal_commas_is_not_taken_for_a_fraction(tmp_path: Path) -> None:
    """1.021 is a thousand there; 0.125 and 20.5 are fractions, and so is 1.021 where no comma is."""
    ages = ["27,5", "1.021", "0.125", "20.5", "21"]
    folder = make(tmp_path, [info_row(index, index, Age=age) for index, age in enumerate(ages)])
    info = folder / "data_info.csv"
    text = info.read_text().replace('"27,5"', "27;5").replace(",", ";").replace("27;5", "27,5")
    info.write_text(text)
    corpus = read(folder)
    assert corpus.clips["Age"].tolist() == [27.5, 0.125, 20.5, 21]
    assert [(fault.clip_id, fault.reason) for fault in corpus.faults] == [("00001", "label is not a number")]
    assert "Age is '1.021' where other cells have decimal commas" in corpus.faults[0].detail
    info.write_text(text.replace("27,5", "27.5"))
    assert read(folder).clips["Age"].tolist() == [27.5, 1.021, 0.125, 20.5, 21]


def test_commas_in_a_quoted_column_name_separate_nothing(tmp_path: Path) -> None:
    (tmp_path / "wav").mkdir()
    (tmp_path / "wav/1.wav").touch()
    (tmp_path / "data_info.csv").write_text(
        '"how loud, how clear, how long, how near";File_ID;Subject_ID;Country;Age\n1;1;S1;Peru;30\n'
    )
    assert read(tmp_path).clips["Age"].tolist() == [30.0]


def test_a_percentage_is_named_with_its_remedy(tmp_path: Path) -> None:
    folder = make(tmp_path, [info_row(1, 1, Age="27%"), info_row(2, 2)])
    assert "Age is '27%'; write the number alone" in read(folder).faults[0].detail


def test_a_header_in_another_spelling_is_named(tmp_path: Path) -> None:
    (tmp_path / "data_info.csv").write_text("file_id,Subject_ID\n1,a\n")
    with pytest.raises(UserError, match="has no column File_ID; rename 'file_id'"):
        read(tmp_path)


def test_sentences_count_the_lines_of_the_file(tmp_path: Path) -> None:
    """Excel's first line, an empty one, and a cell of two lines come before."""
    start = 'sep=;\r\nSubject_ID;File_ID;Country;Age\r\n\r\nS1;[1;"United\r\nStates";20\r\n'
    for last, sentence in (
        ('S2;2;"x"y;1', "line 6 is not CSV"),
        ("S2;3;China;1\nS3;[1;Peru;2", "lines 5 and 7 have the same File_ID '[1'; keep one."),
        ("S2", "line 6 has no File_ID; give each clip one."),
    ):
        (tmp_path / "data_info.csv").write_bytes((start + last).encode())
        with pytest.raises(UserError) as caught:
            read(tmp_path)
        assert str(caught.value).startswith(f"{tmp_path}/data_info.csv {sentence}"), last
    (tmp_path / "wav").mkdir()
    for name in ("[1", "2"):
        (tmp_path / f"wav/{name}.wav").touch()
    (tmp_path / "data_info.csv").write_bytes((start + "S2;2;China;old\r\n").encode())
    corpus = read(tmp_path, TASKS, "Country")
    assert corpus.clips["Country"].tolist() == ["United\r\nStates"]
    assert [fault.detail for fault in corpus.faults] == ["data_info.csv line 6: Age is 'old'"]


def test_headers_are_shown_up_to_their_two_hundredth_letter(tmp_path: Path) -> None:
    columns = [f"column{number}" for number in range(50)]
    (tmp_path / "data_info.csv").write_text(",".join(["File_ID", *columns]) + "\n1" + "," * 50 + "\n")
    with pytest.raises(UserError) as caught:
        read(tmp_path)
    shown = ", ".join(["File_ID", *columns])[:200]
    assert str(caught.value) == (
        f"{tmp_path}/data_info.csv has no column Subject_ID; its header has {shown}, or say in "
        "corpus.speaker which column names the speaker (empty: none does)."
    )
    with pytest.raises(UserError) as caught:
        read(tmp_path / "nowhere")
    assert str(caught.value) == (
        f"corpus.path is '{tmp_path}/nowhere', which is no folder; name one that holds data_info.csv."
    )


HIGH, TWO, TYPE = "labels/high.csv", "labels/two.csv", "labels/type.csv"
VALENCE = {
    "affect": Task("regression", ("Valence",), "ccc"),
    "type": Task("classification", ("Type",), "uar"),
}


def write_labels(folder: Path, name: str, text: str) -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)


def several(folder: Path, two: str, types: str) -> Path:
    """A corpus with two label files of the clips 1 to 5, and its recordings in audio/wav."""
    write_labels(folder, TWO, two)
    write_labels(folder, TYPE, types)
    (folder / "audio/wav").mkdir(parents=True)
    for number in range(1, 6):
        (folder / f"audio/wav/{number}.wav").touch()
    return folder


def read_several(folder: Path, **options: Any) -> Corpus:
    given = {"labels": (TWO, TYPE), "audio": "audio/wav", "speaker": None, **options}
    return read(folder, VALENCE, **given)


TWO_ROWS = "File_ID,Split,Valence\n[1],Train,0.1\n[2],Train,0.2\n[3],Val,0.3\n[4],Test,-1\n[5],Test,\n"
TYPE_ROWS = "File_ID;Split;Type\n5;Test;\n1;Train;Cry\n2;Train;Gasp\n3;Val;Cry\n4;Test;Other\n"


def test_label_files_are_joined_by_id(tmp_path: Path) -> None:
    corpus = read_several(several(tmp_path, TWO_ROWS, TYPE_ROWS))
    assert not corpus.faults and corpus.listed == 5
    assert corpus.clips["clip_id"].tolist() == ["1", "2", "3", "4", "5"]
    assert corpus.clips["Valence"].fillna(9).tolist() == [0.1, 0.2, 0.3, 9, 9]
    assert corpus.clips["Type"].fillna("-").tolist() == ["Cry", "Gasp", "Cry", "Other", "-"]
    assert corpus.clips["source_split"].tolist() == ["train", "train", "validation", "test", "test"]
    assert corpus.clips["speaker"].isna().all()
    assert corpus.warnings == ["5 clips have no known speaker; each counts as a speaker of its own"]
    assert corpus.paths["3"] == tmp_path / "audio/wav/3.wav"


def test_speakers_may_come_from_any_label_file(tmp_path: Path) -> None:
    rows = TYPE_ROWS.replace("\n", ";S1\n").replace("Type;S1", "Type;Who")
    corpus = read_several(several(tmp_path, TWO_ROWS, rows), speaker="Who")
    assert corpus.clips["speaker"].tolist() == ["S1"] * 5


@pytest.mark.parametrize("first", [True, False])
def test_decimal_commas_are_those_of_a_file(first: bool, tmp_path: Path) -> None:
    texts = [TWO_ROWS.replace(",", ";").replace("0.", "0,"), TYPE_ROWS.replace(";", ",")]
    corpus = read_several(several(tmp_path, *texts[:: 1 if first else -1]))
    assert corpus.clips["Valence"].dropna().tolist() == [0.1, 0.2, 0.3]


@pytest.mark.parametrize(
    ("old", "new", "reason", "detail"),
    [
        (
            "2;Train;Gasp",
            "2;Val;Gasp",
            "label files disagree",
            "Split is 'Train' in labels/two.csv line 3 and 'Val' in labels/type.csv line 4",
        ),
        (
            "2;Train;Gasp",
            "2;Train",
            "malformed row",
            "labels/type.csv line 4: 2 fields where the header has 3",
        ),
        (
            "2;Train;Gasp\n",
            "",
            "not in all label files",
            "labels/two.csv line 3: it is not in labels/type.csv",
        ),
        (
            "5;Test;\n",
            "5;Test;\n6;Test;Cry\n",
            "not in all label files",
            "labels/type.csv line 3: it is not in labels/two.csv",
        ),
    ],
)
def test_a_clip_of_which_label_files_differ_is_quarantined(
    tmp_path: Path, old: str, new: str, reason: str, detail: str
) -> None:
    assert old in TYPE_ROWS
    corpus = read_several(several(tmp_path, TWO_ROWS, TYPE_ROWS.replace(old, new)))
    assert [fault.reason for fault in corpus.faults] == [reason]
    assert detail in corpus.faults[0].detail
    assert len(corpus.clips) + 1 == corpus.listed


def test_label_columns_that_repeat_must_agree(tmp_path: Path) -> None:
    types = TYPE_ROWS.replace("\n", ";0.10\n").replace("Type;0.10", "Type;Valence")
    corpus = read_several(several(tmp_path, TWO_ROWS, types))
    assert {fault.clip_id: fault.reason for fault in corpus.faults} == dict.fromkeys(
        ["2", "3"], "label files disagree"
    )
    assert corpus.clips["Valence"].tolist() == [0.1, 0.1, 0.1]  # 0.1 is 0.10, and no label contradicts none


def test_minus_one_in_one_of_several_files_is_a_label_where_the_range_has_it(tmp_path: Path) -> None:
    cells = {TWO: ["", "-1", "-1", "-1.0", ""], TYPE: ["-1", "", "0.5", "-1", "nan"]}
    tables = {
        name: "File_ID,Valence\n" + "".join(f"{n},{cell}\n" for n, cell in enumerate(column, 1))
        for name, column in cells.items()
    }
    folder = several(tmp_path, tables[TWO], tables[TYPE])
    found = {}
    for limits in (None, (-1.0, 1.0)):
        task = {"affect": Task("regression", ("Valence",), "ccc", range=limits)}
        found[limits] = read(folder, task, labels=(TWO, TYPE), audio="audio/wav", speaker=None)
    missing, label = found.values()
    assert missing.clips["Valence"].fillna(9).tolist() == [9, 9, 0.5, 9, 9]
    assert label.clips["Valence"].fillna(9).tolist() == [-1, -1, -1, 9]
    assert [(fault.clip_id, fault.reason) for fault in label.faults] == [("3", "label files disagree")]
    assert not missing.faults


@pytest.mark.parametrize(
    ("two", "types", "sentence"),
    [
        (
            TWO_ROWS.replace("File_ID", "file id"),
            TYPE_ROWS,
            "two.csv has no column File_ID; rename 'file id'",
        ),
        (TWO_ROWS, TYPE_ROWS + "1;Train;Cry\n", "type.csv lines 3 and 7 have the same File_ID '1'"),
        (TWO_ROWS, "", "type.csv is empty"),
    ],
)
def test_each_label_file_is_checked(tmp_path: Path, two: str, types: str, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        read_several(several(tmp_path, two, types))


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    folder = several(tmp_path, TWO_ROWS, TYPE_ROWS)
    with pytest.raises(UserError, match=r"high\.csv does not exist; .* and corpus\.labels its label files"):
        read_several(folder, labels=(HIGH,))
    with pytest.raises(
        UserError, match=r"two\.csv and .*type\.csv have no column Subject_ID; .* corpus\.speaker"
    ):
        read_several(folder, speaker="Subject_ID")
    with pytest.raises(UserError, match=r"wav does not exist; .* corpus\.audio"):
        read_several(folder, audio="wav")
    task = {"affect": Task("regression", ("valence",), "ccc")}
    with pytest.raises(UserError, match=r"but labels/two\.csv and labels/type\.csv have 'Valence' instead"):
        read(folder, task, labels=(TWO, TYPE), audio="audio/wav", speaker=None)
