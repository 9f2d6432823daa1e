"""The recordings of a corpus, and which of them is the recording of a clip."""

import os
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

from stages.core.corpus.info import clip_id_of
from stages.core.runtime.errors import UnusableClipError, UserError

AUDIO = "wav"
# Of several files with a clip's name, those that are audio by their suffix count: the others are annotations.
# Audio that has to be converted first, and videos, count where there is no other.
READABLE_SUFFIXES = frozenset(
    ".wav .wave .flac .mp3 .ogg .oga .opus .aif .aiff .aifc .au .snd .caf .w64 .rf64 .sph .nist .voc".split()
)
CONVERTIBLE_SUFFIXES = frozenset(
    ".gsm .raw .m4a .mp4 .aac .wma .amr .webm .3gp .mka .mkv .mov .avi .ac3".split()
)
# Names of content: DVC's cache (md5 in two parts), git-annex's keys, blobs of data managers (a digest).
_CONTENT = re.compile(
    r"/[0-9a-f]{2}/[0-9a-f]{30}(\.\w+)?$|/[A-Z0-9]+-s\d+--[^/]+$|/(\w+[-:])?[0-9a-f]{32,128}(\.\w+)?$"
)


@dataclass(frozen=True)
class Recordings:
    """The files below wav/, or what the corpus calls that folder.

    Attributes:
        folder: the corpus.
        audio: the folder of the recordings below it.
        files: what File_ID may say of a file (name or path below ``audio``, with or without suffix) → path or
            paths below ``audio``, as text, since there may be a million.
        follow_links: whether links may lead anywhere.
    """

    folder: Path
    audio: str
    files: Mapping[str, str | list[str]]
    follow_links: bool

    def of(self, clip_id: str) -> Path:
        """The recording of a clip.

        Raises:
            UnusableClipError: if there is none, or several, or the id or a link leads out of the corpus.
        """
        parts = PurePosixPath(clip_id).parts
        if "\\" in clip_id and ".." not in parts:
            raise UnusableClipError(
                "unsafe id", f"File_ID {clip_id!r} has a backslash; write / between folders"
            )
        if ".." in parts or clip_id.startswith("/") or clip_id in {".", ""} or "\0" in clip_id:
            raise UnusableClipError(
                "unsafe id",
                f"File_ID {clip_id!r} would name a file outside {self.audio}/; write the path below it",
            )
        found = self._found(clip_id)
        for suffixes in (READABLE_SUFFIXES, CONVERTIBLE_SUFFIXES):
            audio = [path for path in found if path.suffix.lower() in suffixes]
            if audio:
                found = audio
                break
        if not found:
            raise UnusableClipError(
                "missing", f"no file {self.audio}/{clip_id}.* in the corpus{self._near(clip_id)}"
            )
        if len(found) > 1:
            raise UnusableClipError("ambiguous", f"several files: {', '.join(map(self._shown, found))}")
        if found[0].is_symlink():
            self._check_link(found[0])
        return found[0]

    def _found(self, name: str) -> list[Path]:
        found = self.files.get(name, [])
        return [self.folder / self.audio / file for file in ([found] if isinstance(found, str) else found)]

    def _check_link(self, link: Path) -> None:
        name = self._shown(link)
        try:
            target = link.resolve(strict=True)
        except FileNotFoundError:
            annex = "; fetch it with `git annex get`" if ".git/annex/" in str(link.readlink()) else ""
            raise UnusableClipError("missing", f"{name} is a link to nothing{annex}") from None
        except (OSError, RuntimeError):
            raise UnusableClipError("unsafe link", f"{name} leads in a circle") from None
        inside = target.is_relative_to(self.folder.resolve())
        if not (inside or self.follow_links or _CONTENT.search(target.as_posix())):
            raise UnusableClipError(
                "unsafe link", f"{name} leads out of the corpus folder; follow_links: true allows it"
            )

    def _near(self, clip_id: str) -> str:
        """Why a file was not found, where another name is nearly the same."""
        path = self._by_form.get(_form(clip_id))
        if path is None:
            links = self._linked_folders
            return (
                f"; {self._shown(links[0])} is a link to a folder, whose files are not looked for"
                if links
                else ""
            )
        shown, wanted = self._shown(path), clip_id.rpartition("/")[2]
        names = _names("", path.name, path.stem)
        if clip_id.startswith(f"{self.audio}/") and self._found(clip_id.removeprefix(f"{self.audio}/")):
            return f"; {shown} is there: leave {self.audio}/ out"
        if wanted in names:
            return f"; {shown} lies in another folder"
        if wanted.lower() in map(str.lower, names):
            return f"; {shown} differs in upper and lower case"
        if path.stem.endswith(wanted) and not path.stem.removesuffix(wanted).strip("0"):
            return f"; {shown} is there: were leading zeros lost?"
        return f"; {shown} has nearly the same name"

    @cached_property
    def _by_form(self) -> dict[str, Path]:
        found = {_form(name): self._found(name)[0] for name in self.files}
        return {form: path for form, path in found.items() if form}

    @cached_property
    def _linked_folders(self) -> list[Path]:
        folders = (
            Path(parent, name) for parent, names, _ in os.walk(self.folder / self.audio) for name in names
        )
        return sorted(folder for folder in folders if folder.is_symlink())

    def _shown(self, path: Path) -> str:
        """A path below the corpus; bytes that are not UTF-8 are escaped."""
        return str(path.relative_to(self.folder)).encode(errors="backslashreplace").decode()


