import errno
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stages.core.features import descriptors as descriptors_module
from stages.core.features.descriptors import open_descriptors, write_descriptors
from stages.core.runtime.errors import StageFileError
from tests.helpers.descriptors import write_clips

CLIPS = {
    "00000": np.full((5, 2), 0.0),
    "00001": np.full((300, 2), 1.0),
    "00002": np.full((7, 2), 2.0),
    "00003": np.arange(400.0).reshape(200, 2),
}


def test_frames_come_back_clip_after_clip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_clips(tmp_path, CLIPS, clips_per_shard=3)
    monkeypatch.setattr(descriptors_module, "ROWS_PER_BATCH", 70)
    descriptors = open_descriptors(tmp_path)
    assert descriptors.clip_ids == tuple(CLIPS)
    assert descriptors.lengths.tolist() == [5, 300, 7, 200]
    assert descriptors.columns == ("d0_sma", "d1_sma")
    batches = list(descriptors.batches())
    assert max(map(len, batches)) <= 70
    assert np.array_equal(np.concatenate(batches), np.concatenate(list(CLIPS.values())))


def test_a_clip_of_more_frames_than_are_read_at_once(tmp_path: Path) -> None:
    write_clips(tmp_path, {"a": np.zeros((3, 1)), "b": np.zeros((70_000, 1)), "c": np.zeros((2, 1))})
    descriptors = open_descriptors(tmp_path)
    assert descriptors.clip_ids == ("a", "b", "c")
    assert descriptors.lengths.tolist() == [3, 70_000, 2]


def test_many_columns_stay_in_order(tmp_path: Path) -> None:
    values = np.random.default_rng(0).standard_normal((20, 130)).astype(np.float32)
    write_clips(tmp_path, {"a": values})
    assert np.array_equal(np.concatenate(list(open_descriptors(tmp_path).batches())), values)


def test_tables_that_do_not_fit(tmp_path: Path) -> None:
    with pytest.raises(StageFileError, match="holds no low-level descriptors"):
        open_descriptors(tmp_path / "nowhere")
    write_clips(tmp_path / "twice", {"a": np.zeros((3, 1)), "b": np.zeros((2, 1))})
    write_clips(tmp_path / "more", {"a": np.zeros((3, 1))})
    (tmp_path / "more" / "0000.parquet").rename(tmp_path / "twice" / "0001.parquet")
    with pytest.raises(StageFileError, match="holds a clip whose frames do not stand together"):
        open_descriptors(tmp_path / "twice")
    write_clips(tmp_path / "more", {"c": np.zeros((3, 2))})
    (tmp_path / "more" / "0000.parquet").rename(tmp_path / "twice" / "0001.parquet")
    with pytest.raises(StageFileError, match=r"0001\.parquet has other columns than .*0000\.parquet"):
        open_descriptors(tmp_path / "twice")
    pq.write_table(pa.table({"d0_sma": [1.0]}), tmp_path / "twice" / "0000.parquet")
    with pytest.raises(StageFileError, match=r"0000\.parquet has no column clip_id"):
        open_descriptors(tmp_path / "twice")
    (tmp_path / "twice" / "0000.parquet").write_text("no")
    with pytest.raises(StageFileError, match="is not a Parquet file"):
        open_descriptors(tmp_path / "twice")


def test_the_mask_marks_the_clips_that_are_wanted(tmp_path: Path) -> None:
    write_clips(tmp_path, CLIPS)
    assert open_descriptors(tmp_path).mask(["00001", "00003", "elsewhere"]).tolist() == [
        False,
        True,
        False,
        True,
    ]


def test_a_shard_whose_columns_stand_in_another_order_is_refused(tmp_path: Path) -> None:
    write_clips(tmp_path / "a", {"a": np.zeros((3, 2))}, ("x", "y"))
    write_clips(tmp_path / "b", {"b": np.zeros((3, 2))}, ("y", "x"))
    (tmp_path / "b/0000.parquet").rename(tmp_path / "a/0001.parquet")
    with pytest.raises(StageFileError, match=r"0001\.parquet has other columns than .*0000\.parquet"):
        open_descriptors(tmp_path / "a")


@pytest.mark.parametrize("failing", [1, 2, 3])
def test_a_shard_that_cannot_be_written_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: int
) -> None:
    write_clips(tmp_path / "lld", CLIPS)
    before = (tmp_path / "lld/0000.parquet").read_bytes()
    written: list[Path] = []
    real = pq.write_table

    def full(table: pa.Table, path: Path, **options: object) -> None:
        written.append(path)
        if len(written) == failing:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(table, path, **options)

    monkeypatch.setattr(pq, "write_table", full)
    with pytest.raises(OSError, match="No space left"):
        write_clips(
            tmp_path / "lld", dict(list(CLIPS.items())[::-1]), clips_per_shard=2 if failing < 3 else 1
        )
    assert [path.name for path in tmp_path.rglob("*")] == ["lld", "0000.parquet"]
    assert (tmp_path / "lld/0000.parquet").read_bytes() == before


def test_shards_say_how_they_were_made_and_hold_so_many_clips(tmp_path: Path) -> None:
    origin = {"feature_set": "x", "synthetic": True}
    frames = [np.full((2, 3), number, np.float32) for number in range(7)]
    write_descriptors(tmp_path, list("abcdefg"), iter(frames), "xyz", origin, clips_per_shard=3)
    assert [path.name for path in sorted(tmp_path.iterdir())] == [f"000{n}.parquet" for n in range(3)]
    assert [pq.read_metadata(path).num_rows for path in sorted(tmp_path.iterdir())] == [6, 6, 2]
    found = open_descriptors(tmp_path)
    assert (found.origin, found.clip_ids, found.columns) == (origin, tuple("abcdefg"), tuple("xyz"))
    assert found.lengths.dtype == np.int64
    write_descriptors(tmp_path, [], [], ["x"], origin)
    empty = open_descriptors(tmp_path)
    assert (empty.origin, empty.clip_ids, empty.columns, list(empty.batches())) == (origin, (), ("x",), [])


def test_no_training_clip(tmp_path: Path) -> None:
    write_clips(tmp_path, CLIPS)
    with pytest.raises(StageFileError, match="holds none of the 2 training clips"):
        open_descriptors(tmp_path).mask(["x", "y"])
