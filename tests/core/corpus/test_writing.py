import json
from functools import partial
from pathlib import Path

import pandas as pd
import pytest

from stages.core.config.data import CorpusOptions
from stages.core.config.tasks import Task
from stages.core.corpus.reading import read_corpus
from stages.core.corpus.writing import ImportedClip, unique_ids, write_corpus
from stages.core.runtime.errors import UserError

STORE = partial(Path.write_bytes, data=b"sound")
TASKS = {
    "age": Task("regression", ("Age",), "mae"),
    "kind": Task("classification", ("Kind",), "uar"),
}


def clip(clip_id: str, **known: object) -> ImportedClip:
    return ImportedClip(clip_id, ".wav", STORE, **known)  # type: ignore[arg-type]


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    clips = [
        clip("007", speaker="S1", split="train", labels={"Age": 30.5, "Kind": 'a "cry", loud'}),
        clip("a b", speaker="S2", split="validation", labels={"Kind": "laugh"}),
        clip("ü", speaker="S3", split="test", labels={"Age": None, "Kind": None}),
    ]
    assert write_corpus(tmp_path / "corpus", "Mine", clips) == 3
    assert (tmp_path / "corpus/data_info.csv").read_text() == (
        'File_ID,Split,Subject_ID,Age,Kind\n007,Train,S1,30.5,"a ""cry"", loud"\n'
        "a b,Val,S2,,laugh\nü,Test,S3,,\n"
    )
    assert json.loads((tmp_path / "corpus/corpus.json").read_text()) == {"name": "Mine", "synthetic": False}
    corpus = read_corpus(CorpusOptions(str(tmp_path / "corpus")), TASKS)
    assert (corpus.name, corpus.synthetic, corpus.faults) == ("Mine", False, [])
    table = corpus.clips.set_index("clip_id")
    assert list(table["source_split"].loc[["007", "a b", "ü"]]) == ["train", "validation", "test"]
    assert table["Age"].loc["007"] == 30.5
    assert table["Kind"].loc["007"] == 'a "cry", loud'
    assert pd.isna(table["Age"].loc["a b"])
    assert pd.isna(table["Kind"].loc["ü"])
    assert corpus.paths["ü"].read_bytes() == b"sound"


@pytest.mark.parametrize(
    ("clips", "sentence"),
    [
        ([], "no clip was found"),
        ([clip("a"), clip("a")], "two clips have the name 'a'"),
        ([clip("../a")], "cannot be the name of a file"),
        ([clip("a/b")], "cannot be the name of a file"),
        ([clip("")], "cannot be the name of a file"),
        ([clip("a\n")], "cannot be the name of a file"),
        ([clip("[a]")], "cannot be the name of a file"),
        ([clip("x" * 151)], "cannot be the name of a file"),
        ([clip("a", labels={"Split": 1})], "a label cannot be called Split, which data_info.csv needs"),
        ([clip("a", labels={"Subject_ID": 1, "File_ID": 2, "Split": 3})], "cannot be called File_ID, which"),
    ],
)
def test_nothing_half_done(clips: list[ImportedClip], sentence: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=sentence):
        write_corpus(tmp_path / "corpus", "Mine", clips)
    assert list(tmp_path.iterdir()) == []


def test_without_speakers_and_splits_there_are_no_such_columns(tmp_path: Path) -> None:
    clips = [clip("x" * 150, labels={"b": 1}), clip("y", labels={"a": None, "b": 2}, split="test")]
    assert write_corpus(tmp_path / "corpus", "Mine", clips) == 2
    text = (tmp_path / "corpus/data_info.csv").read_text()
    assert text == f"File_ID,Split,Subject_ID,b,a\n{'x' * 150},,,1,\ny,Test,,2,\n"


def test_a_folder_that_exists_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="exists; name a new folder"):
        write_corpus(tmp_path, "Mine", [clip("a")])
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_names_of_files_tell_clips_apart() -> None:
    assert unique_ids(["x/a.wav", "x/a.wav", "y/b.wav"]) == {"x/a.wav": "a", "y/b.wav": "b"}
    assert unique_ids(["x/a.wav", "y/a.wav"]) == {"x/a.wav": "x-a", "y/a.wav": "y-a"}
