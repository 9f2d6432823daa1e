"""Links to folders within a corpus. DVC follows links to files, but does not look behind links to folders."""

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from stages.core.config.data import CorpusOptions


def linked_folders(options: CorpusOptions) -> list[Path]:
    """The links to folders, below the corpus, on the way to its recordings and label files; sorted."""
    ways = (f"{options.audio}/recording", *options.labels)
    parents = {parent for way in ways for parent in PurePosixPath(way).parents if parent.parts}
    return sorted(path for parent in parents if (path := Path(options.path, parent)).is_symlink())


def state_of(folders: Iterable[Path]) -> str:
    """Hex digest of the names, sizes and times of change of all files below some folders."""
    digest = hashlib.blake2b(digest_size=8)
    for folder in folders:
        for parent, below, names in os.walk(folder):
            below.sort()
            for path in (Path(parent, name) for name in sorted(names)):
                facts = path.stat() if path.exists() else path.lstat()
                digest.update(os.fsencode(path) + f"\0{facts.st_size} {facts.st_mtime_ns}\n".encode())
    return digest.hexdigest()
