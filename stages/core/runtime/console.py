"""What a person reads while a stage runs: plain lines and progress bars."""

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from tqdm import tqdm

Item = TypeVar("Item")

LINE_EVERY = 30.0


def say(text: str) -> None:
    """Print one line at once, so that logs and terminals agree about the order."""
    print(text, flush=True)


def progress(
    items: Iterable[Item], total: int, unit: str, note: Callable[[], str] = lambda: ""
) -> Iterator[Item]:
    """Yield the items and show how far the work is: a live bar on a terminal, else a line every 30 s.

    Args:
        items: what to iterate over.
        total: how many items there are.
        unit: the noun behind the count, for example ``clip``.
        note: called at every update; its text follows the figures.
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
        if done == 1:
            start = now  # the first item waits for processes to start and for code to be compiled
        if now - spoken >= LINE_EVERY:
            parts = [f"{done}/{total} {unit}s"]
            if now > start:
                rate = (done - 1) / (now - start)
                parts += [f"{rate:.1f} {unit}s/s", f"{(total - done) / rate:.0f} s left"]
            spoken = now
            say(", ".join(filter(None, [*parts, note()])))
