import os
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest

from stages.core.runtime import cluster as module
from stages.core.runtime.compute import ComputeOptions
from stages.core.runtime.errors import UserError
from stages.core.runtime.parallel import Crash, in_order, parallel_map, uncrashed
from tests.helpers import ROOT

dask = pytest.importorskip("dask")
pytest.importorskip("distributed")
from distributed import Client  # noqa: E402
from distributed.comm import CommClosedError  # noqa: E402

from tests.helpers.dask_cluster import DaskCluster, dask_cluster  # noqa: E402

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@pytest.fixture(scope="module")
def cluster() -> Iterator[DaskCluster]:
    with (
        dask.config.set({"distributed.comm.timeouts.connect": "3s"}),  # to a dead worker; by default 30 s
        dask_cluster(3) as started,
    ):
        yield started


def square(number: int) -> int:
    return number * number


def die_of_seven(number: int) -> int:
    if number == 7:
        os.kill(os.getpid(), signal.SIGKILL)
    return number * number


def refuse_seven(number: int) -> int:
    if number == 7:
        raise FileNotFoundError("no 7")
    return number * number


def part_of(table: np.ndarray, row: int) -> float:
    return float(table[row].sum())


def size_of(piece: np.ndarray) -> int:
    return piece.nbytes


def test_the_same_results_with_a_slow_worker(cluster: DaskCluster) -> None:
    compute = ComputeOptions(scheduler=cluster.address)
    with cluster.slowed():
        found = list(in_order(parallel_map(square, enumerate(range(200)), compute)))
    assert found == [number * number for number in range(200)]


def test_an_item_that_kills_its_workers_stops_no_other(cluster: DaskCluster) -> None:
    items = [(number, number) for number in range(40)]
    found = dict(parallel_map(die_of_seven, items, ComputeOptions(scheduler=cluster.address)))
    assert isinstance(found.pop(7), Crash)
    assert found == {number: number * number for number in range(40) if number != 7}


def test_what_all_share_survives_the_workers(cluster: DaskCluster) -> None:
    """All workers die at once: it is sent again, and no item is lost."""
    cluster.wait_for(3)
    table = np.arange(3_000_000.0).reshape(1000, 3000)
    items = [(row, row) for row in range(60)]
    compute = ComputeOptions(scheduler=cluster.address)
    found: dict[int, float | Crash] = {}
    for row, value in parallel_map(part_of, items, compute, shared=table):
        found[row] = value
        if len(found) == 5:
            for pid in cluster.pids():
                os.kill(pid, signal.SIGKILL)
    assert found == {row: float(table[row].sum()) for row in range(60)}


def test_pieces_leave_the_memory_of_the_scheduler_flat(cluster: DaskCluster) -> None:
    cluster.wait_for(3)
    scheduler = psutil.Process(cluster.scheduler.pid)
    used = []
    pieces = (
        (number, np.full(1_000_000, float(number))) for number in range(120)
    )  # 8 MB each, 960 MB in all
    for _, size in uncrashed(
        parallel_map(size_of, pieces, ComputeOptions(scheduler=cluster.address)), "piece"
    ):
        assert size == 8_000_000
        used.append(scheduler.memory_info().rss)
    assert max(used) - used[0] < 350_000_000


def test_a_worker_of_another_checkout_is_refused(cluster: DaskCluster, tmp_path: Path) -> None:
    cluster.wait_for(3)
    shutil.copytree(ROOT / "stages", tmp_path / "stages")
    with (tmp_path / "stages/core/runtime/console.py").open("a") as file:
        file.write("\n# changed\n")
    compute = ComputeOptions(scheduler=cluster.address)
    begun = parallel_map(abs, ((number, number) for number in range(1000)), compute)
    next(begun)
    expected = (
        r"the worker tcp://[^ ]+ has another source of the pipeline; start it in a clone of this project"
    )
    with cluster.stranger(tmp_path):
        with pytest.raises(UserError, match=expected):
            list(parallel_map(abs, [(1, 1)], compute))
        with pytest.raises(UserError, match=expected):  # it joined while the work went on
            list(begun)


def test_a_worker_without_the_source_is_refused(cluster: DaskCluster, tmp_path: Path) -> None:
    with (
        cluster.stranger(tmp_path),
        pytest.raises(UserError, match="has another source of the pipeline, or none"),
    ):
        list(parallel_map(square, [(1, 1)], ComputeOptions(scheduler=cluster.address)))


def test_no_scheduler_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PATIENCE", 0.5)
    with pytest.raises(UserError, match="no Dask scheduler answers at tcp://127"):
        list(parallel_map(square, [(1, 1)], ComputeOptions(scheduler="tcp://127.0.0.1:9")))


def test_a_scheduler_without_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PATIENCE", 1)
    with (
        dask_cluster(0) as empty,
        pytest.raises(UserError, match="has no workers; start one with `dask worker tcp://"),
    ):
        list(parallel_map(square, [(1, 1)], ComputeOptions(scheduler=empty.address)))


def test_an_error_of_an_item_is_raised_here(cluster: DaskCluster) -> None:
    with pytest.raises(FileNotFoundError, match="no 7"):
        list(parallel_map(refuse_seven, enumerate(range(20)), ComputeOptions(scheduler=cluster.address)))


def test_an_item_is_submitted_again_when_the_connection_fails(
    cluster: DaskCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    gather, failures = Client.gather, [CommClosedError("reset"), CommClosedError("reset")]

    async def failing(self: Client, *arguments: object, **options: object) -> object:
        if failures:
            raise failures.pop()
        return await gather(self, *arguments, **options)

    monkeypatch.setattr(Client, "gather", failing)
    found = parallel_map(square, enumerate(range(20)), ComputeOptions(scheduler=cluster.address))
    assert list(in_order(found)) == [number * number for number in range(20)]
    assert not failures


def test_a_scheduler_that_goes_away() -> None:
    with dask_cluster(1) as short_lived:
        found = parallel_map(
            square, ((n, n) for n in range(10**6)), ComputeOptions(scheduler=short_lived.address)
        )
        next(found)
        short_lived.scheduler.kill()
        with pytest.raises(UserError, match="went away, or all its workers did"):
            list(found)


def test_dask_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(UserError, match=r"Dask is not installed; `pip install distributed`"):
        list(parallel_map(square, [(1, 1)], ComputeOptions(scheduler="tcp://127.0.0.1:9")))
