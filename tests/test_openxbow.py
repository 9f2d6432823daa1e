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


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


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
