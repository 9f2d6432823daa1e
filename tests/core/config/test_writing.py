from difflib import ndiff
from pathlib import Path

import pytest
import yaml

from stages.core.config.load import load
from stages.core.config.writing import remark_of, with_entry, with_section
from stages.core.runtime.errors import UserError
from tests.helpers import ROOT

TEXT = """\
# Choices.
models:                   # networks
  small: {trunk: [8]}     # the first
  # about wide
  wide:
    trunk: [64]           # many
    train: {}

runs:                     # which
  a:
    model: small

  # The end.
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "params.yaml"
    path.write_text(TEXT)
    return path


def write_entry(path: Path, section: str, name: str, entry: dict) -> None:
    path.write_text(with_entry(path.read_text(), section, name, entry))


def changes(before: str, after: str) -> list[str]:
    """Lines that came and went."""
    return [line for line in ndiff(before.splitlines(), after.splitlines()) if line[:1] in "+-"]


def test_an_entry_is_added_and_nothing_else_changes(file: Path) -> None:
    write_entry(file, "models", "new", {"trunk": (8, 4), "train": {"columns": None, "rate": 0.001}})
    added = ["  new:", "    trunk: [8, 4]", "    train:", "      columns:", "      rate: 0.001"]
    assert changes(TEXT, file.read_text()) == [f"+ {line}" for line in added]
    lines = file.read_text().splitlines()
    assert lines.index("  new:") == lines.index("    train: {}") + 1
    assert yaml.safe_load(file.read_text())["models"]["new"]["train"] == {"columns": None, "rate": 0.001}


def test_the_last_section_of_a_file(file: Path) -> None:
    write_entry(file, "runs", "b", {"model": "new"})
    assert changes(TEXT, file.read_text()) == ["+   b:", "+     model: new"]


@pytest.mark.parametrize("name", ["small", "wide", "again"])
def test_an_entry_of_the_same_name_is_replaced(name: str, file: Path) -> None:
    write_entry(file, "models", name, {"trunk": [1]})
    write_entry(file, "models", name, {"trunk": [2]})
    content = yaml.safe_load(file.read_text())
    assert content["models"][name] == {"trunk": [2]}
    assert content["runs"] == {"a": {"model": "small"}}
    assert file.read_text().count(f"  {name}:") == 1
    assert "# about wide" in file.read_text()


def test_sections_that_do_not_fit(file: Path) -> None:
    with pytest.raises(UserError, match=r"^params\.yaml: section recipes must hold one entry below"):
        write_entry(file, "recipes", "a", {})
    file.write_text("models: {a: {trunk: [1]}}\n")
    with pytest.raises(UserError, match="section models must hold"):
        write_entry(file, "models", "b", {})


def test_the_real_file(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    before = (ROOT / "params.yaml").read_text()
    path.write_text(before)
    write_entry(path, "models", "new", {"joint": True, "trunk": (32,), "train": {"learning_rate": 0.0123}})
    write_entry(path, "runs", "compare-new", {"features": "compare", "model": "new"})
    assert not [line for line in changes(before, path.read_text()) if line.startswith("-")]
    assert load(path).recipe("compare-new").learning_rate == 0.0123


@pytest.mark.parametrize(
    ("name", "entry", "remark", "line"),
    [
        ("rate", 0.5, "", "  rate: 0.5                 # how fast"),
        ("rate", 0.5, "# new", "  rate: 0.5                 # new"),
        ("rate", [1, 2], "", "  rate: [1, 2]              # how fast"),
        ("rate", None, "", "  rate:                     # how fast"),
        ("none", 3, "# now there", "  none: 3                   # now there"),
        ("bare", "x", "", "  bare: x"),
        ("bare", "x", "# said", "  bare: x                   # said"),
        ("long", 1, "", "  long: 1                   # of a list"),
        ("a-name-that-is-longer-than-most", 1, "# y", "  a-name-that-is-longer-than-most: 1 # y"),
    ],
)
def test_a_comment_stays_unless_another_takes_its_place(
    name: str, entry: object, remark: str, line: str
) -> None:
    text = (
        "first: 1\ntrain:  # options\n  rate: 0.1 # how fast\n  none:\n  bare: y\n  long: [a, # of a list\n"
    )
    text = text.replace("[a, # of a list", "[a] # of a list") + "  # end of train\n\nlast: {}\n"
    after = with_entry(text, "train", name, entry, remark)
    came = [line for line in changes(text, after) if line.startswith("+")]
    assert came == [f"+ {line}"]
    assert after.endswith("  # end of train\n\nlast: {}\n")
    assert len(after.splitlines()) == len(text.splitlines()) + (name.startswith("a-"))


def test_an_entry_of_several_lines_becomes_one_of_others() -> None:
    text = (
        "models:\n  one:\n    trunk: [1] # x\n    head:\n    - 2\n  # about two\n  two: {trunk: [3]} # kept\n"
    )
    assert with_entry(text, "models", "one", {"trunk": [9], "train": {"rate": 1}}) == (
        "models:\n  one:\n    trunk: [9]\n    train:\n      rate: 1\n"
        "  # about two\n  two: {trunk: [3]} # kept\n"
    )
    assert with_entry(text, "models", "two", {"trunk": (4,)}).endswith(
        "# about two\n  two:\n    trunk: [4]\n"
    )


def test_the_last_entry_of_a_file_may_have_several_lines() -> None:
    text = "runs:\n  a:\n    features: x\n    model: small\n"
    assert with_entry(text, "runs", "a", {"model": "new"}) == "runs:\n  a:\n    model: new\n"
    assert with_entry(text, "runs", "a", 3) == "runs:\n  a: 3\n"


def test_remarks_and_sections_of_another_text() -> None:
    text = "a:  # one\n  x: 1  # about x\n  y: [1, 2]\n\n# between\nb:\n  z: 1\n"
    assert [remark_of(text, "a", name) for name in ("x", "y", "none")] == ["# about x", "", ""]
    other = "# top\nb: # theirs\n  # first\n  q: {r: 1} # kept\n\n# not theirs\na:\n  x: 9\n"
    assert with_section(text, "b", other) == (
        "a:  # one\n  x: 1  # about x\n  y: [1, 2]\n\n# between\nb: # theirs\n  # first\n  q: {r: 1} # kept\n"
    )
    assert with_section(text, "a", other) == "a:\n  x: 9\n\n# between\nb:\n  z: 1\n"
