"""Which recordings are meant by the files and folders that a person names."""

from collections.abc import Sequence
from pathlib import Path

from stages.core.audio.decoding import measure
from stages.core.config.data import PreprocessOptions
from stages.core.runtime.errors import UnusableClipError, UserError

# What recordings are called: formats that can be read, then formats that have to be converted first.
SUFFIXES = frozenset(
    ".wav .wave .flac .mp3 .ogg .oga .opus .aif .aiff .aifc .au .snd .caf .w64 .rf64 .sph .nist .voc "
    ".m4a .mp4 .mov .3gp .aac .amr .wma .webm .weba .mka .mkv .avi .ape .wv .dsf .gsm".split()
)


def find_recordings(paths: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """The files, and those at any depth of the folders that are recordings; each once, in order.

    In a folder, a file is a recording if it is called one or can be read as one; hidden files are ignored.

    Returns:
        The recordings, and the other files of the folders, with links to folders, which are not entered.

    Raises:
        UserError: if a folder holds no recording.
    """
    found: list[Path] = []
    others: list[Path] = []
    for path in paths:
        if not path.is_dir():
            found.append(path)
            continue
        files = sorted(file for file in path.rglob("*") if _counts(file, path))
        recordings = [
            file
            for file in files
            if not file.is_dir() and (file.suffix.lower() in SUFFIXES or _can_be_read(file))
        ]
        if not recordings:
            raise UserError(f"{path} holds no recording.")
        found += recordings
        others += [file for file in files if file not in set(recordings)]
    return list(dict.fromkeys(found)), list(dict.fromkeys(others))


def _counts(file: Path, folder: Path) -> bool:
    """Whether it is not hidden and a file, a link to nothing, or a link to a folder, which is not entered."""
    hidden = any(part.startswith(".") for part in file.relative_to(folder).parts)
    return not hidden and (file.is_symlink() or not file.is_dir())


def _can_be_read(file: Path) -> bool:
    """Whether a file is audio, even if it cannot be used."""
    try:
        measure(file, PreprocessOptions())
    except UnusableClipError as error:
        return error.reason not in ("empty", "not audio", "not readable")
    return True
