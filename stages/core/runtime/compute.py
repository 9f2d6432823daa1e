"""Where work per clip runs: processes of this machine, or the workers of a Dask scheduler."""

import os
from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge


@dataclass(frozen=True)
class ComputeOptions:
    """Where per-clip work runs."""

    processes: Annotated[int, Ge(1)] | None = None
    scheduler: str | None = None

    @property
    def workers(self) -> int:
        """Processes or threads that work at once: as many as asked for, else one for each core to be had."""
        return self.processes or len(os.sched_getaffinity(0))
