"""A corpus: one label file or several, and a folder of recordings, read with checks.

Columns are found by name. ``File_ID`` is text, with or without brackets; leading zeros stay. A row
that cannot be used becomes a :class:`Fault` and never stops the rest; a file that cannot be used
is a :class:`UserError` at once.
"""

import difflib
import hashlib
import json
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from stages.core.config.data import CorpusOptions
from stages.core.config.tasks import Task, stored
from stages.core.corpus.cells import holds_minus_one, number, text
from stages.core.corpus.info import Info, Row, read_info
from stages.core.corpus.links import linked_folders
from stages.core.corpus.notes import notes_of, warnings_of
from stages.core.corpus.recordings import list_recordings
from stages.core.runtime.errors import OptionError, UnusableClipError, UserError
from stages.core.runtime.quarantine import Fault

SPLIT_NAMES = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "validation": "validation",
    "dev": "validation",
    "devel": "validation",
    "test": "test",
}


@dataclass(frozen=True)
class Corpus:
    """What the label files and the folder say.

    Attributes:
        name: what tables call the corpus.
        synthetic: whether its voices are synthetic.
        clips: one row per usable clip in clip_id order: clip_id, speaker (null if unknown), the label columns
            under their stored names (numbers of regressions, NaN where unlabelled; text of
            classifications), source_split.
        paths: clip_id → recording.
        faults: the rows that cannot be used.
        warnings: sentences on what looks wrong but can be used.
        notes: sentences on what is sound but not used.
        listed: clips in the label files.
    """

    name: str
    synthetic: bool
    clips: pd.DataFrame
    paths: Mapping[str, Path]
    faults: Sequence[Fault]
    warnings: Sequence[str]
    notes: Sequence[str]
    listed: int


class Paths(Mapping[str, Path]):
    """Clip → its recording, held as text: a million Paths take four times as much memory."""

    def __init__(self, files: Mapping[str, str]) -> None:
        self._files = files

    def __getitem__(self, clip_id: str) -> Path:
        return Path(self._files[clip_id])

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)


def read_corpus(
    options: CorpusOptions,
    tasks: Mapping[str, Task],
    balance: str | None = None,
    balance_option: str = "split.balance",
) -> Corpus:
    """Read and check a corpus without opening a recording.

    Args:
        options: where the corpus lies, and how to read it.
        tasks: the declared tasks, whose label columns are read.
        balance: a further column of text, by which splits are balanced; where it is not there, they are not.
        balance_option: what errors call the option that names it.

    Raises:
        UserError: if the folder, a label file, a needed column or the recordings are missing, ids are not
            unique, a declared column is spelt nearly as one that is there, no clip is labelled for any
            task, or labels cannot be learnt as their task is declared.
    """
    folder = Path(options.path)
    minus_one = {column for task in tasks.values() if holds_minus_one(task.range) for column in task.columns}
    info = read_info(folder, options.labels, options.speaker, minus_one)
    _refuse_misspelt(info, tasks, balance, balance_option)
    rows = _RowReader(info, options, tasks, balance)
    recordings = list_recordings(folder, options.audio, options.follow_links)
    names = ["clip_id", "speaker", *map(stored, rows.numbers), *map(stored, rows.texts), "source_split"]
    numbers = frozenset(map(stored, rows.numbers))
    columns: dict[str, Any] = {name: array("d") if name in numbers else [] for name in names}
    files: dict[str, str] = {}
    faults: list[Fault] = []
    for row in info.rows:
        try:
            clip, path = rows.clip(row), recordings.of(row.clip_id)
        except UnusableClipError as fault:
            faults.append(Fault(row.clip_id, "labels", fault.reason, f"{row.where}: {fault.detail}"))
            continue
        for name in names:
            columns[name].append(clip[name])
        files[row.clip_id] = str(path)
    table = pd.DataFrame(
        {
            name: np.asarray(values) if name in numbers else pd.Series(values, dtype="str")
            for name, values in columns.items()
        }
    )
    table = table.sort_values("clip_id", ignore_index=True)
    _refuse_unlearnable(info, table, tasks, options.speaker)
    described = _description(folder)
    return Corpus(
        options.name or str(described.get("name") or folder.resolve().name),
        bool(described.get("synthetic", False)),
        table,
        Paths(files),
        faults,
        [*_of_links(options), *warnings_of(info, table, tasks, rows.texts, balance, balance_option, options)],
        notes_of(info, tasks, balance, options),
        len(info.rows),
    )


