"""The recordings of a corpus as clips, in several processes; one that kills its process stops no other."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from stages.core.audio.mixing import SAMPLE_RATE
from stages.core.audio.recording import read_clip
from stages.core.audio.shards import encode
from stages.core.config.data import PreprocessOptions
from stages.core.runtime.compute import ComputeOptions
from stages.core.runtime.errors import UnusableClipError
from stages.core.runtime.parallel import Crash, parallel_map


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


def convert_recordings(
    paths: Mapping[str, Path], options: PreprocessOptions, processes: int | None
) -> Iterator[tuple[str, ConvertedClip | UnusableClipError]]:
    """Yield each clip_id, in order, with its clip or why it cannot be used.

    Args:
        paths: clip_id → recording.
        options: how a recording becomes a clip.
        processes: how many work at once; None: one per core.
    """
    clip_ids = list(paths)
    items = enumerate(path.absolute() for path in paths.values())
    finished: dict[int, ConvertedClip | UnusableClipError] = {}
    index = 0
    for done, outcome in parallel_map(partial(convert, options), items, ComputeOptions(processes)):
        finished[done] = UnusableClipError("crash", outcome.detail) if isinstance(outcome, Crash) else outcome
        while index in finished:
            yield clip_ids[index], finished.pop(index)
            index += 1


def convert(options: PreprocessOptions, path: Path) -> ConvertedClip | UnusableClipError:
    """One recording as a clip, or why it cannot be used."""
    clip = read_clip(path, options)
    if isinstance(clip, UnusableClipError):
        return clip
    return ConvertedClip(
        encode(clip.samples), len(clip.samples) / SAMPLE_RATE, clip.rate, clip.channels, clip.note
    )
