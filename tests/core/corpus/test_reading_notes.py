from pathlib import Path

import numpy as np
import pytest

from stages.core.config.tasks import Task
from tests.helpers.corpora import COLUMNS, EMOTIONS, info_row
from tests.helpers.label_files import TASKS, make, read


def test_what_looks_wrong_is_said(tmp_path: Path) -> None:
    rows = [info_row(1, 1), info_row(2, 1, Country="China", Split="Test")]
    warnings = " ".join(read(make(tmp_path, rows, COLUMNS[:5]), TASKS, "Country").warnings)
    assert "task emotion: data_info.csv has no column " + ", ".join(EMOTIONS) in warnings
    assert "1 speakers have more than one Country" in warnings
    assert "1 speakers stand in more than one official split" in warnings


def test_all_that_looks_wrong_in_its_order(tmp_path: Path) -> None:
    lines = """File_ID,Split,Who,Country,Kind,Age
        1,Train,Ann,China,cry,20
        2,Train,Ann,Peru,Cry,21
        3,Val,Ann,China,cry,22
        4,Train,ann,China,laugh,23
        5,Val,Bob,Peru,n/a,24
        6,Val,Bob,?,sob,25
        7,Train,unknown,China,N/A,26
        8,Train,unknown,Chad,none,27
        9,Test,nobody,China,cry,28
        10,Test,,China,cry,29
        11,Test,,Chad,cry,30
        12,Train,Eve,Chad,NA,31"""
    make(tmp_path, [{"File_ID": str(number)} for number in range(1, 13)])
    (tmp_path / "data_info.csv").write_text(lines.replace(" " * 8, ""))
    tasks = {
        "mood": Task("regression", ("Calm", "Age", "Glad"), "ccc"),
        "kind": Task("classification", ("Kind",), "uar"),
    }
    corpus = read(tmp_path, tasks, "Country", speaker="Who", missing=("Nobody", "N/A", "?"))
    counts, ask = (
        "which counts as missing (corpus.missing)",
        "if that means missing, add it to corpus.missing",
    )
    assert corpus.warnings == [
        "task mood: data_info.csv has no column Calm, Glad, so no clip is labelled for it",
        "3 clips have no Who; each counts as a speaker of its own",
        "2 speakers have more than one Country",
        "1 speakers stand in more than one official split",
        f"Who is 'nobody' in 1 clips, {counts}",
        f"Who is 'unknown' in 2 clips; {ask}",
        f"Country is '?' in 1 clips, {counts}",
        f"Kind is 'N/A' in 1 clips, {counts}",
        f"Kind is 'NA' in 1 clips; {ask}",
        f"Kind is 'n/a' in 1 clips, {counts}",
        f"Kind is 'none' in 1 clips; {ask}",
        "1 speakers in Who differ from another in case, blanks, marks or the form of letters and numbers "
        "alone; if they are one, spell them alike, or they may be in two splits",
        "Kind has the classes 'Cry' and 'cry', which differ in case or blanks alone",
    ]
    assert not corpus.faults and len(corpus.clips) == 12


def test_columns_that_nobody_uses_are_named_up_to_five(tmp_path: Path) -> None:
    names = [f"c{number}" for number in range(7)]
    said = {}
    for number in (1, 5, 6, 7):
        folder = make(tmp_path / str(number), [info_row(1, 1)], [*COLUMNS, *names[:number], ""])
        said[number] = read(folder, TASKS, "Country").notes
    ask = "to learn them, declare a task"
    assert said == {
        1: [f"columns that no task uses: c0; {ask}"],
        5: [f"columns that no task uses: c0, c1, c2, c3, c4; {ask}"],
        6: [f"columns that no task uses: c0, c1, c2, c3, c4 and 1 more; {ask}"],
        7: [f"columns that no task uses: c0, c1, c2, c3, c4 and 2 more; {ask}"],
    }


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


