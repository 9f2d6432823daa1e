from pathlib import Path

import numpy as np
import pytest

from stages.core.bags.codebook import Counting
from stages.core.openxbow.options import Options, parse
from stages.core.runtime.errors import UserError

START = ["-i", "a.csv", "-o", "o.csv"]


def test_defaults_are_openxbows() -> None:
    assert parse(START) == Options(Path("a.csv"), output=Path("o.csv"))
    options = parse(START)
    assert (options.size(0), options.counting(0), options.method, options.seed) == (
        500,
        Counting(1, 0, 0),
        "random++",
        10,
    )


def test_lists_for_the_codebooks() -> None:
    """openXBOW reads as many assignments as there are sizes, and one more of weights and distances."""
    lists = ["-a", "1,2,3", "-gaussian", "1,2,3,4", "-off", "5,6,7,8"]
    one = parse([*START, "-size", "9", *lists])
    assert [one.size(group) for group in range(3)] == [9, 9, 9]
    assert [one.counting(group) for group in range(3)] == [
        Counting(1, 1, 5),
        Counting(1, 2, 6),
        Counting(1, 2, 6),
    ]
    two = parse([*START, "-size", "9,8", *lists])
    assert [two.size(group) for group in range(3)] == [9, 8, 8]
    assert [two.counting(group) for group in range(3)] == [
        Counting(1, 1, 5),
        Counting(2, 2, 6),
        Counting(2, 3, 7),
    ]


def test_every_option_is_read() -> None:
    words = (
        "-i a.csv -attributes nt1 -o o.arff -oi i.csv -writeName -writeTimeStamp -csvHeader -csvSep , "
        "-l l.csv -noLabels -arffLabels A,B -append -t 0.5 0.25 -e 3 -0.5 -standardizeInput -normalizeOutput "
        "-size 3 -c kmeans -seed -4 -numTrain 9 -log -idf -norm 2 -B b.txt"
    )
    assert parse(words.split()) == Options(
        Path("a.csv"),
        attributes="nt1",
        output=Path("o.arff"),
        index=Path("i.csv"),
        write_name=True,
        write_time=True,
        header=True,
        separator=",",
        labels=Path("l.csv"),
        no_labels=True,
        arff_labels="A,B",
        append=True,
        window=(0.5, 0.25),
        activity=(3, -0.5),
        input_scaling="standardize",
        output_scaling="normalize",
        sizes=(3,),
        method="kmeans",
        seed=-4,
        train=9,
        log=True,
        idf=True,
        norm=2,
        save=Path("b.txt"),
    )


def test_the_other_options_are_read() -> None:
    words = (
        "-i a.arff -attributesAlt nm[2]_[1][2] -supervised -size 5,6 -a 2,3 -gaussian 0.5,0.1 -off 7,0 "
        "-normalizeInput -standardizeOutput -c random++ -seed 2147483647 -norm 3 -B c.txt"
    )
    assert parse(words.split()) == Options(
        Path("a.arff"),
        alternative="nm[2]_[1][2]",
        supervised=True,
        sizes=(5, 6),
        assignments=(2, 3),
        gaussian=(0.5, float(np.float32(0.1))),
        off=(7.0, 0.0),
        input_scaling="normalize",
        output_scaling="standardize",
        method="random++",
        seed=2147483647,
        norm=3,
        save=Path("c.txt"),
    )
    loaded = parse(
        [*START, *"-b c.txt -norm 1 -seed 3 -standardizeInput -idf -a 2 -e 1 0 -writeName".split()]
    )
    assert loaded.load == Path("c.txt")
    assert loaded.ignored == ("a", "seed", "idf", "e", "standardizeInput")
    assert parse([*START, "-t", "1e-5", "1000000"]).window is not None
    for name in ("x.libsvm", "x.arff"):
        assert parse(["-i", "a.csv", "-o", name]).output == Path(name)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("-o o.csv", "-i is missing"),
        ("-i a.csv -o o.csv -t 1 1000001", "-t: a hop of 1e\\+06 seconds is too long"),
        ("-i a.csv -o o.csv -seed 2147483648", "-seed: 2147483648 is out of range"),
        ("-i a.csv -o o.csv -seed -2147483649", "-seed: -2147483649 is out of range"),
        ("-i a.csv -o o.csv -numTrain -1", r"-numTrain: -1 is out of range \(at least 0\)"),
        ("-i a.csv -o o.csv -off -0.5", r"-off: -0.5 is out of range \(at least 0\)"),
        ("-i a.csv -o o.csv -e 0 1", r"-e: 0 is out of range \(at least 1\)"),
        ("-i a.csv -o o.csv -e 1 nan", "-e: nan is out of range"),
        ("-i a.csv -o o.csv -t 1 x", "-t: 'x' is no number"),
        ("-i a.csv -o o.csv -writeTimeStamp", "-writeTimeStamp needs -t, which cuts clips"),
        ("-i a.csv -o o.CSV", "-o o.CSV ends neither in .csv nor"),
        (
            "-i a.csv -o o.csv -standardiseInput",
            r"-standardiseInput is no option \(did you mean standardizeInput",
        ),
        ("-i a.csv", "nothing to write"),
        ("-i a.csv -o", "-o needs 1 value"),
        ("-i a.csv -o o.csv -t 1", "-t needs 2 values"),
        ("-i a.csv -o o.csv -o p.csv", "-o is given twice"),
        ("-i a.csv -o o.csv x", "x is no option"),
        ("-i a.csv -o o.csv -size 0", "-size: 0 is out of range"),
        ("-i a.csv -o o.csv -size 5,", "-size: '' is no whole number"),
        ("-i a.csv -o o.csv -size 5.5", "-size: '5.5' is no whole number"),
        ("-i a.csv -o o.csv -a -3", "-a: -3 is out of range"),
        ("-i a.csv -o o.csv -gaussian nan", "-gaussian: nan is out of range"),
        ("-i a.csv -o o.csv -off inf", "-off: inf is out of range"),
        ("-i a.csv -o o.csv -norm 4", r"-norm: 4 is out of range \(0 to 3\)"),
        ("-i a.csv -o o.csv -t 0 1", "-t: 0 is out of range"),
        ("-i a.csv -o o.csv -standardizeInput -normalizeInput", "exclude each other"),
        ("-i a.csv -o o.csv -standardizeOutput -normalizeOutput", "exclude each other"),
        ("-i a.csv -o o.csv -attributes n1 -attributesAlt nm_[1]", "exclude each other"),
        ("-i a.csv -o o.csv -supervised -t 1 1", "exclude each other"),
        *[
            (f"-i a.csv -o o.csv -{name} 1", f"-{name} is not supported")
            for name in ("gmm", "nGram", "unigram")
        ],
        *[
            (f"-i a.csv -o o.csv -c {name}", f"-c {name} is not supported")
            for name in ("em", "pdf", "generic")
        ],
    ],
)
def test_what_does_not_fit_is_named(words: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        parse(words.split())
