import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from stages.core.config.data import CorpusOptions
from stages.core.corpus.links import linked_folders, state_of

OPTIONS = CorpusOptions("corpus", labels=("data_info.csv", "labels/deep/more.csv"), audio="audio/wav")


def test_links_to_folders_are_found_on_the_way_to_what_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in ("corpus/audio/wav", "corpus/labels/deep", "elsewhere/wav", "elsewhere/deep"):
        Path(folder).mkdir(parents=True)
    Path("corpus/data_info.csv").symlink_to(tmp_path / "elsewhere")  # a file's link: DVC follows it
    Path("corpus/other").symlink_to("../elsewhere")  # holds nothing that is read
    assert linked_folders(OPTIONS) == []
    Path("corpus/audio/wav").rmdir()
    Path("corpus/audio/wav").symlink_to(tmp_path / "elsewhere/wav")
    assert linked_folders(OPTIONS) == [Path("corpus/audio/wav")]
    Path("corpus/labels/deep").rmdir()
    Path("corpus/labels/deep").symlink_to(tmp_path / "elsewhere/deep")
    assert linked_folders(OPTIONS) == [Path("corpus/audio/wav"), Path("corpus/labels/deep")]
    Path("corpus").rename("real")
    Path("corpus").symlink_to("real")  # DVC follows the link to the corpus itself
    assert linked_folders(OPTIONS) == [Path("corpus/audio/wav"), Path("corpus/labels/deep")]
    assert linked_folders(replace(OPTIONS, audio="wav", labels=("data_info.csv",))) == []


CHANGES: dict[str, Callable[[Path], object]] = {
    "another content of the same size": lambda folder: os.utime(folder / "a/1.wav", ns=(5, 6)),
    "another size": lambda folder: os.truncate(folder / "a/1.wav", 3),
    "a new file": lambda folder: (folder / "a/3.wav").touch(),
    "a file less": lambda folder: (folder / "2.wav").unlink(),
    "another name": lambda folder: (folder / "2.wav").rename(folder / "4.wav"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_the_state_of_a_folder_changes_with_its_files(tmp_path: Path, change: str) -> None:
    (tmp_path / "a").mkdir()
    for name in ("a/1.wav", "2.wav"):
        (tmp_path / name).write_bytes(b"sound")
        os.utime(tmp_path / name, ns=(5, 5))
    (tmp_path / "broken").symlink_to("nowhere")
    before = state_of([tmp_path])
    assert before == state_of([tmp_path])
    CHANGES[change](tmp_path)
    assert state_of([tmp_path]) != before
