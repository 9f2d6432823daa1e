"""The stages of the pipeline and the commands that people type, one module each."""

import sys
from types import TracebackType

STOPPED = "stopped; what is finished is kept for the next run"


def _say_stopped(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """One sentence for Ctrl-C, a traceback for anything else."""
    if issubclass(kind, KeyboardInterrupt):
        print(STOPPED, file=sys.stderr, flush=True)
    else:
        sys.__excepthook__(kind, error, trace)


if sys.argv[:1] == ["-m"]:  # `python -m stages.NAME`, whose imports take seconds
    sys.excepthook = _say_stopped
