from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stages.core.features import descriptors as frames
from stages.core.features.descriptors import open_descriptors, sample
from stages.core.runtime.errors import UserError
from tests.helpers.openxbow import write_descriptors

CLIPS = {
    "00000": np.full((5, 2), 0.0),
    "00001": np.full((300, 2), 1.0),
    "00002": np.full((7, 2), 2.0),
    "00003": np.arange(400.0).reshape(200, 2),
}


def test_clips_go_on_from_shard_to_shard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_descriptors(tmp_path, CLIPS, shards=5)
    monkeypatch.setattr(frames, "ROWS", 70)
    descriptors = open_descriptors(tmp_path)
    assert descriptors.clip_ids == tuple(CLIPS)
    assert descriptors.lengths.tolist() == [5, 300, 7, 200]
    assert descriptors.columns == ("d0_sma", "d1_sma")
    batches = list(descriptors.batches())
    assert max(map(len, batches)) <= 70
    assert np.array_equal(np.concatenate(batches), np.concatenate(list(CLIPS.values())))


def test_many_columns_stay_in_order(tmp_path: Path) -> None:
    values = np.random.default_rng(0).standard_normal((20, 130)).astype(np.float32)
    write_descriptors(tmp_path, {"a": values})
    assert np.array_equal(np.concatenate(list(open_descriptors(tmp_path).batches())), values)


def test_only_training_frames_are_sampled(tmp_path: Path) -> None:
    write_descriptors(tmp_path, CLIPS, shards=3)
    descriptors = open_descriptors(tmp_path)
    training = descriptors.training(["00001", "00003", "elsewhere"])
    assert training.tolist() == [False, True, False, True]
    everything, odd = sample(descriptors, training, None, 1)
    assert odd == 0
    assert np.array_equal(everything, np.concatenate([CLIPS["00001"], CLIPS["00003"]]))
    assert np.array_equal(sample(descriptors, training, 500, 1)[0], everything)
    some, _ = sample(descriptors, training, 100, 1)
    assert len(some) == 100
    known = {tuple(row): place for place, row in enumerate(everything.tolist())}
    places = [known[tuple(row)] for row in some.tolist()]
    assert places == sorted(places)
    assert np.array_equal(some, sample(descriptors, training, 100, 1)[0])
    assert not np.array_equal(some, sample(descriptors, training, 100, 2)[0])


def test_the_sample_is_uniform(tmp_path: Path) -> None:
    write_descriptors(tmp_path, CLIPS)
    descriptors = open_descriptors(tmp_path)
    everyone = np.ones(4, bool)
    ones = [(sample(descriptors, everyone, 64, seed)[0] == 1).all(axis=1).sum() for seed in range(200)]
    assert abs(np.mean(ones) / 64 - 300 / 512) < 0.02


def test_frames_that_are_not_finite_are_dropped(tmp_path: Path) -> None:
    values = np.array([[0, 1], [np.nan, 1], [2, 3], [4, np.inf]])
    write_descriptors(tmp_path, {"a": values})
    found, odd = sample(open_descriptors(tmp_path), np.array([True]), None, 1)
    assert found.tolist() == [[0, 1], [2, 3]]
    assert odd == 2


def test_tables_that_do_not_fit(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds no low-level descriptors"):
        open_descriptors(tmp_path / "nowhere")
    write_descriptors(tmp_path / "twice", {"a": np.zeros((3, 1)), "b": np.zeros((2, 1))})
    write_descriptors(tmp_path / "more", {"a": np.zeros((3, 1))})
    (tmp_path / "more" / "0000.parquet").rename(tmp_path / "twice" / "0001.parquet")
    with pytest.raises(UserError, match="the frames of a clip stand apart"):
        open_descriptors(tmp_path / "twice")
    write_descriptors(tmp_path / "more", {"c": np.zeros((3, 2))})
    (tmp_path / "more" / "0000.parquet").rename(tmp_path / "twice" / "0001.parquet")
    with pytest.raises(UserError, match=r"0001\.parquet has other columns than .*0000\.parquet"):
        open_descriptors(tmp_path / "twice")
    pq.write_table(pa.table({"d0_sma": [1.0]}), tmp_path / "twice" / "0000.parquet")
    with pytest.raises(UserError, match=r"0000\.parquet has no column clip_id"):
        open_descriptors(tmp_path / "twice")
    (tmp_path / "twice" / "0000.parquet").write_text("no")
    with pytest.raises(UserError, match="is not a Parquet file"):
        open_descriptors(tmp_path / "twice")


def test_no_training_clip(tmp_path: Path) -> None:
    write_descriptors(tmp_path, CLIPS)
    with pytest.raises(UserError, match="holds none of the 2 training clips"):
        open_descriptors(tmp_path).training(["x", "y"])
