from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from stages.core.bags.codebook import Activity, Codebook, Counting, Scaling
from stages.core.bags.codebook_file import (
    from_text,
    java_text,
    load_codebook,
    of_columns,
    read_codebook,
    to_text,
    write_codebook,
)
from stages.core.runtime.errors import StageFileError, UserError
from tests.helpers import openxbow
from tests.helpers.codebooks import codebook_of
from tests.helpers.openxbow import needs_openxbow

TAGS = sorted({command.tag for command in openxbow.commands()})
SMALL = "log\ncodebookNumeric\n2;3;1;0.0;0.0\n1.0;2.0;3.0\n4.0;5.0;6.0\n"


@needs_openxbow
@pytest.mark.parametrize("tag", TAGS)
def test_openxbows_files_are_read_and_written_to_the_byte(tag: str, tmp_path: Path) -> None:
    text = openxbow.text(f"cb_{tag}.txt")
    assert to_text(from_text(text)) == text
    write_codebook(tmp_path / "again.txt", openxbow.codebook(tag))
    assert (tmp_path / "again.txt").read_text() == text


finite = st.floats(width=32, allow_nan=False, allow_infinity=False, allow_subnormal=False)
above = st.floats(0.5, 2.0**99, width=32)


def scalings(width: int) -> st.SearchStrategy[Scaling | None]:
    some = st.builds(
        Scaling,
        st.sampled_from(["standardize", "normalize"]),
        hnp.arrays(np.float32, width, elements=finite),
        hnp.arrays(np.float32, width, elements=above),
    )
    return st.none() | some


@settings(max_examples=50, deadline=None)
@given(
    first=hnp.arrays(np.float32, (3, 2), elements=finite),
    second=hnp.arrays(np.float32, (2, 4), elements=finite),
    idf=st.none() | hnp.arrays(np.float32, 5, elements=finite),
    log=st.booleans(),
    before=scalings(6),
    after=scalings(5),
    counting=st.tuples(*[st.builds(Counting, st.integers(1, 2), above, above)] * 2),
    activity=st.none() | st.builds(Activity, st.integers(0, 5), finite),
)
def test_what_is_written_is_read(
    first: np.ndarray,
    second: np.ndarray,
    idf: np.ndarray | None,
    log: bool,
    before: Scaling | None,
    after: Scaling | None,
    counting: tuple[Counting, Counting],
    activity: Activity | None,
) -> None:
    codebook = Codebook((first, second), counting, log, before, idf, after, activity)
    again = from_text(to_text(codebook))
    assert (again.counting, again.log, again.activity) == (counting, log, activity)
    for one, other in zip(codebook.words, again.words, strict=True):
        assert one.tobytes() == other.tobytes()
    assert to_text(again) == to_text(codebook)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"holds no words"),
        ("hello\n", r"line 1: 'hello' is no section"),
        (SMALL.replace("log", "normalizeOutput"), r"line 2: an offset for each column expected"),
        (SMALL.replace("2;3;1", "3;3;1"), r"line 6: a word expected"),
        (SMALL.replace("2;3;1", "2;4;1"), r"line 4: 4 numbers expected \(a word\), but there are 3"),
        (SMALL.replace("5.0", "NaN"), r"line 5: a word should be finite"),
        (SMALL.replace("5.0", "five"), r"line 5: a word expected"),
        (SMALL.replace("2;3;1", "2;3;0"), r"line 3: 0 assignments, but .* at least 1 and at most 2 words"),
        (SMALL.replace("2;3;1", "2;3;-3"), r"line 3: -3 assignments"),
        (SMALL.replace("2;3;1", "2;3;1000000000"), r"line 3: 1000000000 assignments"),
        (SMALL.replace("2;3;1", "2;3;1.5"), r"line 3: words;columns;assignments;gaussian;off expected"),
        (SMALL.replace("0.0;0.0", "-1.0;0.0"), r"line 3: gaussian and off should be 0 or above"),
        (SMALL.replace("0.0;0.0", "0.0;NaN"), r"line 3: gaussian and off"),
        (SMALL.replace("0.0;0.0", "0.0"), r"line 3: words;columns"),
        (SMALL.replace("2;3;1", "0;3;1"), r"line 3: 0 words of 3 columns are no codebook"),
        (SMALL.replace("2;3;1", "2000000000;3;1"), r"2000000000 words"),
        ("codebookNumericNGram\n" + SMALL, r"line 1: codebookNumericNGram is not supported"),
        ("codebookText\n" + SMALL, r"line 1: codebookText is not supported"),
        ("numericBigram\n" + SMALL, r"line 1: 'numericBigram' is no section"),
        ("idf\n1.0\n" + SMALL, r"its idf has 1 numbers for 2 words"),
        ("standardizeOutput\n1.0\n1.0\n" + SMALL, r"its output scaling has 1 numbers for 2 words"),
        ("standardizeInput\n0.0\n0.0\n" + SMALL, r"line 3: a divisor should be above 0"),
        ("standardizeInput\n0.0\nNaN\n" + SMALL, r"line 3: a divisor for each column should be finite"),
        ("standardizeInput\nInfinity\n1.0\n" + SMALL, r"line 2: an offset should be finite"),
        ("standardizeInput\n0.0\n1.0\nnormalizeInput\n0.0\n1.0\n" + SMALL, r"line 4: .* another scaling"),
        ("removeLowEnergy;0;1.0\n" + SMALL, r"line 1: removeLowEnergy takes a column from 1 on"),
        ("removeLowEnergy;3\n" + SMALL, r"line 1: removeLowEnergy;column;threshold expected"),
        ("idf\n1.0;1.0\nidf\n2.0;2.0\n" + SMALL, r"line 3: a second idf; a codebook has one at most"),
        ("removeLowEnergy;3;1.0\nremoveLowEnergy;4;1.0\n" + SMALL, r"line 2: a second removeLowEnergy"),
        ("log\n" + SMALL, r"line 2: a second log"),
        ("standardizeInput\n0.0", r"line 3: a divisor for each column expected"),
    ],
)
def test_other_files_are_refused(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "codebook.txt").write_text(text)
    with pytest.raises(UserError, match=r"codebook\.txt.*" + message):
        load_codebook(tmp_path / "codebook.txt")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(StageFileError, match="does not exist"):
        read_codebook(tmp_path / "codebook.txt", 3)
    with pytest.raises(UserError, match="is no file"):
        load_codebook(tmp_path / "codebook.txt")
    write_codebook(tmp_path / "codebook.txt", from_text(SMALL))
    assert (tmp_path / "codebook.txt").read_text() == SMALL


