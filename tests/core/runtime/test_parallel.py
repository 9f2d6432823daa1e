import os
import signal
import sys
import time
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool

import pytest

from stages.core.runtime import parallel
from stages.core.runtime.compute import ComputeOptions
from stages.core.runtime.errors import UserError
from stages.core.runtime.parallel import Crash, allocator, parallel_map

TWO = ComputeOptions(processes=2)


def square(number: int) -> int:
    return number * number


def square_unless_seven(number: int) -> int:
    if number == 7:
        os.kill(os.getpid(), signal.SIGKILL)
    return number * number


def fail(number: int) -> int:
    raise ValueError(f"no {number}")


def preloaded(_: int) -> str | None:
    return os.environ.get("LD_PRELOAD")


def slow_identity(number: int) -> int:
    time.sleep(0.05)
    return number


def test_each_item_once():
    assert dict(parallel_map(square, ((n, n) for n in range(50)), TWO)) == {n: n * n for n in range(50)}
    assert list(parallel_map(square, iter(()), TWO)) == []


def test_equal_keys_are_kept_apart():
    assert sorted(parallel_map(square, [("a", 2), ("a", 3)], TWO)) == [("a", 4), ("a", 9)]


def test_items_are_drawn_as_they_are_needed():
    drawn = 0

    def items():
        nonlocal drawn
        for number in range(40):
            drawn += 1
            yield number, number

    ahead = []
    for done, _ in enumerate(parallel_map(slow_identity, items(), TWO)):
        ahead.append(drawn - done)
    assert max(ahead) <= 7
    assert drawn == 40


def test_a_crash_stops_nothing_else():
    results = dict(parallel_map(square_unless_seven, ((n, n) for n in range(20)), TWO))
    assert isinstance(results.pop(7), Crash)
    assert results == {n: n * n for n in range(20) if n != 7}


def test_errors_of_the_function_are_not_hidden():
    with pytest.raises(ValueError, match="no 3"):
        list(parallel_map(fail, [(3, 3)], ComputeOptions(processes=1)))


def test_allocator_is_preloaded_in_the_workers_alone(monkeypatch):
    monkeypatch.delenv("LD_PRELOAD", raising=False)
    assert dict(parallel_map(preloaded, [(1, 1)], ComputeOptions(processes=1))) == {1: allocator()}
    assert "LD_PRELOAD" not in os.environ


@pytest.mark.skipif(sys.platform != "linux", reason="preloads as Linux does")
def test_an_allocator_on_the_machine_is_found_and_preloaded(monkeypatch):
    monkeypatch.delenv("LD_PRELOAD", raising=False)
    monkeypatch.setattr(parallel, "find_library", {"mimalloc": "libm.so.6"}.get)
    assert dict(parallel_map(preloaded, [(1, 1)], ComputeOptions(processes=1))) == {1: "libm.so.6"}
    assert "LD_PRELOAD" not in os.environ
    monkeypatch.setattr(sys, "platform", "darwin")
    assert allocator() is None


def test_an_item_is_not_lost_when_processes_die_before_it_is_handed_over():
    class Dying:
        def submit(self, _, argument):
            if argument == 2:
                raise BrokenProcessPool
            return Future()

    pending = {}
    with pytest.raises(BrokenProcessPool):
        place = parallel._Pool(Dying(), square, 3)
        list(parallel._stream(place, iter([(0, "a", 1), (1, "b", 2)]), pending))
    assert list(pending.values()) == [(0, "a", 1), (1, "b", 2)]


def test_an_allocator_that_the_user_chose_is_kept(monkeypatch):
    monkeypatch.setenv("LD_PRELOAD", "libm.so.6")
    assert dict(parallel_map(preloaded, [(1, 1)], ComputeOptions(processes=1))) == {1: "libm.so.6"}
    assert os.environ["LD_PRELOAD"] == "libm.so.6"


def test_no_scheduler_answers(monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.setattr("stages.core.runtime.cluster._PATIENCE", 0.5)
    with pytest.raises(UserError, match="no Dask scheduler answers at tcp://127"):
        list(parallel_map(square, [(1, 1)], ComputeOptions(scheduler="tcp://127.0.0.1:9")))


def test_dask_is_not_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(UserError, match=r"Dask is not installed; `pip install distributed`"):
        list(parallel_map(square, [(1, 1)], ComputeOptions(scheduler="tcp://127.0.0.1:9")))


def test_a_crash_on_dask_stops_nothing():
    dask, distributed = pytest.importorskip("dask"), pytest.importorskip("distributed")
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 0}),
        distributed.LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None) as cluster,
    ):
        items = [(7, 7), *((number, number) for number in range(20, 30))]
        results = dict(
            parallel_map(square_unless_seven, items, ComputeOptions(scheduler=cluster.scheduler_address))
        )
    assert isinstance(results[7], Crash)
    assert results[29] == 29 * 29
    assert len(results) == 11


def test_a_worker_ends_with_its_parent(monkeypatch):
    ends = []
    monkeypatch.setattr(os, "_exit", ends.append)
    parallel._watch_parent()  # no parent left here
    assert ends == [1]
