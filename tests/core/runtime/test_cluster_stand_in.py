"""What is asked of Dask and made of its answers, with a stand-in for its client: no scheduler, no network."""

import sys
from concurrent.futures import CancelledError, Future
from types import ModuleType, SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest

from stages.core.runtime import cluster as module
from stages.core.runtime.cluster import Cluster, Crash, LostError, difference, identity
from stages.core.runtime.errors import UserError


class Client:
    """Stands for ``distributed.Client``."""

    workers: ClassVar[dict[str, Any]] = {}
    threads: ClassVar[dict[str, int]] = {}

    def __init__(self, address: str, **options: Any) -> None:
        self.opened = (address, options)
        self.asked: list[Any] = []
        self.closed = False
        self.status = "running"
        self.counted = 0

    def wait_for_workers(self, number: int, timeout: float) -> None:
        self.asked.append((number, timeout))
        if not self.workers:
            raise TimeoutError

    def run(self, function: Any, on_error: str) -> dict[str, Any]:
        assert (function, on_error) == (identity, "return")
        return self.workers

    def scatter(self, data: list[Any], **options: Any) -> list[Any]:
        self.asked.append((data, options))
        return [SimpleNamespace(status="finished", content=data[0])]

    def nthreads(self) -> dict[str, int]:
        self.counted += 1
        return self.threads

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def dask(monkeypatch: pytest.MonkeyPatch) -> type[Client]:
    pytest.importorskip("dask")
    package = ModuleType("distributed")
    package.Client = Client
    monkeypatch.setitem(sys.modules, "distributed", package)
    monkeypatch.setattr(Client, "workers", {"tcp://a:1": dict(identity()), "tcp://b:2": dict(identity())})
    monkeypatch.setattr(Client, "threads", {"tcp://a:1": 2, "tcp://b:2": 3})
    return Client


@pytest.mark.usefixtures("dask")
def test_a_scheduler_is_asked_once_for_its_workers_and_gets_what_all_share() -> None:
    with Cluster("tcp://s:9", abs, "shared", 4) as cluster:
        client = cluster._client
        options = {"timeout": 10, "direct_to_workers": True, "set_as_default": False}
        assert client.opened == ("tcp://s:9", options)
        assert client.asked == [(1, 10), (["shared"], {"broadcast": True, "hash": False})]
        assert not client.closed
    assert client.closed
    with Cluster("tcp://s:9", abs, None, 4) as cluster:
        assert cluster._client.asked == [(1, 10)]


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        ({**identity(), "numpy": "0.1"}, f"numpy 0.1 instead of {identity()['numpy']}"),
        (
            {**identity(), "python": "2.7", "source": "x"},
            f"python 2.7 instead of {identity()['python']} and another source of the pipeline",
        ),
        (ModuleNotFoundError("stages"), "another source of the pipeline, or none"),
    ],
)
def test_the_second_worker_is_looked_at_as_well(
    answer: Any, problem: str, dask: type[Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dask, "workers", {**dask.workers, "tcp://b:2": answer})
    cluster = Cluster("tcp://s:9", abs, None, 4)
    with pytest.raises(UserError) as caught, cluster:
        pass
    assert str(caught.value) == (
        f"params.yaml: compute.scheduler: the worker tcp://b:2 has {problem}; start it in a clone of this "
        "project at the same commit, with the same requirements.txt installed."
    )
    assert cluster._client.closed


@pytest.mark.usefixtures("dask")
def test_packages_that_only_one_side_has() -> None:
    here = {"numpy": "2", "python": "3.11"}
    assert difference(here, {"numpy": "2", "python": "3.11", "onnxruntime": "1"}) == ""
    assert difference({**here, "onnxruntime": "1"}, {"numpy": "2", "python": "3.11"}) == ""
    assert difference({**here, "onnxruntime": "1"}, {**here, "onnxruntime": "2"}) == (
        "onnxruntime 2 instead of 1"
    )


def test_items_in_flight(dask: type[Client], monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr(module, "monotonic", lambda: now[0])
    with Cluster("tcp://s:9", abs, None, 4) as cluster:
        assert cluster.ahead(1) == 4 * 5
        monkeypatch.setattr(dask, "threads", {"tcp://a:1": 1})
        now[0] += 10
        assert (cluster.ahead(1), cluster._client.counted) == (20, 1)  # counted not long ago
        now[0] += 0.1
        assert (cluster.ahead(1), cluster._client.counted) == (4, 2)
        monkeypatch.setattr(dask, "threads", {"tcp://a:1": 100})
        now[0] += 11
        assert cluster.ahead(np.zeros(8_000_000)) == 2  # 64 MB each of 128 MB at once
        assert cluster.ahead(np.zeros(80_000_000)) == 1
        monkeypatch.setattr(dask, "threads", {})
        now[0] += 11
        assert cluster.ahead(1) == 4


def ended(result: Any = None, error: BaseException | None = None) -> "Future[Any]":
    future: Future[Any] = Future()
    if error is not None:
        future.set_exception(error)
    else:
        future.set_result(result)
    return future


@pytest.mark.usefixtures("dask")
def test_what_became_of_an_item() -> None:
    with Cluster("tcp://s:9", abs, "shared", 4) as cluster:
        client = cluster._client
        assert cluster.outcome(ended(7)) == 7
        assert cluster.outcome(ended(Crash("x"))) == Crash("x")
        with pytest.raises(KeyError):
            cluster.outcome(ended(error=KeyError("of the item")))
        client.asked.clear()
        for error in (LostError(), CancelledError()):
            with pytest.raises(LostError):
                cluster.outcome(ended(error=error))
        assert client.asked == []  # what all share is still there
        for _ in range(3):
            cluster._data[0].status = "lost"
            with pytest.raises(LostError):
                cluster.outcome(ended(error=LostError()))
        assert client.asked == [(1, 10), (["shared"], {"broadcast": True, "hash": False})] * 3
        with pytest.raises(UserError, match="at tcp://s:9 went away, or all its workers did again and again"):
            cluster.outcome(ended(error=LostError()))
        with pytest.raises(UserError, match=r"the worker tcp://z has numpy 1 instead of 2; start it"):
            cluster.outcome(ended(module._Stranger("tcp://z", "numpy 1 instead of 2")))
    with Cluster("tcp://s:9", abs, None, 4) as cluster:
        cluster._client.status = "closed"
        with pytest.raises(UserError, match="went away"):
            cluster.outcome(ended(error=LostError()))


def test_a_scheduler_without_workers_is_one_sentence(
    dask: type[Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dask, "workers", {})
    with pytest.raises(
        UserError, match="at tcp://s:9 has no workers; start one with `dask worker tcp://s:9`"
    ):
        Cluster("tcp://s:9", abs, None, 4).__enter__()

    def refuse(*_: Any, **__: Any) -> None:
        raise OSError("refused")

    monkeypatch.setattr(dask, "__init__", refuse)
    with pytest.raises(UserError, match=r"no Dask scheduler answers at tcp://s:9 \(refused\)\.$"):
        Cluster("tcp://s:9", abs, None, 4)
