"""Feature tables side by side: the columns of several sets as one, for the clips that all of them have."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from stages.core.runtime.errors import UserError
from stages.core.runtime.quarantine import Fault
from stages.core.runtime.tables import open_table, origin_of, readable, write_features

_BATCH = 256


def fuse_tables(tables: Mapping[str, Path], fused: Path, stage: str) -> list[Fault]:
    """Write the columns of several tables side by side; memory does not grow with the clips.

    Args:
        tables: set → its table, the clips of all in the same order.
        fused: the new table; its columns are called ``SET.COLUMN``, its origin holds those of the sets.
        stage: as the quarantine calls it.

    Returns:
        The clips that some set lacks.

    Raises:
        UserError: if no clip is in all sets, or the sets were made from different recordings.
    """
    opened = {name: open_table(path) for name, path in tables.items()}
    clips = {name: _clips_of(path) for name, path in tables.items()}
    shared = set.intersection(*map(set, clips.values()))
    if not shared:
        raise UserError(
            f"no clip has the features of all of {', '.join(tables)}; they are of different corpora."
        )
    origins = {name: origin_of(path) for name, path in tables.items()}
    common = {key: next(iter(origins.values())).get(key) for key in ("preprocess", "synthetic", "corpus")}
    for name, origin in origins.items():
        if {key: origin.get(key) for key in common} != common:
            raise UserError(
                f"the features of {name} were made from other recordings than those of the others."
            )
    names = [f"{name}.{column}" for name, parquet in opened.items() for column in _columns_of(parquet)]
    parts = [
        {"set": name, "columns": len(_columns_of(parquet)), "origin": origins[name]}
        for name, parquet in opened.items()
    ]
    order = [clip for clip in next(iter(clips.values())) if clip in shared]
    rows = _side_by_side([_rows(path, shared) for path in tables.values()], order)
    write_features(fused, order, names, rows, {**common, "fused": parts})
    every = dict.fromkeys(clip for listed in clips.values() for clip in listed)
    present = {name: set(listed) for name, listed in clips.items()}
    return [
        Fault(clip, stage, "not in all sets", f"no features of {name}")
        for clip in sorted(every)
        for name in tables
        if clip not in present[name]
    ]


def _clips_of(path: Path) -> list[str]:
    with readable(path):
        return open_table(path).read(columns=["clip_id"]).column("clip_id").to_pylist()


def _columns_of(parquet: pq.ParquetFile) -> list[str]:
    return [name for name in parquet.schema_arrow.names if name != "clip_id"]


def _rows(path: Path, wanted: set[str]) -> Iterator[tuple[str, np.ndarray]]:
    """Clip and float32 [d] of each wanted clip, a few in memory."""
    parquet = open_table(path)
    columns = _columns_of(parquet)
    with readable(path):
        for batch in parquet.iter_batches(_BATCH):
            values = np.stack([batch.column(name).to_numpy() for name in columns], axis=1)
            for clip, row in zip(batch.column("clip_id").to_pylist(), values, strict=True):
                if clip in wanted:
                    yield clip, row


def _side_by_side(
    tables: Sequence[Iterator[tuple[str, np.ndarray]]], order: Sequence[str]
) -> Iterator[np.ndarray]:
    for clip, *entries in zip(order, *tables, strict=True):
        if any(other != clip for other, _ in entries):
            raise UserError(f"the clips of the feature tables stand in different orders, first at {clip}.")
        yield np.concatenate([row for _, row in entries])
