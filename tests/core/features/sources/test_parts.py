import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from stages.core.config.sources import OpenSmileSet, Windows
from stages.core.features.sources.parts import SHORTEST, cut, joined
from stages.core.features.sources.source import open_source

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
