from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.core.audio.shards import (
    ShardReader,
    count,
    decode,
    encode,
    origin_of_audio,
    read_shards,
    write_shard,
    write_shards,
)
from stages.core.runtime.errors import StageFileError


@given(st.lists(st.integers(-32768, 32767), min_size=1, max_size=300))
def test_flac_is_lossless(samples: list[int]) -> None:
    clip = np.array(samples, np.int16)
    assert np.array_equal(decode(encode(clip)), clip)


def test_shards_come_back_in_order(tmp_path: Path) -> None:
    clips = {f"{number:03d}": np.arange(number + 1, dtype=np.int16) for number in range(150)}
    names = list(clips)
    for shard in (3, 0, 5, 1, 4, 2):  # however a folder lists its files
        part = names[shard * 25 : (shard + 1) * 25]
        write_shard(tmp_path / f"{shard:04d}.parquet", part, [encode(clips[name]) for name in part], {"a": 1})
    assert count(tmp_path) == 150
    assert origin_of_audio(tmp_path) == {"a": 1}
    assert [name for name, _ in read_shards(tmp_path)] == names
    assert all(np.array_equal(decode(flac), clips[name]) for name, flac in read_shards(tmp_path))
    with pytest.raises(StageFileError, match="no audio shards"):
        count(tmp_path / "elsewhere")


@pytest.mark.parametrize(
    ("clips", "sizes"),
    [(0, [0]), (1, [1]), (9, [9]), (10, [10]), (11, [10, 1]), (20, [10, 10]), (25, [10, 10, 5])],
)
def test_clips_are_written_as_shards_of_one_size(tmp_path: Path, clips: int, sizes: list[int]) -> None:
    flacs = {f"c{number}": b"sound %d" % number for number in reversed(range(clips))}
    write_shards(tmp_path, iter(flacs.items()), 10, {"corpus": "c", "rate": 16_000})
    files = sorted(path.name for path in tmp_path.iterdir())
    assert files == [f"{number:04d}.parquet" for number in range(len(sizes))]
    assert [pq.read_metadata(tmp_path / name).num_rows for name in files] == sizes
    assert origin_of_audio(tmp_path) == {"corpus": "c", "rate": 16_000}
    assert list(read_shards(tmp_path)) == list(flacs.items())
    reader = ShardReader(tmp_path)
    assert {name: reader.flac(name) for name in sorted(flacs)} == flacs
    assert all(name in reader for name in flacs) and "c" not in reader
    with pytest.raises(KeyError):
        reader.flac("c")
    paths = [row["path"] for name in files for row in pq.read_table(tmp_path / name)["audio"].to_pylist()]
    assert paths == [f"{name}.flac" for name in flacs]
