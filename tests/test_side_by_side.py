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
        self.most_at_once = 0
        self.limits: list[set[str]] = []

    def run(self, name: str, environment: Mapping[str, str]) -> Entries | None:
        cores = int(environment["OMP_NUM_THREADS"])
        with self.lock:
            assert BEFORE[name] <= set(self.ended)
            self.running[name] = self.cores_of[name] = cores
            self.most_at_once = max(self.most_at_once, len(self.running))
            self.limits.append({environment[limit] for limit in side_by_side.LIMITS})
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
    assert stages.most_cores == 4 and stages.most_at_once <= 2
    assert all(len(limits) == 1 for limits in stages.limits)
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
    assert stages.most_at_once == 1


@pytest.mark.usefixtures("four_cores")
@pytest.mark.parametrize(
    ("words", "drivers", "cores"),
    [
        (["1"], (), {}),
        ([], (Path("/"),), {}),  # one at a time with a GPU
        (["2"], (Path("/"),), {"corpus": 4, "egemaps": 2, "compare": 2}),
        (["9"], (), {"corpus": 4, "egemaps": 2, "compare": 2}),
    ],
)
def test_how_many_stages_run_at_once(
    words: list[str],
    drivers: tuple[Path, ...],
    cores: dict[str, int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stages = Stages()
    monkeypatch.setattr("sys.argv", ["side_by_side", *words])
    monkeypatch.setattr(side_by_side, "DRIVERS", drivers)
    monkeypatch.setattr(side_by_side, "reproduce", stages.run)
    side_by_side.main()
    assert len(stages.ended) == (len(BEFORE) if cores else 0)
    assert {name: stages.cores_of[name] for name in cores} == cores


def test_what_a_stage_takes_of_the_memory(tmp_path: Path) -> None:
    for name, size in (("a.parquet", 1000), ("b.parquet", 30), ("c.csv", 500)):
        (tmp_path / name).write_bytes(bytes(size))
    files = [tmp_path / name for name in ("a.parquet", "b.parquet", "c.csv", "none.parquet")]
    assert side_by_side.memory_of(files) == 400e6 + 4 * 1030
    assert side_by_side.memory_of([]) == 400e6


def test_the_stages_that_changed_and_those_behind_them(
    small_project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(small_project.folder)
    every = {
        "split": set(),
        "train@one": {"split"},
        "train@two": {"split"},
        "report": {"train@one", "train@two"},
    }
    before, files = side_by_side.stages_to_run()
    assert (before, list(before)) == (every, list(every))
    names = {
        stage: [str(path.relative_to(small_project.folder)) for path in of] for stage, of in files.items()
    }
    assert names == {
        "split": ["recordings.txt"],
        "train@one": ["split.txt"],
        "train@two": ["split.txt"],
        "report": ["models/one", "models/two"],
    }
    small_project.run("dvc repro --quiet")
    assert side_by_side.stages_to_run() == ({}, {})
    text = Path("dvc.yaml").read_text()
    Path("dvc.yaml").write_text(
        text.replace("report.txt\n    deps", "report.txt \n    deps").replace("cat mod", "cat  mod")
    )
    assert list(side_by_side.stages_to_run()[0]) == ["report"]
    Path("dvc.yaml").write_text("stages: [")
    monkeypatch.setattr("sys.argv", ["side_by_side", "2"])
    monkeypatch.setattr(side_by_side, "usable_cores", lambda: 2)
    monkeypatch.setattr(side_by_side, "run_all", lambda *_: pytest.fail("nothing can be run"))
    side_by_side.main()  # `dvc repro` says what is wrong
