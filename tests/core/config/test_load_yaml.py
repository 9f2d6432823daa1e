from pathlib import Path

import pytest
from dvc.utils.serialize import modify_yaml

from stages.core.config.load import load
from stages.core.runtime.errors import UserError
from tests.helpers import ROOT


def test_numbers_as_keys_are_refused(tmp_path: Path) -> None:
    text = (ROOT / "params.yaml").read_text().replace("  compare-stl:", "  2024:")
    (tmp_path / "params.yaml").write_text(text)
    with pytest.raises(UserError, match="runs cannot hold the name '2024'"):
        load(tmp_path / "params.yaml")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a: [1", "is not YAML"),
        ("a: 1\nb: {c: 1, c: 2}", "line 2 is not YAML: the key c stands twice"),
        ("a: {{ b }}", "is not YAML"),
        ("? [a, b]\n: 1", "is not YAML"),
        ("a: 1\nb: 2020-13-45", "line 2 is not YAML: '2020-13-45' is no timestamp; put it in quotes"),
        ("a: !!bool maybe", "line 1 is not YAML: 'maybe' is no bool"),
        ("a: !!int x", "is not YAML"),
        ("- 1", "must hold sections"),
        ("", "must hold sections"),
        ("\xff", "is not YAML"),
    ],
)
def test_a_file_that_is_no_mapping(tmp_path: Path, text: str, sentence: str) -> None:
    (tmp_path / "params.yaml").write_bytes(text.encode("latin-1"))
    with pytest.raises(UserError, match=sentence):
        load(tmp_path / "params.yaml")
    with pytest.raises(UserError, match="does not exist"):
        load(tmp_path / "nothing.yaml")


@pytest.mark.parametrize("text", ["a: &x {b: 1}\nc: *x", "a: &x [1]", "a: {<<: &x {b: 1}}", "a:\n- &x 3"])
def test_anchors_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "params.yaml").write_text(text)
    with pytest.raises(UserError, match=r"line \d: anchors and aliases \(&x, \*x\) .* `recipe: NAME`\.$"):
        load(tmp_path / "params.yaml")


@pytest.mark.parametrize("path", ["train/learning_rate", "recipes/regularized/epochs", "models/stl/joint"])
def test_dvc_changes_one_value_and_nothing_else(tmp_path: Path, path: str) -> None:
    file = tmp_path / "params.yaml"
    before = (ROOT / "params.yaml").read_text()
    file.write_text(before)
    with modify_yaml(file) as content:
        *sections, key = path.split("/")
        entry = content
        for section in sections:
            entry = entry[section]
        entry[key] = 77
    pairs = zip(before.splitlines(), file.read_text().splitlines(), strict=True)
    (change,) = [pair for pair in pairs if pair[0] != pair[1]]
    assert change[1].split("#")[0].strip() == f"{key}: 77"
    assert change[0].partition("#")[1:] == change[1].partition("#")[1:]


def test_names_are_composed_as_those_of_label_files_are(tmp_path: Path) -> None:
    text = (ROOT / "params.yaml").read_text().replace("columns: [Country]", "columns: [Pai\u0301s]")
    (tmp_path / "params.yaml").write_text(text, encoding="utf-8")
    assert load(tmp_path / "params.yaml").tasks["country"].columns == ("Pa\u00eds",)


@pytest.mark.parametrize("word", ["yes", "no", "on", "off", "Yes", "OFF"])
def test_words_that_yaml_1_2_reads_as_text(word: str, tmp_path: Path) -> None:
    text = (ROOT / "params.yaml").read_text()
    (tmp_path / "params.yaml").write_text(text.replace("balance: Country", f"balance: {word}"))
    assert load(tmp_path / "params.yaml").split.balance == word
    (tmp_path / "params.yaml").write_text(text.replace("  idf: false", f"  idf: {word}"))
    with pytest.raises(UserError, match=rf"boaw\.idf should be a valid boolean; it is '{word}'"):
        load(tmp_path / "params.yaml")
    for value in ("true", "True", "TRUE"):
        (tmp_path / "params.yaml").write_text(text.replace("  idf: false", f"  idf: {value}"))
        assert load(tmp_path / "params.yaml").boaw.idf is True
