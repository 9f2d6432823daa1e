"""dvc.yaml against the code: what a stage depends on is what it uses."""

import ast
import json
import re
import subprocess
import sys
from dataclasses import is_dataclass
from functools import cache
from pathlib import Path
from typing import get_type_hints

import pytest
import yaml

from stages.core.config.load import Parameters
from tests.helpers import ROOT
from tests.helpers.whole_project import Project

PIPELINE = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
PARAMETERS = yaml.safe_load((ROOT / "params.yaml").read_text())
CORE = ROOT / "stages/core"
# How a file is opened, a message worded and work spread decides no result.
PLUMBING = {
    "runtime",
    "config/__init__.py",
    "config/bounds.py",
    "config/load.py",
    "config/checks.py",
    "config/names.py",
    "config/parameters.py",
}
# The file of the schema that holds the defaults of a section of params.yaml.
SCHEMA = {
    "synthesize": "config/data.py",
    "corpus": "config/data.py",
    "preprocess": "config/data.py",
    "split": "config/data.py",
    "tasks": "config/tasks.py",
    "features": "config/sources.py",
    "external": "config/sources.py",
    "fused_features": "config/fusion.py",
    "fused_runs": "config/fusion.py",
    "explain": "config/explanation.py",
    "bias": "config/explanation.py",
    "codebook": "config/features.py",
    "boaw": "config/features.py",
    "train": "config/training.py",
    "recipes": "config/training.py",
    "models": "config/training.py",
    "runs": "config/training.py",
    "evaluate": "config/evaluation.py",
}


@cache
def modules_of(path: Path) -> frozenset[Path]:
    """The files of stages/core that a source file uses, directly or through others; not through plumbing."""
    found: set[Path] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("stages.core."):
            base = ROOT / node.module.replace(".", "/")
            names = [base / f"{alias.name}.py" for alias in node.names]
            found |= {name for name in names if name.exists()} or {base.with_suffix(".py")}
    kept = {module for module in found if not plumbing(module)}
    return frozenset(kept.union(*(modules_of(module) for module in kept)))


def plumbing(module: Path) -> bool:
    inside = module.relative_to(CORE)
    return inside.parts[0] in PLUMBING or str(inside) in PLUMBING


def dependency(module: Path) -> str:
    """A package as a whole; a part of the schema alone."""
    inside = module.relative_to(CORE)
    return f"stages/core/{inside if inside.parts[0] == 'config' else inside.parts[0]}"


# Sections of their own run the same module.
MODULE = {"external": "features"}


def body(stage: str) -> dict:
    return PIPELINE[stage].get("do", PIPELINE[stage])


def module_of(stage: str) -> Path:
    return ROOT / f"stages/{MODULE.get(stage, stage)}.py"


@pytest.mark.parametrize("stage", [stage for stage in PIPELINE if stage != "check"])
def test_a_stage_depends_on_the_code_that_it_uses(stage: str) -> None:
    listed = {dep for dep in body(stage)["deps"] if dep.startswith("stages/")}
    used = {dependency(module) for module in modules_of(module_of(stage))}
    sections = {name.split(".")[0] for name in body(stage).get("params", [])} & set(SCHEMA)
    defaults = {f"stages/core/{SCHEMA[section]}" for section in sections}
    assert listed == {f"stages/{module_of(stage).name}", *used, *defaults}


# What the methods of Parameters read.
METHODS = {
    "recipe": ["train", "recipes", "models", "runs"],
    "architecture": ["models", "runs"],
    "tasks_of": ["tasks", "models", "runs"],
    "run": ["runs"],
    "explain_options": ["explain", "runs"],
    "sources": ["features", "external"],
    "feature_sets": ["features", "external", "fused_features"],
}
# Sections of which the stage takes single keys, which dvc.yaml lists.
BY_KEY = {
    "codebook": {"boaw"},
    "features": {"features", "external"},
    "external": {"features", "external"},
    "fuse_features": {"fused_features"},
    "explain": {"explain", "runs"},
    "bias": {"bias"},
}
DECIDES_NOTHING = {"compute", "boaw.device"}


