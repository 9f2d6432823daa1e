"""The recordings of a corpus as clips, side by side; one that kills its process stops no other."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from stages.core.audio.mixing import SAMPLE_RATE
from stages.core.audio.recording import read_clip
from stages.core.audio.shards import encode
from stages.core.config.data import PreprocessOptions
from stages.core.runtime.compute import ComputeOptions
from stages.core.runtime.errors import UnusableClipError
from stages.core.runtime.parallel import Crash, in_order, parallel_map

_LARGEST_SENT = 32_000_000  # bytes of a file that is sent to another machine


@dataclass(frozen=True)
class ConvertedClip:
    """A clip, ready to be written.

    Attributes:
        flac: 16 kHz, 16 bit, mono, without loss.
        seconds: its length.
        source_rate: sample rate of the recording, in Hz.
        source_channels: channels of the recording.
        note: what a person should know about it; empty: nothing.
    """

    flac: bytes
    seconds: float
    source_rate: int
    source_channels: int
    note: str


Outcomes = Iterator[tuple[int, ConvertedClip | UnusableClipError | Crash]]
"""Number of a recording, and what became of it."""


def convert_recordings(
    paths: Iterable[Path], options: PreprocessOptions, compute: ComputeOptions
) -> Iterator[ConvertedClip | UnusableClipError]:
    """Yield for each recording, in order, its clip or why it cannot be used.

    Args:
        paths: the recordings; they are asked for as they are worked on.
        options: how a recording becomes a clip.
        compute: where the work runs.
    """
    convert_all = _on_cluster if compute.scheduler else _on_this_machine
    for outcome in in_order(convert_all(paths, options, compute)):
        yield UnusableClipError("crash", outcome.detail) if isinstance(outcome, Crash) else outcome


def _on_this_machine(paths: Iterable[Path], options: PreprocessOptions, compute: ComputeOptions) -> Outcomes:
    yield from parallel_map(partial(convert, options), enumerate(path.absolute() for path in paths), compute)


def _on_cluster(paths: Iterable[Path], options: PreprocessOptions, compute: ComputeOptions) -> Outcomes:
    """Workers elsewhere get the files themselves; those too large to be sent are converted here."""
    kept: dict[int, ConvertedClip | UnusableClipError] = {}

    def sent() -> Iterator[tuple[int, tuple[str, bytes]]]:
        for index, path in enumerate(paths):
            try:
                small = path.is_file() and path.stat().st_size <= _LARGEST_SENT
                if small:
                    yield index, (path.name, path.read_bytes())
            except OSError:
                small = False
            if not small:
                kept[index] = convert(options, path)

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
