"""What a file is that libsndfile does not read, and what to do about it."""

import shlex
from pathlib import Path

_HEAD = 1024
_CONVERTIBLE = {
    b"#!AMR": "AMR",
    b"#!SILK": "SILK",
    b"\x02#!SILK": "SILK",
    b"\x1aE\xdf\xa3": "WebM or Matroska",
    b"\x30\x26\xb2\x75\x8e\x66\xcf\x11": "Windows Media",
    b"MAC ": "Monkey's Audio",
    b"wvpk": "WavPack",
    b"TTA1": "True Audio",
    b"MPCK": "Musepack",
    b"MP+": "Musepack",
    b"DSD ": "DSD",
    b"FRM8": "DSD",
    b".RMF": "RealAudio",
    b".ra\xfd": "RealAudio",
    b"FLV\x01": "Flash video",
    b"ADIF": "AAC",
    b"\xff\xf1": "AAC",
    b"\xff\xf9": "AAC",
    b"ajkg": "Shorten",
}
_ARCHIVES = {
    b"PK\x03\x04": "a ZIP archive",
    b"\x1f\x8b": "a gzip file",
    b"BZh": "a bzip2 file",
    b"\xfd7zXZ": "an xz file",
    b"7z\xbc\xaf": "a 7z archive",
    b"Rar!": "a RAR archive",
    b"(\xb5/\xfd": "a Zstandard file",
}
_MATLAB = "a MATLAB file: variables, not a recording; write its samples with `audiowrite`"
_OTHERS = {
    b"MATLAB ": _MATLAB,
    b"\0\0\0\0\1\0\0\0\1\0\0\0": _MATLAB,  # version 4, as libsndfile writes it
    b"\0\0\x03\xe8\0\0\0\1\0\0\0\1": _MATLAB,
    b"Extended Instrument": "an instrument of FastTracker, which has no sample rate; export it as WAV",
    b"DiamondWare Digitized": "sound of a DiamondWare game; export it as WAV",
    b"%PDF": "a PDF document",
    b"\x89PNG": "a PNG picture",
    b"\xff\xd8\xff": "a JPEG picture",
    b"GIF8": "a GIF picture",
    b"MThd": "MIDI: notes, not sound",
    b"\x93NUMPY": "a NumPy array",
    b"\x89HDF": "an HDF5 file",
    b"PAR1": "a Parquet table",
    b"SQLite format 3": "an SQLite database",
    b"\x00\x05\x16\x07": "what macOS keeps about another file; delete it",
    b"\x7fELF": "a program",
}
_AUDIO = (
    "RIFF",
    "RIFX",
    "RF64",
    "FORM",
    "NIST_1A",
    "PVF1",
    "SOUND SAMPLE",
    ".snd",
    "caff",
    "fLaC",
    "OggS",
    "ID3",
)
_TEXTS = {
    "version https://git-lfs": "a Git LFS pointer; run `git lfs pull` in the corpus",
    "/annex/objects/": "a git-annex pointer; run `git annex get .` in the corpus",
    "outs:": "a DVC pointer; run `dvc pull` in the corpus",
    "<!doctype html": "a web page; the download failed or needs a login",
    "<html": "a web page; the download failed or needs a login",
    "<?xml": "an XML document; the download failed or needs a login",
    "{": "JSON text",
    "[": "JSON text",
}


def foreign_format(path: Path) -> str:
    """What a file is that is certainly not audio that can be read, and what to do; empty: it may be.

    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile(suffix=".m4a") as file:
    ...     _ = file.write(b"\\0\\0\\0\\x20ftypM4A ")
    ...     file.flush()
    ...     foreign_format(Path(file.name)).split(";")[0]
    'MPEG-4 (M4A)'
    """
    with path.open("rb") as file:
        head = file.read(_HEAD)
    if head[4:8] == b"ftyp":
        brand = head[8:12].decode("latin-1").strip()
        return _converted(path, f"MPEG-4 ({brand})" if brand.isprintable() else "MPEG-4")
    if head.startswith(b"RIFF") and head[8:12] == b"AVI ":
        return _converted(path, "AVI video")
    for magic, name in _CONVERTIBLE.items():
        if head.startswith(magic):
            return _converted(path, name)
    for magic, name in _ARCHIVES.items():
        if head.startswith(magic):
            return f"{name}; unpack it"
    if head[257:262] == b"ustar":
        return "a tar archive; unpack it"
    for magic, name in _OTHERS.items():
        if head.startswith(magic):
            return name
    if not head.strip(b"\0"):
        return "nothing but zeros at its beginning; the file was never filled, copy it again"
    return _text(head)


def _converted(path: Path, name: str) -> str:
    """The advice to convert a file."""
    stem = path.stem if path.suffix.lower() not in (".wav", "") else f"{path.stem}-converted"
    return f"{name}; convert it: `ffmpeg -i {shlex.quote(path.name)} {shlex.quote(f'{stem}.wav')}`"


def _text(head: bytes) -> str:
    """What a text is; empty: it is no text, or one that begins an audio file."""
    try:
        text = head.decode("utf-8-sig", errors="strict" if len(head) < _HEAD else "ignore")
    except UnicodeDecodeError:
        return ""
    if text.startswith(_AUDIO) or not all(letter.isprintable() or letter.isspace() for letter in text):
        return ""
    start = text.lstrip().lower()
    return next((name for magic, name in _TEXTS.items() if start.startswith(magic)), "text")
