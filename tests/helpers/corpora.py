"""Corpora in HUME-VB's layout: rows of data_info.csv, and tones as recordings."""

import csv
import io
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from stages.core.synthetic import speakers

EMOTIONS = list(speakers.EMOTIONS)
COLUMNS = ["File_ID", "Split", "Subject_ID", "Country", "Age", *EMOTIONS]


def info_row(number: int, speaker: int, **cells: Any) -> dict[str, Any]:
    """A row of data_info.csv for clip ``number`` with labels that depend on its number."""
    country = ["China", "South Africa", "United States", "Venezuela"][speaker % 4]
    ratings = {emotion: (number * (index + 1)) % 100 for index, emotion in enumerate(EMOTIONS)}
    split = ["Train", "Val", "Test"][speaker // 4 % 3]
    row = {
        "File_ID": f"[{number:05d}]",
        "Split": split,
        "Subject_ID": f"S{speaker}",
        "Country": country,
        "Age": 20 + speaker,
    }
    return {**row, **ratings, **cells}


def write_info(folder: Path, rows: Sequence[dict[str, Any]], columns: Sequence[str] = COLUMNS) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "data_info.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore", restval="")
        writer.writeheader()
        writer.writerows(rows)


def tone(seconds: float = 0.5, rate: int = 44_100, pitch: float = 220.0) -> np.ndarray:
    """A decaying complex tone, float64 [frames]."""
    time = np.arange(round(seconds * rate)) / rate
    return 0.3 * np.exp(-3 * time) * sum(np.sin(2 * np.pi * pitch * k * time) / k for k in range(1, 6))


def encoded(kind: str, samples: np.ndarray | None = None, rate: int = 44_100, **options: object) -> bytes:
    """A recording in memory, of the kind format/subtype; without samples, a tone of half a second."""
    buffer = io.BytesIO()
    form, subtype = kind.split("/")
    samples = tone() if samples is None else samples
    soundfile.write(
        buffer, samples, 48_000 if subtype == "OPUS" else rate, format=form, subtype=subtype, **options
    )
    return buffer.getvalue()


def with_total(flac: bytes, total: int) -> bytes:
    """A FLAC that announces another number of samples; 0: unknown."""
    data = bytearray(flac)
    data[21] &= 0xF0
    data[22:26] = struct.pack(">I", total)
    return bytes(data)
