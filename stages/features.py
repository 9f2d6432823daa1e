"""Audio → openSMILE features of one set: functionals per clip, low-level descriptors per frame.

Reads data/audio/. Writes data/features/KEY.parquet, data/lld/KEY/NNNN.parquet (the leading frames that
descriptors and deltas have in common) and data/quarantine/features-KEY.csv. What was computed before is taken
from .cache/features/: a stopped run continues where it was, and a changed corpus costs its changes only.
"""

import argparse
import errno
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from stages.command import guarded
from stages.core.audio.shards import origin_of_audio
from stages.core.config.load import load
from stages.core.features.cache import Cache
from stages.core.features.descriptors import write_descriptors
from stages.core.features.extract import extract
from stages.core.features.extractor import fingerprint
from stages.core.features.feature_sets import column_names
from stages.core.runtime.console import say
from stages.core.runtime.errors import UserError, did_you_mean
from stages.core.runtime.quarantine import write_faults
from stages.core.runtime.tables import write_features

AUDIO = Path("data/audio")
CACHE = Path(".cache/features")


def main() -> None:
    """Run the stage."""
    parser = argparse.ArgumentParser(prog="python -m stages.features", description=__doc__)
    parser.add_argument("key", metavar="KEY", help="a name under `features` in params.yaml")
    key: str = parser.parse_args().key
    parameters = load()
    if key not in parameters.features:
        raise UserError(f"params.yaml: features has no {key!r}{did_you_mean(key, parameters.features)}.")
    feature_set = parameters.features[key]
    try:
        names = column_names(feature_set)
    except UserError as error:
        raise UserError(f"params.yaml: features.{key}: {error}") from None
    store = CACHE / f"{feature_set}-{fingerprint(feature_set)}.sqlite"
    with disk_may_be_full(), Cache(store) as cache:
        found = extract(AUDIO, feature_set, cache, f"features-{key}", parameters.compute)
        if not found.keys:
            raise UserError(
                f"{AUDIO}: openSMILE can use none of {len(found.faults)} clips ({found.faults[0].detail})."
            )
        clip_ids = list(found.keys)
        origin = {**origin_of_audio(AUDIO), "feature_set": feature_set}
        rows = (cache.functionals(key) for key in found.keys.values())
        frames = (cache.descriptors(key, len(names.descriptors)) for key in found.keys.values())
        with ThreadPoolExecutor(1) as writer:  # both at once: most of the time is compression
            table = Path(f"data/features/{key}.parquet")
            written = writer.submit(write_features, table, clip_ids, names.functionals, rows, origin)
            write_descriptors(Path(f"data/lld/{key}"), clip_ids, frames, names.descriptors, origin)
            written.result()
        write_faults(Path(f"data/quarantine/features-{key}.csv"), found.faults)
    say(
        f"{feature_set}: {len(clip_ids)} clips, {len(names.functionals)} functionals, "
        f"{len(names.descriptors)} descriptors; {found.computed} clips computed, "
        f"{len(found.faults)} quarantined"
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
            "the disk is full; free some space and run the stage again; .cache/features keeps what "
            "is computed."
        ) from None


if __name__ == "__main__":
    guarded(main)
