"""Run all stages that have to run, several at a time: ``python -m stages.side_by_side [JOBS]``.

DVC runs one stage after another. Here each stage runs as soon as those that it depends on have ended. The
stages that run share the cores; a stage waits while memory is short. What a stage does, and whether it is up
to date, is left to DVC.
"""

import argparse
import os
from collections.abc import Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path

import networkx
import psutil
from dvc.exceptions import DvcException
from dvc.repo import Repo

from stages.command import guarded
from stages.core.runtime.compute import SHARE, usable_cores
from stages.core.runtime.device import DRIVERS
from stages.reproducing import WRITE_EVERY, Entries, LockFile, reproduce

PROGRAM = 400e6  # bytes that a stage takes without data
COPIES = 4  # of the tables that it reads
LIMITS = (SHARE, "NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")


@dataclass(frozen=True)
class Share:
    """What a stage that runs may take: cores, and bytes of memory."""

    cores: int
    memory: float


def main() -> None:
    """Run the command; exit status 1 if a stage fails, after those that run beside it have ended."""
    parser = argparse.ArgumentParser(prog="python -m stages.side_by_side", description=__doc__)
    parser.add_argument("jobs", nargs="?", type=int, help="stages at a time; one per core, one with a GPU")
    cores = usable_cores()
    on_gpu = any(driver.exists() for driver in DRIVERS)
    jobs = min(parser.parse_args().jobs or (1 if on_gpu else cores), cores)
    if jobs < 2:
        return
    try:
        waiting, files = stages_to_run()
    except DvcException:  # `dvc repro` says what is wrong
        return
    if not run_all(waiting, files, jobs, cores):
        raise SystemExit(1)


def run_all(waiting: dict[str, set[str]], files: Mapping[str, list[Path]], jobs: int, cores: int) -> bool:
    """Run stages; whether all succeeded.

    Args:
        waiting: stage → the stages that it depends on; empty afterwards.
        files: stage → the files and folders that it reads.
        jobs: stages at a time.
        cores: that they share.
    """
    memory = psutil.virtual_memory().available
    running: dict[Future[Entries | None], tuple[str, Share]] = {}
    succeeded = True
    with LockFile() as lock_file, ThreadPoolExecutor(jobs) as pool:
        while waiting or running:
            busy = {name for name, _ in running.values()}
            ready = [name for name, before in waiting.items() if not before & (waiting.keys() | busy)]
            ready = ready[: jobs - len(running)]
            while ready:
                free = cores - sum(share.cores for _, share in running.values())
                left = memory - sum(share.memory for _, share in running.values())
                name = ready.pop(0)
                share = Share(free // (len(ready) + 1), memory_of(files[name]))
                if running and (share.cores < 1 or share.memory > left):
                    continue
                del waiting[name]
                environment = {**os.environ, **dict.fromkeys(LIMITS, str(share.cores))}
                running[pool.submit(reproduce, name, environment)] = name, share
            for future in wait(running, WRITE_EVERY, FIRST_COMPLETED).done:
                running.pop(future)
                entries = future.result()
                if entries is None:
                    succeeded = False
                    waiting.clear()
                else:
                    lock_file.add(entries)
            lock_file.write_if_due()
    return succeeded


def stages_to_run() -> tuple[dict[str, set[str]], dict[str, list[Path]]]:
    """The stages that changed and those behind them, in the order of dvc.yaml.

    Returns:
        Stage → the stages that it depends on; stage → the files and folders that it reads.
    """
    with Repo() as repo:
        changed, graph = repo.status(), repo.index.graph
        stages = {stage.addressing: stage for stage in repo.index.stages if stage in graph}
    behind = {stage.addressing for name in changed for stage in networkx.ancestors(graph, stages[name])}
    names = [name for name in stages if name in changed or name in behind]
    before = {name: {other.addressing for other in graph.successors(stages[name])} for name in names}
    return before, {name: [Path(dep.fspath) for dep in stages[name].deps if dep.fspath] for name in names}


def memory_of(files: list[Path]) -> float:
    """Bytes that a stage may need, by the feature tables that it reads: they hardly shrink on disk."""
    tables = [path for path in files if path.suffix == ".parquet" and path.exists()]
    return PROGRAM + COPIES * sum(path.stat().st_size for path in tables)


if __name__ == "__main__":
    guarded(main)
