"""Single stages, run by DVC in processes that have loaded it already, and their entries in dvc.lock.

``dvc repro --single-item`` spends more than a second of processor time on most stages of this project: on its
imports, and on dvc.lock, all of which it reads and writes for each stage. Here the imports are paid for once,
and entries are written together.
"""

import logging
import os
import re
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Thread
from typing import Any, Self

from dvc.dvcfile import LOCK_FILE
from dvc.exceptions import DvcException
from dvc.repo import Repo
from dvc.stage import Stage
from dvc.stage.serialize import to_lockfile
from dvc.utils.serialize import dumps_yaml, load_yaml

from stages.core.runtime.console import say
from stages.core.runtime.files import write_text

PATIENCE = 60.0  # seconds to wait for processes of a killed run, which hold files until they end
BUSY = ("is busy", "Unable to acquire lock")  # what DVC says meanwhile
# What DVC says of a stage without a fault.
ROUTINE = re.compile(
    r"$|Running stage |> |To track the changes with git|\tgit add|To enable auto staging|\tdvc config"
    r"|Stage '.*' didn't change"
)
WRITE_EVERY = 10.0  # seconds; a kill loses no entries that are older
Entries = dict[str, Any]  # stage → what dvc.lock says of it

_WIDTH = 32
_SERVER = get_context("forkserver")
_SERVER.set_forkserver_preload([__name__])


class LockFile:
    """Gathers entries of dvc.lock; as a context, it writes what is left at the end."""

    def __init__(self) -> None:
        self._entries: Entries = {}
        self._written = time.monotonic()

    def add(self, entries: Entries) -> None:
        """Have entries written before long."""
        self._entries.update(entries)

    def write_if_due(self) -> None:
        """Write what has been gathered, if the last time was long enough ago."""
        if time.monotonic() - self._written >= WRITE_EVERY:
            self._write()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._write()

    def _write(self) -> None:
        if self._entries:
            with Repo(_wait_for_lock=True) as repo, repo.lock, repo.scm_context(quiet=True) as tracked:
                content: Any = load_yaml(LOCK_FILE) if Path(LOCK_FILE).exists() else {"schema": "2.0"}
                content.setdefault("stages", {}).update(self._entries)
                write_text(Path(LOCK_FILE), dumps_yaml(content))
                tracked.track_file(LOCK_FILE)
        self._entries, self._written = {}, time.monotonic()


def reproduce(name: str, environment: Mapping[str, str]) -> Entries | None:
    """Run one stage if it has to run, and pass on what it says, line by line under its name.

    Args:
        name: of the stage.
        environment: its variables.

    Returns:
        Its entry in dvc.lock, none if it has not changed; None if it failed.
    """
    end = time.monotonic() + PATIENCE
    while True:
        entries, lines = _reproduce_once(name, environment)
        if entries is not None:
            return entries
        if time.monotonic() > end or not any(sign in line for sign in BUSY for line in lines):
            return None
        time.sleep(1)


def _reproduce_once(name: str, environment: Mapping[str, str]) -> tuple[Entries | None, list[str]]:
    """Entries as above, and the lines that were said."""
    text, for_text = _SERVER.Pipe(duplex=False)
    result, for_result = _SERVER.Pipe(duplex=False)
    process = _SERVER.Process(target=_run, args=(name, environment, for_text, for_result))
    process.start()
    for_text.close()
    for_result.close()
    lines: list[str] = []
    reader = Thread(target=_pass_on, args=(name, text, lines))
    reader.start()
    entries = None
    with result, suppress(EOFError):
        entries = result.recv()
    process.join()
    reader.join()
    return entries, lines


def _pass_on(name: str, text: Connection, lines: list[str]) -> None:
    with text, open(text.fileno(), encoding="utf-8", errors="replace", closefd=False) as stream:
        for line in stream:
            lines.append(line)
            if not ROUTINE.match(line):
                say(f"{name:<{_WIDTH}} {line.rstrip()}")


def _run(name: str, environment: Mapping[str, str], text: Connection, result: Connection) -> None:
    """Do what ``dvc repro --single-item`` does, but send the stage's entry instead of writing it."""
    os.environ.update(environment)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(text.fileno(), stream.fileno())
    text.close()
    try:
        with Repo(_wait_for_lock=True) as repo:
            stages = repo.reproduce(name, single_item=True, repro_fn=_reproduce_unwritten)
            result.send({key: entry for stage in stages for key, entry in to_lockfile(stage).items()})
    except (DvcException, OSError):
        logging.getLogger("dvc").exception("")  # in DVC's words
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None


def _reproduce_unwritten(stage: Stage, **options: Any) -> Stage | None:
    return stage.reproduce(**options)
