"""The project's own params.yaml, and copies of it in which one value is another."""

import copy
from typing import Any

import yaml

from tests.helpers import ROOT

CONTENT: dict[str, Any] = yaml.safe_load((ROOT / "params.yaml").read_text())
# A run and a task that a test may add under any name.
RUN: dict[str, Any] = {"features": "compare", "model": "stl"}
AGE: dict[str, Any] = {**CONTENT["tasks"]["age"], "columns": ["Age"]}


def changed(path: str, value: Any) -> dict[str, Any]:
    """A copy of params.yaml's content with ``value`` at ``path``, whose keys slashes separate."""
    content = copy.deepcopy(CONTENT)
    *parents, last = path.split("/")
    entry = content
    for parent in parents:
        entry = entry[parent]
    entry[last] = value
    return content
