"""The features of all clips: what the cache lacks is computed, in several processes."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from stages.core.audio.shards import count, decode, read_shards
from stages.core.config.sources import Source
from stages.core.features.cache import Cache, key_of
from stages.core.features.extractor import Features
from stages.core.features.sources.source import SourceError, extract_from, open_source
from stages.core.runtime.compute import ComputeOptions
from stages.core.runtime.console import progress
from stages.core.runtime.errors import UnusableClipError
from stages.core.runtime.parallel import Crash, parallel_map
from stages.core.runtime.quarantine import Fault


@dataclass(frozen=True)
class Extraction:
    """What was extracted.

    Attributes:
        keys: clip_id → key in the cache, of the usable clips, in the order of the audio.
        faults: the other clips.
        computed: how many clips were computed, as opposed to found in the cache.
    """

    keys: dict[str, bytes]
    faults: list[Fault]
    computed: int


def extract(audio: Path, source: Source, cache: Cache, stage: str, compute: ComputeOptions) -> Extraction:
    """Fill the cache with the features of all clips.

    Args:
        audio: the folder of audio shards.
        source: where the features come from.
        cache: what was computed before; what is computed now is added.
        stage: the name under which the quarantine lists faults.
        compute: where the work runs.

    Raises:
        UserError: if there are no clips, or the cache is damaged.
    """
    digest = open_source(source).fingerprint
    keys: dict[str, bytes] = {}
    unusable: dict[bytes, UnusableClipError] = {}

    def missing() -> Iterator[tuple[bytes, bytes]]:
        clips = progress(read_shards(audio), count(audio), "clip", lambda: f"{len(unusable)} quarantined")
        for clip_id, flac in clips:
            key = keys[clip_id] = key_of(flac, digest)
            if key not in cache:
                yield key, flac
            elif (fault := cache.fault(key)) is not None:
                unusable[key] = fault

    computed = 0
    for key, outcome in parallel_map(partial(extract_flac, source, digest), missing(), compute):
        computed += 1
        if isinstance(outcome, Crash):  # not kept, so that the next run tries again
            unusable[key] = UnusableClipError("crash", outcome.detail)
            continue
        cache.put(key, outcome)
        if isinstance(outcome, UnusableClipError):
            unusable[key] = outcome
    faults = [
        Fault(clip_id, stage, unusable[key].reason, unusable[key].detail)
        for clip_id, key in keys.items()
        if key in unusable
    ]
    return Extraction(
        {clip_id: key for clip_id, key in keys.items() if key not in unusable}, faults, computed
    )


def extract_flac(source: Source, fingerprint: str, flac: bytes) -> Features | UnusableClipError:
    """The features of one clip of a shard, or why it cannot be used.

    Raises:
        SourceError: if the source is another one here than where the fingerprint was taken.
    """
    if open_source(source).fingerprint != fingerprint:
        raise SourceError("a worker has another file at its path; copy it to all workers")
    return extract_from(source, decode(flac))
