from pathlib import Path

import pytest
import soundfile

from stages.core.audio.foreign import foreign_format
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
    "array.wav": (b"\x93NUMPY\x01\0", "a NumPy array"),
}


@pytest.mark.parametrize("name", FILES)
def test_what_a_file_is_and_what_to_do(tmp_path: Path, name: str) -> None:
    content, expected = FILES[name]
    (tmp_path / name).write_bytes(content)
    assert expected in foreign_format(tmp_path / name)


@pytest.mark.parametrize("form", soundfile.available_formats())
def test_no_audio_is_taken_for_something_else(tmp_path: Path, form: str) -> None:
    subtype = soundfile.default_subtype(form)
    if subtype is None or form == "RAW":
        pytest.skip("needs more to be written")
    path = tmp_path / "x.wav"
    soundfile.write(path, tone(0.3, 8000), 8000, format=form, subtype=subtype)
    assert foreign_format(path) == ""
