"""What a person reads while a stage runs: plain lines, progress bars, one-sentence errors."""

import errno
import os
import select
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import NoReturn, TypeVar

from tqdm import tqdm

from stages.core.runtime.errors import UserError

Item = TypeVar("Item")

LINE_EVERY = 30.0
NOT_OURS = (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS)


def say(text: str) -> None:
    """Print one line at once, so that logs and terminals agree about the order."""
    print(text, flush=True)


def progress(
    items: Iterable[Item], total: int, unit: str, note: Callable[[], str] = lambda: ""
) -> Iterator[Item]:
    """Yield the items and show how far the work is: a live bar on a terminal, else a line each 30 s.

    Args:
        items: what to iterate over.
        total: how many items there are.
        unit: the noun behind the count, for example ``clip``.
        note: called at each update; its text stands behind the figures.
    """
    if sys.stderr.isatty():
        with tqdm(total=total, unit=f" {unit}", dynamic_ncols=True) as bar:
            for item in items:
                yield item
                bar.set_postfix_str(note(), refresh=False)
                bar.update()
        return
    start = spoken = time.monotonic()
    for done, item in enumerate(items, 1):
        yield item
        now = time.monotonic()
        if now - spoken >= LINE_EVERY:
            spoken, rate = now, done / (now - start)
            left = f"{(total - done) / rate:.0f} s left"
            say(", ".join(filter(None, [f"{done}/{total} {unit}s", f"{rate:.1f} {unit}s/s", left, note()])))


def guarded(main: Callable[[], None]) -> None:
    """Run a stage's main function.

    A :class:`UserError`, a full disk or a file that may not be read or written end it with one line and
    exit status 1.
    """
    try:
        main()
        sys.stdout.flush()
    except UserError as error:
        _end(str(error))
    except BrokenPipeError:
        if not _nobody_reads():
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(1) from None
    except OSError as error:
        if error.errno not in NOT_OURS:
            raise
        _end(f"{error.filename or 'a file'}: {error.strerror}; mend that and run the stage again.")
    except KeyboardInterrupt:
        print("stopped; what is finished is kept for the next run", file=sys.stderr, flush=True)
        raise SystemExit(130) from None


def _nobody_reads() -> bool:
    """Whether whoever read what is printed, as head does, had enough."""
    poll = select.poll()
    poll.register(sys.stdout.fileno(), 0)
    return bool(poll.poll(0))


def _end(message: str) -> NoReturn:
    print(f"error: {message}", file=sys.stderr, flush=True)
    raise SystemExit(1) from None
