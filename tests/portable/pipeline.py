"""A small pipeline in one process: ``python -m tests.portable.pipeline FOLDER whole|training``.

``whole`` goes from synthetic recordings to the report and to predictions of recordings; ``training`` trains
and evaluates on made features. It prints a JSON object: file → SHA-256.
"""

import hashlib
import io
import json
import os
import shutil
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import yaml

from tests.helpers import ROOT
from tests.helpers.tiny_project import write_project
from tests.helpers.whole_project import TINY


def main() -> None:
    """Run the stages in the folder and print what they wrote."""
    folder, extent = Path(sys.argv[1]), sys.argv[2]
    folder.mkdir(parents=True)
    os.chdir(folder)
    parameters: dict[str, Any] = yaml.safe_load((ROOT / "params.yaml").read_text())
    for section, keys in TINY.items():
        parameters[section].update(keys)
    if extent == "training":
        parameters["runs"] = {
            name: run
            for name, run in parameters["runs"].items()
            if run["features"] == "egemaps" or run["model"] == "mtl2-relative"
        }
    Path("params.yaml").write_text(yaml.safe_dump(parameters, sort_keys=False), encoding="utf-8")
    said = io.StringIO()
    with redirect_stdout(said):
        (whole if extent == "whole" else training)(parameters)
    files = {str(path): path.read_bytes() for path in sorted(Path().rglob("*")) if path.is_file()}
    files["what predict says"] = said.getvalue().partition("predictions:")[2].encode()
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    print(json.dumps({name: digest for name, digest in hashes.items() if not name.startswith(".cache")}))


def stage(name: str, *arguments: str) -> None:
    """Run a stage as its command does."""
    from importlib import import_module

    sys.argv = [name, *arguments]
    import_module(f"stages.{name}").main()


def training(parameters: dict[str, Any]) -> None:
    """Networks of both recipes on made features, and their scores."""
    write_project(speakers=12, sets=["egemaps", "compare"])
    for run in parameters["runs"]:
        stage("train", run)
        stage("evaluate", run)


def whole(parameters: dict[str, Any]) -> None:
    """Everything, and predictions of recordings."""
    for name in ("check", "synthesize", "preprocess", "split"):
        stage(name)
    for name in parameters["features"]:
        stage("features", name)
    for name in ("codebook", "boaw"):
        stage(name)
    for name in parameters["fused_features"]:
        stage("fuse_features", name)
    for run in parameters["runs"]:
        stage("train", run)
        stage("evaluate", run)
    shutil.rmtree(".cache/seconds")  # how long training took is no result, but the report shows it
    for name in ("summarize", "report"):
        stage(name)
    print("predictions:")
    clips = sorted(str(path) for path in Path("data/synthetic/wav").iterdir())[:3]
    for run in parameters["runs"]:
        stage("predict", *clips, "--run", run, "--json")


if __name__ == "__main__":
    main()
