"""Results on a server and in a cache that two users share, with a small DVC project.

Skipped where a server is missing: ``make extras``, ``apt install openssh-server`` and
``pip install 'moto[s3]' flask flask-cors`` bring all. Two users are only tested as root.
"""

import getpass
import os
import pwd
import shutil
import socket
import stat
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.helpers.small_dvc import STAGES, write_small_project
from tests.helpers.whole_project import Project
from tests.test_readme import RECIPES, UP_TO_DATE

SSHD = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin")
GROUP = 64_321  # that nobody is in


@contextmanager
def serving(command: list[str], environment: dict[str, str], port: int) -> Iterator[None]:
    """A server on a port of loopback, for as long as the block lasts."""
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as server:
        try:
            end = time.monotonic() + 30
            while True:
                try:
                    socket.create_connection(("127.0.0.1", port), timeout=1).close()
                    break
                except OSError:
                    alive = server.poll() is None and time.monotonic() < end
                    assert alive, f"{command[0]} does not answer"
                    time.sleep(0.1)
            yield
        finally:
            server.terminate()


def free_port() -> int:
    """A port of loopback that nothing listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def check_recipe(project: Project, address: str) -> None:
    """Run the README's recipe of remotes with another address: a second clone gets all and makes nothing."""
    project.run("dvc repro --quiet && git add --all && git commit --quiet --message Results")
    shown = project.run(RECIPES["remote"].replace("../storage", address))
    assert shown.rstrip().endswith(UP_TO_DATE)
    assert "Running stage" not in shown
    second = project.folder.parent / "second"
    assert (second / "report.txt").read_bytes() == (project.folder / "report.txt").read_bytes()
    assert len(list((second / ".dvc/cache/files/md5").glob("*/*"))) == 6


@pytest.mark.skipif(SSHD is None, reason="needs openssh-server")
def test_results_travel_over_ssh(environment: dict[str, str], tmp_path: Path) -> None:
    pytest.importorskip("dvc_ssh")
    home, port = tmp_path / "home", free_port()
    (home / ".ssh").mkdir(parents=True, mode=0o700)
    for key in (tmp_path / "host", home / ".ssh/id"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    (home / ".ssh/config").write_text(
        f"Host storage-machine\n HostName 127.0.0.1\n Port {port}\n User {getpass.getuser()}\n"
        f" IdentityFile {home}/.ssh/id\n"
    )
    host_key = (tmp_path / "host.pub").read_text()
    (home / ".ssh/known_hosts").write_text(f"[127.0.0.1]:{port} {host_key}")
    (tmp_path / "sshd_config").write_text(
        f"ListenAddress 127.0.0.1\nPort {port}\nHostKey {tmp_path}/host\nPidFile none\n"
        "UsePAM no\nStrictModes no\n"
        f"AuthorizedKeysFile {home}/.ssh/id.pub\nPasswordAuthentication no\nSubsystem sftp internal-sftp\n"
    )
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True, mode=0o755)
    project = write_small_project(tmp_path / "small", {**environment, "HOME": str(home)})
    with serving([str(SSHD), "-D", "-e", "-f", str(tmp_path / "sshd_config")], dict(os.environ), port):
        check_recipe(project, f"ssh://storage-machine{tmp_path}/storage")
    assert len(list((tmp_path / "storage/files/md5").glob("*/*"))) == 6


def test_results_travel_over_s3(environment: dict[str, str], tmp_path: Path) -> None:
    for package in ("dvc_s3", "moto", "flask_cors"):
        pytest.importorskip(package)
    port = free_port()
    account = {
        **environment,
        "HOME": str(tmp_path),
        "AWS_ACCESS_KEY_ID": "anyone",
        "AWS_SECRET_ACCESS_KEY": "anything",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
    }
    project = write_small_project(tmp_path / "small", account)
    with serving([sys.executable, "-m", "moto.server", "--port", str(port)], account, port):
        project.run("python -c \"import boto3; boto3.client('s3').create_bucket(Bucket='bucket')\"")
        check_recipe(project, "s3://bucket/voices")
        listing = "import boto3; print(boto3.client('s3').list_objects_v2(Bucket='bucket')['KeyCount'])"
        assert int(project.run(f'python -c "{listing}"')) == 6


