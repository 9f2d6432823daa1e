import os
from pathlib import Path

import pytest

from stages.core.corpus.recordings import list_recordings, undigestible
from stages.core.runtime.errors import UnusableClipError, UserError


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
    annotated = ("1.wav", "1.TextGrid", "1.json", "1.wav.json", "1.txt", "._1.wav", ".DS_Store")
    for name in (*annotated, "2.WAV", "2.txt", "3.M4A", "3.TXT"):
        (wav / name).touch()
    assert list_recordings(wav.parent).of("1") == wav / "1.wav"
    assert list_recordings(wav.parent).of("1.wav") == wav / "1.wav"
    assert list_recordings(wav.parent).of("2") == wav / "2.WAV"
    assert list_recordings(wav.parent).of("3") == wav / "3.M4A"
    (wav / "1.mp3").touch()
    assert fault(wav, "1") == "ambiguous: several files: wav/1.mp3, wav/1.wav"


def test_files_of_one_name_are_named_in_order(wav: Path) -> None:
    for name in "fbdace":
        (wav / name).mkdir()
        (wav / name / "1.wav").touch()
    files = ", ".join(f"wav/{name}/1.wav" for name in "abcdef")
    assert fault(wav, "1") == f"ambiguous: several files: {files}"


def test_a_video_beside_a_recording_is_no_recording(wav: Path) -> None:
    for name in ("1.wav", "1.mp4", "1.txt", "2.m4a", "2.txt"):
        (wav / name).touch()
    assert list_recordings(wav.parent).of("1") == wav / "1.wav"
    assert list_recordings(wav.parent).of("2") == wav / "2.m4a"


@pytest.mark.parametrize(
    ("file", "file_id", "advice"),
    [
        ("00007.wav", "7", "wav/00007.wav is there: were leading zeros lost?"),
        ("7.wav", "00007", "wav/7.wav has nearly the same name"),
        ("S007.wav", "S7", "wav/S007.wav has nearly the same name"),
        ("a1.wav", "A1", "wav/a1.wav differs in upper and lower case"),
        ("a1.wav", "a1.WAV", "wav/a1.wav differs in upper and lower case"),
        ("a1.wav", "a1.mp3", "wav/a1.wav has nearly the same name"),
        ("a1.wav.wav", "a1", "wav/a1.wav.wav has nearly the same name"),
        ("a1.wav", "S00/a1", "wav/a1.wav lies in another folder"),
        ("a1.wav", "wav/a1.wav", "wav/a1.wav is there: leave wav/ out"),
        ("S00/a1.wav", "wav/S00/a1", "wav/S00/a1.wav is there: leave wav/ out"),
        ("S00/a1.wav", "S01/a1.wav", "wav/S00/a1.wav lies in another folder"),
        ("00007.wav", "7.0", "wav/00007.wav has nearly the same name"),
        ("clip_7.wav", "clip 7", "wav/clip_7.wav has nearly the same name"),
        ("7.wav", "(7)", "wav/7.wav has nearly the same name"),
        ("_7.wav", "7", "wav/_7.wav has nearly the same name"),
        ("A2.wav", "wav/a2.wav", "wav/A2.wav differs in upper and lower case"),
    ],
)
def test_near_misses_are_named(wav: Path, file: str, file_id: str, advice: str) -> None:
    (wav / file).parent.mkdir(exist_ok=True)
    (wav / file).touch()
    (wav / "#.wav").touch()
    assert fault(wav, file_id) == f"missing: no file wav/{file_id}.* in the corpus; {advice}"
    for other in ("8", "#!", "7a"):
        assert fault(wav, other) == f"missing: no file wav/{other}.* in the corpus"


def test_links_to_folders_are_named(wav: Path) -> None:
    (wav.parent.parent / "elsewhere").mkdir()
    (wav.parent.parent / "elsewhere" / "1.wav").touch()
    (wav / "more").symlink_to(wav.parent.parent / "elsewhere")
    for name in ("z", "q", "nest"):
        (wav / name).symlink_to(wav.parent.parent / "elsewhere")
    said = "wav/more is a link to a folder, whose files are not looked for"
    assert fault(wav, "1") == f"missing: no file wav/1.* in the corpus; {said}"


def test_another_folder_of_recordings_is_named(wav: Path) -> None:
    wav.rename(wav.parent / "WAV")
    (wav.parent / ".git").mkdir()
    for name in ("notes", "audio", "labels"):
        (wav.parent / name).mkdir()
    with pytest.raises(UserError) as caught:
        list_recordings(wav.parent)
    start = (
        f"{wav} does not exist; the recordings of a corpus lie there as <File_ID>.wav, or where corpus.audio "
        "says"
    )
    there = f" ({wav.parent} holds the folders WAV, audio, labels, notes)"
    assert str(caught.value) == f"{start}{there[:200]}."
    for number in range(30):
        (wav.parent / f"another folder {number}").mkdir()
    with pytest.raises(UserError) as caught:
        list_recordings(wav.parent)
    assert len(str(caught.value)) == len(f"{start}.") + 200


@pytest.mark.parametrize(
    "file_id", ["../secret", "S00/../../secret", "/etc/passwd", "..", ".", "a\\b", "a\0b"]
)
def test_ids_that_leave_the_folder(wav: Path, file_id: str) -> None:
    (wav.parent.parent / "secret.wav").touch()
    assert fault(wav, file_id).startswith("unsafe id")
    backslash = fault(wav, "S00\\1")
    assert backslash == "unsafe id: File_ID 'S00\\\\1' has a backslash; write / between folders"


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


def test_links_within_a_corpus_that_is_named_by_a_relative_path_or_a_link(
    wav: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (wav / "1.wav").touch()
    (wav / "2.wav").symlink_to("1.wav")
    monkeypatch.chdir(wav.parent.parent)
    assert list_recordings(Path("corpus")).of("2") == Path("corpus/wav/2.wav")
    monkeypatch.chdir(wav.parent)
    assert list_recordings(Path()).of("2") == Path("wav/2.wav")
    link = wav.parent.parent / "link"
    link.symlink_to(wav.parent)
    assert list_recordings(link).of("2") == link / "wav/2.wav"


def test_what_dvc_cannot_digest(wav: Path) -> None:
    (wav / "sound.wav").touch()
    (wav / "loop.wav").symlink_to("loop.wav")
    (wav / "nothing.wav").symlink_to("nowhere")
    os.mkfifo(wav / "pipe")
    Path(os.fsdecode(os.fsencode(wav) + b"/caf\xe9.wav")).touch()
    assert [(path.name, problem) for path, problem in undigestible(wav.parent)] == [
        (os.fsdecode(b"caf\xe9.wav"), "has a name that is not UTF-8"),
        ("loop.wav", "is a link to nothing"),
        ("nothing.wav", "is a link to nothing"),
        ("pipe", "is no file"),
    ]
    assert fault(wav, "sound2").startswith("missing")
