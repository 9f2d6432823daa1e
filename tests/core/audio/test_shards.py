from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.core.audio.shards import count, decode, encode, origin_of_audio, read_shards, write_shard
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
