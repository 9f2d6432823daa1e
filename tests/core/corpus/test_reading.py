import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

from stages.core.config.data import CorpusOptions
from stages.core.config.tasks import Task
from stages.core.corpus.reading import duplicates, read_corpus, refuse_if_mostly_unusable
from stages.core.runtime.errors import UserError
from tests.helpers.corpora import COLUMNS, EMOTIONS, info_row, write_info
from tests.helpers.label_files import TASKS, make, read


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
        ({"Age": "200"}, "label out of range", "Age is 200, outside 0 to 120"),
        ({"Awe": "inf"}, "label out of range", "Awe is inf, outside 0 to 100"),
        ({"Fear": "-3"}, "label out of range", "Fear is -3, outside 0 to 100"),
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
    with pytest.raises(UserError, match=r"split\.balance names 'Contry', but data_info\.csv has 'Country'"):
        read(folder, {}, "Contry")
    with pytest.raises(UserError, match=r"tasks\.age\.columns names 'age', but data_info\.csv has 'Age'"):
        read(folder, {"age": Task("regression", ("age",), "mae")})
    with pytest.raises(UserError, match=r"split\.balance names 'Contry', but data_info\.csv has 'Country'"):
        read(folder, TASKS, "Contry")
    with pytest.raises(
        UserError, match=r"split\.folds names 'Contry', but data_info\.csv has 'Country' instead"
    ):
        read_corpus(CorpusOptions(str(folder)), TASKS, "Contry", "split.folds")
    moods = make(
        tmp_path / "m", [{"File_ID": 1, "Subject_ID": 1, "Mood": 5}], ["File_ID", "Subject_ID", "Mood"]
    )
    with pytest.raises(
        UserError, match=r"^tasks\.x\.columns names 'Moods', but data_info\.csv has 'Mood' inst"
    ):
        read(moods, {"x": Task("regression", ("Moods",), "mae")})
    both = {name: Task("regression", (column,), "mae") for name, column in (("x", "Moods"), ("y", "Mood"))}
    assert "task x: data_info.csv has no column Moods" in " ".join(read(moods, both).warnings)
    moody = make(tmp_path / "moody", [info_row(1, 1) | {"Moody": 5}], [*COLUMNS, "Moody"])
    short = {**TASKS, "x": Task("regression", ("Mood",), "mae")}
    assert "task x: data_info.csv has no column Mood" in " ".join(read(moody, short).warnings)
    for stranger in ("Page", "Countess"):
        task = Task("regression", (stranger,), "mae")
        assert f"task x: data_info.csv has no column {stranger}" in " ".join(
            read(folder, {**TASKS, "x": task}).warnings
        )
    paged = make(
        tmp_path / "paged", [info_row(1, 1) | {"Page": 3}], ["File_ID", "Subject_ID", "Country", "Page"]
    )
    assert "task age: data_info.csv has no column Age" in " ".join(read(paged, TASKS).warnings)
    assert "no column Dialect (split.balance)" in " ".join(read(folder, TASKS, "Dialect").warnings)
    by_fold = read_corpus(CorpusOptions(str(folder)), TASKS, "Dialect", "split.folds")
    assert "no column Dialect (split.folds)" in " ".join(by_fold.warnings)


def test_minus_one_is_a_label_where_the_range_has_it(tmp_path: Path) -> None:
    folder = make(
        tmp_path, [info_row(number, number, Age=cell) for number, cell in enumerate(["-1", "-1.00", ""])]
    )
    country = Task("classification", ("Country",), "uar")
    for limits, labelled in ((None, 0), ((0.0, 120.0), 0), ((-1.0, 1.0), 2)):
        tasks = {"country": country, "valence": Task("regression", ("Age",), "ccc", range=limits)}
        corpus = read(folder, tasks)
        assert corpus.clips["Age"].notna().sum() == labelled


@pytest.mark.parametrize("cell", ["inf", "-inf", "1e999"])
def test_no_number_is_infinite(tmp_path: Path, cell: str) -> None:
    folder = make(tmp_path, [info_row(1, 1), info_row(2, 2, Age=cell)])
    [fault] = read(folder, {"age": Task("regression", ("Age",), "mae")}).faults
    assert fault.detail == f"data_info.csv line 3: Age is {cell}"


def test_limits_are_believed_themselves(tmp_path: Path) -> None:
    cells = ["17.5", "90", "17.4", "90.1"]
    folder = make(tmp_path, [info_row(number, number, Age=cell) for number, cell in enumerate(cells)])
    corpus = read(folder, {"age": Task("regression", ("Age",), "mae", range=(17.5, 90))})
    assert corpus.clips["Age"].tolist() == [17.5, 90.0]
    assert [fault.detail for fault in corpus.faults] == [
        "data_info.csv line 4: Age is 17.4, outside 17.5 to 90",
        "data_info.csv line 5: Age is 90.1, outside 17.5 to 90",
    ]


