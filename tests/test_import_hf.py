import io
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile

from stages import import_hf
from stages.core.audio.shards import encode, write_shard
from stages.core.config.data import CorpusOptions
from stages.core.config.tasks import Task
from stages.core.corpus.reading import read_corpus
from stages.core.runtime.errors import UserError
from stages.import_hf import import_corpus
from tests.conftest import tone

datasets = pytest.importorskip("datasets")

TASKS = {
    "kind": Task("classification", ("kind",), "uar"),
    "age": Task("regression", ("age",), "mae"),
}


def recording(index: int, kind: str = "FLAC") -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, tone(0.3 + index / 10, 16_000), 16_000, format=kind)
    return buffer.getvalue()


def rows(number: int, first: int = 0, named: bool = True) -> Any:
    names = [f"clip{first + index}.flac" if named else None for index in range(number)]
    # Sound is cast, not encoded, so that the test does without torchcodec.
    stored = {"bytes": datasets.Value("binary"), "path": datasets.Value("string")}
    features = datasets.Features(
        {
            "audio": stored,
            "kind": datasets.ClassLabel(names=["cry", "laugh"]),
            "age": datasets.Value("float32"),
            "speaker_id": datasets.Value("int64"),
            "words": datasets.List(datasets.Value("string")),
        }
    )
    content = {
        "audio": [{"bytes": recording(first + index), "path": name} for index, name in enumerate(names)],
        "kind": [index % 2 for index in range(number)],
        "age": [None if index == 1 else 20.5 + index for index in range(number)],
        "speaker_id": list(range(first, first + number)),
        "words": [["a"]] * number,
    }
    return datasets.Dataset.from_dict(content, features=features).cast_column("audio", datasets.Audio())


def check(corpus_folder: Path, ids: list[str], splits: list[str | None]) -> None:
    corpus = read_corpus(CorpusOptions(str(corpus_folder)), TASKS)
    assert corpus.faults == []
    table = corpus.clips.set_index("clip_id")
    assert list(table.index) == ids
    assert list(table["source_split"].astype(object).where(table["source_split"].notna(), None)) == splits
    assert list(table["kind"].iloc[:2]) == ["cry", "laugh"]
    assert table["age"].iloc[0] == 20.5
    assert table["age"].isna().iloc[1]
    assert table["speaker"].iloc[0] == "0"
    assert corpus.paths[ids[0]].read_bytes() == recording(0)


