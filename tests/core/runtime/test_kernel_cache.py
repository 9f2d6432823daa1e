import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from stages.core.runtime.kernel_cache import VARIABLE, ensure_writable
from tests.helpers import ROOT

AS_ANYBODY = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []


def test_a_folder_of_its_own_only_where_numba_would_find_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, "")
    ensure_writable(tmp_path)
    assert os.environ[VARIABLE] == ""
    monkeypatch.setattr(os, "access", lambda *_: False)
    ensure_writable(tmp_path)
    folder = Path(os.environ[VARIABLE])
    assert folder.stat().st_mode & 0o777 == 0o700
    ensure_writable(tmp_path)
    assert Path(os.environ[VARIABLE]) == folder
    folder.rmdir()


@pytest.mark.parametrize("platform", ["linux", "darwin"])
def test_either_of_numbas_own_folders_is_enough(
    platform: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, sources = tmp_path / "home", tmp_path / "stages"
    for folder in (home / "Library/Caches", home / ".cache", sources / "__pycache__", tmp_path / "xdg"):
        folder.mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    monkeypatch.setattr(sys, "platform", platform)
    own = home / ("Library/Caches" if platform == "darwin" else ".cache")
    other = home / (".cache" if platform == "darwin" else "Library/Caches")
    for writable, found in ((sources / "__pycache__", True), (own, True), (other, False), (tmp_path, False)):
        monkeypatch.setenv(VARIABLE, "")
        monkeypatch.setattr(
            os, "access", lambda path, mode, to=writable: mode == os.W_OK and Path(path) == to
        )
        ensure_writable(sources)
        assert (os.environ[VARIABLE] == "") == found
        if not found:
            Path(os.environ[VARIABLE]).rmdir()
    if platform == "linux":
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
        monkeypatch.setenv(VARIABLE, "")
        monkeypatch.setattr(os, "access", lambda path, _: Path(path) == tmp_path / "xdg")
        ensure_writable(sources)
        assert os.environ[VARIABLE] == ""


@pytest.mark.skipif(bool(AS_ANYBODY) and not shutil.which("setpriv"), reason="root may write everywhere")
def test_kernels_compile_in_a_checkout_that_is_read_only(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "stages", tmp_path / "stages", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "home").mkdir(mode=0o555)
    for folder in [
        tmp_path / "stages",
        *(path for path in (tmp_path / "stages").rglob("*") if path.is_dir()),
    ]:
        folder.chmod(0o555)
    code = "from stages.core.bags.learning import learn; import numba; print(numba.config.CACHE_DIR)"
    ended = subprocess.run(
        [*AS_ANYBODY, sys.executable, "-c", code],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path / "home"), "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert Path(ended.stdout.strip()).name.startswith("numba-")
    assert not Path(ended.stdout.strip()).exists()
    for folder in [
        tmp_path / "stages",
        *(path for path in (tmp_path / "stages").rglob("*") if path.is_dir()),
    ]:
        folder.chmod(0o755)
