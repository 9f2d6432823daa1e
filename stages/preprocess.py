"""Any recording → −3 dB peak, 16 kHz, 16 bit, mono; and the table of the usable clips.

Reads the corpus at ``corpus.path``. Writes data/recordings.parquet, data/audio/NNNN.parquet,
data/quarantine/preprocess.csv and metrics/corpus.json. What was converted before is taken from
.cache/audio/: a stopped run continues where it was, and a changed corpus costs its changes only.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from stages.command import guarded, section
from stages.core.audio.cache import ClipCache
from stages.core.audio.converting import convert_recordings, stamp_of
from stages.core.audio.recording import preparation
from stages.core.audio.shards import write_shards
from stages.core.config.data import PreprocessOptions
from stages.core.config.load import Parameters, load
from stages.core.config.tasks import stored
from stages.core.corpus.reading import Corpus, read_corpus, refuse_if_mostly_unusable
from stages.core.dataset.speakers import speakers_of
from stages.core.runtime.compute import ComputeOptions
from stages.core.runtime.console import progress, say
from stages.core.runtime.errors import UnusableClipError, UserError
from stages.core.runtime.files import whole_folder, write_json
from stages.core.runtime.quarantine import Fault, write_faults
from stages.core.runtime.store import disk_may_be_full
from stages.core.runtime.tables import write_table

AUDIO = Path("data/audio")
CACHE = Path(".cache/audio")
CLIPS_PER_SHARD = 1000


def main() -> None:
    """Run the stage."""
    parameters = load()
    folder = Path(parameters.corpus.path)
    with section():
        corpus = read_corpus(parameters.corpus, parameters.tasks, parameters.split.balance)
    refuse_if_mostly_unusable(corpus.faults, corpus.listed, folder)
    facts, faults = convert(corpus, parameters.preprocess, parameters.compute)
    faults = sorted([*corpus.faults, *faults], key=lambda fault: fault.clip_id)
    refuse_if_mostly_unusable(faults, corpus.listed, folder)
    recordings = corpus.clips.merge(facts, on="clip_id", validate="one_to_one")
    recordings["source_split"] = recordings.pop("source_split")
    write_table(Path("data/recordings.parquet"), recordings)
    write_faults(Path("data/quarantine/preprocess.csv"), faults)
    write_json(Path("metrics/corpus.json"), summary(corpus, recordings, faults, parameters))
    for note in (*corpus.warnings, *corpus.notes):
        say(f"note: {note}")
    say(f"{corpus.name}: {len(recordings)} of {corpus.listed} clips usable, {len(faults)} quarantined")


def convert(
    corpus: Corpus, options: PreprocessOptions, compute: ComputeOptions
) -> tuple[pd.DataFrame, list[Fault]]:
    """Write all clips as shards.

    Returns:
        One row per usable clip (clip_id, seconds, source_rate, source_channels), and the other clips' faults.

    Raises:
        UserError: if a recording changes meanwhile, the cache is damaged or in use, the disk is full, or a
            package that the options ask for is missing.
    """
    stamps = _stamps(corpus)
    origin = {"preprocess": preparation(options), "synthetic": corpus.synthetic, "corpus": corpus.name}
    facts: list[tuple[str, float, int, int]] = []
    notes: dict[str, list[str]] = {}
    faults: list[Fault] = []

    def usable() -> Iterator[tuple[str, bytes]]:
        clip_ids = corpus.clips["clip_id"].tolist()
        found = map(corpus.paths.__getitem__, clip_ids)
        paths = progress(found, len(clip_ids), "clip", lambda: f"{len(faults)} quarantined")
        clips = convert_recordings(paths, options, compute, cache)
        for clip_id, clip in zip(clip_ids, clips, strict=True):
            if isinstance(clip, UnusableClipError):
                faults.append(Fault(clip_id, "preprocess", clip.reason, clip.detail))
                continue
            yield clip_id, clip.flac
            facts.append((clip_id, clip.seconds, clip.source_rate, clip.source_channels))
            if clip.note:
                notes[clip.note] = [*notes.get(clip.note, []), clip_id]

    with disk_may_be_full(CACHE), ClipCache(CACHE, options) as cache, whole_folder(AUDIO) as folder:
        write_shards(folder, usable(), CLIPS_PER_SHARD, origin)
        changed = np.flatnonzero((stamps != _stamps(corpus)).any(axis=1))
        if len(changed):
            clip_id = min(np.array(list(corpus.paths), object)[changed])
            raise UserError(
                f"the recording of clip {clip_id} changed while the corpus was read; "
                f"run the stage again when nothing writes to the corpus."
            )
    for note, clip_ids in notes.items():
        say(f"note: {len(clip_ids)} recordings, for example of clip {clip_ids[0]}: {note}")
    return pd.DataFrame(facts, columns=["clip_id", "seconds", "source_rate", "source_channels"]), faults


def _stamps(corpus: Corpus) -> np.ndarray:
    """Size and time of change of each recording, int64 [clips, 2]; −1 of a missing one."""
    stamps = [stamp_of(path) or (-1, -1) for path in corpus.paths.values()]
    return np.array(stamps, np.int64).reshape(-1, 2)


def summary(
    corpus: Corpus, recordings: pd.DataFrame, faults: Sequence[Fault], parameters: Parameters
) -> dict[str, Any]:
    """metrics/corpus.json: aggregate facts only, nothing about a person."""
    balance = parameters.split.balance
    return {
        "name": corpus.name,
        "synthetic": corpus.synthetic,
        "clips": {"listed": corpus.listed, "used": len(recordings), "quarantined": len(faults)},
        "reasons": dict(sorted(Counter(fault.reason for fault in faults).items())),
        "speakers": int(speakers_of(recordings).nunique()),
        "seconds": round(float(recordings["seconds"].sum()), 1),
        "labels": {
            name: int(recordings[task.label_columns].notna().all(axis=1).sum())
            for name, task in parameters.tasks.items()
        },
        "groups": {
            column: recordings[stored(column)].value_counts().sort_index().to_dict()
            for column in ([balance] if balance else [])
        },
        "warnings": [*corpus.warnings, *corpus.notes],
    }


if __name__ == "__main__":
    guarded(main)
