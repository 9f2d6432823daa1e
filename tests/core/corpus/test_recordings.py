import os
from pathlib import Path

import pytest

from stages.core.corpus.recordings import list_recordings, undigestible
from stages.core.runtime.errors import UnusableClipError


@pytest.fixture
def wav(tmp_path: Path) -> Path:
    folder = tmp_path / "corpus" / "wav"
    folder.mkdir(parents=True)
    return folder


def fault(wav: Path, clip_id: str) -> str:
    with pytest.raises(UnusableClipError) as caught:
        list_recordings(wav.parent).of(clip_id)
    return str(caught.value)


@pytest.mark.parametrize(
    ("file", "file_id"),
    [
        ("00000.wav", "00000"),
        ("00000.wav", "00000.wav"),
        ("[00000].wav", "00000"),
        ("S00/00000.wav", "00000"),
        ("S00/00000.wav", "S00/00000"),
        ("S00/00000.wav", "S00/00000.wav"),
        ("S00/[00000].wav", "S00/00000"),
        ("a/b/c d.MP3", "c d"),
        ("Me\u0301xico.wav", "M\u00e9xico"),
        ("M\u00e9xico.wav", "M\u00e9xico"),
        ("clip.1.wav", "clip.1"),
        ("no suffix", "no suffix"),
    ],
)
def test_a_file_is_found_where_there_is_no_doubt(wav: Path, file: str, file_id: str) -> None:
    (wav / file).parent.mkdir(parents=True, exist_ok=True)
    (wav / file).touch()
    (wav / "other.wav").touch()
    assert list_recordings(wav.parent).of(file_id) == wav / file


def test_annotations_beside_the_recordings(wav: Path) -> None:
    for name in ("1.wav", "1.TextGrid", "1.json", "1.wav.json", "1.txt", "._1.wav", ".DS_Store"):
        (wav / name).touch()
    assert list_recordings(wav.parent).of("1") == wav / "1.wav"
    assert list_recordings(wav.parent).of("1.wav") == wav / "1.wav"
    (wav / "1.mp3").touch()
    assert fault(wav, "1") == "ambiguous: several files: wav/1.mp3, wav/1.wav"


def test_near_misses_are_named(wav: Path) -> None:
    for name in ("00007.wav", "a1.wav"):
        (wav / name).touch()
    assert fault(wav, "7").endswith("wav/00007.wav is there: were leading zeros lost?")
    assert fault(wav, "A1").endswith("wav/a1.wav differs in upper and lower case")
    assert fault(wav, "8") == "missing: no file wav/8.* in the corpus"


@pytest.mark.parametrize(
    "file_id", ["../secret", "S00/../../secret", "/etc/passwd", "..", ".", "a\\b", "a\0b"]
)
def test_ids_that_leave_the_folder(wav: Path, file_id: str) -> None:
    (wav.parent.parent / "secret.wav").touch()
    assert fault(wav, file_id).startswith("unsafe id")


@pytest.mark.parametrize(
    "stored",
    [
        "cache/files/md5/0f/" + "a" * 30,
        "annex/.git/annex/objects/pX/ZJ/SHA256E-s3--" + "b" * 64 + ".wav",
        "hub/blobs/" + "c" * 40,
    ],
)
def test_links_into_a_store_of_content_are_followed(wav: Path, stored: str) -> None:
    target = wav.parent.parent / stored
    target.parent.mkdir(parents=True)
    target.touch()
    (wav / "1.wav").symlink_to(target)
    assert list_recordings(wav.parent).of("1") == wav / "1.wav"


def test_other_links_out_of_the_folder_need_consent(wav: Path) -> None:
    (wav.parent.parent / "secret.wav").touch()
    (wav / "1.wav").symlink_to(wav.parent.parent / "secret.wav")
    (wav / "2.wav").symlink_to("1.wav")
    (wav / "3.wav").symlink_to("3.wav")
    (wav / "4.wav").symlink_to("../../.git/annex/objects/x/y/MD5-s1--aa")
    assert fault(wav, "1").startswith(
        "unsafe link: wav/1.wav leads out of the corpus folder; follow_links: true"
    )
    assert fault(wav, "2").startswith("unsafe link")
    assert fault(wav, "3") == "unsafe link: wav/3.wav leads in a circle"
    assert fault(wav, "4") == "missing: wav/4.wav is a link to nothing; fetch it with `git annex get`"
    assert list_recordings(wav.parent, follow_links=True).of("2") == wav / "2.wav"


def test_what_dvc_cannot_digest(wav: Path) -> None:
    (wav / "sound.wav").touch()
    (wav / "loop.wav").symlink_to("loop.wav")
    (wav / "nothing.wav").symlink_to("nowhere")
    os.mkfifo(wav / "pipe")
    Path(os.fsdecode(os.fsencode(wav) + b"/caf\xe9.wav")).touch()
    assert sorted(problem for _, problem in undigestible(wav.parent)) == [
        "has a name that is not UTF-8",
        "is a link to nothing",
        "is a link to nothing",
        "is no file",
    ]
    assert fault(wav, "sound2").startswith("missing")
