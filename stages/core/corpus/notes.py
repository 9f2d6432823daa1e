"""What looks wrong in a corpus but can be used, and what of it is not used: one sentence each."""

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence

import pandas as pd

from stages.core.config.data import CorpusOptions
from stages.core.config.tasks import Task, stored
from stages.core.corpus.cells import LOOKS_MISSING, holds_minus_one, says_nothing
from stages.core.corpus.info import Info

_EXAMPLES = 5


def warnings_of(
    info: Info,
    clips: pd.DataFrame,
    tasks: Mapping[str, Task],
    texts: Sequence[str],
    balance: str | None,
    balance_option: str,
    options: CorpusOptions,
) -> list[str]:
    """Sentences on what looks wrong in a corpus.

    Args:
        info: the label files.
        clips: the usable clips.
        tasks: the declared tasks.
        texts: the columns of text that are read.
        balance: the column by which splits are balanced.
        balance_option: the option that names it.
        options: which column names the speaker, and which words mean *missing* in columns of text.
    """
    missing = frozenset(word.lower() for word in options.missing)
    named = [options.speaker] if options.speaker else []
    return [
        *_of_columns(info, tasks, balance, balance_option),
        *_of_speakers(clips, balance, options.speaker),
        *(note for column in [*named, *texts] for note in _of_words(info, column, missing)),
        *_of_negative_labels(info, clips, tasks),
        *(note for column in texts for note in _of_minus_one(info, column, clips[stored(column)])),
        *(note for column in named for note in _of_speaker_spellings(column, clips["speaker"])),
        *(note for column in texts for note in _of_spellings(column, clips[stored(column)])),
    ]


def notes_of(info: Info, tasks: Mapping[str, Task], balance: str | None, options: CorpusOptions) -> list[str]:
    """Sentences on what is sound but not used; the arguments are those of :func:`warnings_of`."""
    used = {"File_ID", "Split", "", balance, options.speaker}
    used = used.union(*(task.columns for task in tasks.values()))
    unused = [column for column in info.columns if column not in used]
    if not unused:
        return []
    more = f" and {len(unused) - _EXAMPLES} more" if len(unused) > _EXAMPLES else ""
    shown = ", ".join(unused[:_EXAMPLES])
    return [f"columns that no task uses: {shown}{more}; to learn them, declare a task"]


def _of_columns(
    info: Info, tasks: Mapping[str, Task], balance: str | None, balance_option: str
) -> Iterator[str]:
    for name, task in tasks.items():
        absent = [column for column in task.columns if column not in info.columns]
        if absent:
            yield f"task {name}: {info.has} no column {', '.join(absent)}, so no clip is labelled for it"
    split = next((column for column in info.columns if column.strip(" _").casefold() == "split"), "Split")
    if split != "Split" and "Split" not in info.columns:
        what = "if it is the official split, call it Split"
        yield f"{info.has} a column {split!r}, which is not read; {what}"
    if balance and balance not in info.columns:
        yield f"{info.has} no column {balance} ({balance_option}), so that splits are not balanced by it"


def _of_speakers(clips: pd.DataFrame, balance: str | None, column: str | None) -> Iterator[str]:
    unknown = int(clips["speaker"].isna().sum())
    if unknown:
        yield f"{unknown} clips have no {column or 'known speaker'}; each counts as a speaker of its own"
    if balance:
        varying = int((clips.groupby("speaker")[stored(balance)].nunique() > 1).sum())
        if varying:
            yield f"{varying} speakers have more than one {balance}"
    shared = int((clips.groupby("speaker")["source_split"].nunique() > 1).sum())
    if shared:
        yield f"{shared} speakers stand in more than one official split"


def _of_words(info: Info, column: str, missing: Collection[str]) -> Iterator[str]:
    """Words that look as if a cell were missing, and what is made of them."""
    cells = Counter(row.cells[column] for row in info.rows if column in row.cells)
    for cell, count in sorted(cells.items()):
        if says_nothing(cell) or cell.lower() not in LOOKS_MISSING | frozenset(missing):
            continue
        if cell.lower() in missing:
            yield f"{column} is {cell!r} in {count} clips, which counts as missing (corpus.missing)"
        else:
            yield f"{column} is {cell!r} in {count} clips; if that means missing, add it to corpus.missing"


def _of_negative_labels(info: Info, clips: pd.DataFrame, tasks: Mapping[str, Task]) -> Iterator[str]:
    """A −1 among other negative numbers may be a label, too."""
    for name, task in tasks.items():
        if task.kind == "regression" and not holds_minus_one(task.range):
            for column in task.columns:
                count = _minus_ones(info, column) if (clips[stored(column)] < 0).any() else 0
                if count:
                    yield (
                        f"{column} is -1 in {count} clips, which counts as missing beside its other negative "
                        f"numbers; if it is a label, set tasks.{name}.range to one that includes it"
                    )


def _minus_ones(info: Info, column: str) -> int:
    cells = (row.cells.get(column, "") for row in info.rows)
    return sum(says_nothing(cell) and not says_nothing(cell, minus_one=True) for cell in cells)


def _of_minus_one(info: Info, column: str, classes: pd.Series) -> Iterator[str]:
    """A −1 among classes that are numbers may be a class, too."""
    count = _minus_ones(info, column)
    known = classes.dropna()
    if count and len(known) and pd.to_numeric(known, errors="coerce").notna().all():
        yield (
            f"{column} is -1 in {count} clips, which counts as missing beside its other numbers; if it is a "
            "class, write a word for it"
        )


def _of_spellings(column: str, values: pd.Series) -> Iterator[str]:
    """Classes that may be one class in several spellings."""
    spellings = defaultdict(list)
    for value in sorted(values.dropna().unique()):
        spellings[_letters(value)].append(value)
    for alike in spellings.values():
        if len(alike) > 1:
            names = " and ".join(map(repr, alike))
            of_case = len({"".join(name.split()).casefold() for name in alike}) == 1
            how = "case or blanks" if of_case else "case, blanks, marks or the form of letters and numbers"
            yield f"{column} has the classes {names}, which differ in {how} alone"


def _of_speaker_spellings(column: str, speakers: pd.Series) -> Iterator[str]:
    """Speakers who may be one speaker, without their names."""
    names = speakers.dropna().unique()
    alike = len(names) - len({_letters(name) for name in names})
    if alike:
        yield (
            f"{alike} speakers in {column} differ from another in case, blanks, marks or the form of letters "
            "and numbers alone; if they are one, spell them alike, or they may be in two splits"
        )


def _letters(text: str) -> str:
    """What stays of a text without case, blanks, marks, accents and the form of letters and numbers.

    >>> _letters("United States") == _letters("united_states"), _letters("01") == _letters("1.0")
    (True, True)
    >>> _letters("M\\u00e9xico") == _letters("Mexico"), _letters("+") == _letters("-")
    (True, False)
    """
    try:
        return str(float(text))
    except ValueError:
        apart = unicodedata.normalize("NFKD", text).casefold()
        return "".join(filter(str.isalnum, apart)) or text
