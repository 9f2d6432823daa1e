"""What commands share: errors become one sentence with the remedy the pipeline knows; imports look alike.

:mod:`stages.core` knows neither DVC nor params.yaml, so that its errors name options and files alone.
"""

import argparse
import errno
import os
import select
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from stages import STOPPED
from stages.core.runtime.console import say
from stages.core.runtime.errors import OptionError, StageFileError, UserError

_OUTSIDE = (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS)


@contextmanager
def section(name: str = "") -> Iterator[None]:
    """Say in which section of params.yaml an option stands that does not fit; none: it has its whole name.

    >>> with section("codebook"):
    ...     raise OptionError("size", "is 500, but there are 20 frames")
    Traceback (most recent call last):
    ...
    stages.core.runtime.errors.UserError: params.yaml: codebook.size is 500, but there are 20 frames.
    """
    try:
        yield
    except OptionError as error:
        raise UserError(f"params.yaml: {name}{'.' if name else ''}{error}") from None


def guarded(main: Callable[[], None]) -> None:
    """Run a command's main function.

    A :class:`UserError`, a full disk or a file that may not be read or written end it with one line and
    exit status 1; Ctrl-C ends it at once, with exit status 130.
    """
    try:
        main()
        sys.stdout.flush()
    except StageFileError as error:
        _end(f"{error}; `dvc repro` makes it again.")
    except UserError as error:
        _end(str(error))
    except BrokenPipeError:
        if not _reader_is_gone():
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(1) from None
    except OSError as error:
        if error.errno not in _OUTSIDE:
            raise
        _end(f"{error.filename or 'a file'}: {error.strerror}; correct that and run the command again.")
    except KeyboardInterrupt:
        print(STOPPED, file=sys.stderr, flush=True)
        sys.stdout.flush()
        if any(
            not thread.daemon for thread in threading.enumerate() if thread is not threading.main_thread()
        ):
            os._exit(130)  # Python would wait for threads that compute
        raise SystemExit(130) from None


def import_parser(module: str, description: str, source: str) -> argparse.ArgumentParser:
    """The arguments SOURCE and DESTINATION of a command that writes a corpus.

    Args:
        module: of the command.
        description: its docstring.
        source: what SOURCE is.
    """
    parser = argparse.ArgumentParser(
        prog=f"python -m {module}",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("source", type=Path, help=source)
    parser.add_argument("destination", type=Path, help="a new folder for the corpus")
    return parser


def say_imported(clips: int, destination: Path, labels: Sequence[str]) -> None:
    """Say what was written, and what to set in params.yaml."""
    say(f"{clips} clips; set corpus.path in params.yaml to {destination}")
    say(f"labels: {', '.join(labels) or 'none'}; declare under tasks which of them are learnt")


def _reader_is_gone() -> bool:
    """Whether the program that reads what is printed, such as ``head``, has ended."""
    poll = select.poll()
    poll.register(sys.stdout.fileno(), 0)
    return bool(poll.poll(0))


def _end(message: str) -> NoReturn:
    print(f"error: {message}", file=sys.stderr, flush=True)
    raise SystemExit(1) from None
