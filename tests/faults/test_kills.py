"""Killed at any moment, a run goes on where it was and ends with the same bytes."""

import os
import random
import signal
import subprocess

import pytest

from tests.helpers import FAULTS
from tests.helpers.whole_project import Project, digests, from_nothing

ONE_AT_A_TIME = "python -m stages.repair && exec dvc repro"
SIDE_BY_SIDE = "python -m stages.repair && python -m stages.side_by_side 2 && exec dvc repro"


@pytest.mark.parametrize("run", [ONE_AT_A_TIME, SIDE_BY_SIDE], ids=["one at a time", "side by side"])
def test_kill_and_go_on(finished_copy: Project, run: str) -> None:
    """A run that ends before its next kill begins anew."""
    expected = from_nothing(finished_copy)
    rng = random.Random(1)  # noqa: S311
    kills = 0
    while kills < FAULTS:
        process = start(finished_copy, run)
        try:
            said = process.communicate(timeout=rng.uniform(1.0, 12.0))[0].decode()
            assert process.returncode == 0, said
            assert digests(finished_copy.folder) == expected
            from_nothing(finished_copy)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            kills += 1
    finished_copy.run(run)
    assert digests(finished_copy.folder) == expected
    leftovers = [file for file in finished_copy.folder.rglob("*.partial") if ".cache" not in file.parts]
    assert leftovers == []


def start(project: Project, run: str = ONE_AT_A_TIME) -> "subprocess.Popen[bytes]":
    """A run in a group of processes of its own."""
    return subprocess.Popen(
        ["bash", "-c", run],
        cwd=project.folder,
        env=project.environment,
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def test_a_lock_that_was_cut_off(finished_copy: Project) -> None:
    """DVC writes dvc.lock and its own lock in place; whatever part is left, a rerun ends the same."""
    expected = digests(finished_copy.folder)
    lock = finished_copy.folder / "dvc.lock"
    whole = lock.read_bytes()
    rng = random.Random(1)  # noqa: S311
    for _ in range(FAULTS):
        lock.write_bytes(whole[: rng.randrange(len(whole))])
        (finished_copy.folder / ".dvc/tmp/rwlock").write_text("")
        finished_copy.run("python -m stages.repair && dvc repro")
        assert lock.read_bytes() == whole
        assert digests(finished_copy.folder) == expected


def test_two_runs_at_once(finished_copy: Project) -> None:
    """One does the work; the other waits, or says that it cannot."""
    expected = from_nothing(finished_copy)
    processes = [start(finished_copy) for _ in range(2)]
    said = [process.communicate(timeout=300)[0].decode() for process in processes]
    ended = [process.returncode for process in processes]
    assert 0 in ended
    assert all(code == 0 or "lock" in text for code, text in zip(ended, said, strict=True)), said
    assert digests(finished_copy.folder) == expected
