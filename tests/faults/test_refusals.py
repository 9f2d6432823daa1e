"""A folder that may not be written ends a run with one line; afterwards it goes on as if nothing had been."""

import os
import shutil
import subprocess

import pytest

from tests.helpers.whole_project import Project, digests, from_nothing

# Nobody may do all that root may do: without these two, permissions hold for root as well.
AS_ANYBODY = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []


@pytest.mark.skipif(bool(AS_ANYBODY) and not shutil.which("setpriv"), reason="root may write everywhere")
@pytest.mark.parametrize("name", ["data", "metrics", "plots"])
def test_a_folder_that_is_read_only(finished_copy: Project, name: str) -> None:
    expected = from_nothing(finished_copy)
    folder = finished_copy.folder / name
    folder.chmod(0o555)
    command = [*AS_ANYBODY, "dvc", "repro"]
    ended = subprocess.run(
        command,
        cwd=finished_copy.folder,
        env=finished_copy.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    folder.chmod(0o755)
    assert ended.returncode != 0
    said = [line for line in ended.stderr.splitlines() if line.startswith(("error:", "Traceback"))]
    assert len(said) == 1
    assert said[0].startswith(f"error: {name}/")
    assert said[0].endswith(": Permission denied; correct that and run the command again.")
    finished_copy.run("dvc repro --quiet")
    assert digests(finished_copy.folder) == expected
