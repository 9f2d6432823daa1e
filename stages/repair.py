"""Before and after a run: remove what a killed run left half-written, and list what no run makes any more.

DVC writes dvc.lock in place, and a stage writes a file or folder beside its final name; a kill may cut
either off. DVC takes stages that had ended from its run cache where it can. The entries of dvc.lock are put
into the order of dvc.yaml, whatever the order in which stages ended. With ``--prune``, outputs and entries of
runs and feature sets that params.yaml no longer has are deleted, too.
"""

import argparse
import json
import re
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import voluptuous
from dvc.exceptions import DvcException
from dvc.repo import Repo
from dvc.schema import COMPILED_LOCKFILE_SCHEMA
from dvc.utils.serialize import ParseError, load_yaml, modify_yaml, parse_yaml

from stages.command import guarded
from stages.core.runtime.console import say
from stages.core.runtime.files import writer_of

PATIENCE = 1.0  # seconds in which a run that is still alive ends its writing
DYING = 10.0  # seconds in which processes that were killed end
LOCK = Path("dvc.lock")
RWLOCK = Path(".dvc/tmp/rwlock")


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m stages.repair", description=__doc__)
    parser.add_argument("--prune", action="store_true", help="delete what no run makes any more")
    prune = parser.parse_args().prune
    _wait_for_the_dying()
    for path, read in ((LOCK, _read_lock), (RWLOCK, json.loads)):
        if _stays_broken(path, read):
            path.unlink()
            say(f"{path} was cut off when a run was killed; removed, `dvc repro` makes it anew")
    holders = _holders()
    if holders and not any(map(_is_alive, holders)):
        RWLOCK.unlink()  # DVC finds busy what a dead process holds that its parent has not waited for yet
    _remove_half_written()
    try:
        with Repo() as repo:
            stages = list(repo.index.stages)
    except DvcException:  # `dvc repro` says what is wrong
        return
    _tidy_lock([stage.addressing for stage in stages], prune)
    stale = sorted(_stale(stages))
    for path in stale if prune else ():
        _delete(path)
    if stale:
        what = (
            f"{len(stale)} outputs of runs or feature sets that params.yaml no longer has, such as {stale[0]}"
        )
        say(f"deleted {what}" if prune else f"note: {what}; `python -m stages.repair --prune` deletes them")


def _wait_for_the_dying() -> None:
    """Wait for processes of a killed run, which DVC would find busy, or which still write."""
    end = time.monotonic() + DYING
    while time.monotonic() < end and any(map(_is_alive, _holders() | set(_half_written().values()))):
        time.sleep(0.2)


def _holders() -> set[int]:
    """Processes that DVC has noted as readers or writers."""
    try:
        return {int(number) for number in re.findall(r'"pid": (\d+)', RWLOCK.read_text(encoding="utf-8"))}
    except FileNotFoundError:
        return set()


def _is_alive(process: int) -> bool:
    try:
        return psutil.Process(process).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _remove_half_written() -> None:
    for path, process in _half_written().items():
        if not _may_write(process, path):
            _delete(path)


def _half_written() -> dict[Path, int]:
    """Files and folders that are not whole, and the processes that write or wrote them."""
    paths = [*Path().glob(".*.partial")]
    paths += [path for folder in ("data", "metrics", "plots") for path in Path(folder).rglob(".*.partial")]
    writers = {path: writer_of(path) for path in sorted(paths)}
    return {path: process for path, process in writers.items() if process is not None}


def _may_write(process: int, path: Path) -> bool:
    """Whether a process lives and is not a later one with the same number."""
    try:
        return _is_alive(process) and psutil.Process(process).create_time() <= path.stat().st_mtime + 1
    except (psutil.NoSuchProcess, FileNotFoundError):
        return False


def _delete(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)  # it may have gone with its folder


def _tidy_lock(names: list[str], prune: bool) -> None:
    """Put dvc.lock into the order of dvc.yaml; entries of other stages come last, or go."""
    if not LOCK.exists():
        return
    found = list(load_yaml(str(LOCK)).get("stages", {}))
    wanted = [name for name in names if name in found]
    wanted += [] if prune else [name for name in found if name not in names]
    if wanted != found:
        with modify_yaml(str(LOCK)) as content:
            entries = dict(content["stages"])
            content["stages"].clear()
            content["stages"].update({name: entries[name] for name in wanted})


def _stale(stages: list[Any]) -> Iterator[Path]:
    """What lies beside the outputs of ``foreach`` stages and is the output of none."""
    here = Path.cwd()
    known = {Path(out.fspath) for stage in stages for out in (*stage.outs, *stage.deps) if out.fspath}
    folders = {Path(out.fspath).parent for stage in stages if "@" in stage.addressing for out in stage.outs}
    for folder in folders:
        for path in folder.glob("*"):
            if path not in known and not path.name.startswith(".") and here in path.parents:
                yield path.relative_to(here)


def _read_lock(text: str) -> None:
    """Beyond DVC's schema: each file has its digest and size, without which DVC stops and says nothing."""
    lock = COMPILED_LOCKFILE_SCHEMA(parse_yaml(text, str(LOCK)))
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
    except (ValueError, ParseError, voluptuous.Invalid):
        return True
    return False


if __name__ == "__main__":
    guarded(main)
