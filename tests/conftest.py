"""A tiny project in a temporary folder, and corpora to feed it."""

import csv
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import yaml

from tests.helpers.whole_project import ROOT, environment, finished, finished_copy  # noqa: F401 (fixtures)

SHARED = ROOT.parent / "shared"
EMOTIONS = [
    "Awe",
    "Excitement",
    "Amusement",
    "Awkwardness",
    "Fear",
    "Horror",
    "Distress",
    "Triumph",
    "Sadness",
    "Surprise",
]
COLUMNS = ["File_ID", "Split", "Subject_ID", "Country", "Age", *EMOTIONS]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty project with the real params.yaml; the current folder of the test."""
    (tmp_path / "params.yaml").write_bytes((ROOT / "params.yaml").read_bytes())
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def set_parameters(project: Path) -> Callable[..., None]:
    """Change params.yaml: ``set_parameters(train={"epochs": 2})`` updates keys of sections."""

    def change(**sections: Any) -> None:
        content = yaml.safe_load((project / "params.yaml").read_text())
        for section, keys in sections.items():
            content[section] = {**content[section], **keys}
        (project / "params.yaml").write_text(yaml.safe_dump(content, sort_keys=False))

    return change


def info_row(number: int, speaker: int, **cells: Any) -> dict[str, Any]:
    """A row of data_info.csv for clip ``number`` with labels that depend on its number."""
    country = ["China", "South Africa", "United States", "Venezuela"][speaker % 4]
    ratings = {emotion: (number * (place + 1)) % 100 for place, emotion in enumerate(EMOTIONS)}
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


@pytest.fixture
def corpus(project: Path) -> Path:
    """Twelve speakers with two clips each at data/synthetic."""
    folder = project / "data" / "synthetic"
    rows = [info_row(number, number // 2) for number in range(24)]
    write_info(folder, rows)
    (folder / "wav").mkdir()
    for number in range(24):
        soundfile.write(
            folder / "wav" / f"{number:05d}.wav", tone(0.4 + number / 100, pitch=120 + 10 * number), 44_100
        )
    return folder
