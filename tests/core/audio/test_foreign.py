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
}


@pytest.mark.parametrize("name", FILES)
def test_what_a_file_is_and_what_to_do(tmp_path: Path, name: str) -> None:
    content, expected = FILES[name]
    (tmp_path / name).write_bytes(content)
    assert expected in foreign_format(tmp_path / name)


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
