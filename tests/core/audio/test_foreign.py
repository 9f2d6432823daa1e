from pathlib import Path

import pytest
import scipy.io
import soundfile

from stages.core.audio.foreign import foreign_format
from stages.core.audio.recording import read_clip
from stages.core.config.data import PreprocessOptions
from stages.core.runtime.errors import UnusableClipError
from tests.helpers.corpora import tone

WEBM = bytes.fromhex("1a45dfa39f4286810142f7810142f2810442f381084282847765626d") + bytes(2000)
FILES = {
    "phone.m4a": (
        b"\0\0\0\x20ftypM4A " + bytes(2000),
        "MPEG-4 (M4A); convert it: `ffmpeg -i phone.m4a phone.wav`",
    ),
    "my clip.mp4": (b"\0\0\0\x20ftypisom" + bytes(9), "convert it: `ffmpeg -i 'my clip.mp4' 'my clip.wav'`"),
    "browser.wav": (WEBM, "WebM or Matroska; convert it: `ffmpeg -i browser.wav browser-converted.wav`"),
    "old.wav": (b"#!AMR\n" + bytes(100), "AMR; convert it: `ffmpeg -i old.wav old-converted.wav`"),
    "song.wma": (bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c"), "Windows Media"),
    "raw.aac": (b"\xff\xf1\x50\x80" + bytes(100), "AAC"),
    "pointer.wav": (
        b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"ab" * 32 + b"\nsize 32044\n",
        "a Git LFS pointer; run `git lfs pull` in the corpus",
    ),
    "annexed.wav": (b"/annex/objects/SHA256E-s32044--ab.wav\n", "run `git annex get .`"),
    "x.wav.dvc": (b"outs:\n- md5: 1\n", "run `dvc pull`"),
    "page.wav": (b"\n<!DOCTYPE html><html><body>404</body></html>\n", "a web page; the download failed"),
    "error.wav": (b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>", "an XML document"),
    "message.wav": (b'{"message": "Not Found"}', "JSON text"),
    "all.wav": (b"PK\x03\x04" + bytes(100), "a ZIP archive; unpack it"),
    "one.wav": (b"\x1f\x8b\x08" + bytes(100), "a gzip file; unpack it"),
    "notes.wav": (("Notizen über Aufnahmen\n" * 100).encode(), "text"),
    "._a.wav": (b"\0\x05\x16\x07" + bytes(78), "what macOS keeps about another file"),
    "zeros.wav": (bytes(4096), "nothing but zeros"),
    "matlab.wav": (
        b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124) + b"\0\2IM",
        "a MATLAB file: variables, not a recording; write its samples with `audiowrite`",
    ),
    "array.wav": (b"\x93NUMPY\x01\0", "a NumPy array"),
    "CLIP.WAV": (b"wvpk" + bytes(99), "WavPack; convert it: `ffmpeg -i CLIP.WAV CLIP-converted.wav`"),
    "clip": (b"MAC \x8c\x0f", "Monkey's Audio; convert it: `ffmpeg -i clip clip-converted.wav`"),
    "v1.2.ape": (b"MAC \x8c\x0f", "Monkey's Audio; convert it: `ffmpeg -i v1.2.ape v1.2.wav`"),
    "bad.m4a": (b"\0\0\0\x20ftyp\x01\x02\x03\x04", "MPEG-4; convert it: `ffmpeg -i bad.m4a bad.wav`"),
    "film.avi": (
        b"RIFF\x10\0\0\0AVI LIST" + bytes(9),
        "AVI video; convert it: `ffmpeg -i film.avi film.wav`",
    ),
    "pack.wav": (bytes(257) + b"ustar\x0000", "a tar archive; unpack it"),
    "split.wav": (b"x" * 1023 + "\u00fc".encode(), "text"),  # the first 1024 bytes end within a letter
    "marked.wav": (b"\xef\xbb\xbf[1, 2]", "JSON text"),
}
NO_AUDIO = {
    b"#!SILK_V3": "SILK",
    b"\x02#!SILK_V3": "SILK",
    b"TTA1\1\0": "True Audio",
    b"MPCKSH": "Musepack",
    b"MP+\7": "Musepack",
    b"DSD \x1c": "DSD",
    b"FRM8\0": "DSD",
    b".RMF\0": "RealAudio",
    b".ra\xfd\0": "RealAudio",
    b"FLV\1\4": "Flash video",
    b"ADIF\0": "AAC",
    b"\xff\xf9\x50": "AAC",
    b"ajkg\2": "Shorten",
    b"BZh91AY&SY": "a bzip2 file",
    b"\xfd7zXZ\0": "an xz file",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive",
    b"Rar!\x1a\7": "a RAR archive",
    b"(\xb5/\xfd\4": "a Zstandard file",
    b"%PDF-1.7": "a PDF document",
    b"\x89PNG\r\n": "a PNG picture",
    b"\xff\xd8\xff\xe0": "a JPEG picture",
    b"GIF89a": "a GIF picture",
    b"MThd\0": "MIDI: notes, not sound",
    b"\x89HDF\r\n": "an HDF5 file",
    b"PAR1\x15": "a Parquet table",
    b"SQLite format 3\0": "an SQLite database",
    b"\x7fELF\2": "a program",
    b"<html>404": "a web page",
    b"RIFX and so on": "",
    b"\xff\xfe\x80 no text in UTF-8": "",
    b"a bell \7 is no letter": "",
    b"RIFF\x10\0\0\0WAVEAVI ": "",
    b"ftyp" + bytes(9) + b"\1": "",
}


@pytest.mark.parametrize("name", FILES)
def test_what_a_file_is_and_what_to_do(tmp_path: Path, name: str) -> None:
    content, expected = FILES[name]
    (tmp_path / name).write_bytes(content)
    assert expected in foreign_format(tmp_path / name)


def test_each_format_has_its_name(tmp_path: Path) -> None:
    path = tmp_path / "x.wav"
    for content, expected in NO_AUDIO.items():
        path.write_bytes(content)
        assert foreign_format(path).split(";")[0] == expected


WITHOUT_A_RATE = {"MAT4": "a MATLAB file", "MAT5": "a MATLAB file", "XI": "an instrument of FastTracker"}


@pytest.mark.parametrize("form", soundfile.available_formats())
def test_no_audio_is_taken_for_something_else(tmp_path: Path, form: str) -> None:
    subtype = soundfile.default_subtype(form)
    if subtype is None or form == "RAW":
        pytest.skip("needs more to be written")
    path = tmp_path / "x.wav"
    soundfile.write(path, tone(0.3, 8000), 8000, format=form, subtype=subtype)
    assert foreign_format(path).split(":")[0].split(",")[0] == WITHOUT_A_RATE.get(form, "")


@pytest.mark.parametrize("form", ["4", "5"])
def test_the_rate_of_a_matlab_file_is_not_guessed(tmp_path: Path, form: str) -> None:
    """libsndfile plays the first variables of any such file at 44,100 Hz."""
    path = tmp_path / "x.wav"
    scipy.io.savemat(path, {"y": tone(0.3, 8000), "fs": 8000}, format=form)
    clip = read_clip(path, PreprocessOptions())
    assert isinstance(clip, UnusableClipError)
    assert clip.reason == ("not audio" if form == "5" else "not readable")
