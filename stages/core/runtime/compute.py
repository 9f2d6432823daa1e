"""Where work per clip runs: processes of this machine, or the workers of a Dask scheduler."""

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge


@dataclass(frozen=True)
class ComputeOptions:
    """Where per-clip work runs.

    Attributes:
        processes: of this machine; None: one per core. It is also the number of threads of training.
        scheduler: address of a Dask scheduler; None: this machine alone.
    """

    processes: Annotated[int, Ge(1)] | None = None
    scheduler: str | None = None

    @property
    def workers(self) -> int:
        """Processes or threads that work at once: as many as asked for, else one per usable core."""
        import joblib

        return self.processes or joblib.cpu_count()
