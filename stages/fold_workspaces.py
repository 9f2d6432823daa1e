"""Where folds run: copies of the project below .cache/folds, each a DVC project with the project's cache.

One workspace, ``base``, makes what no fold changes, such as features. Each fold has a workspace of its own,
``of-FOLDS/NUMBER``, with links to those files, and runs the stages from ``split`` on. The project's own files
stay as they are.
"""

import fcntl
import os
import re
import shutil
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from dvc.repo import Repo
from dvc.utils.serialize import modify_yaml

from stages.core.runtime.console import say
from stages.core.runtime.errors import UserError

FOLDER = Path(".cache/folds")
PROJECT = ("dvc.yaml", "dvc.lock", ".dvcignore", "params.yaml")
COMPUTED = (".cache/audio", ".cache/features")
SYNTHETIC = "data/synthetic"  # made by a stage, wherever that runs
_BEGUN = re.compile(r"(?:Running stage|Stage) '(.+?)'")
_LINES = 12  # of a log that an error repeats, where no stage says why


@dataclass(frozen=True)
class Workspace:
    """A copy of the project in which DVC runs.

    Attributes:
        folder: where it is.
        lock: an open file that DVC inherits, so that it stays locked until the last DVC has ended.
    """

    folder: Path
    lock: IO[str]

    def write(self, code: Path, cache: Path, options: Mapping[str, Any], processes: int) -> None:
        """Write pipeline and parameters as they are now; what DVC has made stays.

        Args:
            code: the folder that the workspace takes for ``stages``.
            cache: DVC's cache.
            options: of section ``split``.
            processes: for this workspace.
        """
        (self.folder / ".dvc").mkdir(parents=True, exist_ok=True)
        (self.folder / ".dvc/config").write_text(
            "[core]\n    no_scm = true\n    analytics = false\n    check_update = false\n"
            f"[cache]\n    dir = {cache}\n    type = reflink,hardlink,symlink,copy\n",
            encoding="utf-8",
        )
        for name in PROJECT:
            if Path(name).exists() and not (name == "dvc.lock" and (self.folder / name).exists()):
                shutil.copy2(name, self.folder / name)
        (self.folder / "stages").unlink(missing_ok=True)
        (self.folder / "stages").symlink_to(code.resolve())
        with modify_yaml(str(self.folder / "params.yaml")) as content:
            content["split"].update(options)
            content["compute"]["processes"] = processes
            _make_absolute(content)

    def repair(self, output: IO[bytes] | None = None) -> bool:
        """Remove what a killed sweep left half-written, if DVC has been here before; whether that worked."""
        used = (self.folder / ".dvc/tmp").exists()
        return not used or self._run("-m", "stages.repair", output=output).wait() == 0

    def reproduce(self, *words: str) -> None:
        """Run ``dvc repro`` with its output on the terminal.

        Raises:
            UserError: if it fails; what went wrong stands above then.
        """
        if self._run("-m", "dvc", "repro", *words).wait():
            raise UserError(
                "what all folds share could not be made; correct what stands above, and run again."
            )

    def reproduce_fold(self, stages: list[str], begun: Callable[[str], None]) -> None:
        """Run these stages in this order; ``begun`` hears of each that begins or has nothing to do.

        Raises:
            UserError: if one fails.
        """
        log = self.folder / "log.txt"
        with log.open("wb") as output:  # a file, not a pipe: DVC goes on if this process is killed
            if not self.repair(output):
                raise _failed(log)
            process = self._run("-m", "dvc", "repro", "--single-item", *stages, output=output)
        with log.open(encoding="utf-8", errors="replace") as text:
            ended = False
            while not ended:
                ended = process.poll() is not None
                for found in filter(None, map(_BEGUN.match, text)):
                    begun(found[1])
                time.sleep(0.1)
        if process.returncode:
            raise _failed(log)

    def take(self, base: Path, paths: list[Path]) -> None:
        """Replace files or folders by links to those of another workspace."""
        for path in paths:
            target = self.folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            if target.is_dir():
                shutil.rmtree(target)
            target.unlink(missing_ok=True)
            if (base / path).is_dir():
                shutil.copytree(base / path, target, copy_function=_link)
            else:
                _link(base / path, target)

    def _run(self, *words: str, output: IO[bytes] | None = None) -> "subprocess.Popen[bytes]":
        programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        return subprocess.Popen(
            [sys.executable, *words],
            cwd=self.folder,
            env={**os.environ, "PATH": programs},
            stdout=output,
            stderr=subprocess.STDOUT if output else None,
            pass_fds=(self.lock.fileno(),),
        )


