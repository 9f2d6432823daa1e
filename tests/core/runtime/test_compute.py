import os
from pathlib import Path

import pytest

from stages.core.runtime import compute as module
from stages.core.runtime.compute import SHARE, ComputeOptions, usable_cores


def test_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ComputeOptions(processes=3).workers == 3
    assert 1 <= ComputeOptions().workers <= (os.cpu_count() or 1)
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)  # as on macOS
    assert 1 <= ComputeOptions().workers <= (os.cpu_count() or 1)


@pytest.mark.parametrize(
    ("quota", "cores"),
    [
        ("max 100000", 6),
        ("300000 100000", 3),
        ("250000 100000", 3),
        ("50000 100000", 1),
        ("900000 100000", 6),
        ("150000 50000", 3),
        ("what is this", 6),
        ("", 6),
    ],
)
def test_the_quota_of_a_container(
    quota: str, cores: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(SHARE, raising=False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(6)), raising=False)
    monkeypatch.setattr(module, "_QUOTA", tmp_path / "cpu.max")
    assert usable_cores() == 6
    (tmp_path / "cpu.max").write_text(quota)
    assert usable_cores() == cores
    assert (ComputeOptions().workers, ComputeOptions(processes=7).workers) == (cores, 7)
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert usable_cores() == 1


def test_a_share_of_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SHARE, "3")
    assert ComputeOptions().workers == 3
    assert ComputeOptions(processes=2).workers == 2
