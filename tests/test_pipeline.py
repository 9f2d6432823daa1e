"""dvc.yaml against the code: what a stage depends on is what it uses."""

import ast
from functools import cache
from pathlib import Path

import pytest
import yaml

from tests.conftest import ROOT

PIPELINE = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
PARAMETERS = yaml.safe_load((ROOT / "params.yaml").read_text())
# How a file is opened and a message is worded changes no result; values of params.yaml count themselves.
PLUMBING = {"messages", "options", "parameters", "tables"}


@cache
def modules_of(path: Path) -> frozenset[str]:
    """The modules of stages/core that a source file uses, directly or through others."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module == "stages.core":
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("stages.core."):
            found.add(node.module.removeprefix("stages.core."))
    found -= PLUMBING
    return frozenset(found.union(*(modules_of(ROOT / "stages/core" / f"{name}.py") for name in found)))


def body(stage: str) -> dict:
    return PIPELINE[stage].get("do", PIPELINE[stage])


@pytest.mark.parametrize("stage", [stage for stage in PIPELINE if stage != "check"])
def test_a_stage_depends_on_the_code_that_it_uses(stage: str) -> None:
    listed = {dep for dep in body(stage)["deps"] if dep.startswith("stages/")}
    used = {f"stages/core/{name}.py" for name in modules_of(ROOT / f"stages/{stage}.py")}
    assert listed == {f"stages/{stage}.py", *used}


def hidden_sizes(content: object, path: str) -> set[str]:
    """Keys below ``path`` that DVC's run cache overlooks, because it takes them for sizes of files."""
    if not isinstance(content, dict):
        return set()
    found = {f"{path}.{key}" for key in content if key in {"size", "nfiles"}}
    return found.union(*(hidden_sizes(value, f"{path}.{key}") for key, value in content.items()))


@pytest.mark.parametrize("stage", PIPELINE)
def test_no_change_of_a_parameter_escapes_the_run_cache(stage: str) -> None:
    listed = {name for name in body(stage).get("params", []) if "$" not in name}
    hidden = {name for section in listed for name in hidden_sizes(PARAMETERS.get(section), section)}
    assert hidden <= listed


@pytest.mark.parametrize("stage", PIPELINE)
def test_a_stage_is_the_module_of_its_name(stage: str) -> None:
    assert body(stage)["cmd"].split()[:3] == ["python", "-m", f"stages.{stage}"]
    assert (ROOT / "stages" / f"{stage}.py").is_file()
