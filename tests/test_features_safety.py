"""The features stage under kill -9 and on a full disk."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from stages import features
from stages.core.features import extract as extract_module
from stages.core.runtime import parallel
from tests.core.features.test_extractor import voice
from tests.helpers import ROOT
from tests.test_features import run, write_audio, written

KILLS = int(os.environ.get("KILLS", "2"))
SEED = int(os.environ.get("SEED", "1"))  # of the moments at which runs are killed
CLIPS = {f"{number:03d}": voice(0.3 + number % 20 / 50, 120.0 + number, seed=number) for number in range(240)}
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}
COUNTED = "from tests.test_features_safety import run_counted; run_counted()"

pytestmark = pytest.mark.usefixtures("project")


def counted(function, argument):
    """The function, and one byte in a file for each call that ended."""
    result = function(argument)
    with Path("calls").open("ab") as file:
        file.write(b".")
    return result


def run_counted() -> None:
    """The stage as a program, its calls counted."""
    extract_module.parallel_map = lambda function, items, compute: parallel.parallel_map(
        partial(counted, function), items, compute
    )
    sys.argv = ["features", "egemaps"]
    features.guarded(features.main)


def undisturbed(monkeypatch) -> dict[str, bytes]:
    """What an undisturbed run writes; nothing of it is left behind."""
    run(monkeypatch)
    expected = written()
    for folder in (".cache", "data/features", "data/lld", "data/quarantine"):
        shutil.rmtree(folder)
    return expected


def children_of(process: int) -> list[int]:
    return [int(line) for line in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_killed_at_random_moments(set_parameters, monkeypatch):
    set_parameters(compute={"processes": 2})
    write_audio({**CLIPS, "short": voice()[:50]}, shard=100)
    expected = undisturbed(monkeypatch)
    moments = np.random.default_rng(SEED)
    orphans: list[int] = []
    killed = 0
    for _ in range(KILLS):
        process = subprocess.Popen(
            [sys.executable, "-c", COUNTED], env=ENVIRONMENT, stderr=subprocess.DEVNULL
        )
        time.sleep(moments.uniform(0.5, 3.0))
        orphans += children_of(process.pid) if process.poll() is None else []
        process.kill()
        killed += process.wait() == -signal.SIGKILL
    subprocess.run([sys.executable, "-c", COUNTED], env=ENVIRONMENT, check=True, capture_output=True)
    assert written() == expected
    in_flight = 2 * parallel._AHEAD
    assert len(CLIPS) + 1 <= len(Path("calls").read_bytes()) <= len(CLIPS) + 1 + killed * in_flight
    deadline = time.monotonic() + 10
    while any(Path(f"/proc/{orphan}").exists() for orphan in orphans) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert [orphan for orphan in orphans if Path(f"/proc/{orphan}").exists()] == []


@contextmanager
def small_disk(folder: Path) -> Iterator[list[str]]:
    """A file system in memory at ``folder``; yields the command that changes its options."""
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "tmpfs", folder], check=False, capture_output=True).returncode:
        pytest.skip("needs the right to mount")
    try:
        yield ["mount", "-o"]
    finally:
        subprocess.run(["umount", folder], check=True)


@pytest.mark.skipif(shutil.which("mount") is None, reason="needs mount")
@pytest.mark.parametrize("free", ["300k", "2m"])  # full while computing; full while writing tables
def test_full_disk(set_parameters, monkeypatch, project, free):
    set_parameters(compute={"processes": 2})
    write_audio(dict(list(CLIPS.items())[:60]))
    expected = undisturbed(monkeypatch)
    stage = [sys.executable, "-m", "stages.features", "egemaps"]
    options = {"cwd": project / "disk", "env": ENVIRONMENT, "capture_output": True, "text": True}
    with small_disk(project / "disk") as mount:
        shutil.copytree("data", "disk/data")
        shutil.copy("params.yaml", "disk")
        used = shutil.disk_usage("disk").used // 1024
        subprocess.run(
            [*mount, f"remount,size={used + int(free[:-1]) * (1024 if free[-1] == 'm' else 1)}k", "disk"],
            check=True,
        )
        full = subprocess.run(stage, check=False, **options)
        assert full.returncode == 1
        assert full.stderr.splitlines()[-1].startswith("error: the disk is full; free some space")
        assert "Traceback" not in full.stderr
        monkeypatch.chdir("disk")
        for path in (Path("data/features/egemaps.parquet"), Path("data/lld/egemaps")):
            assert not path.exists()
        assert not list(Path("data").rglob("*.partial"))
        subprocess.run([*mount, "remount,size=100m", "."], check=True)
        subprocess.run(stage, check=True, **options)
        assert written() == expected
        monkeypatch.chdir(project)
