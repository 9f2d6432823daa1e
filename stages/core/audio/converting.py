"""The recordings of a corpus as clips, side by side; one that kills its process stops no other."""

from collections import deque
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from stages.core.audio.cache import ClipCache, ConvertedClip, key_of
from stages.core.audio.mixing import SAMPLE_RATE
from stages.core.audio.recording import read_clip
from stages.core.audio.shards import encode
from stages.core.config.data import PreprocessOptions
from stages.core.runtime.compute import ComputeOptions
from stages.core.runtime.errors import UnusableClipError
from stages.core.runtime.parallel import Crash, in_order, parallel_map

_LARGEST_SENT = 32_000_000  # bytes of a file that is sent to another machine


Outcome = ConvertedClip | UnusableClipError | Crash
"""What became of a recording."""
Numbered = Iterator[tuple[int, Path]]
"""Recordings and their numbers."""


def convert_recordings(
    paths: Iterable[Path], options: PreprocessOptions, compute: ComputeOptions, cache: ClipCache
) -> Iterator[ConvertedClip | UnusableClipError]:
    """Yield for each recording, in order, its clip or why it cannot be used.

    Args:
        paths: the recordings; they are asked for as they are worked on.
        options: how a recording becomes a clip.
        compute: where the work runs.
        cache: the clips that were converted before, with the same options; new ones are added.

    Raises:
        UserError: if the cache is damaged.
    """
    known: deque[tuple[int, bytes]] = deque()
    begun: dict[int, tuple[Path, bytes | None, tuple[int, int] | None]] = {}

    def missing() -> Numbered:
        for number, path in enumerate(paths):
            stamp, key = stamp_of(path), key_of(path, cache.fingerprint)
            if key is not None and key in cache:
                known.append((number, key))
            else:
                begun[number] = path, key, stamp
                yield number, path.absolute()

    def outcomes() -> Iterator[tuple[int, Outcome | bytes]]:
        convert_all = _on_cluster if compute.scheduler else _on_this_machine
        for number, outcome in convert_all(missing(), options, compute):
            path, key, stamp = begun.pop(number)
            # A file that was written to meanwhile may have been converted with other bytes than its key's.
            if isinstance(outcome, ConvertedClip) and key is not None and stamp_of(path) == stamp:
                cache.put(key, outcome)
            yield number, outcome
            while known:
                yield known.popleft()
        yield from known

    for outcome in in_order(outcomes()):
        if isinstance(outcome, bytes):
            yield cache.clip(outcome)
        else:
            yield UnusableClipError("crash", outcome.detail) if isinstance(outcome, Crash) else outcome


def stamp_of(path: Path) -> tuple[int, int] | None:
    """Size of a file in bytes, and when it changed in ns; None if there is none."""
    try:
        facts = path.stat()
    except OSError:
        return None
    return facts.st_size, facts.st_mtime_ns


def _on_this_machine(
    recordings: Numbered, options: PreprocessOptions, compute: ComputeOptions
) -> Iterator[tuple[int, Outcome]]:
    yield from parallel_map(partial(convert, options), recordings, compute)


def _on_cluster(
    recordings: Numbered, options: PreprocessOptions, compute: ComputeOptions
) -> Iterator[tuple[int, Outcome]]:
    """Workers elsewhere get the files themselves; those too large to be sent are converted here."""
    kept: dict[int, ConvertedClip | UnusableClipError] = {}

    def sent() -> Iterator[tuple[int, tuple[str, bytes]]]:
        for number, path in recordings:
            try:
                small = path.is_file() and path.stat().st_size <= _LARGEST_SENT
                if small:
                    yield number, (path.name, path.read_bytes())
            except OSError:
                small = False
            if not small:
                kept[number] = convert(options, path)

    for result in parallel_map(partial(convert_sent, options), sent(), compute):
        yield result
        while kept:
            yield kept.popitem()
    yield from kept.items()


def convert_sent(options: PreprocessOptions, file: tuple[str, bytes]) -> ConvertedClip | UnusableClipError:
    """One recording, name and content of its file, as a clip, or why it cannot be used."""
    name, content = file
    with TemporaryDirectory() as folder:
        path = Path(folder, name)
        path.write_bytes(content)
        return convert(options, path)


def convert(options: PreprocessOptions, path: Path) -> ConvertedClip | UnusableClipError:
    """One recording as a clip, or why it cannot be used."""
    clip = read_clip(path, options)
    if isinstance(clip, UnusableClipError):
        return clip
    return ConvertedClip(
        encode(clip.samples), len(clip.samples) / SAMPLE_RATE, clip.rate, clip.channels, clip.note
    )
