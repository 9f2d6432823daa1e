"""A map over clips: in processes of this machine, or on the workers of a Dask scheduler."""

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from ctypes.util import find_library
from dataclasses import dataclass
from multiprocessing import get_context, parent_process
from multiprocessing.connection import wait as wait_for
from threading import Thread
from typing import TypeVar

from stages.core.runtime.compute import ComputeOptions
from stages.core.runtime.errors import UserError

Key = TypeVar("Key")
Argument = TypeVar("Argument")
Result = TypeVar("Result")

_PATIENCE = 10  # seconds that a scheduler has to answer
_AHEAD = 3  # items in flight per process, so that none waits for the next item


@dataclass(frozen=True)
class Crash:
    """The outcome of an item whose process died."""

    detail: str


def parallel_map(
    function: Callable[[Argument], Result], items: Iterable[tuple[Key, Argument]], compute: ComputeOptions
) -> Iterator[tuple[Key, Result | Crash]]:
    """Yield ``(key, function(argument))`` for each ``(key, argument)``, as they are finished.

    Items are taken as processes become free, so that memory does not grow with their number. An item
    whose process dies does not stop the rest.

    Args:
        function: importable by name (processes are started afresh).
        items: keys, and what the function gets.
        compute: number of processes, or the address of a Dask scheduler.

    Raises:
        UserError: if the scheduler does not answer, or Dask is not installed.
    """
    if compute.scheduler:
        return _on_dask(function, items, compute.scheduler)
    return _on_processes(function, items, compute.workers)


def _on_processes(
    function: Callable[[Argument], Result], items: Iterable[tuple[Key, Argument]], processes: int
) -> Iterator[tuple[Key, Result | Crash]]:
    items = iter(items)
    while True:
        pending: dict[Future[Result], tuple[Key, Argument]] = {}
        with _processes(processes) as pool:
            try:
                yield from _stream(pool, function, items, _AHEAD * processes, pending)
                return
            except BrokenProcessPool:
                pass
        # One of the items in flight killed its process; alone, it takes no other with it.
        for key, argument in pending.values():
            with _processes(1) as pool:
                try:
                    yield key, pool.submit(function, argument).result()
                except BrokenProcessPool:
                    yield key, Crash("the process that worked on it died, twice")


def _stream(
    pool: Executor,
    function: Callable[[Argument], Result],
    items: Iterator[tuple[Key, Argument]],
    ahead: int,
    pending: dict[Future[Result], tuple[Key, Argument]],
) -> Iterator[tuple[Key, Result]]:
    """Yield results as they come; ``pending`` holds the items in flight, also after an error."""
    for item in items:
        try:
            pending[pool.submit(function, item[1])] = item
        except BrokenProcessPool:
            pending[Future()] = item
            raise
        if len(pending) >= ahead:
            yield from _finished(pending)
    while pending:
        yield from _finished(pending)


def _finished(pending: dict[Future[Result], tuple[Key, Argument]]) -> Iterator[tuple[Key, Result]]:
    for future in wait(pending, return_when=FIRST_COMPLETED).done:
        result = future.result()
        yield pending.pop(future)[0], result


@contextmanager
def _processes(workers: int) -> Iterator[Executor]:
    """Fresh processes, with a faster memory allocator than the C library's if the machine has one."""
    before = os.environ.get("LD_PRELOAD")
    library = allocator()
    if library and not before:
        os.environ["LD_PRELOAD"] = library
    try:
        with ProcessPoolExecutor(workers, get_context("spawn"), _end_with_parent) as pool:
            yield pool
    finally:
        if library and not before:
            del os.environ["LD_PRELOAD"]


def allocator() -> str | None:
    """A memory allocator on this machine that can be preloaded, the fastest for openSMILE first."""
    if not sys.platform.startswith("linux"):
        return None
    return next(filter(None, map(find_library, ("tcmalloc_minimal", "mimalloc", "jemalloc"))), None)


def _end_with_parent() -> None:
    """Let a process end when its parent is killed, instead of waiting for work for ever."""
    Thread(target=_watch_parent, daemon=True).start()


def _watch_parent() -> None:
    parent = parent_process()
    if parent is not None:
        wait_for([parent.sentinel])
    os._exit(1)


def _on_dask(
    function: Callable[[Argument], Result], items: Iterable[tuple[Key, Argument]], scheduler: str
) -> Iterator[tuple[Key, Result | Crash]]:
    try:
        from distributed import Client, KilledWorker, as_completed
    except ImportError:
        raise UserError(
            "params.yaml: compute.scheduler names a Dask scheduler, but Dask is not installed; "
            "`pip install distributed`, or set it to null."
        ) from None
    try:
        client = Client(scheduler, timeout=_PATIENCE)
    except (OSError, ValueError) as error:
        raise UserError(
            f"params.yaml: compute.scheduler: no Dask scheduler answers at {scheduler} ({error})."
        ) from None
    with client:
        keys: dict[object, Key] = {}
        running = as_completed()

        def finished() -> tuple[Key, Result | Crash]:
            future = next(running)
            try:
                result = future.result()
            except KilledWorker as error:
                result = Crash(str(error))
            return keys.pop(future.key), result

        for key, argument in items:
            future = client.submit(function, argument, pure=False)
            keys[future.key] = key
            running.add(future)
            if len(keys) >= _AHEAD * max(1, sum(client.nthreads().values())):
                yield finished()
        while keys:
            yield finished()
