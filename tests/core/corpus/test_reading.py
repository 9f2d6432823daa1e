import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from stages.core.config.data import CorpusOptions
from stages.core.config.load import load
from stages.core.config.tasks import Task
from stages.core.corpus.info import clip_id_of
from stages.core.corpus.reading import Corpus, read_corpus, refuse_if_mostly_unusable
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


def read(
    folder: Path, tasks: Mapping[str, Task] = TASKS, balance: str | None = None, **options: Any
) -> Corpus:
    return read_corpus(CorpusOptions(str(folder), **options), tasks, balance)


def test_columns_are_found_by_name_and_zeros_stay(tmp_path: Path) -> None:
    folder = make(tmp_path, [info_row(12, 1), info_row(3, 2)], COLUMNS[::-1])
    corpus = read(folder, TASKS, "Country")
    assert list(corpus.clips["clip_id"]) == ["00003", "00012"]
    assert list(corpus.clips["Country"]) == ["United States", "South Africa"]
    assert list(corpus.clips["Age"]) == [22.0, 21.0]
    assert list(corpus.clips["source_split"]) == ["train", "train"]
    assert corpus.name == tmp_path.name
    assert not corpus.synthetic


@pytest.mark.parametrize("cell", ["", "nan", "-1", "-1.0", " NaN "])
def test_missing_labels_are_unlabelled(tmp_path: Path, cell: str) -> None:
    folder = make(tmp_path, [info_row(1, 1, Age=cell, Country=cell), info_row(2, 2)])
    clips = read(folder, TASKS, "Country").clips
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
    corpus = read(folder, TASKS, "Country")
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
    corpus = read(folder, TASKS)
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
        (b'File_ID,Subject_ID\n"1"x,2\n', "line 2 is not CSV"),
    ],
)
def test_a_file_that_cannot_be_used_is_one_sentence(tmp_path: Path, content: bytes, sentence: str) -> None:
    (tmp_path / "wav").mkdir()
    (tmp_path / "data_info.csv").write_bytes(content)
    with pytest.raises(UserError) as caught:
        read(tmp_path, TASKS)
    assert sentence in str(caught.value)
    assert "data_info.csv" in str(caught.value)


