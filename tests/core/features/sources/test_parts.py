import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.core.config.sources import OpenSmileSet, Windows
from stages.core.features.sources.parts import SHORTEST, cut, joined, names_of_parts
from stages.core.features.sources.source import open_source
from stages.core.runtime.errors import UnusableClipError

RNG = np.random.default_rng(1)
NOISE = RNG.integers(-9000, 9000, 24_000).astype(np.int16)


@given(n=st.integers(1, 9000), count=st.integers(2, 6))
def test_equal_parts_cover_the_clip(n: int, count: int) -> None:
    clip = np.arange(n)
    parts = cut(clip, Windows(count=count))
    assert len(parts) == count
    assert len({len(part) for part in parts}) == 1
    assert len(parts[0]) >= min(n, SHORTEST)
    assert n - len(np.unique(np.concatenate(parts))) <= count


@given(n=st.integers(1, 40_000), hop=st.floats(0.01, 0.5))
def test_parts_of_seconds_leave_nothing_out(n: int, hop: float) -> None:
    parts = cut(np.arange(n), Windows(seconds=0.5, hop=hop))
    assert len(np.unique(np.concatenate(parts))) == n
    assert {len(part) for part in parts} == {min(n, 8000)}


def test_thirds_are_described_as_clips_of_their_own() -> None:
    whole, thirds = (open_source(OpenSmileSet("eGeMAPSv02", windows)) for windows in (None, Windows(count=3)))
    found = thirds.extract(NOISE)
    alone = [whole.extract(NOISE[start : start + 8000]).functionals for start in (0, 8000, 16_000)]
    assert found.functionals.tobytes() == np.concatenate(alone).tobytes()
    assert found.descriptors.size == 0
    assert thirds.names[88] == f"{whole.names[0]}_part2"
    assert len(thirds.names) == 3 * 88
    assert thirds.frame_names == ()
    assert thirds.fingerprint != whole.fingerprint


def test_parts_of_seconds_are_pooled() -> None:
    windows = Windows(seconds=0.5, hop=0.25)
    source = open_source(OpenSmileSet("eGeMAPSv02", windows))
    found = source.extract(NOISE).functionals
    assert found.shape == (2 * 88,)
    assert len(source.names) == 2 * 88
    whole = open_source(OpenSmileSet("eGeMAPSv02"))
    rows = np.stack([whole.extract(part).functionals for part in cut(NOISE, windows)])
    assert len(rows) == 5
    assert found.tobytes() == joined(rows, windows).tobytes()
    assert np.allclose(found[:88], rows.mean(axis=0), rtol=1e-5)


def places(n: int, windows: Windows) -> list[tuple[int, int]]:
    """First sample of each part, and the one behind its last."""
    return [(int(part[0]), int(part[-1]) + 1) for part in cut(np.arange(n), windows)]


def test_where_parts_begin_and_end() -> None:
    assert places(48_001, Windows(count=3)) == [(0, 16_000), (16_000, 32_000), (32_000, 48_000)]
    assert places(6400, Windows(count=4)) == [(0, 1600), (1600, 3200), (3200, 4800), (4800, 6400)]
    assert places(3000, Windows(count=3)) == [(0, 1600), (700, 2300), (1400, 3000)]  # widened to 0.1 s
    assert places(900, Windows(count=2)) == [(0, 900), (0, 900)]
    by_time = Windows(seconds=0.5, hop=0.3)
    assert places(20_000, by_time) == [(0, 8000), (4800, 12_800), (9600, 17_600), (12_000, 20_000)]
    assert places(12_800, by_time) == [(0, 8000), (4800, 12_800)]
    assert places(8001, by_time) == [(0, 8000), (1, 8001)]
    assert places(8000, by_time) == [(0, 8000)]
    assert places(7999, by_time) == [(0, 7999)]


def test_how_parts_become_one_vector() -> None:
    rows = np.array([[1, 7], [1, 1], [4, 1.0]])
    assert joined(rows, Windows(count=3)).tolist() == [1, 7, 1, 1, 4, 1]
    assert joined(rows, Windows(seconds=1, hop=1, pooling="max")).tolist() == [4, 7]
    spread = joined(rows, Windows(seconds=1, hop=1)).tolist()
    assert spread == [2, 3, np.float32(2**0.5), np.float32(8**0.5)]
    assert names_of_parts(["a", "b"], Windows(count=2)) == ("a_part1", "b_part1", "a_part2", "b_part2")
    assert names_of_parts(["a", "b"], Windows(seconds=1, hop=1)) == ("a_mean", "b_mean", "a_sd", "b_sd")
    assert names_of_parts(["a", "b"], Windows(seconds=1, hop=1, pooling="max")) == ("a_max", "b_max")


def test_whatever_decides_the_parts_is_in_the_fingerprint() -> None:
    kinds = [
        None,
        Windows(count=2),
        Windows(count=3),
        Windows(seconds=0.5, hop=0.25),
        Windows(seconds=0.5, hop=0.5),
        Windows(seconds=1.0, hop=0.25),
        Windows(seconds=0.5, hop=0.25, pooling="max"),
    ]
    assert len({open_source(OpenSmileSet("eGeMAPSv02", windows)).fingerprint for windows in kinds}) == 7
    assert (
        open_source(OpenSmileSet("GeMAPSv01b", kinds[1])).fingerprint
        != open_source(OpenSmileSet("eGeMAPSv02", kinds[1])).fingerprint
    )


def test_a_part_without_features_is_a_fault_of_the_clip() -> None:
    with pytest.raises(UnusableClipError, match="openSMILE gives no features of 300 samples"):
        open_source(OpenSmileSet("eGeMAPSv02", Windows(count=2))).extract(NOISE[:300])
