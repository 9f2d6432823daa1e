import os
import signal
import subprocess
import sys
import time
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from operator import length_hint

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from stages.core.runtime import parallel
from stages.core.runtime.compute import ComputeOptions
from stages.core.runtime.errors import UserError
from stages.core.runtime.parallel import Crash, allocator, in_order, parallel_map, uncrashed
from tests.helpers import ROOT

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
    items = iter([(number, number) for number in range(40)])
    ahead = []
    for done, _ in enumerate(parallel_map(slow_identity, items, TWO)):
        ahead.append(40 - length_hint(items) - done)
    assert max(ahead) <= 7
    assert len(ahead) == 40


def test_a_crash_stops_nothing_else():
    results = dict(parallel_map(square_unless_seven, ((n, n) for n in range(20)), TWO))
    assert results.pop(7) == Crash("the process that worked on it died, twice")
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


def test_a_worker_ends_with_its_parent(monkeypatch):
    ends = []
    monkeypatch.setattr(os, "_exit", ends.append)
    parallel._watch_parent()  # no parent left here
    assert ends == [1]


def test_threads_share_memory_and_results_come_in_order():
    table = {number: number * number for number in range(200)}
    found = parallel_map(look_up, enumerate(range(200)), TWO, here="threads", shared=table)
    assert list(in_order(found)) == list(table.values())
    assert dict(parallel_map(look_up, [("a", 3)], TWO, shared=table)) == {"a": 9}  # a process gets a copy


def look_up(table: dict[int, int], number: int) -> int:
    time.sleep(0.01 if number % 7 == 0 else 0)
    return table[number]


def blas_threads(_: object = None) -> set[int]:
    np.ones((2, 2)) @ np.ones((2, 2))
    return {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}


def test_items_on_threads_compute_products_on_one_thread_each():
    with threadpool_limits(2, "blas"):
        before = blas_threads()
        results = list(parallel_map(blas_threads, enumerate(range(4)), ComputeOptions(2), here="threads"))
        assert [threads for _, threads in results] == [{1}] * 4
        assert blas_threads() == before


def test_no_more_results_wait_for_a_slow_item_than_the_window_allows():
    items = iter([(number, number) for number in range(1000)])
    slow = parallel_map(sleep_on_the_first, items, TWO, here="threads")
    before = [next(slow)[0] for _ in range(parallel._WINDOW * parallel._AHEAD * 2 - 10)]
    assert 0 not in before
    assert 1000 - length_hint(items) <= parallel._WINDOW * parallel._AHEAD * 2 + 1
    assert len(before) + sum(1 for _ in slow) == 1000


def sleep_on_the_first(number: int) -> None:
    time.sleep(1.5 if number == 0 else 0)


def test_a_result_that_every_worker_died_of_is_refused_where_it_is_needed():
    assert list(uncrashed([(1, "a")], "network")) == [(1, "a")]
    with pytest.raises(
        UserError, match=r"^network 2 was not computed: it died; give its workers more memory\.$"
    ):
        list(uncrashed([(1, "a"), (2, Crash("it died"))], "network"))


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("here", ["processes", "threads"])
def test_ctrl_c_waits_for_nothing(here):
    script = (
        "from stages.command import guarded\n"
        "from stages.core.runtime.compute import ComputeOptions\n"
        "from stages.core.runtime.parallel import parallel_map\n"
        "from tests.core.runtime.test_parallel import sleep_for_ever\n"
        f"items, how = [(1, 1), (2, 2)], {{'here': '{here}'}}\n"
        "guarded(lambda: list(parallel_map(sleep_for_ever, items, ComputeOptions(2), **how)))\n"
    )
    process = subprocess.Popen(
        ["env", "--default-signal=INT", sys.executable, "-c", script],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout.readline().startswith("begun")
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the processes, too
    began = time.monotonic()
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err == "stopped; what is finished is kept for the next run\n"
    assert time.monotonic() - began < 30
    assert out.replace("begun", "").strip() == ""


def sleep_for_ever(_: int) -> None:
    print("begun", flush=True)
    time.sleep(1000)
