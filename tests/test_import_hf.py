import io
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
