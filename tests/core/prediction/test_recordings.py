import os
from pathlib import Path

import pytest
import soundfile

from stages.core.prediction.recordings import find_recordings
from stages.core.runtime.errors import UserError
from tests.helpers.corpora import tone


def test_a_folder_gives_all_that_is_or_should_be_audio(tmp_path: Path) -> None:
    for name, form in {
        "a.wav": "WAV",
        "b/deep.wave": "WAV",
        "e.sph": "NIST",
        "no suffix": "FLAC",
        "odd.bin": "OGG",
        ".hidden.wav": "WAV",
        ".folder/x.wav": "WAV",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(tmp_path / name, tone(), 44_100, format=form)
    (tmp_path / "c.m4a").write_bytes(b"\0\0\0\x20ftypM4A " + bytes(2000))
    (tmp_path / "D.WEBM").write_bytes(b"\x1aE\xdf\xa3" + bytes(2000))
    (tmp_path / "f.wav").write_bytes(b"")
    (tmp_path / "cut").write_bytes((tmp_path / "a.wav").read_bytes()[:1000])
    (tmp_path / "._a.wav").write_bytes(b"\0\x05\x16\x07" + bytes(78))
    (tmp_path / "labels.csv").write_text("a,b\n")
    (tmp_path / "a.TextGrid").write_text('File type = "ooTextFile"\n')
    found, others = find_recordings([tmp_path / "a.wav", tmp_path, tmp_path / "missing.wav"])
    names = [str(path.relative_to(tmp_path)) for path in found]
    assert names == [
        "a.wav",
        "D.WEBM",
        "b/deep.wave",
        "c.m4a",
        "cut",
        "e.sph",
        "f.wav",
        "no suffix",
        "odd.bin",
        "missing.wav",
    ]
    assert [path.name for path in others] == ["a.TextGrid", "labels.csv"]


def test_what_cannot_be_read_in_a_folder_is_not_left_out_unseen(tmp_path: Path) -> None:
    folder, elsewhere = tmp_path / "in", tmp_path / "elsewhere"
    folder.mkdir()
    elsewhere.mkdir()
    soundfile.write(folder / "a.wav", tone(), 16_000)
    soundfile.write(elsewhere / "b.wav", tone(), 16_000)
    (folder / "broken.wav").symlink_to("nowhere")
    (folder / "circle.wav").symlink_to("circle.wav")
    (folder / "gone").symlink_to("nowhere")
    (folder / "linked").symlink_to(elsewhere)
    (folder / "up").symlink_to("..")
    (folder / "link.wav").symlink_to(elsewhere / "b.wav")
    os.mkfifo(folder / "pipe.wav")
    found, others = find_recordings([folder])
    assert [path.name for path in found] == [
        "a.wav",
        "broken.wav",
        "circle.wav",
        "gone",
        "link.wav",
        "pipe.wav",
    ]
    assert [path.name for path in others] == ["linked", "up"]


def test_a_folder_without_recordings_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("nothing")
    with pytest.raises(UserError, match="holds no recording"):
        find_recordings([tmp_path])