@dataclass(frozen=True)
class Plan:
    """Which stages run where.

    Attributes:
        before: stages that no fold changes, in the order of the pipeline.
        after: ``split`` and the stages behind it.
        shared: outputs of the former that the latter may read: all of a stage of which they depend on one.
    """

    before: list[str]
    after: list[str]
    shared: list[Path]


def plan(folder: Path, runs: list[str]) -> Plan:
    """What has to run for the predictions of these runs in a workspace."""
    import networkx

    with Repo(str(folder)) as repo:
        graph = repo.index.graph  # from a stage to those that it needs
        stages = {stage.name: stage for stage in graph}
        split, targets = stages["split"], [stages[f"evaluate@{run}"] for run in runs]
        needed = set(targets).union(*(networkx.descendants(graph, target) for target in targets))
        behind = {split, *networkx.ancestors(graph, split)}
        rank = {stage.name: place for place, stage in enumerate(repo.index.stages)}
        order = list(
            networkx.lexicographical_topological_sort(graph.reverse(), lambda stage: rank[stage.name])
        )
        after = [stage for stage in order if stage in needed & behind]
        before = [stage for stage in order if stage in needed - behind]
        read = {Path(dep.fspath) for stage in after for dep in stage.deps}
        root = Path(repo.root_dir)
        shared = [
            Path(out.fspath).relative_to(root)
            for stage in before
            if any(Path(out.fspath).is_relative_to(path) for out in stage.outs for path in read)
            for out in stage.outs
        ]
        return Plan([stage.name for stage in before], [stage.name for stage in after], shared)


def cache_of_project() -> Path:
    """Where DVC's cache of the project is."""
    with Repo() as repo:
        return Path(repo.cache.local.path).parents[1].resolve()


def copy_code() -> Path:
    """A copy of the code as it is now, for all workspaces; compiled kernels in it stay.

    Returns:
        Its folder.
    """
    source, copy = Path("stages"), FOLDER / "stages"
    passing = shutil.ignore_patterns(
        "*.pyc*", "*.tmp.*"
    )  # what another process may write and rename meanwhile
    shutil.copytree(
        source, copy, dirs_exist_ok=True, ignore=passing
    )  # times too: by them numba knows kernels
    for path in copy.rglob("*.py"):
        if not (source / path.relative_to(copy)).exists():
            path.unlink()
    return copy


def share_computed(base: Path) -> None:
    """Let the base workspace take what was computed before from where the project keeps it."""
    for kept in map(Path, COMPUTED):
        kept.mkdir(parents=True, exist_ok=True)
        link = base / kept
        link.parent.mkdir(parents=True, exist_ok=True)
        if not link.exists():
            link.symlink_to(kept.resolve())


@contextmanager
def alone() -> Iterator[IO[str]]:
    """Wait until no other sweep of this project runs, nor what a killed one has left running."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (FOLDER / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("folds are being run already, or a killed sweep still ends its last stage; waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield lock


def _make_absolute(content: Any) -> None:
    """Paths of the project's own files, as they are seen from elsewhere."""
    if Path(content["corpus"]["path"]) != Path(SYNTHETIC):
        content["corpus"]["path"] = str(Path(content["corpus"]["path"]).absolute())
    for source in (content.get("external") or {}).values():
        source["path"] = str(Path(source["path"]).absolute())
    if content["codebook"].get("file"):
        content["codebook"]["file"] = str(Path(content["codebook"]["file"]).absolute())


def _link(source: Any, target: Any) -> None:
    """A hard link, or a copy where a file system has none."""
    try:
        os.link(source, target, follow_symlinks=True)
    except OSError:
        shutil.copy2(source, target)


def _failed(log: Path) -> UserError:
    """What a stage said before it failed."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    said = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
    why = said[-1] if said else " / ".join(deque(filter(None, lines), _LINES))
    return UserError(f"fold {log.parent.name}: {why.rstrip('.')}; all that it said is in {log}.")
