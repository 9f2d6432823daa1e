"""Where work runs that can run side by side: on this machine, or on the workers of a Dask scheduler."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from annotated_types import Ge


@dataclass(frozen=True)
class ComputeOptions:
    """Where work runs that can run side by side.

    Attributes:
        processes: of this machine, or threads; None: one per core.
        scheduler: address of a Dask scheduler; None: this machine alone.
    """

    processes: Annotated[int, Ge(1)] | None = None
    scheduler: str | None = None

    @property
    def workers(self) -> int:
        """Processes or threads that work at once: as many as asked for, else one per usable core."""
        return self.processes or usable_cores()


SHARE = "USABLE_CORES"
"""The environment variable that gives a process its share of the cores."""
_QUOTA = Path(
    "/sys/fs/cgroup/cpu.max"
)  # of a container (cgroup v2): microseconds of processor time per period


def usable_cores() -> int:
    """Cores that this process may use: its :data:`SHARE`, if it has one beside other processes, else those of
    the machine, of its affinity and of its container's quota.
    """
    if SHARE in os.environ:
        return int(os.environ[SHARE])
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = _QUOTA.read_text(encoding="ascii").split()
    except (OSError, ValueError):
        return cores
    return cores if quota == "max" else max(1, min(cores, -(-int(quota) // int(period))))
