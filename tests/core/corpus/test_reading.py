import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from stages.core.config.load import load
from stages.core.config.tasks import Task
from stages.core.corpus.reading import clip_id_of, read_corpus, refuse_if_mostly_unusable
from stages.core.runtime.errors import UserError
from tests.helpers import ROOT
from tests.helpers.corpora import COLUMNS, EMOTIONS, info_row, write_info

TASKS = load(ROOT / "params.yaml").tasks


def make(folder: Path, rows: list[dict[str, Any]], columns: list[str] = COLUMNS) -> Path:
    write_info(folder, rows, columns)
    (folder / "wav").mkdir(exist_ok=True)
    for row in rows:
        name = clip_id_of(str(row["File_ID"]))
        if "/" not in name:
            (folder / "wav" / f"{name}.wav").touch()
    return folder


def test_columns_are_found_by_name_and_zeros_stay(tmp_path: Path) -> None:
    folder = make(tmp_path, [info_row(12, 1), info_row(3, 2)], COLUMNS[::-1])
    corpus = read_corpus(folder, TASKS, "Country")
    assert list(corpus.clips["clip_id"]) == ["00003", "00012"]
    assert list(corpus.clips["Country"]) == ["United States", "South Africa"]
    assert list(corpus.clips["Age"]) == [22.0, 21.0]
    assert list(corpus.clips["source_split"]) == ["train", "train"]
    assert corpus.name == tmp_path.name
    assert not corpus.synthetic


@pytest.mark.parametrize("cell", ["", "nan", "-1", "-1.0", " NaN "])
def test_missing_labels_are_unlabelled(tmp_path: Path, cell: str) -> None:
    folder = make(tmp_path, [info_row(1, 1, Age=cell, Country=cell), info_row(2, 2)])
    clips = read_corpus(folder, TASKS, "Country").clips
    assert clips["Age"].isna().tolist() == [True, False]
    assert clips["Country"].isna().tolist() == [True, False]


@pytest.mark.parametrize(
    ("cells", "reason", "detail"),
    [
        ({"Age": "abc"}, "label is not a number", "Age is 'abc'"),
        ({"Age": "200"}, "label out of range", "Age is 200"),
        ({"Awe": "inf"}, "label out of range", "Awe is inf"),
        ({"Fear": "-3"}, "label out of range", "Fear is -3"),
        ({"File_ID": "../../x"}, "unsafe id", "outside wav/"),
        ({"File_ID": "[..]"}, "unsafe id", "outside wav/"),
    ],
)
def test_a_bad_row_is_quarantined_alone(
    tmp_path: Path, cells: dict[str, str], reason: str, detail: str
) -> None:
    folder = make(tmp_path, [info_row(1, 1), info_row(2, 2, **cells), info_row(3, 3)])
    corpus = read_corpus(folder, TASKS, "Country")
    assert list(corpus.clips["clip_id"]) == ["00001", "00003"]
    assert [fault.reason for fault in corpus.faults] == [reason]
    assert detail in corpus.faults[0].detail
    assert "data_info.csv line 3" in corpus.faults[0].detail
    assert set(corpus.paths) == {"00001", "00003"}


def test_files_that_are_missing_doubled_or_linked_outside(tmp_path: Path) -> None:
    folder = make(tmp_path / "corpus", [info_row(number, number) for number in range(8)])
    (folder / "wav" / "00001.wav").unlink()
    (folder / "wav" / "00002.mp3").touch()
    (tmp_path / "secret.wav").touch()
    (folder / "wav" / "00003.wav").unlink()
    (folder / "wav" / "00003.wav").symlink_to(tmp_path / "secret.wav")
    (folder / "wav" / "00004.wav").unlink()
    (folder / "wav" / "00004.wav").symlink_to(folder / "wav" / "00005.wav")
    corpus = read_corpus(folder, TASKS)
    assert {fault.clip_id: fault.reason for fault in corpus.faults} == {
        "00001": "missing",
        "00002": "ambiguous",
        "00003": "unsafe link",
    }
    assert len(corpus.clips) == 5


def test_a_stray_comma_shifts_no_label(tmp_path: Path) -> None:
    folder = make(tmp_path, [info_row(1, 1), info_row(2, 2)])
    info = folder / "data_info.csv"
    info.write_text(info.read_text().replace("[00002],", "[00002],,"))
    corpus = read_corpus(folder, TASKS)
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
    ],
)
def test_dialects_of_csv_read_alike(tmp_path: Path, change: Any) -> None:
    folder = make(tmp_path, [info_row(number, number) for number in range(5)])
    plain = read_corpus(folder, TASKS, "Country").clips
    info = folder / "data_info.csv"
    info.write_bytes(change(info.read_text()))
    pd.testing.assert_frame_equal(read_corpus(folder, TASKS, "Country").clips, plain)


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
        (b'File_ID,Subject_ID\n"1"x,2\n', "line 2 is not CSV"),
    ],
)
def test_a_file_that_cannot_be_used_is_one_sentence(tmp_path: Path, content: bytes, sentence: str) -> None:
    (tmp_path / "wav").mkdir()
    (tmp_path / "data_info.csv").write_bytes(content)
    with pytest.raises(UserError) as caught:
        read_corpus(tmp_path, TASKS)
    assert sentence in str(caught.value)
    assert "data_info.csv" in str(caught.value)


