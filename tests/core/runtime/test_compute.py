import os

import pytest

from stages.core.runtime.compute import SHARE, ComputeOptions


def test_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ComputeOptions(processes=3).workers == 3
    assert 1 <= ComputeOptions().workers <= (os.cpu_count() or 1)
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)  # as on macOS
    assert 1 <= ComputeOptions().workers <= (os.cpu_count() or 1)


def test_a_share_of_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SHARE, "3")
    assert ComputeOptions().workers == 3
    assert ComputeOptions(processes=2).workers == 2
