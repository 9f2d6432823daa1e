import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile

from stages import import_audformat
from stages.core.config.data import CorpusOptions
from stages.core.config.tasks import Task
from stages.core.corpus.reading import read_corpus
from stages.core.runtime.errors import UserError
from stages.core.runtime.tables import write_table
from stages.import_audformat import import_corpus
from tests.conftest import tone
from tests.helpers import ROOT

audformat = pytest.importorskip("audformat")

TASKS = {
    "emotion": Task("classification", ("emotion",), "uar"),
    "age": Task("regression", ("age",), "mae"),
    "arousal": Task("regression", ("arousal",), "ccc", range=(-1, 1)),
}
FILES = [f"audio/{name}.flac" for name in ("a", "b", "c")]


def column(table: Any, name: str, values: list[Any], scheme: str | None = None) -> None:
    table[name] = audformat.Column(scheme_id=scheme or name)
    table[name].set(values)


def segments(
    database: Any, files: list[str], starts: list[str], ends: list[Any], values: list[float]
) -> None:
    database.schemes["arousal"] = audformat.Scheme("float")
    table = database["segments"] = audformat.Table(audformat.segmented_index(files, starts, ends))
    column(table, "arousal", values)


@pytest.fixture
def database(tmp_path: Path) -> Any:
    """Three files in tables of two splits, with speakers whose ages a table of its own has."""
    made = audformat.Database("bursts", source="here", usage="research")
    made.schemes["age"] = audformat.Scheme("float")
    made.schemes["emotion"] = audformat.Scheme(labels=["joy", "fear"])
    people = made["people"] = audformat.MiscTable(pd.Index(["s1", "s2"], name="speaker", dtype="string"))
    column(people, "age", [30.0, 40.5])
    made.schemes["speaker"] = audformat.Scheme("str", labels="people")
    for split, files, emotions, speakers in (
        ("train", FILES[:1], ["joy"], ["s1"]),
        ("dev", FILES[1:], ["fear", None], ["s2", "s1"]),
    ):
        made.splits[split] = audformat.Split(type=split)
        index = audformat.filewise_index(files)
        table = made[f"emotion.{split}"] = audformat.Table(index, split_id=split)
        column(table, "emotion", emotions)
        column(table, "speaker", speakers)
    (tmp_path / "source/audio").mkdir(parents=True)
    for index, file in enumerate(FILES):
        soundfile.write(tmp_path / "source" / file, tone(1 + index / 10), 44_100)
    return made


