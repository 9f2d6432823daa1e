"""A corpus in the layout of HUME-VB: data_info.csv and a folder wav/, read with checks.

Columns are found by name. ``File_ID`` is text, with or without brackets; leading zeros stay. A row
that cannot be used becomes a :class:`Fault` and never stops the rest; a file that cannot be used
is a :class:`UserError` at once.
"""

import csv
import difflib
import hashlib
import io
import json
import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from stages.core.config.tasks import Task
from stages.core.runtime.errors import UserError
from stages.core.runtime.quarantine import Fault

INFO = "data_info.csv"
AUDIO = "wav"
UNLABELLED = {"", "nan", "NaN", "NA", "-1", "-1.0"}
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
    """What data_info.csv and the folder say.

    Attributes:
        name: what tables call the corpus.
        synthetic: whether its voices are synthetic.
        clips: one row per usable clip in clip_id order: clip_id, speaker (null if unknown), the label
            columns (numbers of regressions, NaN where unlabelled; text of classifications), source_split.
        paths: clip_id → recording.
        faults: the rows that cannot be used.
        warnings: sentences on what looks wrong but can be used.
        listed: rows in data_info.csv.
    """

    name: str
    synthetic: bool
    clips: pd.DataFrame
    paths: Mapping[str, Path]
    faults: Sequence[Fault]
    warnings: Sequence[str]
    listed: int


def read_corpus(
    folder: Path, tasks: Mapping[str, Task], balance: str | None = None, name: str | None = None
) -> Corpus:
    """Read and check a corpus without opening a recording.

    Args:
        folder: the corpus.
        tasks: the declared tasks, whose label columns are read.
        balance: a further column of text, by which splits are balanced; where it is not there, they are not.
        name: what to call the corpus; by default the name in corpus.json, else the folder's.

    Raises:
        UserError: if the folder, data_info.csv, a needed column or wav/ is missing, ids are not unique, or a
            column that params.yaml names is spelt nearly as one that is there.
    """
    header, rows = _read_rows(folder)
    _refuse_misspelt(folder / INFO, header, tasks, balance)
    with_speakers = _splits_with_speakers(header, rows)
    files = _list_recordings(folder)
    numbers = {
        column: task.range for task in tasks.values() if task.kind == "regression" for column in task.columns
    }
    texts = {column for task in tasks.values() if task.kind == "classification" for column in task.columns}
    texts |= {balance} if balance else set()
    clips, paths, faults = [], {}, []
    for line, row in rows:
        clip_id = clip_id_of(row[0] if len(row) <= header["File_ID"] else row[header["File_ID"]])
        try:
            if len(row) != len(header):
                raise _FaultyRowError(
                    "malformed row", f"{len(row)} fields where the header has {len(header)}"
                )
            paths[clip_id] = _recording_of(clip_id, files, folder)
            cells = {column: row[index].strip() for column, index in header.items()}
            if cells["Subject_ID"] in UNLABELLED and cells.get("Split", "") in with_speakers:
                raise _FaultyRowError("no speaker", "it has no Subject_ID, which other clips have")
            clips.append(
                {
                    "clip_id": clip_id,
                    "speaker": None if cells["Subject_ID"] in UNLABELLED else cells["Subject_ID"],
                    **{column: _number(column, cells.get(column, ""), numbers[column]) for column in numbers},
                    **{column: _text(cells.get(column, "")) for column in sorted(texts)},
                    "source_split": SPLIT_NAMES.get(
                        cells.get("Split", "").lower(), cells.get("Split") or None
                    ),
                }
            )
        except _FaultyRowError as fault:
            paths.pop(clip_id, None)
            faults.append(Fault(clip_id, "labels", fault.reason, f"{INFO} line {line}: {fault.detail}"))
    table = pd.DataFrame(clips, columns=["clip_id", "speaker", *numbers, *sorted(texts), "source_split"])
    table = table.astype({**dict.fromkeys(table, "str"), **dict.fromkeys(numbers, "float64")})
    table = table.sort_values("clip_id", ignore_index=True)
    described = _description(folder)
    return Corpus(
        name or str(described.get("name") or folder.resolve().name),
        bool(described.get("synthetic", False)),
        table,
        paths,
        faults,
        _warnings(table, header, tasks, balance),
        len(rows),
    )


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
            f"(for example {example.clip_id}: {example.detail}); check corpus.path in params.yaml."
        )


