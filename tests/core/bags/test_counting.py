from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.core.bags.assignment import Assigner, Counts
from stages.core.bags.codebook import Codebook
from stages.core.bags.counting import Normalization, count_clips, finish, idf
from stages.core.features import descriptors as descriptors_module
from stages.core.features.descriptors import open_descriptors
from tests.helpers.descriptors import write_clips


def clips_of(seed: int, number: int = 9) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {
        f"{clip:05d}": rng.standard_normal((rng.integers(1, 40), 3)).astype(np.float32)
        for clip in range(number)
    }


def all_bags(folder: Path, codebook: Codebook, threads: int) -> tuple[np.ndarray, np.ndarray, float]:
    descriptors = open_descriptors(folder)
    parts = list(count_clips(descriptors, Assigner(codebook, [np.arange(3)]), threads))
    return (
        np.concatenate([part.bags for part in parts]),
        np.concatenate([part.frames for part in parts]),
        sum(part.error for part in parts),
    )


@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 1000),
    rows=st.integers(1, 300),
    per_shard=st.integers(1, 9),
    threads=st.integers(1, 3),
)
def test_batches_shards_and_threads_do_not_matter(
    seed: int, rows: int, per_shard: int, threads: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    clips, folder = clips_of(seed), tmp_path_factory.mktemp("lld")
    write_clips(folder, clips, clips_per_shard=per_shard)
    words = np.random.default_rng(seed).standard_normal((6, 3)).astype(np.float32)
    codebook = Codebook((words,), 2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(descriptors_module, "ROWS_PER_BATCH", rows)
        counts, lengths, error = all_bags(folder, codebook, threads)
    assert lengths.tolist() == [len(values) for values in clips.values()]
    singly = [
        Assigner(codebook, [np.arange(3)]).count(values, np.array([len(values)])) for values in clips.values()
    ]
    assert np.array_equal(counts, np.concatenate([one.bags for one in singly]))
    assert error == pytest.approx(sum(one.error for one in singly), rel=1e-5)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 1000))
def test_the_order_of_clips_does_not_matter(seed: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    clips, folder = clips_of(seed), tmp_path_factory.mktemp("lld")
    order = np.random.default_rng(seed).permutation(list(clips)).tolist()
    write_clips(folder / "one", clips)
    write_clips(folder / "two", {clip_id: clips[clip_id] for clip_id in order})
    codebook = Codebook((clips["00000"][:1].repeat(4, 0) + np.arange(4, dtype=np.float32)[:, None],), 2)
    one, two = (all_bags(folder / name, codebook, 2)[0] for name in ("one", "two"))
    assert np.array_equal(one[[int(clip_id) for clip_id in order]], two)


def test_frames_that_are_not_finite_are_left_out(tmp_path: Path) -> None:
    clips = clips_of(1, 4)
    write_clips(tmp_path / "clean", clips)
    dirty = {key: np.insert(values, [0, len(values)], np.nan, axis=0) for key, values in clips.items()}
    dirty["00004"] = np.full((3, 3), np.inf, np.float32)
    write_clips(tmp_path / "dirty", dirty)
    codebook = Codebook((np.eye(3, dtype=np.float32),), 1)
    clean, dirty_bags = (all_bags(tmp_path / name, codebook, 1) for name in ("clean", "dirty"))
    assert np.array_equal(clean[0], dirty_bags[0][:4])
    assert dirty_bags[1].tolist() == [*clean[1], 0]
    assert not dirty_bags[0][4].any()


COUNTS = Counts(np.array([[3, 0, 1], [0, 0, 0], [9, 2, 4]], np.int32), np.array([4, 0, 15]), 0.0)
WORDS = (np.zeros((3, 2), np.float32),)


def test_logarithm_and_idf() -> None:
    counts = COUNTS.bags
    assert finish(COUNTS, Codebook(WORDS, 1), "none").tolist() == counts.tolist()
    logarithm = finish(COUNTS, Codebook(WORDS, 1, log=True), "none")
    assert logarithm.dtype == np.float32
    assert np.array_equal(logarithm, np.log10(counts + 1.0).astype(np.float32))
    factors = idf(np.array([2, 1, 0]), 3)
    assert np.allclose(factors, [np.log10(1.5), np.log10(3), 1])
    weighted = finish(COUNTS, Codebook(WORDS, 1, idf=factors), "none")
    assert np.array_equal(weighted, counts.astype(np.float32) * factors)


@pytest.mark.parametrize(
    ("normalization", "lengths"), [("frames", [4, 15]), ("sum", [4, 15]), ("norm", [10**0.5, 101**0.5])]
)
def test_normalization_scales_to_the_number_of_bins(
    normalization: Normalization, lengths: list[float]
) -> None:
    finished = finish(COUNTS, Codebook(WORDS, 1), normalization)
    assert finished.dtype == np.float32
    assert not finished[1].any()
    assert np.allclose(finished[[0, 2]], COUNTS.bags[[0, 2]] * 3 / np.array(lengths)[:, None], rtol=1e-6)