def test_files_labels_speakers_and_splits(
    database: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "source"
    database.save(str(source))
    monkeypatch.setattr("sys.argv", ["import_audformat", str(source), str(tmp_path / "corpus")])
    import_audformat.main()
    printed = capsys.readouterr().out
    assert "3 clips; set corpus.path" in printed
    assert "labels: emotion, age; declare" in printed
    corpus = read_corpus(CorpusOptions(str(tmp_path / "corpus")), TASKS)
    assert (corpus.name, corpus.faults) == ("bursts", [])
    table = corpus.clips.set_index("clip_id")
    assert list(table["speaker"]) == ["s1", "s2", "s1"]
    assert list(table["age"]) == [30.0, 40.5, 30.0]
    assert list(table["source_split"]) == ["train", "validation", "validation"]
    assert list(table["emotion"].fillna("none")) == ["joy", "fear", "none"]
    for name, file in zip("abc", FILES, strict=True):
        assert corpus.paths[name].read_bytes() == (source / file).read_bytes()


def test_segments_become_recordings(database: Any, tmp_path: Path) -> None:
    source = tmp_path / "source"
    segments(database, FILES[:1] * 2, ["0s", "0.25s"], ["0.25s", pd.NaT], [-1.0, 0.5])
    database.save(str(source))
    assert import_corpus(source, tmp_path / "corpus")[0] == 4  # two segments, two files without any
    corpus = read_corpus(CorpusOptions(str(tmp_path / "corpus")), TASKS)
    table = corpus.clips.set_index("clip_id")
    assert list(table.index) == ["a-000000-000250", "a-000250-end", "b", "c"]
    assert list(table["arousal"].iloc[:2]) == [-1.0, 0.5]
    assert list(table["emotion"].iloc[:2]) == ["joy", "joy"]  # of their file
    whole = soundfile.read(source / FILES[0], dtype="int16")[0]
    parts = [soundfile.read(corpus.paths[name], dtype="int16")[0] for name in table.index[:2]]
    np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_one_table_alone(database: Any, tmp_path: Path) -> None:
    database.save(str(tmp_path / "source"))
    assert import_corpus(tmp_path / "source", tmp_path / "corpus", ["emotion.train"])[0] == 1
    with pytest.raises(UserError, match=r"no table emotion.tran \(did you mean emotion.train"):
        import_corpus(tmp_path / "source", tmp_path / "other", ["emotion.tran"])
    with pytest.raises(UserError, match=r"source has no table aa \(there are emotion"):
        import_corpus(tmp_path / "source", tmp_path / "other", ["zz", "aa", "emotion.dev"])


def test_each_type_of_split(database: Any, tmp_path: Path) -> None:
    for place, split in enumerate(("test", "other")):
        file = f"audio/{split}.flac"
        soundfile.write(tmp_path / "source" / file, tone(0.5), 44_100)
        database.splits[f"our {split}"] = audformat.Split(type=split)
        index = audformat.filewise_index([file])
        table = database[split] = audformat.Table(index, split_id=f"our {split}")
        column(table, "emotion", [["joy", "fear"][place]])
    loose = database["loose"] = audformat.Table(audformat.filewise_index(["audio/loose.flac"]))
    column(loose, "emotion", ["joy"])
    soundfile.write(tmp_path / "source/audio/loose.flac", tone(0.5), 44_100)
    database.save(str(tmp_path / "source"))
    number, columns = import_corpus(tmp_path / "source", tmp_path / "corpus")
    assert (number, columns) == (6, ["emotion", "age"])
    table = pd.read_csv(tmp_path / "corpus/data_info.csv", index_col="File_ID")
    assert table["Split"].fillna("none").to_dict() == {
        "a": "Train",
        "b": "Val",
        "c": "Val",
        "test": "Test",
        "other": "none",
        "loose": "none",
    }


def test_segments_keep_channels_and_width(database: Any, tmp_path: Path) -> None:
    stereo = (np.random.default_rng(1).uniform(-1, 1, (8000, 2)) * 2**31).astype(np.int32) // 256 * 256
    file = "audio/wide.flac"
    soundfile.write(tmp_path / "source" / file, stereo, 8000, subtype="PCM_24")
    segments(database, [file] * 2, ["0.5s", "0.75s"], ["0.75s", "3s"], [0.1, 0.2])
    database.save(str(tmp_path / "source"))
    assert import_corpus(tmp_path / "source", tmp_path / "corpus", ["segments"])[0] == 2
    for name, rows in (("000500-000750", slice(4000, 6000)), ("000750-003000", slice(6000, None))):
        path = tmp_path / f"corpus/wav/wide-{name}.wav"
        assert soundfile.info(path).subtype == "PCM_24"
        found, rate = soundfile.read(path, dtype="int32")
        assert rate == 8000
        np.testing.assert_array_equal(found, stereo[rows])


def test_what_is_refused(database: Any, tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "corpus"
    with pytest.raises(UserError, match=r"holds no db.yaml"):
        import_corpus(source, target)
    (source / "db.yaml").write_text("tables: [")
    with pytest.raises(UserError, match="cannot be read as an audformat database"):
        import_corpus(source, target)
    database.save(str(source))
    (source / FILES[1]).rename(source / "b.flac")
    with pytest.raises(UserError, match=r"b.flac does not exist; bring the recordings"):
        import_corpus(source, target)
    table = database["more"] = audformat.Table(audformat.filewise_index(FILES[:1]))
    column(table, "emotion", ["fear"])
    database.save(str(source))
    with pytest.raises(UserError, match=r"tables contradict each other .* choose one with --table"):
        import_corpus(source, target)
    assert not target.exists()


@pytest.mark.parametrize(
    ("file", "start", "sentence"),
    [
        ("../outside.flac", "0s", "lies outside"),
        (FILES[0], "9s", "begins at 9 s, where the recording has ended"),
        (FILES[0], "1s", "begins at 1 s, where the recording has ended"),
    ],
)
def test_segments_that_lead_elsewhere(
    file: str, start: str, sentence: str, database: Any, tmp_path: Path
) -> None:
    shutil.copyfile(tmp_path / "source" / FILES[0], tmp_path / "outside.flac")
    segments(database, [file], [start], ["10s"], [0.0])
    database.save(str(tmp_path / "source"))
    with pytest.raises(UserError, match=sentence):
        import_corpus(tmp_path / "source", tmp_path / "corpus", ["segments"])


def test_our_tables_are_audformat_tables_by_the_recipe_of_the_readme(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    labels = {"clip_id": ["00001", "00002"], "Age": [30.0, np.nan], "Country": ["Peru", "Chad"]}
    write_table(Path("data/recordings.parquet"), pd.DataFrame(labels))
    (recipe,) = re.findall(r"```python\n(import audformat\n.*?)```", (ROOT / "README.md").read_text(), re.S)
    subprocess.run([sys.executable, "-c", recipe], check=True)
    loaded = audformat.Database.load("../mine")["recordings"].get()
    assert audformat.is_filewise_index(loaded.index)
    assert list(loaded.index) == ["wav/00001.wav", "wav/00002.wav"]
    assert loaded["Country"].tolist() == ["Peru", "Chad"]
    assert loaded["Age"].iloc[0] == 30.0 and loaded["Age"].isna().iloc[1]
