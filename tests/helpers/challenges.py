"""Made corpora in the layouts in which HUME-VB was given to the teams of its challenges."""

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile

from stages.core.scoring.challenges import CHALLENGES, CULTURES
from tests.helpers.corpora import COLUMNS, info_row, tone, write_info

CLIPS = 48
SPLITS = ("Train", "Val", "Test")
TYPES = ("Gasp", "Laugh", "Cry", "Scream", "Grunt", "Groan", "Pant", "Other")


def clip_ids() -> list[str]:
    return [f"{10119 + 7 * number}" for number in range(CLIPS)]


def write_exvo(folder: Path) -> None:
    """data_info.csv and wav/, as in ExVo 2022; four clips of each of twelve speakers."""
    rows = [info_row(0, number // 4, File_ID=f"[{name}]") for number, name in enumerate(clip_ids())]
    for number, row in enumerate(rows):
        ratings = np.random.default_rng(number).integers(0, 101, 10)
        row |= dict(zip(COLUMNS[5:], map(int, ratings), strict=True))
    write_info(folder, rows)
    _write_tones(folder / "wav")


def write_avb(folder: Path, withheld: Sequence[str] = ()) -> None:
    """The four label files of A-VB 2022 and audio/wav/, without test labels where ``withheld``."""
    (folder / "labels").mkdir(parents=True)
    for track in ("high", "two", "culture", "type"):
        columns = CHALLENGES[f"a-vb-{track}"].columns
        with (folder / f"labels/{track}_info.csv").open("w", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["File_ID", "Split", *columns])
            for number, name in enumerate(clip_ids()):
                split = SPLITS[number // 4 % 3]
                hidden = split == "Test" and track in withheld
                cells = ["-1"] * len(columns) if hidden else _labels(track, columns, number)
                writer.writerow([f"[{name}]", split, *cells])
    _write_tones(folder / "audio/wav")


def _labels(track: str, columns: Sequence[str], number: int) -> list[str]:
    if track == "type":
        return [TYPES[(number + number // 12) % 8]]
    values = np.random.default_rng(number).uniform(0, 1, len(columns)).round(6)
    if track == "two":
        return [str(1 + 8 * value) for value in values]
    if track == "high":
        return [str(value) for value in values]
    country = CULTURES[number % 4]
    return [
        str(value) if column.startswith(f"{country}_") else ""
        for column, value in zip(columns, values, strict=True)
    ]


def _write_tones(folder: Path) -> None:
    folder.mkdir(parents=True)
    for number, name in enumerate(clip_ids()):
        soundfile.write(folder / f"{name}.wav", tone(0.2, 16_000, 120 + 10 * number), 16_000)
