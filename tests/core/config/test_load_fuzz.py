"""params.yaml with changed values, types, keys and bytes: parameters, or a sentence that names the field."""

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from stages.core.config.load import Parameters, load, parse
from stages.core.runtime.errors import UserError
from tests.helpers import FAULTS, ROOT

TEXT = (ROOT / "params.yaml").read_text(encoding="utf-8")
CONTENT = yaml.safe_load(TEXT)
FREE = set(
    "tasks features external fused_features recipes models runs fused_runs".split()
)  # their entries are named by the user

values = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(max_size=8),
        st.dates(),
        st.sampled_from(["1e-3", "yes", "null", "auto", 10**40, 0, -1, 0.0, -0.0]),
    ),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=5) | st.integers() | st.none() | st.booleans(), inner, max_size=3)
    ),
    max_leaves=5,
)


def leaves(content: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of each section, entry and value."""
    found = [path] if path else []
    if isinstance(content, dict):
        for key, entry in content.items():
            found += leaves(entry, (*path, key))
    return found


PATHS = leaves(CONTENT)


def replaced(path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    content = copy.deepcopy(CONTENT)
    entry = content
    for key in path[:-1]:
        entry = entry[key]
    entry[path[-1]] = value
    return content


def sentence(content: Any) -> str:
    """The refusal; empty if the content is sound and each run can be trained."""
    try:
        parameters = parse(content)
        assert isinstance(parameters, Parameters)
        for run in parameters.runs:
            parameters.recipe(run)
            parameters.architecture(run)
    except UserError as error:
        text = str(error)
        assert text.startswith("params.yaml: ")
        assert "\n" not in text
        assert text.endswith(".")
        return text
    return ""


@settings(max_examples=150 * FAULTS, deadline=None)
@example(path=("corpus",), value={"\n": None})
@given(path=st.sampled_from(PATHS), value=values)
def test_any_value_anywhere(path: tuple[Any, ...], value: Any) -> None:
    refusal = sentence(replaced(path, value))
    assert not refusal or any(str(key) in refusal for key in path)


@settings(max_examples=60 * FAULTS, deadline=None)
@given(
    changes=st.dictionaries(st.sampled_from([path for path in PATHS if len(path) < 3]), values, max_size=4)
)
def test_several_values_at_once(changes: dict[tuple[Any, ...], Any]) -> None:
    content = copy.deepcopy(CONTENT)
    for path, value in sorted(changes.items(), key=lambda change: -len(change[0])):
        entry = content
        for key in path[:-1]:
            entry = entry[key]
        entry[path[-1]] = value
    sentence(content)


@settings(max_examples=60 * FAULTS, deadline=None)
@given(path=st.sampled_from([path for path in PATHS if path[0] not in FREE]), data=st.data())
def test_a_misspelt_key_is_named_with_the_right_one(path: tuple[str, ...], data: st.DataObject) -> None:
    key = path[-1]
    index = data.draw(st.integers(1, max(1, len(key) - 1)))
    wrong = key[:index] + data.draw(st.sampled_from("abxz_")) + key[index:]
    content = replaced((*path[:-1], wrong), None)
    refusal = sentence(content)
    assert f"{'.'.join((*path[:-1], wrong))} is not a parameter" in refusal
    assert f"did you mean {key}?" in refusal


@settings(max_examples=60 * FAULTS, deadline=None)
@given(data=st.data())
def test_any_text(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    content = bytearray(TEXT.encode())
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(content) - 1))
        content[start : start + data.draw(st.integers(0, 20))] = data.draw(
            st.binary(max_size=3)
            | st.sampled_from([b"\t", b": ", b"- ", b"&a ", b"*a", b"!!python/object", b"{", b"\0"])
        )
    path: Path = tmp_path_factory.mktemp("fuzz") / "params.yaml"
    path.write_bytes(bytes(content))
    try:
        load(path)
    except UserError as error:
        assert "params.yaml" in str(error)
        assert "\n" not in str(error)
