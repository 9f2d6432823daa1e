"""The same bytes on every processor, as far as one processor can stand in for others.

Environment variables tell libraries to use the code that they would use elsewhere. ``make portable`` runs the
whole pipeline under all that follow; the tests run the training under the oldest processor alone.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.helpers import ROOT

EVERY = os.environ.get("PORTABLE") == "all"
_NO_AVX2 = "glibc.cpu.hwcaps=-AVX512F,-AVX2,-FMA,-AVX2_Usable,-FMA_Usable,-AVX_Usable,-ERMS"


def processor(
    blas: str, numpy: str, numba: str, features: str, torch: str, mkl: str, threads: int, glibc: str = ""
) -> dict[str, str]:
    return {
        "OPENBLAS_CORETYPE": blas,
        "NPY_DISABLE_CPU_FEATURES": numpy,
        "NUMBA_CPU_NAME": numba,
        "NUMBA_CPU_FEATURES": features,
        "ATEN_CPU_CAPABILITY": torch,
        "MKL_ENABLE_INSTRUCTIONS": mkl,
        "GLIBC_TUNABLES": glibc,
        "OMP_NUM_THREADS": str(threads),
        "OPENBLAS_NUM_THREADS": str(threads),
        "NUMBA_NUM_THREADS": str(threads),
    }


_AVX2 = "+sse4.2,+popcnt,+avx,+avx2,+fma,+bmi,+bmi2,+f16c"
_V3 = "X86_V3 X86_V4 AVX512_ICL AVX512_SPR"
_V4 = "X86_V4 AVX512_ICL AVX512_SPR"
PROCESSORS: dict[str, dict[str, str]] = {
    "prescott": processor("Prescott", _V3, "x86-64", "", "default", "SSE4_2", 1, _NO_AVX2),
    "nehalem": processor("Nehalem", _V3, "nehalem", "+sse4.2,+popcnt", "default", "SSE4_2", 2, _NO_AVX2),
    "sandybridge": processor("Sandybridge", _V3, "sandybridge", "+sse4.2,+avx", "default", "AVX", 1),
    "haswell": processor("Haswell", _V4, "haswell", _AVX2, "avx2", "AVX2", 1),
    "zen": processor("Zen", _V4, "znver1", _AVX2, "avx2", "AVX2", 2),
    "haswell without FMA": processor(
        "Haswell", _V4, "haswell", "+sse4.2,+popcnt,+avx,+avx2,-fma", "avx2", "AVX2", 2
    ),
    "skylake-avx512": processor(
        "SkylakeX", "AVX512_ICL AVX512_SPR", "skylake-avx512", f"{_AVX2},+avx512f,+avx512dq,+avx512vl",
        "avx512", "AVX512", 1,
    ),
}  # fmt: skip


def flags() -> set[str]:
    """What this processor can do."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return set(next((line for line in lines if line.startswith("flags")), "").split())


def hashes(folder: Path, extent: str, environment: Mapping[str, str]) -> dict[str, str]:
    """File → hash, as the pipeline writes it under an environment."""
    ended = subprocess.run(
        [sys.executable, "-m", "tests.portable.pipeline", str(folder), extent],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout.splitlines()[-1])


@pytest.fixture(scope="session")
def here(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What this processor writes."""
    folder = tmp_path_factory.mktemp("here") / "project"
    return hashes(folder, "whole" if EVERY else "training", {})


@pytest.mark.skipif(not Path("/proc/cpuinfo").exists(), reason="processors are emulated on Linux alone")
@pytest.mark.parametrize("name", PROCESSORS if EVERY else ["prescott"])
def test_another_processor_writes_the_same_bytes(name: str, here: dict[str, str], tmp_path: Path) -> None:
    needed = {"skylake-avx512": "avx512f", "haswell": "avx2", "zen": "avx2", "sandybridge": "avx"}
    if "sse2" not in flags() or needed.get(name.split(maxsplit=1)[0], "sse2") not in flags():
        pytest.skip("this processor cannot stand in for it")
    there = hashes(tmp_path / "project", "whole" if EVERY else "training", PROCESSORS[name])
    assert there.keys() == here.keys()
    assert [file for file in here if here[file] != there[file]] == []


def test_the_libraries_obey() -> None:
    """NumPy's exponentials and BLAS's products do differ, so that equal bytes above say something."""
    if "avx2" not in flags():
        pytest.skip("this processor is as old as the one that it stands in for")
    code = "import numpy as np; x = np.random.default_rng(0).normal(size=(300, 300)); "
    sums = [
        subprocess.run(
            [sys.executable, "-c", f"{code} print(hash(({what}).tobytes()))"],
            env={**os.environ, "PYTHONHASHSEED": "0", **environment},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for what in ("np.exp(x)", "x @ x")
        for environment in ({}, PROCESSORS["prescott"])
    ]
    assert sums[0] != sums[1]
    assert sums[2] != sums[3]
