"""Bags of small tables by the command: segments, labels, codebooks written by hand."""

import sys
from pathlib import Path

import pytest

from stages import openxbow
from stages.core.runtime.errors import UserError


def call(monkeypatch: pytest.MonkeyPatch, words: list[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["openxbow", *words])
    openxbow.main()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


WORDS = "codebookNumeric\n3;1;1;0.0;0.0\n0.0\n10.0\n20.0\n"  # 0, 10 and 20


def bags(
    monkeypatch: pytest.MonkeyPatch, table: str, options: str, codebook: str = WORDS, name: str = "o.csv"
) -> list[str]:
    """The lines of the bags of a table, by a codebook."""
    Path("a.csv").write_text(table, encoding="utf-8")
    Path("cb.txt").write_text(codebook)
    call(monkeypatch, ["-i", "a.csv", "-b", "cb.txt", "-o", name, *options.split()])
    return Path(name).read_text().splitlines()


FRAMES = ["a;0.0;1", "a;0.1;9", "a;0.2;21", "a;0.55;0", "b;0.0;19", "b;0.1;20"]


@pytest.mark.parametrize("order", [[0, 1, 2, 3, 4, 5], [3, 1, 0, 2, 5, 4]])
@pytest.mark.usefixtures("folder")
def test_segments_hold_the_frames_up_to_both_of_their_ends(
    order: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    table = "\n".join(FRAMES[place] for place in order)
    options = "-attributes nt1 -writeName -writeTimeStamp -t 0.2 0.1"
    assert bags(monkeypatch, table, options) == [
        "'a';0.00;1.0;1.0;0.0",
        "'a';0.10;1.0;1.0;1.0",
        "'a';0.20;0.0;1.0;1.0",
        "'a';0.30;0.001;0.001;0.001",  # begins at 0.20000002, in float32
        "'a';0.40;0.001;0.001;0.001",
        "'a';0.50;1.0;0.0;0.0",
        "'b';0.00;0.0;0.0;2.0",
        "'b';0.10;0.0;0.0;2.0",
    ]


@pytest.mark.usefixtures("folder")
def test_frames_that_are_left_out_are_in_no_segment_and_no_clip(monkeypatch: pytest.MonkeyPatch) -> None:
    table = "\n".join(FRAMES)
    removing = "removeLowEnergy;3;9.0\n" + WORDS
    assert bags(monkeypatch, table, "-attributes nt1 -writeTimeStamp -t 0.2 0.2", removing) == [
        "0.00;0.0;1.0;0.0",
        "0.20;0.0;1.0;1.0",
        "0.40;0.001;0.001;0.001",
        "0.00;0.0;0.0;2.0",
    ]
    assert bags(monkeypatch, table + "\nc;0;8\n", "-attributes nt1 -writeName", removing) == [
        "'a';0.0;1.0;1.0",
        "'b';0.0;0.0;2.0",
        "'c';0.001;0.001;0.001",
    ]
    soft = removing.replace("3;1;1;0.0", "3;1;1;1.0E20")
    assert bags(monkeypatch, table, "-attributes nt1 -norm 1", soft) == ["0.0;1.5;1.5", "0.0;0.0;3.0"]


@pytest.mark.usefixtures("folder")
def test_a_clip_that_comes_back_has_the_labels_of_its_first_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    table = "a;1;P;1.0\nb;11;Q;2\na;12;R;3\nc;0;S;4\n"
    assert bags(monkeypatch, table, "-attributes n1c[2] -writeName") == [
        "'a';1.0;1.0;0.0;P;1",
        "'b';0.0;1.0;0.0;Q;2",
        "'c';1.0;0.0;0.0;S;4",
    ]
    assert bags(monkeypatch, table, "-attributes n1c[2] -writeName -csvHeader -csvSep , -noLabels") == [
        "name,W(0),W(1),W(2)",
        "'a',1.0,1.0,0.0",
        "'b',0.0,1.0,0.0",
        "'c',1.0,0.0,0.0",
    ]
    assert bags(monkeypatch, table, "-attributes n1c[2] -csvHeader") == [
        "W(0);W(1);W(2);label_0;label_1",
        "1.0;1.0;0.0;P;1",
        "0.0;1.0;0.0;Q;2",
        "1.0;0.0;0.0;S;4",
    ]
    assert bags(monkeypatch, table, "-attributes n1c[2] -writeName", name="o.arff") == [
        "@relation 'bag-of-features representation of a'",
        "",
        "@attribute name string",
        *(f"@attribute W({word}) numeric" for word in range(3)),
        "@attribute class {P,Q,S}",
        "@attribute class1 {1,2,4}",
        "",
        "@data",
        "'a',1.0,1.0,0.0,P,1",
        "'b',0.0,1.0,0.0,Q,2",
        "'c',1.0,0.0,0.0,S,4",
    ]
    Path("l.csv").write_text("name;x\nb;Y\n'a';Z\n")
    assert bags(monkeypatch, table, "-attributes n1c[2] -writeName -l l.csv") == [
        "'a';1.0;1.0;0.0;Z",
        "'b';0.0;1.0;0.0;Y",
    ]


@pytest.mark.usefixtures("folder")
def test_labels_that_openxbow_overlooks(monkeypatch: pytest.MonkeyPatch) -> None:
    """It looks for classes among as many first clips as have labels; segments have none of the table's."""
    table = "a;0.0;1;P\nb;0.0;11;Q\nc;0.0;21;R\n"
    Path("l.csv").write_text("b;Y\nc;Z\n")
    lines = bags(monkeypatch, table, "-attributes nr1c -writeName -l l.csv", name="o.arff")
    assert lines[6:] == ["@attribute class {Y}", "", "@data", "'b',0.0,1.0,0.0,Y", "'c',0.0,0.0,1.0,Z"]
    assert bags(monkeypatch, table, "-attributes nt1c -t 0.2 0.2") == [
        "1.0;0.0;0.0",
        "0.0;1.0;0.0",
        "0.0;0.0;1.0",
    ]
    Path("l.csv").write_text("a;0;X\nc;0.0;Z\nc;0.2;W\n")
    assert bags(monkeypatch, table, "-attributes nt1c -t 0.2 0.2 -l l.csv -writeName") == [
        "'a';1.0;0.0;0.0;X",
        "'c';0.0;0.0;1.0;Z",
    ]


@pytest.mark.usefixtures("folder")
def test_libsvm_holds_all_but_zeros(monkeypatch: pytest.MonkeyPatch) -> None:
    scaled = "standardizeOutput\n1.0;0.0;1.5\n1.0;1.0;2.0\n" + WORDS
    table = "a;1;P\na;2;P\nb;11;Q\nc;21;R\n"
    options = "-attributes n1c -writeName"
    assert bags(monkeypatch, table, options, scaled, "o.libsvm") == [
        "P 1:1.0 3:-0.75 ",
        "Q 1:-1.0 2:1.0 3:-0.75 ",
        "R 1:-1.0 3:-0.25 ",
    ]
    assert bags(monkeypatch, table, options + " -noLabels -append", WORDS, "o.libsvm")[3:] == [
        "0 1:2.0 ",
        "0 2:1.0 ",
        "0 3:1.0 ",
    ]


@pytest.mark.usefixtures("folder")
def test_a_loaded_codebook_learns_nothing_more(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    table = "a;1\na;2\nb;11\nb;19\n"
    codebook = "log\nidf\n2.0;3.0;4.0\nnormalizeOutput\n0.0;0.5;0.0\n1.0;0.5;1.0\n" + WORDS
    before = bags(monkeypatch, table, "-attributes n1", codebook)
    assert before == ["0.9542425;-1.0;0.0", "0.0;0.80618;1.20412"]
    capsys.readouterr()
    more = "-idf -standardizeOutput -normalizeInput -size 2 -a 3 -gaussian 1 -off 1 -c random -seed 3"
    options = f"-attributes n1 -B again.txt -oi i.csv {more} -numTrain 1 -supervised -log -e 2 5"
    assert bags(monkeypatch, table, options, codebook) == before
    assert Path("again.txt").read_text() == codebook
    assert Path("i.csv").read_text().split() == ["0", "0", "1", "2"]
    said = capsys.readouterr()
    names = (
        "size a gaussian off c seed numTrain supervised log idf e normalizeInput standardizeOutput".split()
    )
    assert said.err.splitlines() == [
        f"warning: -{name} has no effect, since -b names a codebook" for name in names
    ]
    assert said.out == "o.csv, i.csv, again.txt: 2 bags of 3 words\n"


@pytest.mark.parametrize("start", ["", "\ufeff", "name;x\n", "\ufeffname;x\n", "\ufeff\n\n"])
@pytest.mark.usefixtures("folder")
def test_a_byte_order_mark_is_part_of_no_name(start: str, monkeypatch: pytest.MonkeyPatch) -> None:
    table = f"{start}a;1\na;11\nb;21\n"
    for options in ("-attributes n1", ""):
        assert bags(monkeypatch, table, f"{options} -writeName") == ["'a';1.0;1.0;0.0", "'b';0.0;0.0;1.0"]


@pytest.mark.usefixtures("folder")
def test_a_byte_order_mark_before_an_arff(monkeypatch: pytest.MonkeyPatch) -> None:
    head = "\ufeff@relation r\n@attribute name string\n@attribute x numeric\n@data\n"
    Path("a.arff").write_text(f"{head}a,1\nb,21\n", encoding="utf-8")
    Path("cb.txt").write_text(WORDS)
    call(monkeypatch, ["-i", "a.arff", "-b", "cb.txt", "-o", "o.csv", "-writeName"])
    assert Path("o.csv").read_text() == "'a';1.0;0.0;0.0\n'b';0.0;0.0;1.0\n"


@pytest.mark.usefixtures("folder")
def test_more_clips_than_expected_whose_frames_stand_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [f"c{number % 40};{10 * (number % 3)}" for number in range(120)]
    expected = {f"c{clip}": [0, 0, 0] for clip in range(40)}
    for number in range(120):
        expected[f"c{number % 40}"][number % 3] += 1
    lines = [f"'{clip}';" + ";".join(f"{count}.0" for count in counts) for clip, counts in expected.items()]
    assert bags(monkeypatch, "\n".join(rows), "-attributes n1 -writeName") == lines


@pytest.mark.usefixtures("folder")
def test_words_of_each_class_apart_are_so_many_as_the_size_asks_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seven words of three classes: three of each, from its own frames, in the order of the classes."""
    rows = [f"{label}{n};{100 * place + n}" for place, label in enumerate("YXZ") for n in range(5)]
    Path("a.csv").write_text("\n".join(rows))
    Path("l.csv").write_text("".join(f"{label}{n};{label}\n" for label in "YXZ" for n in range(5)))
    options = "-i a.csv -attributes n1 -l l.csv -supervised -size 7 -B cb.txt"
    call(monkeypatch, options.split())
    lines = Path("cb.txt").read_text().splitlines()
    assert lines[1] == "9;1;1;0.0;0.0"
    assert [int(float(line)) // 100 for line in lines[2:]] == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    call(monkeypatch, [*options.split(), "-e", "2", "2"])
    lines = Path("cb.txt").read_text().splitlines()
    assert lines[0] == "removeLowEnergy;2;2.0"
    assert sorted(map(float, lines[3:6])) == [2, 3, 4] and len(lines) == 12


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ("-o l.csv -l l.csv", "-o l.csv"),
        ("-o ./l.csv -l l.csv", "-o l.csv"),
        ("-oi l.csv -l l.csv", "-oi l.csv"),
        ("-oi a.csv -o o.csv", "-oi a.csv"),
        ("-b cb.txt -B cb.txt", "-B cb.txt"),
        ("-B a.csv", "-B a.csv"),
    ],
)
def test_no_output_takes_the_place_of_what_is_read(
    options: str, name: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for file, text in (("a.csv", "a;1\n"), ("l.csv", "a;X\n"), ("cb.txt", WORDS)):
        (folder / file).write_text(text)
    with pytest.raises(UserError) as caught:
        call(monkeypatch, ["-i", "a.csv", "-attributes", "n1", *options.split()])
    assert str(caught.value) == f"{name} is already the file of another option; choose another."
    assert sorted(path.name for path in folder.iterdir()) == ["a.csv", "cb.txt", "l.csv"]


@pytest.mark.usefixtures("folder")
def test_a_codebook_of_other_columns_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(
        UserError, match=r"^-b cb\.txt has codebooks of \[1\] columns, but the table has \[2\]\.$"
    ):
        bags(monkeypatch, "a;1;2\n", "-attributes n1[2]")
    scaled = "standardizeInput\n0.0;0.0\n1.0;1.0\n" + WORDS
    with pytest.raises(UserError, match=r"^cb\.txt scales 2 columns, fewer than the table has\.$"):
        bags(monkeypatch, "a;0;1\n", "-attributes nr1", scaled)
    assert not Path("o.csv").exists()
