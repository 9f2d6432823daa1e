"""After a run that was killed: remove what it left half-written, so that the next one goes on.

DVC writes dvc.lock in place, and a stage writes a file or folder beside its final name; a kill may cut
either off. ``make repro`` calls this first. DVC takes stages that had ended from its run cache where it can.
"""

import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import voluptuous
import yaml
from dvc.schema import COMPILED_LOCKFILE_SCHEMA

from stages.command import guarded
from stages.core.runtime.console import say
from stages.core.runtime.files import writer_of

PATIENCE = 1.0  # seconds in which a run that is still alive ends its writing


def main() -> None:
    """Run the command."""
    for name, read in (("dvc.lock", _lock), (".dvc/tmp/rwlock", json.loads)):
        if _stays_broken(Path(name), read):
            Path(name).unlink()
            say(f"{name} was cut off when a run was killed; removed, `dvc repro` makes it anew")
    for folder in ("data", "metrics", "plots"):
        for path in sorted(Path(folder).rglob(".*.partial")):
            process = writer_of(path)
            if process is None or psutil.pid_exists(process):
                continue
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)  # it may have gone with its folder


def _lock(text: str) -> None:
    """Beyond DVC's schema: each file has its digest and size, without which DVC stops and says nothing."""
    lock = COMPILED_LOCKFILE_SCHEMA(yaml.safe_load(text))
    stages = lock.get("stages", {}).values()
    files = [file for stage in stages for kind in ("deps", "outs") for file in stage.get(kind, ())]
    if not text.endswith("\n") or not all({"md5", "size"} <= file.keys() for file in files):
        raise ValueError("cut off")


def _stays_broken(path: Path, read: Callable[[str], Any]) -> bool:
    if not _broken(path, read):
        return False
    time.sleep(PATIENCE)
    return _broken(path, read)


def _broken(path: Path, read: Callable[[str], Any]) -> bool:
    try:
        read(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return False
    except (ValueError, yaml.YAMLError, voluptuous.Invalid):
        return True
    return False


if __name__ == "__main__":
    guarded(main)
