"""Recordings and labels of other layouts as a corpus that :mod:`stages.core.corpus.reading` reads."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from stages.core.corpus.info import INFO
from stages.core.corpus.recordings import AUDIO
from stages.core.runtime.errors import UserError
from stages.core.runtime.files import whole_folder, write_csv, write_json

OWN_COLUMNS = ("File_ID", "Split", "Subject_ID")
SPLITS = {"train": "Train", "validation": "Val", "test": "Test"}


@dataclass(frozen=True)
class ImportedClip:
    """One clip to write.

    Attributes:
        clip_id: its File_ID, and the name of its file.
        suffix: of its file, with the dot.
        store: puts the recording at a path.
        speaker: None if unknown.
        split: train, validation or test; None if the source does not say.
        labels: column → value; None where it is not labelled.
    """

    clip_id: str
    suffix: str
    store: Callable[[Path], object]
    speaker: str | None = None
    split: str | None = None
    labels: Mapping[str, object] = field(default_factory=dict)


def write_corpus(destination: Path, name: str, clips: Iterable[ImportedClip]) -> int:
    """Write data_info.csv, wav/ and corpus.json, whole or not at all; return the number of clips.

    Args:
        destination: a new folder.
        name: what tables call the corpus.
        clips: in the order of data_info.csv.

    Raises:
        UserError: if the folder exists, there is no clip, two clips have one id, or an id or a column cannot
            be used.
    """
    if destination.exists():
        raise UserError(f"{destination} exists; name a new folder.")
    with whole_folder(destination) as folder:
        (folder / AUDIO).mkdir()
        rows = _store(folder / AUDIO, clips)
        if not rows:
            raise UserError(f"no clip was found for {destination}; name a source that has recordings.")
        found = dict.fromkeys(column for row in rows for column in row)
        columns = list(dict.fromkeys([column for column in (*OWN_COLUMNS, *found) if column in found]))
        write_csv(folder / INFO, columns, ([row.get(column) for column in columns] for row in rows))
        write_json(folder / "corpus.json", {"name": name, "synthetic": False})
    return len(rows)


def _store(folder: Path, clips: Iterable[ImportedClip]) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    seen: set[str] = set()
    for clip in clips:
        if not is_safe(clip.clip_id):
            raise UserError(f"the name {clip.clip_id!r} of a clip cannot be the name of a file.")
        if clip.clip_id in seen:
            raise UserError(f"two clips have the name {clip.clip_id!r}; a File_ID must be unique.")
        taken = set(OWN_COLUMNS).intersection(clip.labels)
        if taken:
            raise UserError(f"a label cannot be called {min(taken)}, which data_info.csv needs; rename it.")
        seen.add(clip.clip_id)
        clip.store(folder / f"{clip.clip_id}{clip.suffix}")
        split = {} if clip.split is None else {"Split": SPLITS[clip.split]}
        rows.append({"File_ID": clip.clip_id, "Subject_ID": clip.speaker, **split, **clip.labels})
    return rows


def is_safe(clip_id: str) -> bool:
    """Whether an id can be the name of a file of wav/, and is read as it is written.

    >>> is_safe("a-1"), is_safe("../a"), is_safe("[a]"), is_safe(" a")
    (True, False, False, False)
    """
    plain = clip_id.isprintable() and not any(mark in clip_id for mark in '/\\:*?"<>|[]')
    return plain and clip_id == clip_id.strip() and clip_id not in {"", ".", ".."} and len(clip_id) <= 150


def unique_ids(paths: Iterable[str]) -> dict[str, str]:
    """Path → id: the name of the file without suffix, or, where two are the same, the whole path with dashes.

    >>> unique_ids(["a/1.wav", "a/2.wav"])
    {'a/1.wav': '1', 'a/2.wav': '2'}
    >>> unique_ids(["a/1.wav", "b/1.wav"])
    {'a/1.wav': 'a-1', 'b/1.wav': 'b-1'}
    """
    paths = list(dict.fromkeys(paths))
    stems = {path: Path(path).stem for path in paths}
    if len(set(stems.values())) == len(paths):
        return stems
    return {path: "-".join(Path(path).with_suffix("").parts) for path in paths}