@pytest.mark.parametrize(
    ("classes", "said"),
    [(["-1", "0", "1.0", "-1.0"], True), (["-1", "Peru", "1", "-1"], False), (["1", "0", "", "nan"], False)],
)
def test_minus_one_among_classes_that_are_numbers_is_said(
    tmp_path: Path, classes: list[str], said: bool
) -> None:
    rows = [info_row(index, index, Country=name) for index, name in enumerate(classes)]
    corpus = read(make(tmp_path, rows), TASKS, "Country")
    assert corpus.clips["Country"].isna().tolist() == [name in ("-1", "-1.0", "", "nan") for name in classes]
    expected = (
        "Country is -1 in 2 clips, which counts as missing beside its other numbers; if it is a class, "
        "write a word for it"
    )
    assert (expected in corpus.warnings) == said
    assert any("-1" in warning for warning in corpus.warnings) == said


@pytest.mark.parametrize(
    ("labels", "limits", "found", "said"),
    [
        (["-3", "-1", "2", "-1.0"], None, [-3, None, 2, None], True),
        (["-3", "-1", "2", "-1.0"], (-3, 3), [-3, -1, 2, -1], False),
        (["3", "-1", "2", "-1.0"], None, [3, None, 2, None], False),
        (["-3", "-2", "2", ""], None, [-3, -2, 2, None], False),
    ],
)
def test_minus_one_among_negative_labels_is_said(
    tmp_path: Path,
    labels: list[str],
    limits: tuple[float, float] | None,
    found: list[float | None],
    said: bool,
) -> None:
    make(tmp_path, [info_row(number, number) for number in range(4)])
    rows = "".join(f"{number:05d},S{number},{label}\n" for number, label in enumerate(labels))
    (tmp_path / "data_info.csv").write_text(f"File_ID,Subject_ID,Valence\n{rows}")
    corpus = read(tmp_path, {"affect": Task("regression", ("Valence",), "ccc", range=limits)})
    values = corpus.clips["Valence"]
    assert [None if np.isnan(value) else value for value in values] == found
    expected = (
        "Valence is -1 in 2 clips, which counts as missing beside its other negative numbers; if it is a "
        "label, set tasks.affect.range to one that includes it"
    )
    assert (expected in corpus.warnings) == said
    assert any("-1" in warning for warning in corpus.warnings) == said


def test_spellings_of_one_class(tmp_path: Path) -> None:
    words = ["United States", "united states", "United  States", "M\u00e9xico", "Me\u0301xico", "China"]
    rows = [info_row(index, index, Country=word) for index, word in enumerate(words)]
    corpus = read(make(tmp_path, rows), TASKS, "Country")
    assert corpus.clips["Country"].nunique() == 5
    assert corpus.warnings == [
        "Country has the classes 'United  States' and 'United States' and 'united states', "
        "which differ in case or blanks alone"
    ]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("M\u00e9xico", "Mexico"),
        ("1", "1.0"),
        ("1", "01"),
        ("a-b", "a_b"),
        ("\uff23hina", "China"),
        ("a.", "A"),
    ],
)
def test_forms_of_one_class(tmp_path: Path, one: str, other: str) -> None:
    rows = [info_row(index, index, Country=word) for index, word in enumerate([one, other, "Peru", "+", "-"])]
    warnings = [said for said in read(make(tmp_path, rows), TASKS, "Country").warnings if "classes" in said]
    first, second = sorted([one, other])
    assert warnings == [
        f"Country has the classes {first!r} and {second!r}, which differ in case, blanks, marks or the form "
        "of letters and numbers alone"
    ]


def test_spellings_of_one_speaker_are_counted_and_not_named(tmp_path: Path) -> None:
    rows = [
        info_row(index, index, Subject_ID=name) for index, name in enumerate(["Ann", "ann", "ann ", "Bob"])
    ]
    corpus = read(make(tmp_path, rows), TASKS)
    assert corpus.clips["speaker"].nunique() == 3
    [said] = [said for said in corpus.warnings if "spell" in said]
    assert said.startswith("1 speakers in Subject_ID differ from another in case")
    assert "nn" not in said.replace("spell", "").replace("another", "")


def test_a_split_in_another_spelling_is_named(tmp_path: Path) -> None:
    folder = make(tmp_path, [info_row(1, 1), info_row(2, 2)])
    assert not any("call it Split" in said for said in read(folder, TASKS).warnings)
    info = folder / "data_info.csv"
    info.write_text(info.read_text().replace("Split", "split", 1))
    said = "data_info.csv has a column 'split', which is not read; if it is the official split, call it Split"
    assert said in read(folder, TASKS).warnings
