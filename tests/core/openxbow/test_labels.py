from pathlib import Path

import numpy as np
import pytest

from stages.core.openxbow import labels as module
from stages.core.openxbow.labels import classes, read_labels, shown
from stages.core.runtime.errors import UserError

CLIPS = [("a", None), ("b c", None), ("d", None)]


def test_lines_about_known_clips(tmp_path: Path) -> None:
    path = tmp_path / "l.csv"
    path.write_text("name;label\n'a';P;1\n\n\"d\";x\nb c;Q;2\na;R;3\nunknown;S\n")
    assert read_labels(path, CLIPS) == {("a", None): ("R", "3"), ("b c", None): ("Q", "2")}


def test_times_are_compared_as_float32(tmp_path: Path) -> None:
    path, known = (
        tmp_path / "l.csv",
        [("a", float(np.float32(0.1) * np.float32(place))) for place in range(8)],
    )
    path.write_text("name;time;label\na;0;P\na;0.30;Q\na;0.7;R\na;0.71;S\n")
    assert list(read_labels(path, known).values()) == [("P",), ("Q",), ("R",)]


def test_labels_of_segments_and_of_files_with_a_mark(tmp_path: Path) -> None:
    path = tmp_path / "l.csv"
    path.write_text("\ufeff'a';0.5;P;1;\n'a';1;Q;2;;\nb;0.5;R;3\nb;0.25;S;4\nb;0.5;T;5\n", encoding="utf-8")
    known = [("a", 0.5), ("a", 1.0), ("b", 0.5), ("b", 2.0)]
    assert read_labels(path, known) == {
        ("a", 0.5): ("P", "1"),
        ("a", 1.0): ("Q", "2"),
        ("b", 0.5): ("T", "5"),
    }
    path.write_text("name;time;label\na;0.5\n")
    with pytest.raises(UserError, match="line 2 has 2 columns; name;time;label is expected"):
        read_labels(path, known)


def test_a_labels_file_that_is_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "l.csv"
    path.write_text("a;1\n")
    monkeypatch.setattr(module, "LARGEST", 4)
    assert read_labels(path, CLIPS) == {("a", None): ("1",)}
    monkeypatch.setattr(module, "LARGEST", 3)
    with pytest.raises(UserError, match=r"-l .*l\.csv is larger than 0 MB"):
        read_labels(path, CLIPS)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a;1\nb c\n", "line 2 has 1 columns; name;label is expected"),
        ("a;1\nd;\n", "line 2 has 1 columns"),
        ("a;1\nd;1;2\n", "different numbers of labels"),
    ],
)
def test_other_files(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "l.csv"
    path.write_text(text)
    with pytest.raises(UserError, match=message):
        read_labels(path, CLIPS)
    path.write_text("a;now;1\na;then;1\n")
    with pytest.raises(UserError, match="line 2: 'then' is no time"):
        read_labels(path, [("a", 0.0)])
    path.write_bytes(b"\xff;1\n")
    with pytest.raises(UserError, match="is no UTF-8 text"):
        read_labels(path, CLIPS)


def test_labels_as_openxbow_writes_them() -> None:
    labels = ["3.0", "-0.0", ".0", "3.00", "1.0.0", "x.0", "+1.0"]
    assert [shown(label) for label in labels] == ["3", "-0", "", "3.00", "1.0.0", "x.0", "+1.0"]
    assert classes(["10", "9", "?"]) == "{10,9,?}"
    assert classes(["1e1", "2.00", "x"]) == "{1e1,2.00,x}"
    assert [classes(["1", label]) for label in ("0.5", "NaN", "1e-1", "x")] == ["numeric"] * 3 + ["{1,x}"]