@pytest.fixture
def shared_place() -> Iterator[Path]:
    """A folder that every user may enter, unlike pytest's."""
    with tempfile.TemporaryDirectory(prefix="shared-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


class User(Project):
    """A user of this machine, in the group of the cache, who lets nobody else write."""

    def __init__(self, name: str, place: Path, environment: dict[str, str]) -> None:
        self.user = pwd.getpwnam(name).pw_uid
        home = place / name
        home.mkdir()
        os.chown(home, self.user, GROUP)
        shutil.copy(environment["GIT_CONFIG_GLOBAL"], home / ".gitconfig")
        with (home / ".gitconfig").open("a") as settings:
            settings.write("[safe]\ndirectory = *\n")
        os.chown(home / ".gitconfig", self.user, GROUP)
        own = dict.fromkeys(("HOME", "DVC_GLOBAL_CONFIG_DIR", "DVC_SYSTEM_CONFIG_DIR"), str(home))
        own["GIT_CONFIG_GLOBAL"] = str(home / ".gitconfig")
        own["DVC_SITE_CACHE_DIR"] = str(home / "site")
        own["PATH"] = f"{place}{os.pathsep}{environment['PATH']}"
        super().__init__(home, {**environment, **own})

    def run(self, text: str) -> str:
        (self.folder / "script").write_text(f"umask 077\n{text}\n")
        (self.folder / "script").chmod(0o644)
        become = f"setpriv --reuid {self.user} --regid {GROUP} --clear-groups"
        return super().run(f"{become} bash -euo pipefail script")


def write_dvc_for_all(place: Path) -> None:
    """A command ``dvc`` for users who cannot reach this Python, if it is in a home folder."""
    packages = sysconfig.get_path("purelib")
    for python in (sys.executable, f"/usr/bin/python{sys.version_info.major}.{sys.version_info.minor}"):
        become = ["setpriv", "--reuid", "daemon", "--regid", str(GROUP), "--clear-groups"]
        tried = subprocess.run(
            [
                *become,
                "sh",
                "-c",
                f"{python} -c 'import dvc.cli'",
            ],  # sh: setpriv itself may still enter any folder
            cwd=place,
            env={**os.environ, "PYTHONPATH": packages},
            capture_output=True,
            check=False,
        )
        if tried.returncode == 0:
            (place / "dvc").write_text(f'#!/bin/sh\nPYTHONPATH={packages} exec {python} -m dvc "$@"\n')
            (place / "dvc").chmod(0o755)
            return
    pytest.skip("no Python that other users can run")


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("setpriv"), reason="needs root, to be two users")
def test_two_users_share_a_cache(environment: dict[str, str], shared_place: Path) -> None:
    write_dvc_for_all(shared_place)
    cache = shared_place / "cache"
    first, second = (User(name, shared_place, environment) for name in ("daemon", "games"))
    cache.mkdir()
    os.chown(cache, first.user, GROUP)
    cache.chmod(0o2770)
    (shared_place / "dvc.yaml").write_text(STAGES)
    (shared_place / "recordings.txt").write_text("clip b\nclip a\n")
    first.run(
        "mkdir project && cd project && cp ../../dvc.yaml ../../recordings.txt . && git init --quiet\n"
        f"dvc init --quiet && dvc cache dir {cache} && dvc config cache.shared group\n"
        "dvc config cache.type reflink,hardlink,symlink\n"
        "dvc repro --quiet && git add --all && git commit --quiet --message Results\n"
        "chmod -R go+rX .  # for the clone"
    )
    shown = second.run(
        "git clone --quiet ../daemon/project project && cd project && dvc checkout && dvc repro"
    )
    assert shown.rstrip().endswith(UP_TO_DATE)
    assert "Running stage" not in shown
    assert (second.folder / "project/report.txt").samefile(first.folder / "project/report.txt")

    more = "cd project && echo clip c >> recordings.txt && dvc repro"
    assert second.run(more).count("Running stage") == 4
    shown = first.run(more)
    assert "Running stage" not in shown
    assert shown.count("is cached") == 4
    report = (first.folder / "project/report.txt").read_text()
    assert report == "one a\none b\none c\ntwo a\ntwo b\ntwo c\n"

    found = list(cache.glob("**/*"))
    assert {path.stat().st_gid for path in found} == {GROUP}
    assert {path.stat().st_uid for path in found} == {first.user, second.user}
    assert {stat.S_IMODE(path.stat().st_mode) for path in found if path.is_dir()} == {0o2775}
    assert {
        stat.S_IMODE(path.stat().st_mode) for path in (cache / "files").glob("**/*") if path.is_file()
    } == {0o444}