def clip_id_of(text: str) -> str:
    """The id behind a ``File_ID``: brackets and surrounding blanks go, leading zeros stay.

    >>> clip_id_of(" [00012] ")
    '00012'
    """
    text = text.strip()
    return text[1:-1].strip() if text.startswith("[") and text.endswith("]") else text


class _FaultyRowError(Exception):
    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.detail = detail


def _read_rows(folder: Path) -> tuple[dict[str, int], list[tuple[int, list[str]]]]:
    path = folder / INFO
    if not folder.is_dir():
        raise UserError(
            f"params.yaml: corpus.path is {str(folder)!r}, which is no folder; name one that holds {INFO}."
        )
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise UserError(
            f"{path} does not exist; corpus.path in params.yaml must name a folder that holds it."
        ) from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not UTF-8 at byte {error.start}; save it as CSV in UTF-8.") from None
    except OSError as error:
        raise UserError(
            f"{path} cannot be read ({error.strerror}); check what it is and who may read it."
        ) from None
    first = text.partition("\n")[0]
    separator = max(",;\t", key=first.count)
    try:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
        lines = [(reader.line_num, row) for row in reader if any(cell.strip() for cell in row)]
    except csv.Error as error:
        raise UserError(
            f"{path} line {reader.line_num} is not CSV ({error}); correct the quotes there."
        ) from None
    if not lines:
        raise UserError(
            f"{path} is empty; it must begin with a header line that holds File_ID and Subject_ID."
        )
    names = [cell.strip() for cell in lines[0][1]]
    for needed in ("File_ID", "Subject_ID"):
        if needed not in names:
            raise UserError(f"{path} has no column {needed}; its header has {', '.join(names)[:200]}.")
    twice = [column for column, count in Counter(names).items() if count > 1 and column]
    if twice:
        raise UserError(f"{path} has the column {twice[0]} twice; keep one of them.")
    header = {column: index for index, column in enumerate(names)}
    _refuse_repeated_ids(path, header["File_ID"], lines[1:])
    if len(lines) == 1:
        raise UserError(f"{path} lists no clips; add one line per clip below the header.")
    return header, lines[1:]


def _refuse_repeated_ids(path: Path, column: int, rows: Sequence[tuple[int, list[str]]]) -> None:
    seen: dict[str, int] = {}
    for line, row in rows:
        clip_id = clip_id_of(row[column]) if len(row) > column else ""
        if not clip_id:
            raise UserError(f"{path} line {line} has no File_ID; give each clip one.")
        if clip_id in seen:
            raise UserError(
                f"{path} lines {seen[clip_id]} and {line} have the same File_ID {clip_id!r}; keep one."
            )
        seen[clip_id] = line


def _splits_with_speakers(header: Mapping[str, int], rows: Sequence[tuple[int, list[str]]]) -> set[str]:
    """Values of Split whose clips have speakers: a test split whose labels are withheld may have none."""
    return {
        row[header["Split"]].strip() if "Split" in header else ""
        for _, row in rows
        if len(row) == len(header) and row[header["Subject_ID"]].strip() not in UNLABELLED
    }


