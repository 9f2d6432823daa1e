"""Which recordings are meant by the files and folders that a person names."""

from collections.abc import Sequence
from pathlib import Path

from stages.core.runtime.errors import UserError

SUFFIXES = frozenset(".wav .flac .mp3 .ogg .oga .opus .aif .aiff .aifc .au .snd .caf .w64".split())


def find_recordings(paths: Sequence[Path]) -> list[Path]:
    """The files, and the audio files at any depth of the folders; each once, in order.

    Raises:
        UserError: if a folder holds no audio file.
    """
    found: list[Path] = []
    for path in paths:
        if not path.is_dir():
            found.append(path)
            continue
        inside = sorted(
            file for file in path.rglob("*") if file.suffix.lower() in SUFFIXES and file.is_file()
        )
        if not inside:
            raise UserError(f"{path} holds no audio file.")
        found += inside
    return list(dict.fromkeys(found))
