"""What openXBOW 1.3.1 printed, where it lies beside the project, and tables of descriptors for tests."""

import gzip
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stages.core.bags import codebook as codebooks
from stages.core.bags.codebook import Codebook
from tests.conftest import SHARED

FOLDER = SHARED / "openxbow"
needs_openxbow = pytest.mark.skipif(not FOLDER.exists(), reason="openXBOW's outputs are not here")


@dataclass(frozen=True)
class Command:
    """One call of openXBOW: a line of commands.txt."""

    tag: str
    part: str
    options: str

    @property
    def layout(self) -> codebooks.Layout:
        return "split" if "nt1[65]2[65]" in self.options else "joint"

    @property
    def norm(self) -> str:
        return "frames" if "-norm 1" in self.options else "none"


def commands() -> list[Command]:
    if not FOLDER.exists():
        return []
    lines = (FOLDER / "commands.txt").read_text().splitlines()
    found = []
    for line in lines:
        words = line.split()
        part, tag = words[words.index("-i") + 1][:-4], words[words.index("-o") + 1][4:-4].split("_", 1)[1]
        found.append(Command(tag, part, line))
    return found


def text(name: str) -> str:
    return gzip.decompress((FOLDER / f"{name}.gz").read_bytes()).decode()


@cache
def descriptors(part: str) -> tuple[tuple[str, ...], dict[str, np.ndarray]]:
    """Names of the columns, and clip → float32 [frames, 130], in the file's order."""
    table = pd.read_csv(FOLDER / f"{part}.csv.gz", sep=";")
    values = np.ascontiguousarray(table.iloc[:, 2:].to_numpy(np.float32))
    return tuple(table.columns[2:]), {
        name.strip("'"): values[rows] for name, rows in table.groupby("name", sort=False).indices.items()
    }


def frames(part: str) -> np.ndarray:
    return np.concatenate(list(descriptors(part)[1].values()))


def codebook(tag: str) -> Codebook:
    return codebooks.from_text(text(f"cb_{tag}.txt"))


def bags(command: Command) -> tuple[list[str], np.ndarray]:
    rows = [line.split(";") for line in text(f"bow_{command.part}_{command.tag}.csv").splitlines()]
    return [row[0].strip("'") for row in rows], np.array([row[1:] for row in rows], np.float32)


def write_descriptors(
    folder: Path, clips: Mapping[str, np.ndarray], columns: tuple[str, ...] | None = None, shards: int = 1
) -> None:
    """Shards as the features stage writes them; a clip may go on in the next one."""
    folder.mkdir(parents=True, exist_ok=True)
    ids = np.repeat(list(clips), [len(values) for values in clips.values()])
    values = np.concatenate(list(clips.values())).astype(np.float32)
    names = columns or tuple(f"d{column}_sma" for column in range(values.shape[1]))
    for number, rows in enumerate(np.array_split(np.arange(len(ids)), shards)):
        arrays = [pa.array(ids[rows], pa.string()), *(pa.array(column) for column in values[rows].T)]
        pq.write_table(
            pa.Table.from_arrays(arrays, names=["clip_id", *names]), folder / f"{number:04d}.parquet"
        )