def test_missing_parts_of_a_corpus(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is no folder"):
        read_corpus(tmp_path / "nowhere", TASKS)
    with pytest.raises(UserError, match="does not exist"):
        read_corpus(tmp_path, TASKS)
    (tmp_path / "data_info.csv").mkdir()
    with pytest.raises(UserError, match="cannot be read"):
        read_corpus(tmp_path, TASKS)
    write_info(tmp_path / "b", [info_row(1, 1)])
    with pytest.raises(UserError, match="wav does not exist"):
        read_corpus(tmp_path / "b", TASKS)


def test_the_name_comes_from_params_corpus_json_or_the_folder(tmp_path: Path) -> None:
    folder = make(tmp_path, [info_row(1, 1)])
    (folder / "corpus.json").write_text(json.dumps({"name": "Voices", "synthetic": True}))
    assert read_corpus(folder, TASKS).name == "Voices"
    assert read_corpus(folder, TASKS).synthetic
    assert read_corpus(folder, TASKS, name="Mine").name == "Mine"
    (folder / "corpus.json").write_text("[")
    with pytest.raises(UserError, match="not a JSON object"):
        read_corpus(folder, TASKS)


def test_what_looks_wrong_is_said(tmp_path: Path) -> None:
    rows = [info_row(1, 1), info_row(2, 1, Country="China", Split="Test")]
    warnings = " ".join(read_corpus(make(tmp_path, rows, COLUMNS[:5]), TASKS, "Country").warnings)
    assert "task emotion: data_info.csv has no column " + ", ".join(EMOTIONS) in warnings
    assert "1 speakers have more than one Country" in warnings
    assert "1 speakers stand in more than one official split" in warnings


def test_a_clip_without_a_speaker_cannot_be_used_where_others_have_one(tmp_path: Path) -> None:
    corpus = read_corpus(make(tmp_path / "a", [info_row(1, 1), info_row(2, 1, Subject_ID="")]), TASKS)
    assert [(fault.clip_id, fault.reason) for fault in corpus.faults] == [("00002", "no speaker")]
    withheld = [info_row(1, 1), info_row(2, 9, Subject_ID="-1"), info_row(3, 9, Subject_ID="")]
    corpus = read_corpus(make(tmp_path / "b", withheld), TASKS)
    assert [row["Split"] for row in withheld] == ["Train", "Test", "Test"]
    assert corpus.clips["speaker"].isna().tolist() == [False, True, True]
    assert "2 clips have no Subject_ID" in " ".join(corpus.warnings)


def test_a_column_that_is_nearly_there_is_a_slip(tmp_path: Path) -> None:
    folder = make(tmp_path, [info_row(1, 1)])
    with pytest.raises(UserError, match=r"split\.balance names 'Contry', which .* it has 'Country'"):
        read_corpus(folder, {}, "Contry")
    with pytest.raises(UserError, match=r"tasks\.age\.columns names 'age', which .* it has 'Age'"):
        read_corpus(folder, {"age": Task("regression", ("age",), "mae")})
    for stranger in ("Page", "Countess"):
        assert read_corpus(folder, {"x": Task("regression", (stranger,), "mae")}).warnings
    assert "no column Dialect (split.balance)" in " ".join(read_corpus(folder, TASKS, "Dialect").warnings)


def test_minus_one_is_a_label_where_the_range_has_it(tmp_path: Path) -> None:
    folder = make(
        tmp_path, [info_row(number, number, Age=cell) for number, cell in enumerate(["-1", "-1.00", ""])]
    )
    for limits, labelled in ((None, 0), ((0.0, 120.0), 0), ((-1.0, 1.0), 2)):
        corpus = read_corpus(folder, {"valence": Task("regression", ("Age",), "ccc", range=limits)})
        assert corpus.clips["Age"].notna().sum() == labelled


def test_mostly_unusable_stops_with_an_example(tmp_path: Path) -> None:
    folder = make(tmp_path, [info_row(number, number, Age="x" if number else 3) for number in range(5)])
    corpus = read_corpus(folder, TASKS)
    with pytest.raises(UserError, match=r"4 of 5 clips cannot be used, 4 of them label is not a number"):
        refuse_if_mostly_unusable(corpus.faults, corpus.listed, folder)
