"""Folds: each clip is tested once, by networks that know nobody of its fold."""

import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd

from stages.core.config.data import SPEAKERS, SplitOptions
from stages.core.config.tasks import stored
from stages.core.runtime.errors import OptionError, UserError

FEWEST = 3
"""Folds: one to test, one to validate, and one to train on."""


@dataclass(frozen=True)
class Folds:
    """The folds of a corpus.

    Attributes:
        names: of each fold: the value of the column that makes it, else its number, from 1.
        of_clip: int64 [n], which fold a clip is in, from 0.
    """

    names: tuple[str, ...]
    of_clip: np.ndarray


def folds_of(recordings: pd.DataFrame, options: SplitOptions) -> Folds:
    """The folds of all recordings; they do not depend on which of them is tested.

    Args:
        recordings: n clips: speaker, and the columns that ``options`` names.
        options: how many folds, or of what.

    Raises:
        OptionError: if there are fewer than three speakers or groups, more folds than speakers, a clip
            without a speaker or a group, a speaker in two groups, or a fold without clips.
    """
    if options.fold_column is not None:
        return _of_column(recordings, options.fold_column)
    speakers = recordings["speaker"]
    unknown = int(speakers.isna().sum())
    if unknown:
        raise OptionError(
            "folds",
            f"is {options.folds}, but {unknown} clips have no speaker in the column that corpus.speaker "
            "names, so that no fold by speaker is possible; fill it in, or name a column of groups",
        )
    known = speakers.nunique()
    if known < FEWEST:
        raise UserError(f"the corpus has {known} speakers; folds need at least three.")
    if options.folds == SPEAKERS:
        _, of_clip = np.unique(speakers.to_numpy(str), return_inverse=True)
        return Folds(_numbers(known), of_clip)
    number = int(options.folds)
    if number > known:
        raise OptionError(
            "folds", f"is {number}, but the corpus has {known} speakers; take at most {known}, or {SPEAKERS}"
        )
    of_clip = stratified(recordings, options, number)
    if len(np.unique(of_clip)) < number:
        raise OptionError("folds", f"is {number}, which leaves a fold without speakers; take fewer")
    return Folds(_numbers(number), of_clip)


def stratified(recordings: pd.DataFrame, options: SplitOptions, parts: int) -> np.ndarray:
    """Which part each recording is in, from 0: no speaker in two, ``options.balance`` spread evenly.

    By scikit-learn's StratifiedGroupKFold.

    Args:
        recordings: n clips: speaker, and the column to balance by.
        options: names that column, and a seed.
        parts: at least two, and no more than there are speakers.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    strata = _strata(recordings, options.balance, parts)
    folds = StratifiedGroupKFold(parts, shuffle=True, random_state=options.seed)
    found = np.zeros(len(recordings), np.int64)
    with warnings.catch_warnings():  # about strata with fewer speakers than parts
        warnings.filterwarnings("ignore", "The least populated class")
        for part, (_, rows) in enumerate(folds.split(strata, strata, recordings["speaker"])):
            found[rows] = part
    return found


def _strata(recordings: pd.DataFrame, balance: str | None, parts: int) -> np.ndarray:
    """The value by which each recording is balanced; values of fewer speakers than parts count as one."""
    if balance is None:
        return np.zeros(len(recordings), dtype=np.int64)
    values = recordings[stored(balance)].fillna("")
    speakers = recordings.groupby(values)["speaker"].nunique()
    rare = values.isin(speakers.index[speakers < parts])
    if rare.all():
        return np.zeros(len(recordings), dtype=np.int64)
    # A single rare value stays as it is: there is nothing to join it with.
    names, codes = np.unique(values.to_numpy(str), return_inverse=True)
    return np.where(rare, len(names), codes) if values[rare].nunique() > 1 else codes


def _of_column(recordings: pd.DataFrame, column: str) -> Folds:
    where = f"is {column!r}"
    if stored(column) not in recordings:
        raise OptionError(
            "folds",
            f"{where}, which no task reads and balance does not name; set balance to {column!r}, too, so "
            "that the column is read",
        )
    values = recordings[stored(column)]
    unknown = int(values.isna().sum())
    if unknown == len(values):
        raise OptionError(
            "folds",
            f"{where}, but no clip has a value in that column; spell it as data_info.csv does, or take a "
            f"number of folds or {SPEAKERS}",
        )
    if unknown:
        raise OptionError(
            "folds",
            f"{where}, but {unknown} clips have no value there; fill it in, or take them out of "
            "data_info.csv",
        )
    unique, of_clip = np.unique(values.to_numpy(str), return_inverse=True)
    names = tuple(map(str, unique))
    if len(names) < FEWEST:
        has = f"the value {names[0]!r} alone" if len(names) == 1 else "two values alone"
        raise OptionError(
            "folds",
            f"{where}, which has {has}; one to test, one to validate and one to train on are needed, so take "
            "another column, or a number of folds",
        )
    groups = recordings.groupby("speaker")[stored(column)].nunique()
    if (groups > 1).any():
        speaker = groups[groups > 1].index[0]
        both = sorted(values[recordings["speaker"] == speaker].unique())
        raise OptionError(
            "folds",
            f"{where}, but speaker {speaker!r} has clips in {both[0]!r} and in {both[1]!r}, so that a "
            "speaker who is tested would be known from training; correct that, or take another column",
        )
    return Folds(names, of_clip)


def _numbers(folds: int) -> tuple[str, ...]:
    return tuple(str(number) for number in range(1, folds + 1))
