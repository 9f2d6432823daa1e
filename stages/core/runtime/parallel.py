"""One map for all work that can run side by side: on threads, in processes, or on a Dask scheduler's workers.

Every stage's results are the same bytes wherever its items run. A worker that dies takes no item with it: the
others go on, its items run again elsewhere, and an item that kills every worker it meets becomes a
:class:`Crash`. Ctrl-C ends the map without waiting for items that run.
"""

import os
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import (
    FIRST_COMPLETED,
    Executor,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
    wait,
)
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from ctypes.util import find_library
from dataclasses import dataclass
from functools import partial
from multiprocessing import active_children, get_context, parent_process
from multiprocessing.connection import wait as wait_for
from threading import Thread
from typing import Any, Literal, Protocol, TypeVar

from threadpoolctl import threadpool_limits

from stages.core.runtime.cluster import Cluster, Crash, LostError
from stages.core.runtime.compute import ComputeOptions
from stages.core.runtime.errors import UserError

Key = TypeVar("Key")
Argument = TypeVar("Argument")
Result = TypeVar("Result")

_AHEAD = 3  # items in flight per worker, so that none waits for the next item
_WINDOW = 50  # times as many items may be begun while the oldest is not finished, so that few results wait


class _Place(Protocol):
    """Where items run."""

    def submit(self, argument: Any, /) -> "Future[Any]":
        """Begin an item."""

    def ahead(self, argument: Any, /) -> int:
        """How many items like this one should be in flight."""

    def outcome(self, future: "Future[Any]", /) -> Any:
        """What became of an item; a LostError if it has to begin anew."""


def parallel_map(
    function: Callable[..., Result],
    items: Iterable[tuple[Key, Argument]],
    compute: ComputeOptions,
    *,
    here: Literal["processes", "threads"] = "processes",
    shared: object = None,
) -> Iterator[tuple[Key, Result | Crash]]:
    """Yield ``(key, function(argument))`` for each ``(key, argument)``, as they are finished.

    Items are taken as workers become free, so that memory does not grow with their number.

    Args:
        function: importable by name.
        items: keys, and what the function gets.
        compute: number of workers of this machine, or the address of a Dask scheduler.
        here: where this machine runs items if there is no scheduler: in fresh processes, which may crash, or
            on threads, which share memory (for compiled code, which Python lets run side by side).
        shared: what each item needs beside its argument; if not None, the function gets it first. Each
            worker of a scheduler receives it once.

    Raises:
        UserError: if the scheduler does not answer or goes away, Dask is not installed, or a worker has other
            versions or another source.
    """
    numbered = ((number, key, argument) for number, (key, argument) in enumerate(items))
    if compute.scheduler:
        with Cluster(compute.scheduler, function, shared, _AHEAD) as cluster:
            yield from _stream(cluster, numbered, {})
        return
    call = function if shared is None else partial(function, shared)
    if here == "processes":
        yield from _on_processes(call, numbered, compute.workers)
        return
    pool = ThreadPoolExecutor(compute.workers)
    try:
        with threadpool_limits(1, "blas"):  # whose own threads would wait for each other
            yield from _stream(_Pool(pool, call, compute.workers), numbered, {})
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def in_order(results: Iterable[tuple[int, Result]]) -> Iterator[Result]:
    """Results numbered 0, 1, … in that order, each as soon as those before it are there.

    >>> list(in_order([(1, "b"), (0, "a"), (2, "c")]))
    ['a', 'b', 'c']
    """
    waiting: dict[int, Result] = {}
    index = 0
    for number, result in results:
        waiting[number] = result
        while index in waiting:
            yield waiting.pop(index)
            index += 1


def uncrashed(results: Iterable[tuple[Key, Result | Crash]], unit: str) -> Iterator[tuple[Key, Result]]:
    """The same results, where each is needed.

    Raises:
        UserError: if the workers of one died; ``unit`` says what it was.
    """
    for key, result in results:
        if isinstance(result, Crash):
            raise UserError(f"{unit} {key} was not computed: {result.detail}; give its workers more memory.")
        yield key, result


@dataclass(frozen=True)
class _Pool:
    """Threads or processes of this machine."""

    pool: Executor
    function: Callable[..., Any]
    workers: int

    def submit(self, argument: Any, /) -> "Future[Any]":
        return self.pool.submit(self.function, argument)

    def ahead(self, argument: Any, /) -> int:  # noqa: ARG002
        return _AHEAD * self.workers

    def outcome(self, future: "Future[Any]", /) -> Any:
        return future.result()


def _on_processes(
    function: Callable[[Argument], Result], items: Iterator[tuple[int, Key, Argument]], processes: int
) -> Iterator[tuple[Key, Result | Crash]]:
    while True:
        pending: dict[Future[Result], tuple[int, Key, Argument]] = {}
        with _processes(processes) as pool:
            try:
                yield from _stream(_Pool(pool, function, processes), items, pending)
                return
            except BrokenProcessPool:
                pass
        # One of the items in flight killed its process; alone, it takes no other with it.
        for _, key, argument in pending.values():
            with _processes(1) as pool:
                try:
                    yield key, pool.submit(function, argument).result()
                except BrokenProcessPool:
                    yield key, Crash("the process that worked on it died, twice")


def _stream(
    place: _Place,
    items: Iterator[tuple[int, Key, Argument]],
    pending: dict["Future[Result]", tuple[int, Key, Argument]],
) -> Iterator[tuple[Key, Result]]:
    """Yield results as they come; ``pending`` holds the items in flight, also after an error."""
    for item in items:
        number, _, argument = item
        try:
            pending[place.submit(argument)] = item
        except BrokenProcessPool:
            pending[Future()] = item
            raise
        ahead = place.ahead(argument)
        while len(pending) >= ahead or (pending and number - _oldest(pending) >= _WINDOW * ahead):
            yield from _finished(place, pending)
    while pending:
        yield from _finished(place, pending)


def _oldest(pending: dict["Future[Result]", tuple[int, Key, Argument]]) -> int:
    return min(number for number, _, _ in pending.values())


def _finished(
    place: _Place, pending: dict["Future[Result]", tuple[int, Key, Argument]]
) -> Iterator[tuple[Key, Result]]:
    for future in wait(pending, return_when=FIRST_COMPLETED).done:
        try:
            result = place.outcome(future)
        except LostError:
            item = pending.pop(future)
            pending[place.submit(item[2])] = item
            continue
        yield pending.pop(future)[1], result


@contextmanager
def _processes(workers: int) -> Iterator[Executor]:
    """Fresh processes, with a faster memory allocator than the C library's if the machine has one."""
    before = os.environ.get("LD_PRELOAD")
    library = allocator()
    if library and not before:
        os.environ["LD_PRELOAD"] = library
    try:
        with ProcessPoolExecutor(workers, get_context("spawn"), _end_with_parent) as pool:
            try:
                yield pool
            except BaseException:
                for process in active_children():  # which ends the pool; nothing is waited for
                    process.kill()
                raise
    finally:
        if library and not before:
            del os.environ["LD_PRELOAD"]


def allocator() -> str | None:
    """A memory allocator on this machine that can be preloaded, the fastest for openSMILE first."""
    if not sys.platform.startswith("linux"):
        return None
    return next(filter(None, map(find_library, ("tcmalloc_minimal", "mimalloc", "jemalloc"))), None)


def _end_with_parent() -> None:
    """Let a process end when its parent does, instead of waiting for work for ever, and not by Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_watch_parent, daemon=True).start()


def _watch_parent() -> None:
    parent = parent_process()
    if parent is not None:
        wait_for([parent.sentinel])
    os._exit(1)
