import threading
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from stages import side_by_side
from stages.reproducing import Entries
from tests.helpers.whole_project import Project

BEFORE: dict[str, set[str]] = {
    "corpus": set(),
    "egemaps": {"corpus"},
    "compare": {"corpus"},
    "bags": {"compare"},
    "train": {"egemaps", "bags"},
}


class Stages:
    """Stands for the stages: notes what runs beside what, and on how many cores."""

    def __init__(self, failing: str = "") -> None:
        self.failing = failing
        self.lock = threading.Lock()
        self.running: dict[str, int] = {}
        self.ended: list[str] = []
        self.most_cores = 0
        self.cores_of: dict[str, int] = {}

    def run(self, name: str, environment: Mapping[str, str]) -> Entries | None:
        cores = int(environment["OMP_NUM_THREADS"])
        with self.lock:
            assert BEFORE[name] <= set(self.ended)
            self.running[name] = self.cores_of[name] = cores
            self.most_cores = max(self.most_cores, sum(self.running.values()))
        threading.Event().wait(0.05)
        with self.lock:
            del self.running[name]
            self.ended.append(name)
        return None if name == self.failing else {name: {"cmd": f"make {name}"}}


@pytest.fixture
def four_cores(small_project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(small_project.folder)
    monkeypatch.setattr("sys.argv", ["side_by_side"])
    monkeypatch.setattr(side_by_side, "DRIVERS", ())
    monkeypatch.setattr(side_by_side, "usable_cores", lambda: 4)
    files: dict[str, list[Path]] = {name: [] for name in BEFORE}
    monkeypatch.setattr(side_by_side, "stages_to_run", lambda: (dict(BEFORE), files))


def lock_entries() -> list[str]:
    return sorted(yaml.safe_load(Path("dvc.lock").read_text())["stages"])


@pytest.mark.usefixtures("four_cores")
def test_stages_follow_what_they_depend_on_and_share_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    stages = Stages()
    monkeypatch.setattr(side_by_side, "reproduce", stages.run)
    side_by_side.main()
    assert sorted(stages.ended) == sorted(BEFORE)
    assert lock_entries() == sorted(BEFORE)
    assert stages.most_cores == 4
    assert stages.cores_of["corpus"] == stages.cores_of["train"] == 4
    assert stages.cores_of["egemaps"] == stages.cores_of["compare"] == 2


@pytest.mark.usefixtures("four_cores")
def test_after_a_failure_no_stage_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    stages = Stages(failing="compare")
    monkeypatch.setattr(side_by_side, "reproduce", stages.run)
    with pytest.raises(SystemExit, match="1"):
        side_by_side.main()
    assert sorted(stages.ended) == ["compare", "corpus", "egemaps"]
    assert lock_entries() == ["corpus", "egemaps"]


@pytest.mark.usefixtures("four_cores")
def test_short_of_memory_one_stage_runs_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    stages = Stages()
    monkeypatch.setattr(side_by_side, "reproduce", stages.run)
    monkeypatch.setattr(side_by_side, "memory_of", lambda _: 1e15)
    side_by_side.main()
    assert len(stages.ended) == len(BEFORE)
    assert stages.cores_of["compare"] in (2, 4)
    assert stages.most_cores <= 4
