"""Audio → features of one set: a vector per clip and, by openSMILE, low-level descriptors per frame.

Reads data/audio/ and, for an entry of ``external``, the file or folder at its path. Writes
data/features/KEY.parquet, data/cards/KEY.json, data/lld/KEY/NNNN.parquet (the leading frames that
descriptors and deltas have in common; no frames for other sources) and data/quarantine/features-KEY.csv. What
was computed before is taken from .cache/features/: a stopped run continues where it was, and a changed corpus
costs its changes only.
"""

import argparse
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

import numpy as np

from stages.command import guarded
from stages.core.audio.shards import origin_of_audio, read_shards
from stages.core.config.load import load
from stages.core.config.sources import OpenSmileSet, Source, TableSource
from stages.core.features.cache import Cache
from stages.core.features.cards import write_card
from stages.core.features.descriptors import write_descriptors
from stages.core.features.extract import extract
from stages.core.features.sources.source import SourceError, open_source
from stages.core.features.sources.table import join
from stages.core.runtime.compute import ComputeOptions
from stages.core.runtime.console import say
from stages.core.runtime.errors import UserError, did_you_mean
from stages.core.runtime.files import digest_of
from stages.core.runtime.quarantine import Fault, write_faults
from stages.core.runtime.store import disk_may_be_full
from stages.core.runtime.tables import write_features

AUDIO = Path("data/audio")
CACHE = Path(".cache/features")


def main() -> None:
    """Run the stage."""
    parser = argparse.ArgumentParser(prog="python -m stages.features", description=__doc__)
    parser.add_argument("key", metavar="KEY", help="a name under `features` or `external` in params.yaml")
    key: str = parser.parse_args().key
    parameters = load()
    if key not in parameters.sources:
        raise UserError(f"params.yaml: features has no {key!r}{did_you_mean(key, parameters.sources)}.")
    section = "external" if key in parameters.external else "features"
    try:
        with disk_may_be_full(CACHE):
            if isinstance(source := parameters.sources[key], TableSource):
                summary = from_table(key, source)
            else:
                summary = from_audio(key, source, parameters.compute)
    except SourceError as error:
        raise UserError(f"params.yaml: {section}.{key}: {error}") from None
    write_card(Path(f"data/cards/{key}.json"), Path(f"data/features/{key}.parquet"))
    say(summary)


def from_audio(key: str, source: Source, compute: ComputeOptions) -> str:
    """Compute the features of all clips, or take them from the cache; what to say of it.

    Raises:
        UserError: if the source can use no clip.
    """
    opened = open_source(source)
    name = source.set if isinstance(source, OpenSmileSet) else source.kind
    with Cache(CACHE / f"{name}-{opened.fingerprint}.sqlite") as cache:
        found = extract(AUDIO, source, cache, f"features-{key}", compute)
        if not found.keys:
            maker = "openSMILE" if source.kind == "opensmile" else source.kind
            raise UserError(
                f"{AUDIO}: {maker} can use none of {len(found.faults)} clips ({found.faults[0].detail})."
            )
        clip_ids = list(found.keys)
        made_by = (
            {"feature_set": source.set}
            if isinstance(source, OpenSmileSet) and source.windows is None
            else {"source": asdict(source), "fingerprint": opened.fingerprint}
        )
        origin = {**origin_of_audio(AUDIO), **made_by}
        rows = (cache.functionals(key) for key in found.keys.values())
        framed = found.keys if opened.frame_names else {}
        frames = (cache.descriptors(key, len(opened.frame_names)) for key in framed.values())
        with ThreadPoolExecutor(1) as writer:  # both at once: most of the time is compression
            table = Path(f"data/features/{key}.parquet")
            written = writer.submit(write_features, table, clip_ids, opened.names, rows, origin)
            write_descriptors(Path(f"data/lld/{key}"), list(framed), frames, opened.frame_names, origin)
            written.result()
        write_faults(Path(f"data/quarantine/features-{key}.csv"), found.faults)
    return (
        f"{name}: {len(clip_ids)} clips, {len(opened.names)} functionals, "
        f"{len(opened.frame_names)} descriptors; {found.computed} clips computed, "
        f"{len(found.faults)} quarantined"
    )


def from_table(key: str, source: TableSource) -> str:
    """Take the features of the clips from a table; what to say of it.

    Raises:
        SourceError: if the table cannot be read, or lacks more than half of the clips.
    """
    clips = [clip_id for clip_id, _ in read_shards(AUDIO)]
    joined = join(source, clips, CACHE)
    lacking = [clip_id for clip_id, found in zip(clips, joined.found, strict=True) if not found]
    if 2 * len(lacking) > len(clips):
        raise SourceError(
            f"{source.path} lacks {len(lacking)} of {len(clips)} clips, {lacking[0]} first; "
            "name the table of this corpus"
        )
    origin = {**origin_of_audio(AUDIO), "source": asdict(source), "fingerprint": digest_of(Path(source.path))}
    present = np.flatnonzero(joined.found)
    clip_ids = [clips[row] for row in present]
    rows = (joined.values[row] for row in present)
    write_features(Path(f"data/features/{key}.parquet"), clip_ids, joined.names, rows, origin)
    write_descriptors(Path(f"data/lld/{key}"), [], [], (), origin)
    stage, detail = f"features-{key}", f"{source.path} has no row of this clip"
    write_faults(
        Path(f"data/quarantine/{stage}.csv"),
        [Fault(clip_id, stage, "not in the table", detail) for clip_id in lacking],
    )
    return (
        f"{key}: {len(clip_ids)} clips, {len(joined.names)} columns of {source.path}; "
        f"{joined.others} rows of other clips, {len(lacking)} clips quarantined"
    )


if __name__ == "__main__":
    guarded(main)
