from pathlib import Path

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
        "-l l.csv -noLabels -arffLabels A,B -append -t 0.5 0.25 -e 3 -0.5 -standardizeInput "
        "-normalizeOutput -size 3 "
        "-c kmeans -seed -4 -numTrain 9 -log -idf -norm 2 -B b.txt"
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


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("-o o.csv", "-i is missing"),
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
