"""What a person reads while a stage runs: plain lines, progress bars, one-sentence errors."""

import sys
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from tqdm import tqdm

Item = TypeVar("Item")


class UserError(Exception):
    """A mistake that its user can mend; the message names file, field and remedy in one sentence."""


def say(text: str) -> None:
    """Print one line at once, so that logs and terminals agree about the order."""
    print(text, flush=True)


def progress(
    items: Iterable[Item], total: int, unit: str, note: Callable[[], str] | None = None
) -> Iterator[Item]:
    """Yield the items behind a progress bar: a live bar on a terminal, a plain line each 30 s in a log.

    Args:
        items: what to iterate over.
        total: how many items there are.
        unit: the noun behind the count, for example ``clip``.
        note: called at each update; its text stands behind the bar.
    """
    terminal = sys.stderr.isatty()
    with tqdm(
        total=total,
        unit=f" {unit}",
        mininterval=0.1 if terminal else 30,
        maxinterval=0.1 if terminal else 30,
        ascii=not terminal,
        dynamic_ncols=terminal,
        bar_format=None
        if terminal
        else "{n_fmt}/{total_fmt}{unit}s, {rate_fmt}, {remaining} left {postfix}\n",
    ) as bar:
        for item in items:
            yield item
            if note is not None:
                bar.set_postfix_str(note(), refresh=False)
            bar.update()


def guarded(main: Callable[[], None]) -> None:
    """Run a stage's main function; a :class:`UserError` ends it with one line and exit status 1."""
    try:
        main()
    except UserError as error:
        print(f"error: {error}", file=sys.stderr, flush=True)
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        print("stopped; what is finished is kept for the next run", file=sys.stderr, flush=True)
        raise SystemExit(130) from None