class _RowReader:
    """Rows of the label files as clips."""

    def __init__(
        self, info: Info, options: CorpusOptions, tasks: Mapping[str, Task], balance: str | None
    ) -> None:
        self.speaker = options.speaker
        self.missing = frozenset(word.lower() for word in options.missing)
        self.numbers = {
            column: task.range
            for task in tasks.values()
            if task.kind == "regression"
            for column in task.columns
        }
        classes = {task.columns[0] for task in tasks.values() if task.kind == "classification"}
        self.texts = sorted(classes | ({balance} if balance else set()))
        self._commas = {
            column
            for column in info.decimal_comma.intersection(self.numbers)
            if any("," in row.cells.get(column, "") for row in info.rows)
        }
        self._with_speakers = {
            row.cells.get("Split", "") for row in info.rows if self._speaker(row) is not None
        }

    def clip(self, row: Row) -> dict[str, str | float | None]:
        """A row of the table of clips.

        Raises:
            UnusableClipError: if the row has a problem, no speaker, or a label that is none.
        """
        if row.problem:
            raise row.problem
        cells, speaker, split = row.cells, self._speaker(row), row.cells.get("Split", "")
        if speaker is None and split in self._with_speakers:
            raise UnusableClipError("no speaker", f"it has no {self.speaker}, which other clips have")
        numbers = {
            stored(column): number(column, cells.get(column, ""), limits, column in self._commas)
            for column, limits in self.numbers.items()
        }
        texts = {stored(column): text(cells.get(column, ""), self.missing) for column in self.texts}
        source_split = SPLIT_NAMES.get(split.lower(), split or None)
        return {"clip_id": row.clip_id, "speaker": speaker, **numbers, **texts, "source_split": source_split}

    def _speaker(self, row: Row) -> str | None:
        """The speaker; a test split whose labels are withheld may have none."""
        return text(row.cells.get(self.speaker, ""), self.missing) if self.speaker else None


def refuse_if_mostly_unusable(faults: Sequence[Fault], listed: int, folder: Path) -> None:
    """Stop when more than half of the clips cannot be used.

    Raises:
        UserError: naming the commonest reason and an example.
    """
    if len(faults) * 2 > listed:
        reason, count = Counter(fault.reason for fault in faults).most_common(1)[0]
        example = next(fault for fault in faults if fault.reason == reason)
        raise UserError(
            f"{folder}: {len(faults)} of {listed} clips cannot be used, {count} of them {reason} "
            f"(for example {example.clip_id}: {example.detail}); correct these, or leave them out."
        )


def duplicates(corpus: Corpus) -> list[list[str]]:
    """Groups of clips whose recordings have the same bytes; only files of one size are read."""
    by_size: dict[int, list[str]] = defaultdict(list)
    for clip_id, path in sorted(corpus.paths.items()):
        if path.is_file():
            by_size[path.stat().st_size].append(clip_id)
    by_content: dict[str, list[str]] = defaultdict(list)
    for clip_ids in by_size.values():
        for clip_id in clip_ids if len(clip_ids) > 1 else ():
            with corpus.paths[clip_id].open("rb") as file:
                by_content[hashlib.file_digest(file, "blake2b").hexdigest()].append(clip_id)
    return [clip_ids for clip_ids in by_content.values() if len(clip_ids) > 1]


def _refuse_misspelt(info: Info, tasks: Mapping[str, Task], balance: str | None, balance_option: str) -> None:
    """Refuse a declared column that is not there while nearly the same name is."""
    wanted = {f"tasks.{name}.columns": task.columns for name, task in tasks.items()}
    used = {column for columns in wanted.values() for column in columns}
    free = {name.casefold(): name for name in info.columns if name not in used}
    known = {f"tasks.{name}.columns": free for name in tasks}
    wanted |= {balance_option: (balance,)} if balance else {}
    known[balance_option] = {name.casefold(): name for name in info.columns}
    for where, columns in wanted.items():
        for column in columns:
            cutoff = 0.85 if len(column) > 4 else 1.0  # Age is a slip of age, but not of Page
            near = difflib.get_close_matches(column.casefold(), known[where], n=1, cutoff=cutoff)
            if column not in info.columns and near:
                raise OptionError(
                    where,
                    f"names {column!r}, but {info.has} {known[where][near[0]]!r} instead",
                )


def _refuse_unlearnable(
    info: Info, clips: pd.DataFrame, tasks: Mapping[str, Task], speaker: str | None
) -> None:
    if clips.empty or not tasks:
        return
    labelled = {name: clips[clips[task.label_columns].notna().all(axis=1)] for name, task in tasks.items()}
    if all(rows.empty for rows in labelled.values()):
        columns = [name for name in info.columns if name not in ("File_ID", speaker, "Split")]
        raise UserError(
            f"{info.has} no label for any declared task; "
            f"declare a task for one of its columns ({', '.join(columns)[:200] or 'it has none of labels'})."
        )
    for name, task in tasks.items():
        if task.kind == "regression" and len(labelled[name]):
            values = labelled[name][task.label_columns]
            low, high = float(values.min(axis=None)), float(values.max(axis=None))
            problem = task.out_of_reach(low, high)
            if problem:
                raise UserError(
                    f"{info.name}: labels of task {name} reach from {low:g} to {high:g}, but {problem}."
                )


def _of_links(options: CorpusOptions) -> Iterator[str]:
    for link in linked_folders(options):
        yield (
            f"{link.relative_to(options.path)} is a link to a folder, into which DVC does not look: `make "
            "repro` notices what changes there, `dvc repro` alone does not"
        )


def _description(folder: Path) -> dict[str, object]:
    path = folder / "corpus.json"
    if not path.exists():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError):
        content = None
    if not isinstance(content, dict):
        raise UserError(f"{path} is not a JSON object; it may hold name and synthetic, or be left out.")
    return content