def test_name_and_time_lead_the_columns(tmp_path: Path) -> None:
    path, words = tmp_path / "a.txt", np.zeros((2, 3), np.float32)
    scaling = Scaling("normalize", np.arange(3, dtype=np.float32), np.ones(3, np.float32))
    write_codebook(path, codebook_of([words], 1, input=scaling, activity=Activity(1, 0.5)))
    lines = path.read_text().splitlines()
    assert lines[:3] == ["removeLowEnergy;4;0.5", "normalizeInput", "Infinity;Infinity;0.0;1.0;2.0"]
    again = read_codebook(path, 3)
    assert again.activity == Activity(1, 0.5)
    assert again.input is not None
    assert again.input.offset.tolist() == [0, 1, 2]
    with pytest.raises(UserError, match="scales 5 columns, but name, time and descriptors are 6"):
        read_codebook(path, 4)
    with pytest.raises(UserError, match="scales 5 columns, but name, time and descriptors are 4"):
        read_codebook(path, 2)
    path.write_text(path.read_text().replace("Infinity;Infinity", "Infinity;1.0"))
    with pytest.raises(UserError, match="scales the first two columns"):
        read_codebook(path, 3)
    path.write_text(path.read_text().replace("Infinity;1.0;0.0", "Infinity;Infinity;Infinity"))
    with pytest.raises(UserError, match="gives no minimum for a column"):
        read_codebook(path, 3)
    path.write_text("removeLowEnergy;2;0.5\n" + SMALL)
    with pytest.raises(UserError, match="removes frames by column 2"):
        read_codebook(path, 3)


def test_a_whole_file(tmp_path: Path) -> None:
    """Each number of it differs from all others."""
    numbers = np.arange(1, 100, dtype=np.float32)
    codebook = Codebook(
        (numbers[:6].reshape(2, 3), numbers[6:9].reshape(3, 1)),
        (Counting(2, 0.5, 0.25), Counting(3, 0.0, 4.0)),
        log=True,
        input=Scaling("standardize", numbers[10:14] / 8, numbers[20:24]),
        idf=numbers[30:35],
        output=Scaling("normalize", numbers[40:45], numbers[50:55]),
        activity=Activity(2, -0.125),
    )
    write_codebook(tmp_path / "a.txt", codebook)
    assert (tmp_path / "a.txt").read_text().splitlines() == [
        "removeLowEnergy;5;-0.125",
        "standardizeInput",
        "0.0;0.0;1.375;1.5;1.625;1.75",
        "1.0;1.0;21.0;22.0;23.0;24.0",
        "log",
        "idf",
        "31.0;32.0;33.0;34.0;35.0",
        "normalizeOutput",
        "41.0;42.0;43.0;44.0;45.0",
        "51.0;52.0;53.0;54.0;55.0",
        "codebookNumeric",
        "2;3;2;0.5;0.25",
        "1.0;2.0;3.0",
        "4.0;5.0;6.0",
        "codebookNumeric",
        "3;1;3;0.0;4.0",
        "7.0",
        "8.0",
        "9.0",
    ]
    again = read_codebook(tmp_path / "a.txt", 4)
    assert to_text(again) == to_text(codebook)
    assert (again.activity, again.counting, again.log) == (codebook.activity, codebook.counting, True)
    assert again.input is not None and again.input.offset.tolist() == [1.375, 1.5, 1.625, 1.75]


