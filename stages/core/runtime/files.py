"""Files and folders that appear whole or not at all; text, JSON and CSV as every stage writes them."""

import csv
import errno
import hashlib
import io
import json
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from stages.core.runtime.errors import StageFileError

_PARTIAL = re.compile(r"\..+\.(\d+)\.partial")

_BLOCK = 1 << 20  # bytes read at a time


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Give a temporary path beside ``path``; rename it to ``path`` when the block ends without error.

    >>> import tempfile
    >>> target = Path(tempfile.mkdtemp()) / "greeting.txt"
    >>> with whole(target) as temporary:
    ...     _ = temporary.write_text("hello")
    >>> target.read_text()
    'hello'
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = _partial(path)
    try:
        yield temporary
        temporary.replace(path)
    except OSError as error:
        full = error.filename is None and error.errno in (errno.ENOSPC, errno.EDQUOT)
        if full or str(error.filename) == str(temporary):
            error.filename = str(path)  # what the user knows
        raise
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Give an empty temporary folder beside ``path``; it takes the place of ``path`` when the block ends.

    If the block raises, ``path`` stays as it was.

    >>> import tempfile
    >>> target = Path(tempfile.mkdtemp()) / "shards"
    >>> with whole_folder(target) as temporary:
    ...     _ = (temporary / "0000.txt").write_text("hello")
    >>> [file.name for file in target.iterdir()]
    ['0000.txt']
    """
    temporary = _partial(path)
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    try:
        yield temporary
        if path.exists():
            shutil.rmtree(path)
        temporary.replace(path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _partial(path: Path) -> Path:
    """The temporary name of a file or folder, which holds the id of the process that writes it."""
    return path.with_name(f".{path.name}.{os.getpid()}.partial")


def writer_of(path: Path) -> int | None:
    """The id of the process that writes a temporary file or folder; None: it is not one of ours.

    >>> writer_of(Path("data/.splits.parquet.4711.partial"))
    4711
    """
    match = _PARTIAL.fullmatch(path.name)
    return int(match[1]) if match else None


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text, whole or not at all."""
    with whole(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def write_json(path: Path, content: Any) -> None:
    """Write sorted, indented JSON with a final newline; NaN is refused with a ValueError."""
    write_text(
        path, json.dumps(content, indent=2, sort_keys=True, allow_nan=False, ensure_ascii=False) + "\n"
    )


def csv_text(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """CSV with commas and ``\\n``; None becomes an empty cell.

    >>> csv_text(["file", "age"], [["a, b.wav", None]])
    'file,age\\n"a, b.wav",\\n'
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write :func:`csv_text` in UTF-8, whole or not at all."""
    write_text(path, csv_text(header, rows))


def read_json(path: Path) -> Any:
    """Read a file of an earlier stage.

    Raises:
        StageFileError: if it is not there or not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise StageFileError(path, "does not exist") from None
    except ValueError:
        raise StageFileError(path, "is damaged") from None


def digest_of(path: Path, pattern: str = "*") -> str:
    """Hex digest of a file, or of the names and the content of all files of a pattern below a folder."""
    digest = hashlib.blake2b(digest_size=8)
    files = sorted(file for file in path.rglob(pattern) if file.is_file()) if path.is_dir() else [path]
    for file in files:
        digest.update(file.relative_to(path).as_posix().encode() + b"\0")
        with file.open("rb") as content:
            while block := content.read(_BLOCK):
                digest.update(block)
    return digest.hexdigest()
