"""A database in audEERING's audformat as a corpus in HUME-VB's layout.

    python -m stages.import_audformat SOURCE DESTINATION

SOURCE is a folder with db.yaml, its tables and its recordings. Each column of the tables becomes a column of
data_info.csv, and what is known of the speakers (age, sex) too. A segment becomes a recording of its own; a
whole recording is copied unchanged. Tables that belong to a split of type train, dev or test say the Split.
"""

import shutil
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import soundfile

from stages.command import guarded, import_parser, say_imported
from stages.core.corpus.writing import ImportedClip, unique_ids, write_corpus
from stages.core.runtime.console import progress
from stages.core.runtime.errors import UserError, did_you_mean

SPLITS = {"train": "train", "dev": "validation", "test": "test"}


def main() -> None:
    """Run the import."""
    parser = import_parser("stages.import_audformat", __doc__, "the folder with db.yaml")
    parser.add_argument("--table", action="append", help="read this table alone; may be given several times")
    parser.add_argument("--speaker", default="speaker", help="the column of speakers (default: speaker)")
    options = parser.parse_args()
    number, columns = import_corpus(options.source, options.destination, options.table, options.speaker)
    say_imported(number, options.destination, columns)


def import_corpus(
    source: Path, destination: Path, tables: Sequence[str] | None = None, speaker: str = "speaker"
) -> tuple[int, list[str]]:
    """Write the corpus; return its number of clips and its label columns.

    Args:
        source: the folder with db.yaml.
        destination: a new folder.
        tables: names of tables; None: all of files and segments.
        speaker: the column of speakers; where there is none, each clip is a speaker of its own.

    Raises:
        UserError: if the package audformat is missing, or the source is no database or lacks a table or a
            recording.
    """
    try:
        import audformat
    except ImportError:
        raise UserError(
            "audformat is read by the package audformat, which is not installed; `make extras`."
        ) from None
    if not (source / "db.yaml").is_file():
        raise UserError(f"{source} holds no db.yaml; name the folder of an audformat database.")
    try:
        database = audformat.Database.load(str(source))
    except Exception as error:  # whatever a damaged header or table makes the package raise
        raise UserError(f"{source} cannot be read as an audformat database: {error}.") from None
    unknown = set(tables or ()) - set(database.tables)
    if unknown:
        raise UserError(f"{source} has no table {min(unknown)}{did_you_mean(min(unknown), database.tables)}.")
    labels = _labels(database, tables or list(database.tables), speaker, source)
    whole = unique_ids([file for file, _, _ in labels.index])
    clips = (
        _clip(source, whole[entry[0]], entry, row, speaker)
        for entry, row in zip(
            progress(labels.index, len(labels), "clip"), labels.to_dict("records"), strict=True
        )
    )
    number = write_corpus(destination, str(database.name), clips)
    return number, [column for column in labels if column not in {speaker, "Split"}]


def _labels(database: Any, tables: Sequence[str], speaker: str, source: Path) -> pd.DataFrame:
    """All columns by (file, start, end): of segments, with those of their file; else of whole files.

    Raises:
        UserError: if tables contradict each other.
    """
    import audformat

    parts: dict[bool, list[pd.DataFrame]] = {False: [], True: []}
    for name in tables:
        parts[database[name].is_segmented].append(_columns(database, name, speaker))
    try:
        joined = {kind: audformat.utils.concat(several) for kind, several in parts.items() if several}
    except ValueError as error:
        raise UserError(
            f"{source}: tables contradict each other ({str(error).splitlines()[0]}); choose one with --table."
        ) from None
    if False not in joined:
        return joined[True]
    files = joined[False]
    segments = joined.get(True, pd.DataFrame(index=audformat.segmented_index()))
    of_segments = segments.join(files[[column for column in files if column not in segments]], on="file")
    alone = files[~files.index.isin(segments.index.get_level_values("file"))]
    return pd.concat([of_segments, alone.set_axis(audformat.utils.to_segmented_index(alone.index))])


def _columns(database: Any, name: str, speaker: str) -> pd.DataFrame:
    """The columns of a table, what is known of its speakers, and its split."""
    table = database[name]
    labels = table.get().astype(object)
    scheme = table[speaker].scheme_id if speaker in labels else None
    people = database.schemes[scheme].labels if scheme else None
    if isinstance(people, str) and people in database.misc_tables:
        facts = database[people].get().astype(object)
        labels = labels.join(facts[[column for column in facts if column not in labels]], on=speaker)
    split = database.splits[table.split_id].type if table.split_id else None
    return labels.assign(Split=SPLITS[split]) if split in SPLITS else labels


def _clip(
    source: Path, name: str, entry: tuple[Any, Any, Any], row: dict[str, Any], speaker: str
) -> ImportedClip:
    """A file, or what lies between the start and the end of a segment."""
    file, start, end = entry
    path = source / file
    if not path.resolve().is_relative_to(source.resolve()):
        raise UserError(f"{source}: the recording {file} lies outside the folder of the database.")
    if not path.is_file():
        raise UserError(f"{path} does not exist; bring the recordings of the database into {source}.")
    known = {column: None if pd.isna(value) else value for column, value in row.items()}
    who, split = known.pop(speaker, None), known.pop("Split", None)
    first = start.total_seconds()
    last = None if pd.isna(end) else end.total_seconds()
    if not first and last is None:
        return ImportedClip(name, path.suffix, partial(shutil.copyfile, path), who, split, known)
    name = f"{name}-{round(first * 1000):06d}-{'end' if last is None else f'{round(last * 1000):06d}'}"
    return ImportedClip(name, ".wav", partial(_cut, path, first, last), who, split, known)


def _cut(source: Path, first: float, last: float | None, destination: Path) -> None:
    """Write the samples from ``first`` to ``last``, in seconds, as WAV of the same width."""
    try:
        with soundfile.SoundFile(source) as file:
            start = round(first * file.samplerate)
            stop = file.frames if last is None else min(file.frames, round(last * file.samplerate))
            if start >= stop:
                raise UserError(f"{source}: a segment begins at {first:g} s, where the recording has ended.")
            file.seek(start)
            samples = file.read(stop - start, dtype="float64", always_2d=True)
            subtype = file.subtype if soundfile.check_format("WAV", file.subtype) else "FLOAT"
            soundfile.write(destination, samples, file.samplerate, subtype=subtype)
    except (soundfile.LibsndfileError, OSError) as error:
        raise UserError(f"{source} cannot be cut into segments: {error}.") from None


if __name__ == "__main__":
    guarded(main)
