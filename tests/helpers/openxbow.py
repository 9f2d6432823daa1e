"""What openXBOW 1.3.1 printed, where it lies beside the project."""

import gzip
from dataclasses import dataclass
from functools import cache
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from stages.core.bags.codebook import Codebook
from stages.core.bags.codebook_file import for_descriptors, from_text
from stages.core.bags.layout import Layout
from tests.helpers import ROOT, SHARED

FOLDER = SHARED / "openxbow"
# What it printed on made numbers, within the project.
MADE = ROOT / "tests/data/openxbow"
needs_openxbow = pytest.mark.skipif(not FOLDER.exists(), reason="openXBOW's outputs are not here")


@dataclass(frozen=True)
class Command:
    """One call of openXBOW: a line of commands.txt."""

    tag: str
    part: str
    options: str

    @property
    def layout(self) -> Layout:
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


def text(name: str, folder: Path = FOLDER) -> str:
    return gzip.decompress((folder / f"{name}.gz").read_bytes()).decode()


@cache
def descriptors(part: str) -> tuple[tuple[str, ...], dict[str, np.ndarray]]:
    """Names of the columns, and clip → float32 [frames, 130], in the file's order."""
    table = pd.read_csv(FOLDER / f"{part}.csv.gz", sep=";")
    values = np.ascontiguousarray(table.iloc[:, 2:].to_numpy(np.float32))
    return tuple(table.columns[2:]), {
        name.strip("'"): values[rows] for name, rows in table.groupby("name", sort=False).indices.items()
    }


@cache
def made_clips(part: str) -> tuple[tuple[str, ...], dict[str, np.ndarray]]:
    """Like :func:`descriptors`, of the 12 columns of made numbers."""
    table = pd.read_csv(StringIO(text(f"{part}.csv", MADE)), sep=";")
    values = np.ascontiguousarray(table.iloc[:, 2:].to_numpy(np.float32))
    return tuple(table.columns[2:]), {
        name.strip("'"): values[rows] for name, rows in table.groupby("name", sort=False).indices.items()
    }


def frames(part: str) -> np.ndarray:
    return np.concatenate(list(descriptors(part)[1].values()))


def codebook(tag: str) -> Codebook:
    return for_descriptors(from_text(text(f"cb_{tag}.txt")), 130, tag)


def bags(command: Command) -> tuple[list[str], np.ndarray]:
    rows = [line.split(";") for line in text(f"bow_{command.part}_{command.tag}.csv").splitlines()]
    return [row[0].strip("'") for row in rows], np.array([row[1:] for row in rows], np.float32)
