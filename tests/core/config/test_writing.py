from difflib import ndiff
from pathlib import Path

import pytest
import yaml

from stages.core.config.load import load
from stages.core.config.writing import with_entry
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
