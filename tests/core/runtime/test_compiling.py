import subprocess
import sys
from pathlib import Path

import pytest

from stages.core.runtime import compiling

SOURCE = """
from stages.core.runtime.compiling import compiled
from package.constants import FACTOR

@compiled(nogil=True)
def scaled(number):
    return FACTOR * number

if __name__ == "__main__":
    print(scaled(2), sum(scaled.stats.cache_hits.values()))
"""


@pytest.fixture
def package(tmp_path: Path) -> Path:
    folder = tmp_path / "first/package"
    folder.mkdir(parents=True)
    (folder / "__init__.py").touch()
    (folder / "constants.py").write_text("FACTOR = 3")
    (folder / "function.py").write_text(SOURCE)
    return folder


def called(package: Path, cache: Path) -> list[int]:
    """The function's result, and how often compiled code was found."""
    command = [sys.executable, "-m", "package.function"]
    environment = {
        "PYTHONPATH": f"{package.parent}:{Path.cwd()}",
        "XDG_CACHE_HOME": str(cache),
        "PATH": "",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    done = subprocess.run(
        command, cwd=package.parent, env=environment, capture_output=True, text=True, check=True
    )
    return [int(word) for word in done.stdout.split()]


def test_a_copy_of_the_sources_takes_what_the_first_compiled(package: Path, tmp_path: Path) -> None:
    assert called(package, tmp_path / "cache") == [6, 0]
    copied = package.parents[1] / "second/package"
    copied.parent.mkdir()
    package.rename(copied)
    assert called(copied, tmp_path / "cache") == [6, 1]


def test_another_file_of_the_package_compiles_anew(package: Path, tmp_path: Path) -> None:
    assert called(package, tmp_path / "cache") == [6, 0]
    (package / "constants.py").write_text("FACTOR = 5")
    assert called(package, tmp_path / "cache") == [10, 0]


def test_a_change_of_the_package_or_of_the_arithmetic_is_another_digest(
    package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arithmetic = tmp_path / "arithmetic"
    arithmetic.mkdir()
    (arithmetic / "sums.py").write_text("ONE = 1")
    monkeypatch.setattr(compiling, "ARITHMETIC", arithmetic)

    def digest() -> str:
        return compiling.sources_digest.__wrapped__(package)

    seen = {digest()}
    assert digest() in seen
    (package / "notes.txt").write_text("no source")
    assert digest() in seen
    (package / "constants.py").write_text("FACTOR = 4")
    seen.add(digest())
    (arithmetic / "sums.py").write_text("ONE = 2")
    seen.add(digest())
    (arithmetic / "more.py").write_text("TWO = 2")
    seen.add(digest())
    assert len(seen) == 4


def test_without_a_folder_every_process_compiles(package: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for _ in range(2):
        assert called(package, tmp_path / "file") == [6, 0]
