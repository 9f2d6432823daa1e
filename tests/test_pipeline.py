"""dvc.yaml against the code: what a stage depends on is what it uses."""

import ast
from functools import cache
from pathlib import Path

import pytest
import yaml

from tests.conftest import ROOT

PIPELINE = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
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


@pytest.mark.parametrize("stage", PIPELINE)
def test_a_stage_is_the_module_of_its_name(stage: str) -> None:
    assert body(stage)["cmd"].split()[:3] == ["python", "-m", f"stages.{stage}"]
    assert (ROOT / "stages" / f"{stage}.py").is_file()
