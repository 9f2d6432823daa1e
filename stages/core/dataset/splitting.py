"""Which clips train, validate and test: no speaker in two splits."""

from typing import Any

import numpy as np
import pandas as pd

from stages.core.config.data import SplitOptions
from stages.core.config.tasks import Task, stored
from stages.core.dataset.folds import folds_of, stratified
from stages.core.dataset.speakers import speakers_of
from stages.core.runtime.errors import OptionError, UserError

SPLITS = ("train", "validation", "test")


def assign(recordings: pd.DataFrame, options: SplitOptions) -> np.ndarray:
    """The split of each recording: ``train``, ``validation`` or ``test``.

    Args:
        recordings: clip_id, speaker, source_split and the column to balance by.
        options: ``official`` takes the corpus's own splits; ``balanced`` distributes the speakers over
            three parts with scikit-learn's StratifiedGroupKFold; ``folds`` tests one fold, validates on the
            next one and trains on the others.

    Raises:
        OptionError: if the official splits are incomplete, unknown or share a speaker; if there is no
            speaker to split by; if a split is empty; if the folds cannot be made.
        UserError: if there are fewer than three speakers.
    """
    make = {"official": _official, "balanced": _balanced, "folds": _one_fold}[options.method]
    splits = make(recordings, options)
    for name in SPLITS:
        if name not in splits:
            raise OptionError("method", f"is {options.method}, but the {name} split is empty; take the other")
    return splits


def _official(recordings: pd.DataFrame, _: SplitOptions) -> np.ndarray:
    splits = recordings["source_split"]
    odd = recordings[~splits.isin(SPLITS)]
    if len(odd):
        raise OptionError(
            "method",
            f"is official, but clip {odd['clip_id'].iloc[0]} has the Split {odd['source_split'].iloc[0]!r}, "
            f"and so have {len(odd) - 1} more; make it Train, Val or Test, or set method to balanced",
        )
    shared = recordings.groupby("speaker")["source_split"].nunique()
    if (shared > 1).any():
        raise OptionError(
            "method",
            f"is official, but the clips of speaker {shared[shared > 1].index[0]!r} are in more than one "
            "Split; correct that, or set method to balanced",
        )
    return splits.to_numpy(str)


def _balanced(recordings: pd.DataFrame, options: SplitOptions) -> np.ndarray:
    unknown = int(recordings["speaker"].isna().sum())
    if unknown:
        raise OptionError(
            "method",
            f"is balanced, but {unknown} clips have no speaker in the column that corpus.speaker names, "
            "so that no split by speaker is possible; fill it in, or set method to official",
        )
    speakers = recordings["speaker"].nunique()
    if speakers < len(SPLITS):
        raise UserError(f"the corpus has {speakers} speakers; three splits need at least three.")
    return np.array(SPLITS)[stratified(recordings, options, len(SPLITS))]


def _one_fold(recordings: pd.DataFrame, options: SplitOptions) -> np.ndarray:
    folds = folds_of(recordings, options)
    number = len(folds.names)
    if options.fold > number:
        raise OptionError("fold", f"is {options.fold}, but there are {number} folds; take 1 to {number}")
    tested = options.fold - 1
    names = np.full(number, "train", dtype="<U10")
    names[[tested, (tested + 1) % number]] = "test", "validation"
    return names[folds.of_clip]


def unlearnable(task: Task, recordings: pd.DataFrame, splits: np.ndarray) -> str | None:
    """Why a task cannot be learnt, or not be judged, with these splits; None: it can.

    Args:
        task: the task.
        recordings: n clips with the label columns.
        splits: [n] as :func:`assign` gives them.
    """
    labels = recordings[task.label_columns].dropna()
    of_split = {name: labels[(splits == name)[labels.index]] for name in SPLITS}
    train, validation = of_split["train"], of_split["validation"]
    if train.empty:
        return "has no labels in the training split" if len(labels) else "has no labels"
    if task.kind == "classification" and train.iloc[:, 0].nunique() == 1:
        return f"has one class alone, {train.iloc[0, 0]}, in the training split"
    if validation.empty:
        return "has no labels in the validation split, by which epochs and seeds are chosen"
    if task.judged_by_correlation and (validation.nunique() < 2).any():
        return "has no two different labels in the validation split, where its score is not defined"
    return None


def table_1(recordings: pd.DataFrame, splits: np.ndarray, balance: str | None) -> dict[str, Any]:
    """The paper's Table 1: duration, clips and speakers of each split, and of each country in it.

    Args:
        recordings: n clips: clip_id, speaker, seconds and the column ``balance``.
        splits: [n] as :func:`assign` gives them.
        balance: the column whose values are counted apart, such as Country; None: none.
    """
    parts = {name: recordings[splits == name] for name in SPLITS} | {"total": recordings}
    return {name: _row(part, balance) for name, part in parts.items()}


def _row(part: pd.DataFrame, balance: str | None) -> dict[str, Any]:
    seconds = float(part["seconds"].sum())
    return {
        "clips": len(part),
        "speakers": int(speakers_of(part).nunique()),
        "seconds": round(seconds, 1),
        "duration": f"{int(seconds) // 3600:02d}:{int(seconds) // 60 % 60:02d}:{int(seconds) % 60:02d}",
        "groups": {
            column: {
                str(value): {"clips": len(clips), "speakers": int(speakers_of(clips).nunique())}
                for value, clips in part.groupby(stored(column))
            }
            for column in ([balance] if balance else [])
        },
    }
