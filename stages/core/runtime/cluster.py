"""The workers of a Dask scheduler, as :mod:`stages.core.runtime.parallel` uses them.

Arguments reach the workers through the scheduler, few at a time, so that its memory stays flat; results, and
what all items share, pass between this process and the workers directly. No disk is shared.
"""

import platform
from asyncio import run_coroutine_threadsafe
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import Any

from stages.core.runtime.errors import UserError
from stages.core.runtime.files import digest_of

_PATIENCE = 10  # seconds that a scheduler has to answer
_IN_FLIGHT = 128_000_000  # bytes of arguments that the scheduler holds at once
_LOSSES = 3  # times that all workers may die that hold what all items share
_SOURCE = Path(__file__).parents[2]
# What decides results. Optional packages count where both sides have them.
_PACKAGES = "numpy scipy numba opensmile soundfile soxr scikit-learn torch pydantic".split()
_OPTIONAL = "onnxruntime resemblyzer swift-f0 transformers".split()


@dataclass(frozen=True)
class Crash:
    """The outcome of an item whose workers died."""

    detail: str


@dataclass(frozen=True)
class _Stranger:
    """What a worker answers that is another than this machine."""

    who: str
    problem: str


class LostError(Exception):
    """An item that has to be submitted again."""


@cache
def identity() -> dict[str, str]:
    """What must be equal on all sides: versions of Python and packages, and a digest of the source."""
    found = {"python": ".".join(platform.python_version_tuple()[:2]), "source": digest_of(_SOURCE, "*.py")}
    for package in (*_PACKAGES, *_OPTIONAL):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            if package in _PACKAGES:
                found[package] = "none"
    return found


def difference(here: dict[str, str], there: dict[str, str]) -> str:
    """What distinguishes a worker from this machine, as part of a sentence; empty: nothing.

    >>> difference({"numpy": "2.4.6", "source": "ab"}, {"numpy": "2.4.5", "source": "ab", "onnxruntime": "1"})
    'numpy 2.4.5 instead of 2.4.6'
    """
    parts = [
        "another source of the pipeline" if name == "source" else f"{name} {there[name]} instead of {value}"
        for name, value in here.items()
        if name in there and there[name] != value
    ]
    return " and ".join(parts)


def _refusal(who: str, problem: str) -> UserError:
    return UserError(
        f"params.yaml: compute.scheduler: the worker {who} has {problem}; start it in a clone of this "
        "project at the same commit, with the same requirements.txt installed."
    )


def _checked(here: dict[str, str], function: Callable[..., Any], *arguments: Any) -> Any:
    """Run an item on a worker, unless the worker is another than this machine."""
    problem = difference(here, identity())
    if problem:
        from distributed import get_worker

        return _Stranger(get_worker().address, problem)
    _one_thread()
    return function(*arguments)


@cache
def _one_thread() -> None:
    """Keep a worker's matrix products to one thread: it has threads of its own."""
    from threadpoolctl import threadpool_limits

    threadpool_limits(1, "blas")


class Cluster:
    """A connection to a scheduler; a context manager.

    Args:
        address: of the scheduler.
        function: what items run; importable by name on the workers.
        shared: its first argument, sent to each worker once; None: it has none.
        ahead: items in flight per thread of a worker.

    Raises:
        UserError: if the scheduler does not answer or has no workers, Dask is not installed, or a worker has
            other versions or another source.
    """

    def __init__(self, address: str, function: Callable[..., Any], shared: object, ahead: int) -> None:
        try:
            from distributed import Client
        except ImportError:
            raise UserError(
                "params.yaml: compute.scheduler names a Dask scheduler, but Dask is not installed; "
                "`pip install distributed`, or set it to null."
            ) from None
        self._address, self._function, self._shared, self._ahead = address, function, shared, ahead
        self._losses = _LOSSES
        self._counted, self._threads = float("-inf"), 1
        try:
            self._client: Any = Client(
                address, timeout=_PATIENCE, direct_to_workers=True, set_as_default=False
            )
        except (OSError, ValueError) as error:
            raise UserError(
                f"params.yaml: compute.scheduler: no Dask scheduler answers at {address} ({error})."
            ) from None

    def __enter__(self) -> "Cluster":
        try:
            self._await_workers()
            for who, there in self._client.run(identity, on_error="return").items():
                if isinstance(there, BaseException):
                    raise _refusal(who, "another source of the pipeline, or none")
                if problem := difference(identity(), there):
                    raise _refusal(who, problem)
            self._scatter()
        except BaseException:
            self._client.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def _await_workers(self) -> None:
        try:
            self._client.wait_for_workers(1, timeout=_PATIENCE)
        except TimeoutError:
            raise UserError(
                f"params.yaml: compute.scheduler: the Dask scheduler at {self._address} has no workers; "
                f"start one with `dask worker {self._address}` in a clone of this project."
            ) from None

    def _scatter(self) -> None:
        """Give each worker what all items share."""
        self._data = (
            [] if self._shared is None else self._client.scatter([self._shared], broadcast=True, hash=False)
        )

    def ahead(self, argument: Any, /) -> int:
        """How many items like this one should be in flight."""
        from dask.sizeof import sizeof

        if monotonic() > self._counted + _PATIENCE:  # workers come and go
            try:
                found = self._client.nthreads()
            except OSError:
                raise self._gone() from None
            self._counted, self._threads = monotonic(), max(1, sum(found.values()))
        return min(self._ahead * self._threads, max(1, _IN_FLIGHT // sizeof(argument)))

    def submit(self, argument: Any, /) -> "Future[Any]":
        """Begin an item; where its worker dies, the scheduler gives it to another."""
        # Not Dask's executor: its futures never end if a result is lost while it is fetched.
        loop = self._client.loop.asyncio_loop
        return run_coroutine_threadsafe(self._result_of(argument), loop)

    async def _result_of(self, argument: Any) -> Any:
        """The result of an item, or what its workers died of.

        Raises:
            LostError: if it was lost with the workers, or the scheduler is gone.
        """
        from distributed import KilledWorker

        for _ in range(2):  # Dask also suspects items that waited for a worker which died of another
            task = self._client.submit(
                _checked, identity(), self._function, *self._data, argument, pure=False
            )
            try:
                return await self._client.gather(task, asynchronous=True)
            except KilledWorker:
                continue
            except (CancelledError, OSError):
                if task.status == "error":  # raised by the item
                    raise
                raise LostError from None
        return Crash("the workers that worked on it died, one after the other")

    def outcome(self, future: "Future[Any]", /) -> Any:
        """What became of an item.

        Raises:
            LostError: if it has to be submitted again, since what all items share was lost with all workers.
            UserError: if the scheduler is gone, or the worker is another than this machine.
        """
        try:
            result = future.result()
        except (CancelledError, LostError):
            self._recover()
            raise LostError from None
        if isinstance(result, _Stranger):
            raise _refusal(result.who, result.problem)
        return result

    def _recover(self) -> None:
        """Wait for workers and give them what all items share, if the scheduler is still there."""
        if self._client.status != "running" or not self._losses:
            raise self._gone()
        if self._data and self._data[0].status != "finished":
            self._losses -= 1
            self._await_workers()
            try:
                self._scatter()
            except OSError:
                raise self._gone() from None

    def _gone(self) -> UserError:
        return UserError(
            f"the Dask scheduler at {self._address} went away, or all its workers did again and again; "
            "start them and run the stage again."
        )
