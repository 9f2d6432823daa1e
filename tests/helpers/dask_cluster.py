"""A real ``dask scheduler`` with ``dask worker`` processes, in networks of their own where allowed."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread

import distributed

from tests.helpers import ROOT

PORT = 8786


@dataclass
class DaskCluster:
    """Addresses and processes of a scheduler and its workers.

    Attributes:
        address: of the scheduler.
        hosts: network namespaces for further workers; empty on loopback.
        scheduler: its process.
        apart: whether each has a network of its own.
    """

    address: str
    hosts: list["Host"]
    scheduler: subprocess.Popen[bytes]
    apart: bool
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    killed: int = 0

    def pids(self) -> list[int]:
        """Process ids of the workers that are there now."""
        with distributed.Client(self.address, set_as_default=False) as client:
            return list(client.run(os.getpid).values())

    @contextmanager
    def losing_one(self) -> Iterator[None]:
        """Kill a worker as soon as one works on something."""
        ended = Event()

        def strike() -> None:
            with distributed.Client(self.address, set_as_default=False) as client:
                pids = client.run(os.getpid)
                while not ended.wait(0.005):
                    busy = [worker for worker, items in client.processing().items() if items]
                    if busy:
                        os.kill(pids[busy[0]], signal.SIGKILL)
                        self.killed += 1
                        return

        thread = Thread(target=strike)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def wait_for(self, workers: int) -> None:
        """Wait until so many workers are there."""
        with distributed.Client(self.address, set_as_default=False, timeout=60) as client:
            if workers:
                client.wait_for_workers(workers, timeout=60)

    @contextmanager
    def slowed(self) -> Iterator[None]:
        """Let one worker run for a tenth of the time only."""
        victim, ended = self.pids()[0], Event()

        def hold() -> None:
            while not ended.wait(0.02):
                with suppress(ProcessLookupError):
                    os.kill(victim, signal.SIGSTOP)
                    time.sleep(0.2)
                    os.kill(victim, signal.SIGCONT)

        thread = Thread(target=hold)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    @contextmanager
    def stranger(self, folder: Path) -> Iterator[None]:
        """A further worker, started in another checkout."""
        before = len(self.pids())
        with worker(self.hosts[-1], self.address, folder, self.processes):
            self.wait_for(before + 1)
            yield


@dataclass(frozen=True)
class Host:
    """Where a process runs: its address, and what its command begins with."""

    address: str
    enter: tuple[str, ...] = ()


@contextmanager
def hosts(number: int) -> Iterator[tuple[list[Host], bool]]:
    """Hosts of networks of their own, joined by a bridge; without the right to make them, loopback."""
    name, net = f"dk{os.getpid() % 100_000}", f"10.{os.getpid() // 250 % 250}.{os.getpid() % 250}"
    if subprocess.run(["ip", "netns", "add", f"{name}-0"], capture_output=True, check=False).returncode:
        yield [Host("127.0.0.1")] * number, False
        return
    try:
        ip("link", "add", name, "type", "bridge")
        ip("address", "add", f"{net}.254/24", "dev", name)
        ip("link", "set", name, "up")
        for index in range(number):
            space, end = f"{name}-{index}", f"{name}v{index}"
            if index:
                ip("netns", "add", space)
            ip("link", "add", end, "type", "veth", "peer", "name", "eth0", "netns", space)
            ip("link", "set", end, "master", name, "up")
            ip("-n", space, "address", "add", f"{net}.{index + 1}/24", "dev", "eth0")
            ip("-n", space, "link", "set", "eth0", "up")
            ip("-n", space, "link", "set", "lo", "up")
        yield (
            [
                Host(f"{net}.{index + 1}", ("ip", "netns", "exec", f"{name}-{index}"))
                for index in range(number)
            ],
            True,
        )
    finally:
        for index in range(number):
            subprocess.run(["ip", "netns", "delete", f"{name}-{index}"], capture_output=True, check=False)
        subprocess.run(["ip", "link", "delete", name], capture_output=True, check=False)


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


@contextmanager
def process(host: Host, folder: Path, *words: str) -> Iterator[subprocess.Popen[bytes]]:
    started = subprocess.Popen(
        [*host.enter, sys.executable, "-m", "dask", *words],
        cwd=folder,
        env={
            **os.environ,
            "PYTHONPATH": str(folder),
            "DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "3s",
            "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "1",
        },
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield started
    finally:
        with suppress(ProcessLookupError):
            os.killpg(started.pid, signal.SIGKILL)
        started.wait()


@contextmanager
def worker(
    host: Host, address: str, folder: Path, processes: list[subprocess.Popen[bytes]]
) -> Iterator[None]:
    words = ("worker", address, "--host", host.address, "--nworkers", "1", "--nthreads", "1")
    with process(host, folder, *words, "--no-dashboard") as started:
        processes.append(started)
        yield


@contextmanager
def dask_cluster(workers: int) -> Iterator[DaskCluster]:
    """A scheduler and so many workers of one thread, each with a nanny."""
    with hosts(workers + 2) as (places, apart), ExitStack() as stack:
        port = PORT if apart else 20_000 + os.getpid() % 20_000
        address = f"tcp://{places[0].address}:{port}"
        words = ("scheduler", "--host", places[0].address, "--port", str(port), "--no-dashboard")
        scheduler = stack.enter_context(process(places[0], ROOT, *words))
        cluster = DaskCluster(address, places[workers + 1 :], scheduler, apart)
        for place in places[1 : workers + 1]:
            stack.enter_context(worker(place, address, ROOT, cluster.processes))
        cluster.wait_for(workers)
        yield cluster
