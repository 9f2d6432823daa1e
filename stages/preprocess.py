"""Any recording → −3 dB peak, 16 kHz, 16 bit, mono; and the table of the usable clips.

Reads the corpus at ``corpus.path``. Writes data/recordings.parquet, data/audio/NNNN.parquet,
data/quarantine/preprocess.csv and metrics/corpus.json.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import joblib
import pandas as pd
from joblib.externals.loky.process_executor import TerminatedWorkerError

from stages.command import guarded
from stages.core.audio.recording import SAMPLE_RATE, normalize, read_recording
from stages.core.audio.shards import encode, write_shards
from stages.core.config.data import PreprocessOptions
from stages.core.config.load import Parameters, load
from stages.core.corpus.reading import Corpus, read_corpus, refuse_if_mostly_unusable
from stages.core.dataset.speakers import speakers_of
from stages.core.runtime.console import progress, say
from stages.core.runtime.errors import UnusableClipError, UserError
from stages.core.runtime.files import whole_folder, write_json
from stages.core.runtime.quarantine import Fault, write_faults
from stages.core.runtime.tables import write_table

AUDIO = Path("data/audio")
CLIPS_PER_SHARD = 1000


def main() -> None:
    """Run the stage."""
    parameters = load()
    folder = Path(parameters.corpus.path)
    corpus = read_corpus(folder, parameters.tasks, parameters.split.balance, parameters.corpus.name)
    refuse_if_mostly_unusable(corpus.faults, corpus.listed, folder)
    facts, faults = convert(corpus, parameters.preprocess, parameters.compute.processes)
    faults = sorted([*corpus.faults, *faults], key=lambda fault: fault.clip_id)
    refuse_if_mostly_unusable(faults, corpus.listed, folder)
    recordings = corpus.clips.merge(facts, on="clip_id", validate="one_to_one")
    recordings["source_split"] = recordings.pop("source_split")
    write_table(Path("data/recordings.parquet"), recordings)
    write_faults(Path("data/quarantine/preprocess.csv"), faults)
    write_json(Path("metrics/corpus.json"), summary(corpus, recordings, faults, parameters))
    for warning in corpus.warnings:
        say(f"note: {warning}")
    say(f"{corpus.name}: {len(recordings)} of {corpus.listed} clips usable, {len(faults)} quarantined")


def convert(
    corpus: Corpus, options: PreprocessOptions, processes: int | None
) -> tuple[pd.DataFrame, list[Fault]]:
    """Write all clips as shards.

    Returns:
        One row per usable clip (clip_id, seconds, source_rate, source_channels), and the other clips' faults.

    Raises:
        UserError: if a recording changes meanwhile, or the system kills a process.
    """
    stamps = _stamps(corpus)
    shaped = {"peak_db": options.peak_db, "trim_silence": options.trim_silence}
    origin = {"preprocess": shaped, "synthetic": corpus.synthetic}
    facts: list[dict[str, Any]] = []
    faults: list[Fault] = []

    def usable() -> Iterator[tuple[str, bytes]]:
        for clip_id, outcome in _converted(corpus, options, processes, faults):
            if isinstance(outcome, tuple):
                faults.append(Fault(clip_id, "preprocess", *outcome))
            else:
                yield clip_id, outcome.pop("flac")
                facts.append({"clip_id": clip_id, **outcome})

    with whole_folder(AUDIO) as folder:
        write_shards(folder, usable(), CLIPS_PER_SHARD, origin)
        changed = sorted(stamps.items() ^ _stamps(corpus).items())
        if changed:
            raise UserError(
                f"the recording of clip {changed[0][0]} changed while the corpus was read; "
                f"run the stage again when nothing writes to the corpus."
            )
    return pd.DataFrame(facts, columns=["clip_id", "seconds", "source_rate", "source_channels"]), faults


def _stamps(corpus: Corpus) -> dict[str, tuple[int, int]]:
    """Clip → size and time of change of its recording; a missing one has none."""
    stamps = {}
    for clip_id, path in corpus.paths.items():
        with suppress(OSError):
            facts = path.stat()
            stamps[clip_id] = (facts.st_size, facts.st_mtime_ns)
    return stamps


def _converted(
    corpus: Corpus, options: PreprocessOptions, processes: int | None, faults: Sequence[Fault]
) -> Iterator[tuple[str, Any]]:
    clip_ids = list(corpus.clips["clip_id"])
    run = joblib.Parallel(n_jobs=processes or -1, return_as="generator", pre_dispatch="8 * n_jobs")
    outcomes = run(
        joblib.delayed(_convert_one)(corpus.paths[clip_id].absolute(), options) for clip_id in clip_ids
    )
    bar = progress(outcomes, len(clip_ids), "clip", lambda: f"{len(faults)} quarantined")
    try:
        yield from zip(clip_ids, bar, strict=True)
    except TerminatedWorkerError:
        raise UserError(
            "a process that read recordings was killed, most likely for want of memory; "
            "set compute.processes in params.yaml to fewer and run the stage again."
        ) from None


def _convert_one(path: Path, options: PreprocessOptions) -> dict[str, Any] | tuple[str, str]:
    """The clip and its facts, or the reason and the detail of its fault."""
    try:
        samples, rate = read_recording(path, options.max_seconds)
        clip = normalize(samples, rate, options)
    except UnusableClipError as fault:
        return fault.reason, fault.detail
    return {
        "flac": encode(clip),
        "seconds": len(clip) / SAMPLE_RATE,
        "source_rate": rate,
        "source_channels": samples.shape[1],
    }


def summary(
    corpus: Corpus, recordings: pd.DataFrame, faults: Sequence[Fault], parameters: Parameters
) -> dict[str, Any]:
    """metrics/corpus.json: aggregate facts only, nothing about a person."""
    balance = parameters.split.balance
    groups = recordings[balance].value_counts().to_dict() if balance in recordings else {}
    return {
        "name": corpus.name,
        "synthetic": corpus.synthetic,
        "clips": {"listed": corpus.listed, "used": len(recordings), "quarantined": len(faults)},
        "reasons": dict(sorted(Counter(fault.reason for fault in faults).items())),
        "speakers": int(speakers_of(recordings).nunique()),
        "seconds": round(float(recordings["seconds"].sum()), 1),
        "labels": {
            name: int(recordings[list(task.columns)].notna().all(axis=1).sum())
            for name, task in parameters.tasks.items()
        },
        "countries": {group: groups[group] for group in sorted(groups)},
        "warnings": list(corpus.warnings),
    }


if __name__ == "__main__":
    guarded(main)
