from pathlib import Path

import numpy as np
import pytest

from stages.core.openxbow.writing import Bags, announce, time_text, word_lines, write_bags

VALUES = np.array([[1.5, -0.0, 0], [-2, 0, 1e-3], [3, 1e-45, 12345678]], np.float32)
KEYS = [("a b", 0.0), ("a b", 0.125), ("c", 7.0)]
LABELS = [("X", "1"), ("Y", "2"), ("X", "3")]
CONTENT = Bags(KEYS, VALUES, LABELS, ["{X,Y}", "numeric"], "table")


def written(path: Path, content: Bags = CONTENT, **options: object) -> list[str]:
    chosen = {
        **{"names": False, "times": False, "separator": ";", "header": False, "append": False},
        **options,
    }
    write_bags(path, content, **chosen)
    return path.read_text().splitlines()


def test_csv(tmp_path: Path) -> None:
    path = tmp_path / "o.csv"
    assert written(path) == ["1.5;-0.0;0.0;X;1", "-2.0;0.0;0.001;Y;2", "3.0;1.4E-45;1.2345678E7;X;3"]
    assert written(path, names=True, times=True, header=True, separator=",")[:3] == [
        "name,time,W(0),W(1),W(2),label_0,label_1",
        "'a b',0.00,1.5,-0.0,0.0,X,1",
        "'a b',0.13,-2.0,0.0,0.001,Y,2",
    ]
    one = Bags(KEYS, VALUES[:, :1], LABELS, ["{X,Y}"], "table")  # of two labels one is announced
    assert written(path, one, header=True) == ["W(0);label", "1.5;X", "-2.0;Y", "3.0;X"]
    bare = Bags([("a", None)], VALUES[:1, :1], None, (), "table")
    assert written(path, bare, header=True, names=True, times=True) == ["name;time;W(0)", "'a';1.5"]
    assert written(path, bare, append=True) == ["name;time;W(0)", "'a';1.5", "1.5"]
    assert written(tmp_path / "new.csv", bare, append=True) == ["1.5"]


def test_arff(tmp_path: Path) -> None:
    path = tmp_path / "o.arff"
    head = [
        "@relation 'bag-of-features representation of table'",
        "",
        "@attribute name string",
        "@attribute time numeric",
        *(f"@attribute W({word}) numeric" for word in range(3)),
        "@attribute class {X,Y}",
        "@attribute class1 numeric",
        "",
        "@data",
    ]
    rows = ["'a b',0.00,1.5,-0.0,0.0,X,1", "'a b',0.13,-2.0,0.0,0.001,Y,2"]
    rows += ["'c',7.00,3.0,1.4E-45,1.2345678E7,X,3"]
    assert written(path, names=True, times=True, separator=";", header=True) == [*head, *rows]
    assert written(path, names=True, times=True, append=True) == [*head, *rows, *rows]


def test_libsvm_leaves_out_zeros_and_denormal_numbers(tmp_path: Path) -> None:
    path = tmp_path / "o.libsvm"
    assert written(path, names=True, times=True, header=True) == [
        "X 1:1.5 ",
        "Y 1:-2.0 3:0.001 ",
        "X 1:3.0 3:1.2345678E7 ",
    ]
    tiny = np.finfo(np.float32).tiny
    limits = np.array([[tiny, 2 * tiny, -tiny, -2 * tiny]], np.float32)
    bare = Bags([("a", None)], limits, None, (), "table")
    assert written(path, bare, append=True)[3:] == ["0 2:2.3509887E-38 4:-2.3509887E-38 "]


def test_many_bags_keep_their_order(tmp_path: Path) -> None:
    values = np.random.default_rng(1).integers(0, 9, (600, 2)).astype(np.float32)
    content = Bags([(f"{row}", None) for row in range(600)], values, None, (), "table")
    expected = [f"'{row}';{one:.1f};{other:.1f}" for row, (one, other) in enumerate(values)]
    assert written(tmp_path / "o.csv", content, names=True) == expected


def test_classes_that_are_announced() -> None:
    labels = [("b", "1"), None, ("a", "2.5"), ("b", "1")]
    assert announce(labels, None) == ["{a,b}", "numeric"]
    assert announce(labels, "x,y") == ["{x,y}"]


def test_words_and_times_as_text() -> None:
    assert word_lines(np.array([[10, 0], [3, 11]])) == "10;0\n3;11\n"
    assert word_lines(np.empty((0, 2), int)) == ""
    times = [0.005, 0.125, 0.375, float(np.float32(0.285)), 1e3]
    assert [time_text(time) for time in times] == ["0.01", "0.13", "0.38", "0.28", "1000.00"]


def test_a_file_that_cannot_be_finished_stays_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "o.csv"
    before = written(path)
    with pytest.raises(IndexError):
        write_bags(path, Bags(KEYS[:2], VALUES, None, (), "x"), True, False, ";", False, False)
    assert path.read_text().splitlines() == before
    assert [file.name for file in tmp_path.iterdir()] == ["o.csv"]
