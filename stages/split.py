"""Train, validation and test: no speaker in two of them, countries balanced (paper, section 2).

Reads data/recordings.parquet. Writes data/splits.parquet and metrics/split.json, the paper's Table 1.
"""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from stages.command import guarded
from stages.core.config.data import SplitOptions
from stages.core.config.load import load
from stages.core.dataset.labels import classes_of, targets_of
from stages.core.runtime.console import say
from stages.core.runtime.errors import UserError
from stages.core.runtime.files import write_json
from stages.core.runtime.tables import read_table, write_table

SPLITS = ("train", "validation", "test")


def main() -> None:
    """Run the stage."""
    parameters = load()
    recordings = read_table(Path("data/recordings.parquet"))
    splits = assign(recordings, parameters.split)
    for name, task in parameters.tasks.items():
        if task.kind == "classification":  # a class that cannot be learnt is found before hours are spent
            targets_of(name, task, recordings, classes_of(task, recordings[splits == "train"]))
    write_table(
        Path("data/splits.parquet"), pd.DataFrame({"clip_id": recordings["clip_id"], "split": splits})
    )
    table = table_1(recordings, splits, parameters.split.balance)
    write_json(Path("metrics/split.json"), table)
    for name, row in table.items():
        say(f"{name:10} {row['duration']}  {row['clips']:6} clips  {row['speakers']:5} speakers")


def assign(recordings: pd.DataFrame, options: SplitOptions) -> np.ndarray:
    """The split of each recording: ``train``, ``validation`` or ``test``.

    Args:
        recordings: clip_id, speaker, source_split and the column to balance by.
        options: ``official`` takes the corpus's own splits; ``balanced`` deals speakers into three
            parts with scikit-learn's StratifiedGroupKFold.

    Raises:
        UserError: if the official splits are incomplete, unknown or share a speaker; if there are
            fewer than three speakers.
    """
    splits = _official(recordings) if options.method == "official" else _balanced(recordings, options)
    for name in SPLITS:
        if name not in splits:
            raise UserError(
                f"the {name} split is empty; see split.method in params.yaml and Split in data_info.csv."
            )
    return splits


def _official(recordings: pd.DataFrame) -> np.ndarray:
    splits = recordings["source_split"]
    odd = recordings[~splits.isin(SPLITS)]
    if len(odd):
        raise UserError(
            f"split.method is official, but clip {odd['clip_id'].iloc[0]} has the Split "
            f"{odd['source_split'].iloc[0]!r} in data_info.csv, and so have {len(odd) - 1} more; it must be "
            "Train, Val or Test, or set split.method to balanced in params.yaml."
        )
    shared = recordings.groupby("speaker")["source_split"].nunique()
    if (shared > 1).any():
        raise UserError(
            f"Subject_ID {shared[shared > 1].index[0]!r} stands in more than one Split of data_info.csv; "
            "correct it, or set split.method to balanced in params.yaml."
        )
    return splits.to_numpy(str)


def _balanced(recordings: pd.DataFrame, options: SplitOptions) -> np.ndarray:
    from sklearn.model_selection import StratifiedGroupKFold

    speakers = recordings["speaker"]
    unknown = int((speakers == "clip " + recordings["clip_id"]).sum())
    if unknown:
        raise UserError(
            f"{unknown} clips have no Subject_ID in data_info.csv, so no split by speaker is possible; "
            "fill it in, or set split.method to official in params.yaml."
        )
    if speakers.nunique() < len(SPLITS):
        raise UserError(f"the corpus has {speakers.nunique()} speakers; three splits need at least three.")
    group = recordings[options.balance] if options.balance else None
    strata = np.zeros(len(recordings)) if group is None else group.fillna("").to_numpy(str)
    folds = StratifiedGroupKFold(len(SPLITS), shuffle=True, random_state=options.seed)
    splits = np.empty(len(recordings), dtype=object)
    with warnings.catch_warnings():  # of strata with fewer speakers than parts, dealt as well as can be
        warnings.filterwarnings("ignore", "The least populated class")
        for name, (_, rows) in zip(SPLITS, folds.split(strata, strata, speakers), strict=True):
            splits[rows] = name
    return splits.astype(str)


def table_1(recordings: pd.DataFrame, splits: np.ndarray, balance: str | None) -> dict[str, Any]:
    """The paper's Table 1: duration, clips and speakers of each split, and of each country in it."""
    parts = {name: recordings[splits == name] for name in SPLITS} | {"total": recordings}
    return {name: _row(part, balance) for name, part in parts.items()}


def _row(part: pd.DataFrame, balance: str | None) -> dict[str, Any]:
    seconds = float(part["seconds"].sum())
    groups = part.groupby(balance) if balance in part else []
    return {
        "clips": len(part),
        "speakers": int(part["speaker"].nunique()),
        "seconds": round(seconds, 1),
        "duration": f"{int(seconds) // 3600:02d}:{int(seconds) // 60 % 60:02d}:{int(seconds) % 60:02d}",
        "countries": {
            str(country): {"clips": len(rows), "speakers": int(rows["speaker"].nunique())}
            for country, rows in groups
        },
    }


if __name__ == "__main__":
    guarded(main)