def test_missing_parts_of_a_corpus(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is no folder"):
        read(tmp_path / "nowhere", TASKS)
    with pytest.raises(UserError, match="does not exist"):
        read(tmp_path, TASKS)
    (tmp_path / "data_info.csv").mkdir()
    with pytest.raises(UserError, match="cannot be read"):
        read(tmp_path, TASKS)
    write_info(tmp_path / "b", [info_row(1, 1)])
    with pytest.raises(UserError, match="wav does not exist"):
        read(tmp_path / "b", TASKS)


def test_the_name_comes_from_params_corpus_json_or_the_folder(tmp_path: Path) -> None:
    folder = make(tmp_path, [info_row(1, 1)])
    (folder / "corpus.json").write_text(json.dumps({"name": "Voices", "synthetic": True}))
    assert read(folder, TASKS).name == "Voices"
    assert read(folder, TASKS).synthetic
    assert read(folder, TASKS, name="Mine").name == "Mine"
    (folder / "corpus.json").write_text("[")
    with pytest.raises(UserError, match="not a JSON object"):
        read(folder, TASKS)


def test_what_looks_wrong_is_said(tmp_path: Path) -> None:
    rows = [info_row(1, 1), info_row(2, 1, Country="China", Split="Test")]
    warnings = " ".join(read(make(tmp_path, rows, COLUMNS[:5]), TASKS, "Country").warnings)
    assert "task emotion: data_info.csv has no column " + ", ".join(EMOTIONS) in warnings
    assert "1 speakers have more than one Country" in warnings
    assert "1 speakers stand in more than one official split" in warnings


def test_a_clip_without_a_speaker_cannot_be_used_where_others_have_one(tmp_path: Path) -> None:
    corpus = read(make(tmp_path / "a", [info_row(1, 1), info_row(2, 1, Subject_ID="")]), TASKS)
    assert [(fault.clip_id, fault.reason) for fault in corpus.faults] == [("00002", "no speaker")]
    withheld = [info_row(1, 1), info_row(2, 9, Subject_ID="-1"), info_row(3, 9, Subject_ID="")]
    corpus = read(make(tmp_path / "b", withheld), TASKS)
    assert [row["Split"] for row in withheld] == ["Train", "Test", "Test"]
    assert corpus.clips["speaker"].isna().tolist() == [False, True, True]
    assert "2 clips have no Subject_ID" in " ".join(corpus.warnings)


def test_a_column_that_is_nearly_there_is_a_slip(tmp_path: Path) -> None:
    folder = make(tmp_path, [info_row(1, 1)])
    with pytest.raises(UserError, match=r"split\.balance names 'Contry', which .* it has 'Country'"):
        read(folder, {}, "Contry")
    with pytest.raises(UserError, match=r"tasks\.age\.columns names 'age', which .* it has 'Age'"):
        read(folder, {"age": Task("regression", ("age",), "mae")})
    with pytest.raises(UserError, match=r"split\.balance names 'Contry', which .* it has 'Country'"):
        read(folder, TASKS, "Contry")
    with pytest.raises(UserError, match=r"split\.folds names 'Contry', which .* it has 'Country'"):
        read_corpus(CorpusOptions(str(folder)), TASKS, "Contry", "split.folds")
    for stranger in ("Page", "Countess"):
        task = Task("regression", (stranger,), "mae")
        assert f"task x: data_info.csv has no column {stranger}" in " ".join(
            read(folder, {**TASKS, "x": task}).warnings
        )
    assert "no column Dialect (split.balance)" in " ".join(read(folder, TASKS, "Dialect").warnings)


def test_minus_one_is_a_label_where_the_range_has_it(tmp_path: Path) -> None:
    folder = make(
        tmp_path, [info_row(number, number, Age=cell) for number, cell in enumerate(["-1", "-1.00", ""])]
    )
    country = Task("classification", ("Country",), "uar")
    for limits, labelled in ((None, 0), ((0.0, 120.0), 0), ((-1.0, 1.0), 2)):
        tasks = {"country": country, "valence": Task("regression", ("Age",), "ccc", range=limits)}
        corpus = read(folder, tasks)
        assert corpus.clips["Age"].notna().sum() == labelled


def test_mostly_unusable_stops_with_an_example(tmp_path: Path) -> None:
    folder = make(tmp_path, [info_row(number, number, Age="x" if number else 3) for number in range(5)])
    corpus = read(folder, TASKS)
    with pytest.raises(UserError, match=r"4 of 5 clips cannot be used, 4 of them label is not a number"):
        refuse_if_mostly_unusable(corpus.faults, corpus.listed, folder)


def test_a_corpus_without_a_label_for_any_task_is_refused(tmp_path: Path) -> None:
    rows = [{"File_ID": "1", "Subject_ID": "a", "Valence": 1, "Arousal": 2}]
    folder = make(tmp_path, rows, ["File_ID", "Subject_ID", "Valence", "Arousal"])
    with pytest.raises(
        UserError, match=r"no label for any declared task; .* one of its columns \(Valence, Arousal\)\.$"
    ):
        read(folder)
    with pytest.raises(UserError, match=r"\(Subject_ID, Valence\)\.$"):
        read(folder, speaker="Arousal")
    valence = {"valence": Task("regression", ("Valence",), "ccc")}
    corpus = read(folder, valence)
    assert corpus.notes == ["columns that no task uses: Arousal; to learn them, declare a task"]
    assert not corpus.warnings


@pytest.mark.parametrize("limits", [None, (0.0, 9.0)])
def test_ratings_beyond_the_reach_of_a_sigmoid_are_refused(
    tmp_path: Path, limits: tuple[float, float] | None
) -> None:
    folder = make(tmp_path, [info_row(number, number, Age=1 + number % 7) for number in range(7)])
    task = Task("regression", ("Age",), "ccc", output="sigmoid", range=limits)
    with pytest.raises(
        UserError, match=r"labels of task mood reach from 1 to 7, but output: sigmoid reaches"
    ):
        read(folder, {"mood": task})
    assert read(folder, {"mood": replace(task, output="linear")}).clips["Age"].max() == 7


def test_columns_may_have_the_names_of_ours(tmp_path: Path) -> None:
    names = ["clip_id", "speaker", "speaker_", "seconds", "source_split", "split", "source_rate", "a.b"]
    rows = [info_row(1, 1) | dict.fromkeys(names, 7), info_row(2, 2) | dict.fromkeys(names, 8)]
    tasks = {f"t{index}": Task("classification", (name,), "uar") for index, name in enumerate(names)}
    clips = read(make(tmp_path, rows, [*COLUMNS, *names]), tasks, "speaker").clips
    assert clips["speaker"].tolist() == ["S1", "S2"]
    assert clips["source_split"].tolist() == ["train", "train"]
    for task in tasks.values():
        assert clips[task.label_columns[0]].tolist() == ["7", "8"]


def test_words_that_look_missing(tmp_path: Path) -> None:
    words = ["NA", "N/A", "None", "n/a", "?", "null", "China"]
    rows = [
        info_row(index, index, Country=word, Age="N/A" if index % 3 else 30)
        for index, word in enumerate(words)
    ]
    rows += [info_row(8, 8, Subject_ID="NA")]
    corpus = read(make(tmp_path, rows), TASKS, "Country")
    assert not corpus.faults
    assert corpus.clips["Country"].dropna().tolist() == ["NA", "China", "China"]
    assert corpus.clips["Age"].notna().sum() == 4
    assert corpus.clips["speaker"].tolist()[-1] == "NA"
    warnings = " ".join(corpus.warnings)
    assert "Country is 'NA' in 1 clips; if that means missing, add it to corpus.missing" in warnings
    assert "Subject_ID is 'NA' in 1 clips; if that" in warnings
    assert "Country is 'N/A' in 1 clips, which counts as missing (corpus.missing)" in warnings
    listed = read(tmp_path, TASKS, "Country", missing=("NA",)).clips["Country"]
    assert listed.isna().tolist() == [True, *[False] * 7]


def test_spellings_of_one_class(tmp_path: Path) -> None:
    words = ["United States", "united states", "United  States", "M\u00e9xico", "Me\u0301xico", "China"]
    rows = [info_row(index, index, Country=word) for index, word in enumerate(words)]
    corpus = read(make(tmp_path, rows), TASKS, "Country")
    assert corpus.clips["Country"].nunique() == 5
    assert corpus.warnings == [
        "Country has the classes 'United  States' and 'United States' and 'united states', "
        "which differ in case or blanks alone"
    ]


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


def test_a_header_in_another_spelling_is_named(tmp_path: Path) -> None:
    (tmp_path / "data_info.csv").write_text("file_id,Subject_ID\n1,a\n")
    with pytest.raises(UserError, match="has no column File_ID; rename 'file_id'"):
        read(tmp_path)


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


def test_decimal_commas_are_those_of_a_file(tmp_path: Path) -> None:
    two = TWO_ROWS.replace(",", ";").replace("0.", "0,")
    corpus = read_several(several(tmp_path, two, TYPE_ROWS.replace(";", ",")))
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
        UserError, match=r"two\.csv and .*type\.csv has no column Subject_ID; .* corpus\.speaker"
    ):
        read_several(folder, speaker="Subject_ID")
    with pytest.raises(UserError, match=r"wav does not exist; .* corpus\.audio"):
        read_several(folder, audio="wav")
    task = {"affect": Task("regression", ("valence",), "ccc")}
    with pytest.raises(
        UserError, match=r"which labels/two\.csv and labels/type\.csv does not have; it has 'Valence'"
    ):
        read(folder, task, labels=(TWO, TYPE), audio="audio/wav", speaker=None)
