"""The command against the outputs of openXBOW 1.3.1 in ``tests/data/openxbow``, byte for byte."""

import gzip
import os
import re
import shlex
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from stages import openxbow
from stages.command import guarded
from stages.core.openxbow.options import FLAGS, HELP, SCALINGS, VALUES
from stages.core.runtime.errors import UserError
from tests.helpers import ROOT
from tests.helpers import openxbow as printed
from tests.helpers.openxbow import needs_openxbow

DATA = Path(__file__).parent / "data/openxbow"
COMMANDS = (DATA / "commands.txt").read_text().splitlines()
OUTPUTS = ("-o", "-oi", "-B")
INPUTS = ("-i", "-l", "-b")


def call(monkeypatch: pytest.MonkeyPatch, words: list[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["openxbow", *words])
    openxbow.main()


def check_outputs(words: list[str], source: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """Run a call in the working folder and compare all that it writes: the number of files."""
    for option, name in pairwise(words):
        if option in INPUTS:
            Path(name).write_bytes(gzip.decompress((source / f"{name}.gz").read_bytes()))
    outputs = [name for option, name in pairwise(words) if option in OUTPUTS]
    call(monkeypatch, words)
    compared = 0
    for name in outputs:
        if (source / f"{name}.gz").exists():
            assert Path(name).read_bytes() == gzip.decompress((source / f"{name}.gz").read_bytes()), name
            compared += 1
    return compared


@pytest.mark.parametrize("command", COMMANDS)
def test_every_file_is_openxbows(command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    words = command.split(" ")
    assert check_outputs(words, DATA, monkeypatch) == sum(word in OUTPUTS for word in words)


@needs_openxbow
@pytest.mark.parametrize("command", printed.commands(), ids=lambda command: f"{command.part}-{command.tag}")
def test_real_descriptors_give_openxbows_files(
    command: printed.Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = shlex.split(command.options)[3:]
    assert check_outputs(words, printed.FOLDER, monkeypatch) == 2


def test_append_adds_rows_and_no_second_arff_head(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.csv").write_text("a;1\nb;2\n")
    for name in ("o.arff", "o.csv"):
        words = ["-i", "a.csv", "-attributes", "n1", "-size", "1", "-o", name, "-csvHeader"]
        call(monkeypatch, words)
        once = Path(name).read_text()
        call(monkeypatch, [*words, "-append"])
        # openXBOW repeats the header of CSV, not the head of ARFF.
        assert Path(name).read_text() == once + ("1.0\n1.0\n" if name == "o.arff" else once)
        call(monkeypatch, words)
        assert Path(name).read_text() == once


def test_a_loaded_codebook_decides_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.csv").write_text("a;1\nb;2\na;3\n")
    start = ["-i", "a.csv", "-attributes", "n1"]
    call(monkeypatch, [*start, "-size", "2", "-o", "o.csv", "-B", "cb.txt"])
    before = Path("o.csv").read_text()
    call(monkeypatch, [*start, "-b", "cb.txt", "-a", "2", "-log", "-standardizeInput", "-o", "o.csv"])
    assert Path("o.csv").read_text() == before
    warned = capsys.readouterr().err.splitlines()
    assert [line.split()[1] for line in warned] == ["-a", "-log", "-standardizeInput"]


SOUND = "-i a.csv -attributes n1[2] -size 1 -o o.csv"


@pytest.mark.parametrize(
    ("table", "words", "message"),
    [
        ("a;1;2\n", "-i a.csv -attributes n1[2] -o o.csv", r"-size: 500 words .* 1 frames; lower -size"),
        ("a;1;2\n", SOUND.replace("a.csv", "b.csv"), r"b\.csv is no file"),
        ("", SOUND, r"a\.csv is empty"),
        ("name;x;y\n", SOUND, r"a\.csv has no frames"),
        ("a;1\n", SOUND, r"a\.csv has 2 columns in line 1, but -attributes names 3"),
        ("a;1;2\nb;1\n", SOUND, r"a\.csv: line 2 has 2 columns instead of 3"),
        ("a;1;2\n\nb;1;2;3\n", SOUND, r"a\.csv: line 3 has 4 columns instead of 3"),
        ("name;x;y\na;1;two\n", SOUND, r"a\.csv: line 2: column 3 \(y\) is 'two', which is no finite number"),
        ("a;1;2\nb;;2\n", SOUND, r"line 2: column 2 is empty"),
        ("a;1;2\nb;NaN;2\n", SOUND, r"line 2: column 2 is 'NaN', which is no finite number"),
        ("a;1;2\nb;1e39;2\n", SOUND, r"'1e39', which is no finite number"),
        ("a;1;2\n'b;1;2\n", SOUND, r"line 2 opens a quote"),
        ("a;1;2\n;1;2\n", SOUND, r"line 2 has no name"),
        ("a;1;2\n", "-i a.csv -bigram 9 -o o.csv", r"-bigram is not supported here"),
        ("a;1;2\n", "-i a.csv -svmModel m -o o.csv", r"-svmModel is not supported here"),
        ("a;1;2\n", SOUND + " -c em", r"-c em is not supported here; there are random\+\+"),
        ("a;1;2\n", SOUND + " -sise 3", r"-sise is no option \(did you mean size\?\)"),
        ("a;1;2\n", SOUND + " -writeTimeStamp", r"-writeTimeStamp needs -t"),
        ("a;1;2\n", SOUND + " -t 1 1", r"-t needs a column of times"),
        ("a;1;2\n", SOUND + " -supervised", r"-supervised needs labels"),
        ("a;1;2\n", SOUND + " -l b.csv", r"-l b\.csv is no file"),
        ("a;1;2\n", SOUND.replace("-size 1", "-b b.txt"), r"b\.txt is no file"),
        ("a;1;2\n", SOUND + " -a 2", r"-a: a frame cannot count 2 of 1 words"),
        ("a;1;2\n", SOUND + " -standardizeInput", r"-standardizeInput needs two frames"),
        ("a;1;2\nb;1;2\n", SOUND.replace("-size 1", "-size 2"), r"too much alike for 2 words"),
        ("a;1;2\n", SOUND.replace("o.csv", "a.csv"), r"-o a\.csv is already the file of another option"),
        ("a;1;2\n", SOUND.replace("o.csv", "o.txt"), r"-o o\.txt ends neither"),
        ("a;1;2\n", SOUND + " -e 9 1", r"a\.csv has no column 9"),
    ],
)
def test_mistakes_are_one_sentence(
    table: str,
    words: str,
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.csv").write_text(table)
    monkeypatch.setattr(sys, "argv", ["openxbow", *words.split(" ")])
    with pytest.raises(SystemExit) as end:
        guarded(openxbow.main)
    assert end.value.code == 1
    printed_error = capsys.readouterr().err
    assert printed_error.count("\n") == 1
    assert re.search(message, printed_error), printed_error
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.csv"]


def test_the_lines_of_the_readme_replace_java(tmp_path: Path) -> None:
    section = (ROOT / "README.md").read_text().partition("## openXBOW without Java")[2]
    lines = section.partition("```sh\n")[2].partition("```")[0]
    for name in ("train.csv", "test.csv"):
        (tmp_path / name).write_bytes(gzip.decompress((DATA / f"{name}.gz").read_bytes()))
    script = lines.replace("1[65]2[65]", "1[6]2[6]").replace("-size 1000 -a 10", "-size 20 -a 2")
    script = script.replace(" -standardizeInput", "")
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = os.environ | {"PIPELINE": str(ROOT), "PATH": path}
    subprocess.run(["bash", "-ec", script], cwd=tmp_path, check=True, env=environment)
    for part in ("train", "test"):
        expected = gzip.decompress((DATA / f"bow_{part}_split.csv.gz").read_bytes())
        assert (tmp_path / f"bow_{part}.csv").read_bytes() == expected


def test_without_options_it_tells_them(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for words in ([], ["-h"], ["--help", "-i", "a.csv"]):
        call(monkeypatch, words)
        assert capsys.readouterr().out == HELP
    listed = set(re.findall(r"-[A-Za-z]\w*", HELP.partition("\n\n")[2].partition("\n\n")[2]))
    options = {f"-{name}" for name in [*FLAGS, *VALUES, *SCALINGS]}
    assert options <= listed


WORDS = "codebookNumeric\n3;1;1;0.0;0.0\n0.0\n10.0\n20.0\n"  # 0, 10 and 20


def bags(
    monkeypatch: pytest.MonkeyPatch, table: str, options: str, codebook: str = WORDS, name: str = "o.csv"
) -> list[str]:
    """The lines of the bags of a table, by a codebook."""
    Path("a.csv").write_text(table, encoding="utf-8")
    Path("cb.txt").write_text(codebook)
    call(monkeypatch, ["-i", "a.csv", "-b", "cb.txt", "-o", name, *options.split()])
    return Path(name).read_text().splitlines()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


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
    ("table", "words", "message"),
    [
        (
            "a;1;2\n",
            SOUND + " -oi o.csv",
            r"-oi o\.csv is already the file of another option; choose another",
        ),
        ("a;1;2\n", SOUND + " -B o.csv", r"-B o\.csv is already the file"),
        ("a;1;2\n", SOUND + " -B .", r"-B \. is a folder"),
        ("a;1;2\n\n\nb;1;x\n", SOUND, r"a\.csv: line 4: column 3 is 'x', which is no finite number"),
        ("a;1;P\n", SOUND.replace("n1[2]", "n1c") + " -supervised -size 2", r"-size is given twice"),
        (
            "a;1;2.5\nb;1;3\n",
            SOUND.replace("n1[2]", "n1c") + " -supervised",
            r"needs classes, but the labels",
        ),
        ("a;1;2\n", SOUND + " -standardizeOutput", r"-standardizeOutput needs two bags at least"),
        ("a;1;2\n", SOUND + " -e 1 1", r"a\.csv has no column 1 of numbers"),
        ("a;1;2\n", SOUND + " -e 4 1", r"a\.csv has no column 4 of numbers"),
    ],
)
def test_more_mistakes_are_one_sentence(
    table: str, words: str, message: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "a.csv").write_text(table)
    with pytest.raises(UserError, match=message):
        call(monkeypatch, words.split(" "))
    assert [path.name for path in folder.iterdir()] == ["a.csv"]


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