def test_a_saved_dataset(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    datasets.DatasetDict({"train": rows(3), "test": rows(2, 3)}).save_to_disk(tmp_path / "source")
    monkeypatch.setattr("sys.argv", ["import_hf", str(tmp_path / "source"), str(tmp_path / "corpus")])
    import_hf.main()
    printed = capsys.readouterr().out
    assert "5 clips; set corpus.path" in printed
    assert "left out, since they are neither text nor numbers: words" in printed
    assert "labels: kind, age; declare" in printed
    check(tmp_path / "corpus", [f"clip{index}" for index in range(5)], ["train"] * 3 + ["test"] * 2)
    assert read_corpus(CorpusOptions(str(tmp_path / "corpus")), TASKS).name == "source"


def test_parquet_files_by_split(tmp_path: Path) -> None:
    (tmp_path / "source/data").mkdir(parents=True)
    rows(3).to_parquet(tmp_path / "source/data/train-00000-of-00001.parquet")
    rows(2, 3).to_parquet(tmp_path / "source/data/validation-00000-of-00001.parquet")
    assert import_corpus(tmp_path / "source", tmp_path / "corpus", "Mine") == (5, ["kind", "age"])
    check(tmp_path / "corpus", [f"clip{index}" for index in range(5)], ["train"] * 3 + ["validation"] * 2)


def test_a_folder_of_recordings(tmp_path: Path) -> None:
    try:
        import torchcodec  # noqa: F401
    except (ImportError, OSError, RuntimeError):
        pytest.skip(
            "datasets reads such folders with torchcodec, which is not installed or not for this torch"
        )
    (tmp_path / "source").mkdir()
    lines = ["file_name,kind,age,speaker_id"]
    for index, (kind, age) in enumerate([("cry", 20.5), ("laugh", "")]):
        (tmp_path / f"source/clip{index}.flac").write_bytes(recording(index))
        lines.append(f"clip{index}.flac,{kind},{age},{index}")
    (tmp_path / "source/metadata.csv").write_text("\n".join(lines) + "\n")
    assert import_corpus(tmp_path / "source", tmp_path / "corpus")[0] == 2
    check(tmp_path / "corpus", ["clip0", "clip1"], ["train", "train"])


def test_recordings_without_names(tmp_path: Path) -> None:
    rows(3, named=False).save_to_disk(tmp_path / "source")
    import_corpus(tmp_path / "source", tmp_path / "corpus")
    check(tmp_path / "corpus", ["clip-000000", "clip-000001", "clip-000002"], [None] * 3)
    assert (tmp_path / "corpus/wav/clip-000000.flac").is_file()


def table(names: list[str | None], kinds: list[int], **more: list) -> Any:
    """A dataset whose sound is the same recording, under several names."""
    stored = {"bytes": datasets.Value("binary"), "path": datasets.Value("string")}
    features = {"audio": stored, "kind": datasets.ClassLabel(names=["cry", "laugh"])}
    features |= {name: datasets.Value("string") for name in more}
    sound = [{"bytes": recording(0), "path": name} for name in names]
    made = datasets.Dataset.from_dict(
        {"audio": sound, "kind": kinds, **more}, features=datasets.Features(features)
    )
    return made.cast_column("audio", datasets.Audio())


def test_ids_splits_speakers_and_classes(tmp_path: Path) -> None:
    """Two splits have files of one name; speaker comes before client_id, and a label of -1 is none."""
    people = {"client_id": ["x", "y"], "speaker": ["s1", "s2"]}
    names: list[str | None] = ["in/a.flac", "b.wav"]
    saved = {"valid": table(names, [1, -1], **people), "other": table(names, [0, 0], **people)}
    datasets.DatasetDict(saved).save_to_disk(tmp_path / "source")
    assert import_corpus(tmp_path / "source", tmp_path / "corpus", "Mine") == (4, ["kind", "client_id"])
    assert (tmp_path / "corpus/data_info.csv").read_text() == (
        "File_ID,Split,Subject_ID,kind,client_id\n"
        "valid-a,Val,s1,laugh,x\nvalid-b,Val,s2,,y\nother-a,,s1,cry,x\nother-b,,s2,cry,y\n"
    )
    files = sorted(path.name for path in (tmp_path / "corpus/wav").iterdir())
    assert files == ["other-a.flac", "other-b.wav", "valid-a.flac", "valid-b.wav"]
    assert json.loads((tmp_path / "corpus/corpus.json").read_text())["name"] == "Mine"
    assert import_corpus(tmp_path / "source", tmp_path / "by client", speaker="client_id")[1] == [
        "kind",
        "speaker",
    ]


def test_ids_of_the_dataset_itself_come_first(tmp_path: Path) -> None:
    own = {"File_ID": ["7", "008"], "Split": ["Train", "Test"], "Subject_ID": ["s", None]}
    table(["a.flac", "a.flac"], [0, 1], **own).save_to_disk(tmp_path / "source")
    assert import_corpus(tmp_path / "source", tmp_path / "corpus") == (2, ["kind"])
    text = (tmp_path / "corpus/data_info.csv").read_text()
    assert text == "File_ID,Subject_ID,kind\n7,s,cry\n008,,laugh\n"


def test_recordings_of_one_name_in_one_split_are_numbered(tmp_path: Path) -> None:
    table(["x/a.flac", "y/a.flac", None], [0, 1, 1]).save_to_disk(tmp_path / "source")
    import_corpus(tmp_path / "source", tmp_path / "corpus")
    text = (tmp_path / "corpus/data_info.csv").read_text()
    assert text == "File_ID,Subject_ID,kind\nclip-000000,,cry\nclip-000001,,laugh\nclip-000002,,laugh\n"


@pytest.mark.parametrize(
    ("path", "sentence"),
    [("../secret.flac", "lies outside"), ("gone.flac", r"gone.flac cannot be read \(No such")],
)
def test_recordings_beside_the_table(path: str, sentence: str, tmp_path: Path) -> None:
    (tmp_path / "secret.flac").write_bytes(recording(0))
    for name, file in (("good", "clip0.flac"), ("bad", path)):
        (tmp_path / name).mkdir()
        named = {"audio": [{"bytes": None, "path": file}], "kind": ["cry"]}
        pq.write_table(pa.table(named), tmp_path / name / "train.parquet")
    (tmp_path / "good/clip0.flac").write_bytes(recording(0))
    import_corpus(tmp_path / "good", tmp_path / "corpus")
    assert (tmp_path / "corpus/wav/clip0.flac").read_bytes() == recording(0)
    with pytest.raises(UserError, match=sentence):
        import_corpus(tmp_path / "bad", tmp_path / "other")


def test_what_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is no folder"):
        import_corpus(tmp_path / "nothing", tmp_path / "corpus")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="cannot be read as a dataset"):
        import_corpus(tmp_path / "empty", tmp_path / "corpus")
    rows(2).remove_columns(["audio"]).save_to_disk(tmp_path / "silent")
    with pytest.raises(UserError, match="has no columns of sound among kind, age"):
        import_corpus(tmp_path / "silent", tmp_path / "corpus")
    rows(2).save_to_disk(tmp_path / "source")
    with pytest.raises(UserError, match="has no column who; its columns are audio, kind"):
        import_corpus(tmp_path / "source", tmp_path / "corpus", speaker="who")
    assert not (tmp_path / "corpus").exists()


def test_our_own_tables_play_without_conversion(tmp_path: Path) -> None:
    clips = [(tone(0.5 + index / 10, 16_000) * 20_000).astype("int16") for index in range(3)]
    path = tmp_path / "0000.parquet"
    write_shard(path, ["00001", "00002", "00003"], [encode(clip) for clip in clips], {"a": 1})
    loaded = datasets.Dataset.from_parquet(str(path), cache_dir=str(tmp_path / "cache"))
    assert loaded.features["audio"] == datasets.Audio()
    assert loaded["clip_id"][2] == "00003"
    sound = loaded.cast_column("audio", datasets.Audio(decode=False))[1]["audio"]
    samples, rate = soundfile.read(io.BytesIO(sound["bytes"]), dtype="int16")
    assert (rate, sound["path"]) == (16_000, "00002.flac")
    assert (samples == clips[1]).all()
