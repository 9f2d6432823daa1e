"""A tiny project in a temporary folder, and a corpus to feed it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import soundfile
import yaml

from tests.helpers import ROOT
from tests.helpers.corpora import info_row, tone, write_info
from tests.helpers.small_dvc import small_project  # noqa: F401 (fixture)
from tests.helpers.whole_project import environment, finished, finished_copy  # noqa: F401 (fixtures)


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
