"""A Hugging Face dataset on disk, with a column of sound, as a corpus in HUME-VB's layout.

    python -m stages.import_hf SOURCE DESTINATION

SOURCE is what ``save_to_disk`` wrote, a folder of Parquet files, or a folder of recordings with metadata.csv
(``audiofolder``, for which ``datasets`` needs the package torchcodec). Columns of text and numbers become
columns of data_info.csv; the splits train, validation and test become the Split; the recordings keep their
bytes. Nothing is fetched, and no code of the dataset runs.
"""

import os
import tempfile
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from stages.command import guarded, import_parser, say_imported
from stages.core.corpus.writing import ImportedClip, unique_ids, write_corpus
from stages.core.runtime.console import progress, say
from stages.core.runtime.errors import UserError

SPEAKERS = ("Subject_ID", "speaker", "speaker_id", "client_id")
SPLITS = {
    "train": "train",
    "validation": "validation",
    "valid": "validation",
    "dev": "validation",
    "test": "test",
}
MAGIC = {
    b"RIFF": ".wav",
    b"fLaC": ".flac",
    b"OggS": ".ogg",
    b"ID3": ".mp3",
    b"\xff\xfb": ".mp3",
    b"FORM": ".aiff",
}


def main() -> None:
    """Run the import."""
    parser = import_parser("stages.import_hf", __doc__, "the folder of the dataset")
    parser.add_argument("--name", help="of the corpus (default: that of the source's folder)")
    parser.add_argument(
        "--speaker", help=f"the column of speakers (default: the first of {', '.join(SPEAKERS)})"
    )
    options = parser.parse_args()
    number, columns = import_corpus(options.source, options.destination, options.name, options.speaker)
    say_imported(number, options.destination, columns)


def import_corpus(
    source: Path, destination: Path, name: str | None = None, speaker: str | None = None
) -> tuple[int, list[str]]:
    """Write the corpus; return its number of clips and its label columns.

    Args:
        source: the folder of the dataset.
        destination: a new folder.
        name: what tables call the corpus.
        speaker: the column of speakers.

    Raises:
        UserError: if the package datasets is missing, the source is no dataset or has not
            one column of sound.
    """
    with tempfile.TemporaryDirectory() as cache:
        splits = _read(source, cache)
        features = next(iter(splits.values())).features
        sound = _sound_of(source, features)
        if speaker is not None and speaker not in features:
            raise UserError(f"{source} has no column {speaker}; its columns are {', '.join(features)}.")
        who = speaker or next((column for column in SPEAKERS if column in features), None)
        labels = [
            column
            for column, feature in features.items()
            if type(feature).__name__ in {"Value", "ClassLabel"} and column not in {who, "File_ID", "Split"}
        ]
        left_out = set(features) - {*labels, who, sound, "File_ID", "Split"}
        if left_out:
            say(f"left out, since they are neither text nor numbers: {', '.join(sorted(left_out))}")
        number = write_corpus(
            destination, name or source.resolve().name, _clips(source, splits, sound, who, labels)
        )
    return number, labels


def _read(source: Path, cache: str) -> Mapping[str, Any]:
    """Split → dataset, without the network."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    try:
        import datasets
    except ImportError:
        raise UserError(
            "datasets are read by the package datasets, which is not installed; `make extras`."
        ) from None
    if not source.is_dir():
        raise UserError(f"{source} is no folder; name that of a dataset.")
    datasets.disable_progress_bars()
    try:
        if (source / "dataset_dict.json").exists() or (source / "dataset_info.json").exists():
            found = datasets.load_from_disk(str(source))
        else:
            kind = "parquet" if any(source.rglob("*.parquet")) else "audiofolder"
            found = datasets.load_dataset(kind, data_dir=str(source.resolve()), cache_dir=cache)
    except Exception as error:  # whatever a folder that is no dataset makes the package raise
        cause: BaseException = error
        while cause.__cause__ is not None:
            cause = cause.__cause__
        reason = (str(cause) or repr(cause)).splitlines()[0].removesuffix(".")
        raise UserError(f"{source} cannot be read as a dataset: {reason}.") from None
    return found if isinstance(found, dict) else {str(found.split or ""): found}


def _sound_of(source: Path, features: Mapping[str, Any]) -> str:
    found = [column for column, feature in features.items() if _is_sound(feature)]
    if len(found) != 1:
        raise UserError(
            f"{source} has {len(found) or 'no'} columns of sound among {', '.join(features)}; "
            "a corpus needs one."
        )
    return found[0]


def _is_sound(feature: Any) -> bool:
    """Whether a column is Audio, or the struct of bytes and path as which Parquet keeps it."""
    return type(feature).__name__ == "Audio" or (
        isinstance(feature, dict) and set(feature) == {"bytes", "path"}
    )


def _clips(
    source: Path, splits: Mapping[str, Any], sound: str, speaker: str | None, labels: list[str]
) -> Iterator[ImportedClip]:
    import datasets

    total = sum(map(len, splits.values()))
    raw = {name: rows.cast_column(sound, datasets.Audio(decode=False)) for name, rows in splits.items()}
    ids = iter(_ids(raw, sound))
    for name, rows in raw.items():
        classes = {
            column: rows.features[column].int2str
            for column in labels
            if isinstance(rows.features[column], datasets.ClassLabel)
        }
        for row in progress(rows, total, "clip"):
            known = {column: row[column] for column in labels}
            for column, name_of in classes.items():
                known[column] = None if known[column] in {None, -1} else name_of(known[column])
            content, path = row[sound]["bytes"], row[sound]["path"] or ""
            if content is None:
                content = _bytes_of(source, path)
            suffix = Path(path).suffix or next(
                (suffix for magic, suffix in MAGIC.items() if content.startswith(magic)), ".wav"
            )
            who = None if speaker is None else row[speaker]
            yield ImportedClip(
                next(ids), suffix, partial(Path.write_bytes, data=content), who, SPLITS.get(name), known
            )


def _bytes_of(source: Path, path: str) -> bytes:
    """A recording that the dataset names instead of holding it."""
    file = source / path
    if not file.resolve().is_relative_to(source.resolve()):
        raise UserError(f"{source}: the recording {path} lies outside the folder of the dataset.")
    try:
        return file.read_bytes()
    except OSError as error:
        raise UserError(f"{source}: the recording {path} cannot be read ({error.strerror}).") from None


def _ids(splits: Mapping[str, Any], sound: str) -> list[str]:
    """File_ID where there is this column; else the names of the files, or numbers where they have none."""
    if all("File_ID" in rows.features for rows in splits.values()):
        return [str(clip_id) for rows in splits.values() for clip_id in rows["File_ID"]]
    files = [
        (name, Path(row[sound]["path"] or "").name)
        for name, rows in splits.items()
        for row in rows.select_columns([sound])
    ]
    if all(file for _, file in files) and len(set(files)) == len(files):
        return list(unique_ids([f"{name}/{file}" for name, file in files]).values())
    return [f"{name or 'clip'}-{row:06d}" for name, rows in splits.items() for row in range(len(rows))]


if __name__ == "__main__":
    guarded(main)
