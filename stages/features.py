"""Audio → openSMILE features of one set: functionals a clip, low-level descriptors a frame.

Run as ``python -m stages.features KEY``, where KEY names a set under ``features`` in params.yaml. Reads
data/audio/. Writes data/features/KEY.parquet, data/lld/KEY/NNNN.parquet (common leading frames of
descriptors and deltas) and data/quarantine/features-KEY.csv. What was computed before is taken from
.cache/features/, so that a stopped run goes on where it was, and a changed corpus costs its changes.
"""

import errno
import shutil
import sqlite3
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from stages.command import guarded
from stages.core.audio.shards import count, decode, origin_of_audio, read_shards
from stages.core.config.load import load
from stages.core.features import smile
from stages.core.features.cache import Cache, key_of
from stages.core.runtime.compute import ComputeOptions
from stages.core.runtime.console import progress, say
from stages.core.runtime.errors import UserError
from stages.core.runtime.files import whole
from stages.core.runtime.parallel import Crash, each
from stages.core.runtime.quarantine import Fault, write_faults
from stages.core.runtime.tables import metadata_of, write_features

AUDIO = Path("data/audio")
CACHE = Path(".cache/features")
CLIPS_A_SHARD = 250


def main() -> None:
    """Run the stage."""
    parameters = load()
    name = sys.argv[1] if len(sys.argv) > 1 else ""
    if name not in parameters.features:
        known = ", ".join(parameters.features)
        raise UserError(f"usage: python -m stages.features KEY, one of features in params.yaml: {known}.")
    feature_set = parameters.features[name]
    names = smile.names_of(feature_set)
    path = CACHE / f"{feature_set}-{smile.fingerprint(feature_set)}.sqlite"
    with disk_may_be_full(), Cache(path) as cache:
        clips, faults, computed = extract(cache, feature_set, f"features-{name}", parameters.compute)
        if not clips:
            raise UserError(f"{AUDIO}: openSMILE can use none of {len(faults)} clips ({faults[0].detail}).")
        clip_ids = [clip_id for clip_id, _ in clips]
        rows = (cache.functionals(key) for _, key in clips)
        origin = {**origin_of_audio(AUDIO), "feature_set": feature_set}
        with ThreadPoolExecutor(1) as writer:  # both at once: most of the time is compression
            table = Path(f"data/features/{name}.parquet")
            written = writer.submit(write_features, table, clip_ids, names.functionals, rows, origin)
            write_descriptors(Path(f"data/lld/{name}"), clips, names.descriptors, cache, origin)
            written.result()
        write_faults(Path(f"data/quarantine/features-{name}.csv"), faults)
    say(
        f"{feature_set}: {len(clips)} clips, {len(names.functionals)} functionals, "
        f"{len(names.descriptors)} descriptors; {computed} clips computed, {len(faults)} quarantined"
    )


def extract(
    cache: Cache, feature_set: str, stage: str, compute: ComputeOptions
) -> tuple[list[tuple[str, bytes]], list[Fault], int]:
    """Compute what the cache lacks.

    Returns:
        ``(clip_id, key in the cache)`` of the usable clips, the faults, and how many clips were computed.
    """
    fingerprint = smile.fingerprint(feature_set)
    keys: list[tuple[str, bytes]] = []
    faulty: dict[bytes, tuple[str, str]] = {}

    def missing() -> Iterator[tuple[bytes, bytes]]:
        clips = progress(read_shards(AUDIO), count(AUDIO), "clip", lambda: f"{len(faulty)} quarantined")
        for clip_id, flac in clips:
            key = key_of(flac, fingerprint)
            keys.append((clip_id, key))
            reason = cache.reason(key)
            if reason is None:
                yield key, flac
            elif reason:
                faulty[key] = reason, cache.detail(key)

    computed = 0
    for key, outcome in each(partial(describe, feature_set), missing(), compute):
        computed += 1
        if isinstance(outcome, Crash):
            faulty[key] = "crash", outcome.detail
            continue
        cache.put(key, outcome)
        if isinstance(outcome, tuple):
            faulty[key] = outcome
    faults = [Fault(clip_id, stage, *faulty[key]) for clip_id, key in keys if key in faulty]
    return [(clip_id, key) for clip_id, key in keys if key not in faulty], faults, computed


def describe(feature_set: str, flac: bytes) -> smile.Features | tuple[str, str]:
    """Work of one clip as a process does it: its features, or the reason and the detail of a fault."""
    return smile.extract(feature_set, decode(flac))


def write_descriptors(
    folder: Path,
    clips: Sequence[tuple[str, bytes]],
    names: Sequence[str],
    cache: Cache,
    origin: Mapping[str, Any],
) -> None:
    """Write descriptors of ``(clip_id, key)`` as shards; the folder appears whole or not at all."""
    partial_folder = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial_folder, ignore_errors=True)
    written: Future[None] | None = None
    with ThreadPoolExecutor(1) as writer:  # one shard is compressed while the next is read
        for number, first in enumerate(range(0, len(clips), CLIPS_A_SHARD)):
            shard = clips[first : first + CLIPS_A_SHARD]
            frames = [cache.descriptors(key, len(names)) for _, key in shard]
            if written:
                written.result()
            path = partial_folder / f"{number:04d}.parquet"
            clip_ids = [clip_id for clip_id, _ in shard]
            written = writer.submit(_write_shard, path, clip_ids, names, frames, origin)
        if written:
            written.result()
    shutil.rmtree(folder, ignore_errors=True)
    partial_folder.replace(folder)


def _write_shard(
    path: Path,
    clip_ids: Sequence[str],
    names: Sequence[str],
    frames: Sequence[np.ndarray],
    origin: Mapping[str, Any],
) -> None:
    lengths = [len(clip) for clip in frames]
    columns = np.empty((len(names), sum(lengths)), np.float32)
    np.concatenate([clip.T for clip in frames], axis=1, out=columns)
    clip_column = pa.array(np.repeat(np.array(clip_ids, object), lengths), pa.string())
    arrays = [clip_column, *(pa.array(column) for column in columns)]
    table = pa.Table.from_arrays(arrays, names=["clip_id", *names], metadata=metadata_of(origin))
    with whole(path) as temporary:
        pq.write_table(
            table,
            temporary,
            row_group_size=max(1, len(table)),
            compression="zstd",
            use_dictionary=["clip_id"],
            use_byte_stream_split=list(names),
        )


@contextmanager
def disk_may_be_full() -> Iterator[None]:
    """Turn what a full disk raises into one sentence.

    Raises:
        UserError: if there is no space left.
    """
    try:
        yield
    except (OSError, sqlite3.OperationalError) as error:
        full = (
            error.sqlite_errorcode == sqlite3.SQLITE_FULL
            if isinstance(error, sqlite3.OperationalError)
            else error.errno == errno.ENOSPC
        )
        if not full:
            raise
        raise UserError(
            "the disk is full; make space and run the stage again, .cache/features keeps what is computed."
        ) from None


if __name__ == "__main__":
    guarded(main)