def read_by(path: Path) -> set[str]:
    """Sections of params.yaml, or their keys, that a stage's own code reads."""
    sections, found = get_type_hints(Parameters), set[str]()
    for section, key in re.findall(r"\bparameters\.(\w+)(?:\.(\w+))?", path.read_text()):
        if section in METHODS:
            found.update(METHODS[section])
        elif section in sections:
            found.add(f"{section}.{key}" if key and is_dataclass(sections[section]) else section)
    return {name for name in found if not DECIDES_NOTHING & {name, name.split(".")[0]}}


@pytest.mark.parametrize("stage", [stage for stage in PIPELINE if stage != "check"])
def test_a_stage_declares_the_parameters_that_it_reads(stage: str) -> None:
    listed = {name.split(".${")[0] for name in body(stage).get("params", [])}
    read = read_by(module_of(stage))
    assert {
        name for name in read if not any(f"{name}.".startswith(f"{entry}.") for entry in listed)
    } - BY_KEY.get(stage, set()) == set()


@pytest.mark.parametrize(
    ("file", "before", "after", "stages"),
    [
        (
            "training",
            "input_dropout: Share = 0.0",
            "input_dropout: Share = 0.1",
            "train evaluate summarize report",
        ),
        ("training", '"match"] = "none"', '"match"] = "match"', "train evaluate summarize report"),
        (
            "tasks",
            '"sigmoid"] = "linear"',
            '"sigmoid"] = "sigmoid"',
            "preprocess split train evaluate summarize report",
        ),
        ("data", "Le(0)] = -3.0", "Le(0)] = -6.0", "synthesize preprocess split evaluate summarize report"),
        ("features", "idf: bool = False", "idf: bool = True", "codebook boaw"),
        (
            "sources",
            'output: Literal["embedding", "states"] = "embedding"',
            'output: str = "states"',
            "features",
        ),
        ("evaluation", "Lt(1)] = 0.95", "Lt(1)] = 0.9", "evaluate summarize report"),
    ],
)
def test_a_changed_default_marks_the_stages_that_it_may_change(
    finished_copy: Project, file: str, before: str, after: str, stages: str
) -> None:
    path = finished_copy.folder / f"stages/core/config/{file}.py"
    text = path.read_text()
    assert text.count(before) == 1
    path.write_text(text.replace(before, after))
    status = json.loads(finished_copy.run("dvc status --json"))
    name = f"stages/core/config/{file}.py"
    marked = {stage.split("@")[0] for stage, changes in status.items() if name in str(changes)}
    assert marked - {"check"} == set(stages.split())


def test_every_section_with_defaults_has_its_file_in_the_schema() -> None:
    assert set(PARAMETERS) - set(SCHEMA) == {"compute", "search"}
    for file in set(SCHEMA.values()):
        assert (CORE / file).exists()


def test_what_python_and_numba_cache_is_no_dependency(tmp_path: Path) -> None:
    (tmp_path / ".dvcignore").write_bytes((ROOT / ".dvcignore").read_bytes())
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    dvc = [sys.executable, "-m", "dvc"]
    subprocess.run([*dvc, "init", "--quiet"], cwd=tmp_path, check=True)
    (tmp_path / ".dvcignore").write_bytes((ROOT / ".dvcignore").read_bytes())
    names = [
        f"stages/core/networks/__pycache__/kernels.{end}" for end in ("epoch-60.py311.nbi", "cpython-311.pyc")
    ]
    for name in [*names, "stages/core/networks/kernels.py"]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    asked = [*dvc, "check-ignore", *names, "stages/core/networks/kernels.py"]
    ignored = subprocess.run(asked, cwd=tmp_path, capture_output=True, text=True, check=True).stdout.split()
    assert ignored == names


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
    assert body(stage)["cmd"].split()[:3] == ["python", "-m", f"stages.{module_of(stage).stem}"]
    assert module_of(stage).is_file()
