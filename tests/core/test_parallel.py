import os
import signal
import sys
import time

import pytest

from stages.core.messages import UserError
from stages.core.options import Compute
from stages.core.parallel import Crash, allocator, each

TWO = Compute(processes=2)


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
    assert dict(each(square, ((n, n) for n in range(50)), TWO)) == {n: n * n for n in range(50)}
    assert list(each(square, iter(()), TWO)) == []


def test_equal_keys_are_kept_apart():
    assert sorted(each(square, [("a", 2), ("a", 3)], TWO)) == [("a", 4), ("a", 9)]


def test_items_are_drawn_as_they_are_needed():
    drawn = 0

    def items():
        nonlocal drawn
        for number in range(40):
            drawn += 1
            yield number, number

    ahead = []
    for done, _ in enumerate(each(slow_identity, items(), TWO)):
        ahead.append(drawn - done)
    assert max(ahead) <= 7
    assert drawn == 40


def test_a_crash_stops_nothing_else():
    results = dict(each(square_unless_seven, ((n, n) for n in range(20)), TWO))
    assert isinstance(results.pop(7), Crash)
    assert results == {n: n * n for n in range(20) if n != 7}


def test_errors_of_the_function_are_not_hidden():
    with pytest.raises(ValueError, match="no 3"):
        list(each(fail, [(3, 3)], Compute(processes=1)))


def test_allocator_is_preloaded_in_the_workers_alone(monkeypatch):
    monkeypatch.delenv("LD_PRELOAD", raising=False)
    assert dict(each(preloaded, [(1, 1)], Compute(processes=1))) == {1: allocator()}
    assert "LD_PRELOAD" not in os.environ


def test_an_allocator_that_the_user_chose_is_kept(monkeypatch):
    monkeypatch.setenv("LD_PRELOAD", "libm.so.6")
    assert dict(each(preloaded, [(1, 1)], Compute(processes=1))) == {1: "libm.so.6"}
    assert os.environ["LD_PRELOAD"] == "libm.so.6"


def test_no_scheduler_answers(monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.setattr("stages.core.parallel._PATIENCE", 0.5)
    with pytest.raises(UserError, match="no Dask scheduler answers at tcp://127"):
        list(each(square, [(1, 1)], Compute(scheduler="tcp://127.0.0.1:9")))


def test_dask_is_not_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(UserError, match=r"Dask is not installed; `pip install distributed`"):
        list(each(square, [(1, 1)], Compute(scheduler="tcp://127.0.0.1:9")))
