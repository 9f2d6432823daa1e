"""A tiny project in a temporary folder, and a corpus to feed it."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import soundfile
import yaml
from hypothesis import HealthCheck, settings

from tests.helpers import ROOT
from tests.helpers.corpora import info_row, tone, write_info
from tests.helpers.small_dvc import small_project  # noqa: F401 (fixture)
from tests.helpers.whole_project import environment, finished, finished_copy  # noqa: F401 (fixtures)

# A busy machine makes no test fail.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")


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


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Chromium without a window."""
    webdriver = pytest.importorskip("selenium.webdriver")
    driver, chromium = (
        next(filter(None, map(shutil.which, names)), None)
        for names in (["chromedriver"], ["chromium", "google-chrome", "chromium-browser"])
    )
    if not driver or not chromium:
        pytest.skip("needs Chromium and chromedriver")
    options = webdriver.ChromeOptions()
    for argument in ("headless=new", "no-sandbox", "disable-dev-shm-usage", "mute-audio"):
        options.add_argument(f"--{argument}")
    options.binary_location = chromium
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    browser = webdriver.Chrome(options, webdriver.ChromeService(driver))
    yield browser
    browser.quit()