def test_the_whole_table(tmp_path: Path) -> None:
    """Rows out of order, several columns of text and of numbers, and splits in all their spellings."""
    splits = ["Train", "TRAINING", "Val", "Validation", "dev", "Devel", "Test", "Held out", ""]
    texts = ["Zone", "Mood", "City", "Accent", "Kind"]
    rows = [
        {"File_ID": f"[{9 - place:02d}]", "Split": split, "Who": f"w{place}", "Valence": place / 8}
        | {"Age": 20 + place}
        | {name: f"{name} {place}" for name in texts}
        for place, split in enumerate(splits)
    ]
    make(
        tmp_path,
        rows,
        ["Zone", "Age", "Split", "File_ID", "Mood", "City", "Who", "Accent", "Kind", "Valence"],
    )
    tasks = {name.lower(): Task("classification", (name,), "uar") for name in texts[:4]}
    tasks |= {"both": Task("regression", ("Valence", "Age"), "ccc")}
    corpus = read(tmp_path, tasks, "Kind", speaker="Who")
    expected = {
        "clip_id": [f"{number:02d}" for number in range(1, 10)],
        "speaker": [f"w{place}" for place in range(8, -1, -1)],
        "Valence": [place / 8 for place in range(8, -1, -1)],
        "Age": [20.0 + place for place in range(8, -1, -1)],
        **{name: [f"{name} {place}" for place in range(8, -1, -1)] for name in sorted(texts)},
        "source_split": [None, "Held out", "test", *["validation"] * 4, "train", "train"],
    }
    assert list(corpus.clips.columns) == list(expected)
    assert corpus.clips.index.tolist() == list(range(9))
    for name, values in expected.items():
        found = corpus.clips[name].astype(object)
        assert found.where(found.notna(), None).tolist() == values, name
    assert list(corpus.paths.items()) == [
        (f"{number:02d}", tmp_path / f"wav/{number:02d}.wav") for number in range(9, 0, -1)
    ]
    assert (corpus.listed, corpus.faults, corpus.warnings, corpus.notes) == (9, [], [], [])


def test_a_corpus_of_faults_or_without_tasks_is_read(tmp_path: Path) -> None:
    folder = make(tmp_path, [info_row(number, number, Age="old") for number in range(3)])
    corpus = read(folder, TASKS, "Country")
    assert (len(corpus.clips), len(corpus.faults), len(corpus.paths), corpus.listed) == (0, 3, 0, 3)
    assert list(corpus.clips.columns) == ["clip_id", "speaker", *EMOTIONS, "Age", "Country", "source_split"]
    assert len(read(folder, {}).clips) == 3


def test_half_of_a_corpus_is_enough(tmp_path: Path) -> None:
    cells = [3, "x", "x", 200, 5, 7]
    corpus = read(make(tmp_path, [info_row(n, n, Age=cell) for n, cell in enumerate(cells)]), TASKS)
    assert len(corpus.faults) == 3
    refuse_if_mostly_unusable(corpus.faults, 6, tmp_path)
    with pytest.raises(UserError) as caught:
        refuse_if_mostly_unusable(corpus.faults, 5, tmp_path)
    assert str(caught.value) == (
        f"{tmp_path}: 3 of 5 clips cannot be used, 2 of them label is not a number (for example 00001: "
        "data_info.csv line 3: Age is 'x'); correct these, or leave them out."
    )


def test_recordings_of_the_same_bytes(tmp_path: Path) -> None:
    corpus = read(make(tmp_path, [info_row(number, number) for number in reversed(range(9))]), TASKS)
    contents = ["bb", "aa", "ccc", "bb", "dd", "aa", "bb", "e", "ccd"]
    for number, content in enumerate(contents):
        (tmp_path / f"wav/{number:05d}.wav").write_text(content)
    assert duplicates(corpus) == [["00000", "00003", "00006"], ["00001", "00005"]]
    (tmp_path / "wav/00003.wav").unlink()
    (tmp_path / "wav/00005.wav").unlink()
    assert duplicates(corpus) == [["00000", "00006"]]


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
    halves = [
        {"File_ID": n, "Subject_ID": n, "Valence": n % 2 or "", "Arousal": "" if n % 2 else 1} for n in (1, 2)
    ]
    half = make(tmp_path / "half", halves, ["File_ID", "Subject_ID", "Valence", "Arousal"])
    with pytest.raises(UserError, match="has no label for any declared task"):
        read(half, {"two": Task("regression", ("Valence", "Arousal"), "ccc")})
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
    numbers = {name: Task("regression", task.columns, "mae") for name, task in tasks.items()}
    clips = read(tmp_path, numbers).clips
    for task in numbers.values():
        assert clips[task.label_columns[0]].tolist() == [7.0, 8.0]


def test_what_is_not_seen_makes_no_class(tmp_path: Path) -> None:
    words = ["China", "China\u200b", "\ufeffChina", " \u200e China", "\u200b", "\xa0"]
    rows = [info_row(index, index, Country=word) for index, word in enumerate(words)]
    assert read(make(tmp_path, rows), TASKS, "Country").clips["Country"].fillna("-").tolist() == [
        *["China"] * 4,
        *["-"] * 2,
    ]


def test_words_and_signs_in_columns_of_numbers(tmp_path: Path) -> None:
    cells = {"\u22121": None, "\u2014": None, "#REF!": None, "not known": None, "+30": 30.0, "3e1": 30.0}
    rows = [info_row(index, index, Age=cell) for index, cell in enumerate(cells)]
    ages = read(make(tmp_path, rows), TASKS).clips["Age"]
    assert [None if math.isnan(age) else age for age in ages] == list(cells.values())
    rows = [info_row(0, 0), info_row(1, 1, Age="2_5")]
    [fault] = read(make(tmp_path / "b", rows), TASKS).faults
    assert fault.detail == "data_info.csv line 3: Age is '2_5'"