def _refuse_misspelt(
    path: Path, header: Mapping[str, int], tasks: Mapping[str, Task], balance: str | None
) -> None:
    wanted = {f"tasks.{name}.columns": task.columns for name, task in tasks.items()}
    wanted |= {"split.balance": (balance,)} if balance else {}
    free = {name.casefold(): name for name in set(header).difference(*wanted.values())}
    for where, columns in wanted.items():
        for column in columns:
            cutoff = 0.85 if len(column) > 4 else 1.0  # Age is a slip of age, but not of Page
            near = difflib.get_close_matches(column.casefold(), free, n=1, cutoff=cutoff)
            if column not in header and near:
                raise UserError(
                    f"params.yaml: {where} names {column!r}, which {path} does not have; "
                    f"it has {free[near[0]]!r}."
                )


def _list_recordings(folder: Path) -> dict[str, list[Path]]:
    """Stem → files of wav/, listed once: 60,000 look-ups by name would cost more."""
    audio = folder / AUDIO
    if not audio.is_dir():
        raise UserError(f"{audio} does not exist; the recordings of a corpus lie there as <File_ID>.wav.")
    files: dict[str, list[Path]] = {}
    for path in sorted(audio.iterdir()):
        files.setdefault(path.stem, []).append(path)
    return files


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


def _recording_of(clip_id: str, files: Mapping[str, list[Path]], folder: Path) -> Path:
    if clip_id in {".", ".."} or any(mark in clip_id for mark in ("/", "\\", "\0")):
        raise _FaultyRowError("unsafe id", f"File_ID {clip_id!r} would name a file outside {AUDIO}/")
    matches = files.get(clip_id, [])
    if not matches:
        raise _FaultyRowError("missing", f"no file {AUDIO}/{clip_id}.* in the corpus")
    if len(matches) > 1:
        raise _FaultyRowError("ambiguous", f"several files: {', '.join(path.name for path in matches)}")
    path = matches[0]
    if path.is_symlink() and not _leads_inside(path, folder):
        raise _FaultyRowError(
            "unsafe link", f"{AUDIO}/{path.name} leads out of the corpus folder or in a circle"
        )
    return path


def _leads_inside(link: Path, folder: Path) -> bool:
    try:
        return link.resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError):  # a circle of links
        return False


def _number(column: str, cell: str, limits: tuple[float, float] | None) -> float:
    counts_minus_one = limits is not None and limits[0] <= -1 <= limits[1]
    if cell in UNLABELLED and not (counts_minus_one and cell.startswith("-1")):
        return math.nan
    try:
        value = float(cell)
    except ValueError:
        raise _FaultyRowError("label is not a number", f"{column} is {cell!r}") from None
    if math.isnan(value) or (value == -1 and not counts_minus_one):
        return math.nan
    if not math.isfinite(value) or (limits and not limits[0] <= value <= limits[1]):
        raise _FaultyRowError(
            "label out of range", f"{column} is {cell}" + (f", not within {limits}" if limits else "")
        )
    return value


def _text(cell: str) -> str | None:
    return None if cell in UNLABELLED else cell


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


def _warnings(
    table: pd.DataFrame, header: Mapping[str, int], tasks: Mapping[str, Task], balance: str | None
) -> list[str]:
    found = []
    for name, task in tasks.items():
        absent = [column for column in task.columns if column not in header]
        if absent:
            found.append(
                f"task {name}: {INFO} has no column {', '.join(absent)}, so no clip is labelled for it"
            )
    nobody = int(table["speaker"].isna().sum())
    if nobody:
        found.append(f"{nobody} clips have no Subject_ID; each counts as a speaker of its own")
    if balance and balance not in header:
        found.append(f"{INFO} has no column {balance} (split.balance), so that splits are not balanced by it")
    if balance and balance in table:
        groups = table.groupby("speaker")[balance].nunique()
        if (groups > 1).any():
            found.append(f"{int((groups > 1).sum())} speakers have more than one {balance}")
    splits = table.groupby("speaker")["source_split"].nunique()
    if (splits > 1).any():
        found.append(f"{int((splits > 1).sum())} speakers stand in more than one official split")
    return found
