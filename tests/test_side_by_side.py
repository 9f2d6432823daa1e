import json
import subprocess
import threading
from pathlib import Path

import pytest

from stages import side_by_side
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

    def run(self, name: str, cores: int) -> bool:
        with self.lock:
            assert BEFORE[name] <= set(self.ended)
            self.running[name] = self.cores_of[name] = cores
            self.most_cores = max(self.most_cores, sum(self.running.values()))
        threading.Event().wait(0.05)
        with self.lock:
            del self.running[name]
            self.ended.append(name)
        return name != self.failing


@pytest.fixture
def four_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["side_by_side"])
    monkeypatch.setattr(side_by_side, "DRIVERS", ())
    monkeypatch.setattr(side_by_side, "usable_cores", lambda: 4)
    files: dict[str, list[Path]] = {name: [] for name in BEFORE}
    monkeypatch.setattr(side_by_side, "stages_to_run", lambda: (dict(BEFORE), files))


@pytest.mark.usefixtures("four_cores")
def test_stages_follow_what_they_depend_on_and_share_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    stages = Stages()
    monkeypatch.setattr(side_by_side, "reproduce", stages.run)
    side_by_side.main()
    assert sorted(stages.ended) == sorted(BEFORE)
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


@pytest.mark.usefixtures("four_cores")
def test_short_of_memory_one_stage_runs_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    stages = Stages()
    monkeypatch.setattr(side_by_side, "reproduce", stages.run)
    monkeypatch.setattr(side_by_side, "memory_of", lambda _: 1e15)
    side_by_side.main()
    assert len(stages.ended) == len(BEFORE)
    assert stages.cores_of["compare"] in (2, 4)
    assert stages.most_cores <= 4


def test_a_stage_that_finds_files_busy_is_tried_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A program in DVC's place finds files busy when it is called for the first time."""
    monkeypatch.setattr(side_by_side.time, "sleep", lambda _: None)
    program = tmp_path / "program"
    program.write_text(
        "#!/bin/sh\n"
        f"if mkdir {tmp_path}/called 2> /dev/null; then echo \"ERROR: 'x' is busy\" >&2; exit 1; fi\n"
        "echo done on $OMP_NUM_THREADS\n"
    )
    program.chmod(0o755)
    monkeypatch.setattr("sys.executable", str(program))
    assert side_by_side.reproduce("train@x", 3)
    said = capsys.readouterr().out.splitlines()
    assert [" ".join(line.split()) for line in said] == [
        "train@x ERROR: 'x' is busy",
        "train@x done on 3",
    ]
    program.write_text("#!/bin/sh\nexit 1\n")
    assert not side_by_side.reproduce("train@x", 3)


def test_dvc_is_asked_again_while_another_process_holds_a_file(
    small_project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The real DVC; what it says of its routine is left out, its errors are not."""
    monkeypatch.chdir(small_project.folder)
    with subprocess.Popen(["sleep", "3"]) as holder:
        held = {str(small_project.folder / "split.txt"): {"pid": holder.pid, "cmd": "another dvc"}}
        Path(".dvc/tmp/rwlock").write_text(json.dumps({"write": held, "read": {}}))
        threading.Thread(target=holder.wait).start()
        assert side_by_side.reproduce("split", 1)
    assert Path("split.txt").exists()
    said = capsys.readouterr().out
    assert "is busy" in said
    assert "Running stage" not in said
    assert not side_by_side.reproduce("nothing", 1)
    assert "'nothing' not found" in capsys.readouterr().out