def test_the_codebook_of_some_columns() -> None:
    scaling = Scaling(
        "normalize", np.array([np.inf, 1, 2, 3], np.float32), np.array([1, 5, 6, 7], np.float32)
    )
    whole = Codebook((np.zeros((1, 2), np.float32),), (Counting(),), input=scaling, activity=Activity(3, 1.5))
    found = of_columns(whole, np.array([1, 3]), "a.txt")
    assert found.input is not None
    assert (found.input.offset.tolist(), found.input.divisor.tolist()) == ([1, 3], [5, 7])
    assert found.activity == Activity(1, 1.5)
    for columns, message in (
        ([1, 4], r"^a\.txt scales 4 columns, fewer than the table has\.$"),
        ([0, 3], r"^a\.txt gives no minimum for a column that holds numbers in this table\.$"),
        ([1, 2], r"^a\.txt removes frames by column 4, which holds no descriptor\.$"),
    ):
        with pytest.raises(UserError, match=message):
            of_columns(whole, np.array(columns), "a.txt")


@pytest.mark.parametrize("divisor", ["1.0;2.0", "2.0;1.0"])
@pytest.mark.parametrize("method", ["standardize", "normalize"])
def test_a_scaled_name_or_time_is_refused(method: str, divisor: str, tmp_path: Path) -> None:
    offset = "0.0;0.0" if method == "standardize" else "Infinity;Infinity"
    text = f"{method}Input\n{offset};1.0;2.0;3.0\n{divisor};1.0;1.0;1.0\n" + SMALL
    (tmp_path / "a.txt").write_text(text)
    with pytest.raises(
        UserError, match=r"a\.txt scales the first two columns of its table, which are no name"
    ):
        read_codebook(tmp_path / "a.txt", 3)


def test_limits_of_a_file(tmp_path: Path) -> None:
    found = from_text(SMALL.replace("2;3;1;0.0;0.0", "2;3;2;1.0E-3;5.0"))
    assert found.counting == (Counting(2, float(np.float32(1e-3)), 5.0),)
    assert from_text("removeLowEnergy;1;0.0\n" + SMALL).activity == Activity(0, 0.0)
    for text, message in (
        (
            SMALL.replace("2;3;1", "2;3;3"),
            "line 3: 3 assignments, but a frame counts at least 1 and at most 2",
        ),
        (SMALL.replace("0.0;0.0", "0.0;-1.0"), "line 3: gaussian and off should be 0 or above"),
        (SMALL.replace("0.0;0.0", "Infinity;0.0"), "line 3: gaussian and off should be 0 or above"),
        (
            "removeLowEnergy;1;Infinity\n" + SMALL,
            "line 1: removeLowEnergy takes a column from 1 on and a finite",
        ),
        ("removeLowEnergy;1000001;1.0\n" + SMALL, "line 1: removeLowEnergy takes a column"),
        ("normalizeInput\n-Infinity\n1.0\n" + SMALL, "line 2: an offset should be finite"),
        ("normalizeInput\n0.0;1.0\n1.0\n" + SMALL, r"line 3: 2 numbers expected \(a divisor for each"),
        ("standardizeInput\n0.0\n-1.0\n" + SMALL, "line 3: a divisor should be above 0"),
        ("idf\nNaN;1.0\n" + SMALL, "line 2: an idf factor for each word should be finite"),
        ("x" * 50 + "\n" + SMALL, f"line 1: '{'x' * 40}' is no section"),
        (SMALL + "\n", "line 6: '' is no section"),
    ):
        with pytest.raises(UserError, match=message):
            from_text(text)
    (tmp_path / "a.txt").write_bytes(b"log\n\xff")
    with pytest.raises(UserError, match=r"a\.txt is not a numeric codebook in openXBOW's text format"):
        load_codebook(tmp_path / "a.txt")
    with pytest.raises(UserError, match="is no file"):
        load_codebook(tmp_path)


def test_numbers_are_javas() -> None:
    pairs = {
        0.001: "0.001",
        9.999e-4: "9.999E-4",
        1e7: "1.0E7",
        9999999: "9999999.0",
        -0.0: "-0.0",
        92.271: "92.271",
        -0.001: "-0.001",
        -1e7: "-1.0E7",
        -5e-4: "-5.0E-4",
        3.4028235e38: "3.4028235E38",
        float("nan"): "NaN",
        float("-inf"): "-Infinity",
    }
    assert [java_text(np.float32(value)) for value in pairs] == list(pairs.values())