def list_recordings(folder: Path, audio: str = AUDIO, follow_links: bool = False) -> Recordings:
    """List the recordings once: 60,000 look-ups by name would cost more.

    Args:
        folder: the corpus.
        audio: the folder of the recordings below it.
        follow_links: whether links may lead anywhere.

    Raises:
        UserError: if there is no such folder.
    """
    wav = folder / audio
    if not wav.is_dir():
        others = sorted(path.name for path in folder.iterdir() if path.is_dir() and path.name[0] != ".")
        there = f" ({folder} holds the folders {', '.join(others)})"[:200] if others else ""
        raise UserError(
            f"{wav} does not exist; the recordings of a corpus lie there as <File_ID>.wav, or where "
            f"corpus.audio says{there}."
        )
    files: dict[str, str | list[str]] = {}
    for parent, name in _below(wav):
        inside = "" if parent == str(wav) else f"{os.path.relpath(parent, wav)}/".replace(os.sep, "/")
        stem, file = Path(name).stem, inside + name
        for known in {unicodedata.normalize("NFC", text) for text in _names(inside, name, stem)}:
            before = files.get(known)
            if before is None:
                files[known] = file
            elif isinstance(before, str):
                files[known] = [before, file]
            else:
                before.append(file)
    return Recordings(folder, audio, files, follow_links)


def _names(inside: str, name: str, stem: str) -> tuple[str, ...]:
    """What File_ID may say of a file: with or without folder, suffix and brackets."""
    return stem, name, clip_id_of(stem), inside + name, inside + stem, inside + clip_id_of(stem)


def _form(name: str) -> str:
    """What a name has in common with those that a person or a spreadsheet takes for the same.

    >>> _form("S1/Clip 007.wav"), _form("clip_7.0"), _form("clip-7.MP3")
    ('clip7', 'clip7', 'clip7')
    """
    plain = name.rpartition("/")[2].casefold()
    while (suffix := Path(plain).suffix) in READABLE_SUFFIXES | CONVERTIBLE_SUFFIXES:
        plain = plain.removesuffix(suffix)
    plain = re.sub(r"[\W_]+", "", re.sub(r"(?<=\d)\.0$", "", plain))
    return re.sub(r"(?<!\d)0+(?=\d)", "", plain)


def _below(folder: Path) -> Iterator[tuple[str, str]]:
    """Folder and name of each file below a folder, sorted; folders that are links are not entered."""
    for parent, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            yield parent, name


def undigestible(folder: Path) -> Iterator[tuple[Path, str]]:
    """Files and links of a corpus that DVC cannot digest, and what is wrong with each."""
    for parent, name in _below(folder):
        path = Path(parent, name)
        if _is_not_utf8(name):
            yield path, "has a name that is not UTF-8"
        elif not path.exists():
            yield path, "is a link to nothing"
        elif not path.is_file():
            yield path, "is no file"
        elif not os.access(path, os.R_OK):
            yield path, "may not be read"


def _is_not_utf8(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return True
    return False
