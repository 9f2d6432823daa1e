from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.core.bags.assignment import Assigner
from stages.core.bags.codebook import Activity, Codebook, Counting
from stages.core.bags.counting import count_clips
from stages.core.bags.gpu import GpuCounter
from stages.core.features import descriptors as descriptors_module
from stages.core.features.descriptors import open_descriptors
from stages.core.runtime.compute import ComputeOptions
from tests.helpers.codebooks import codebook_of
from tests.helpers.descriptors import write_clips


def clips_of(seed: int, number: int = 9) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {
        f"{clip:05d}": rng.standard_normal((rng.integers(1, 40), 3)).astype(np.float32)
        for clip in range(number)
    }


def all_bags(folder: Path, codebook: Codebook, threads: int) -> tuple[np.ndarray, np.ndarray, float]:
    descriptors = open_descriptors(folder)
    parts = list(count_clips(descriptors, Assigner(codebook, [np.arange(3)]), ComputeOptions(threads)))
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
    codebook = codebook_of([words], 2)
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
    codebook = codebook_of([clips["00000"][:1].repeat(4, 0) + np.arange(4, dtype=np.float32)[:, None]], 2)
    one, two = (all_bags(folder / name, codebook, 2)[0] for name in ("one", "two"))
    assert np.array_equal(one[[int(clip_id) for clip_id in order]], two)


def test_frames_that_are_not_finite_are_left_out(tmp_path: Path) -> None:
    clips = clips_of(1, 4)
    write_clips(tmp_path / "clean", clips)
    dirty = {key: np.insert(values, [0, len(values)], np.nan, axis=0) for key, values in clips.items()}
    dirty["00004"] = np.full((3, 3), np.inf, np.float32)
    write_clips(tmp_path / "dirty", dirty)
    codebook = codebook_of([np.eye(3, dtype=np.float32)], 1)
    clean, dirty_bags = (all_bags(tmp_path / name, codebook, 1) for name in ("clean", "dirty"))
    assert np.array_equal(clean[0], dirty_bags[0][:4])
    assert dirty_bags[1].tolist() == [*clean[1], 0]
    assert not dirty_bags[0][4].any()


def test_sums_of_weights_do_not_depend_on_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights are added in float32, frame after frame, also where a batch ends within a clip."""
    clips = clips_of(2)
    write_clips(tmp_path, clips, clips_per_shard=4)
    words = np.random.default_rng(2).standard_normal((6, 3)).astype(np.float32)
    codebook = Codebook((words,), (Counting(3, gaussian=0.8, off=2.0),))
    monkeypatch.setattr(descriptors_module, "ROWS_PER_BATCH", 13)
    counts, _, _ = all_bags(tmp_path, codebook, 2)
    expected = np.zeros((len(clips), 6), np.float32)
    for clip, values in enumerate(clips.values()):
        for frame in values:
            distances = np.zeros(6, np.float32)
            for column in range(3):
                distances += (frame[column] - words[:, column]) ** 2
            for word in np.argsort(distances, kind="stable")[:3]:
                if np.sqrt(float(distances[word])) <= 2:
                    exponent = -distances[word] / (np.float32(2) * np.float32(0.8) * np.float32(0.8))
                    expected[clip, word] += np.float32(np.exp(float(exponent)))
    assert np.array_equal(counts, expected)


def test_a_gpu_counts_on_this_machine_whatever_the_scheduler(tmp_path: Path) -> None:
    clips = clips_of(4)
    write_clips(tmp_path, clips)
    words = np.random.default_rng(4).standard_normal((6, 3)).astype(np.float32)
    assigner = Assigner(codebook_of([words], 2), [np.arange(3)], GpuCounter("cpu"))
    assert assigner.on_gpu and not Assigner(codebook_of([words], 2), [np.arange(3)]).on_gpu
    nowhere = ComputeOptions(2, scheduler="tcp://127.0.0.1:9")
    found = list(count_clips(open_descriptors(tmp_path), assigner, nowhere))
    expected, _, _ = all_bags(tmp_path, assigner.codebook, 1)
    assert np.array_equal(np.concatenate([counts.bags for counts in found]), expected)


def test_frames_of_low_activity_do_not_count(tmp_path: Path) -> None:
    clips = clips_of(3, 4)
    write_clips(tmp_path, clips)
    words = np.eye(3, dtype=np.float32)
    plain = codebook_of([words], 1)
    counts, frames, _ = all_bags(tmp_path, replace(plain, activity=Activity(1, 0.5)), 1)
    active = [values[values[:, 1] >= np.float32(0.5)] for values in clips.values()]
    assert frames.tolist() == [len(values) for values in active]
    singly = [
        Assigner(plain, [np.arange(3)]).count(values, np.array([len(values)])).bags for values in active
    ]
    assert np.array_equal(counts, np.concatenate(singly))
    clips["00001"][:, 1] = 1
    clips["00001"][0, 0], clips["00001"][-1, 2] = np.nan, np.inf  # active, but no numbers elsewhere
    write_clips(tmp_path, clips)
    _, frames, _ = all_bags(tmp_path, replace(plain, activity=Activity(1, 0.5)), 1)
    assert frames[1] == len(clips["00001"]) - 2


@pytest.mark.parametrize("counting", [Counting(2), Counting(2, gaussian=1.5)])
@pytest.mark.parametrize("rows", [1, 2, 5, 100])
def test_batches_that_end_within_clips(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: int, counting: Counting
) -> None:
    """Clips of 1 to 7 frames, some without any that counts, of which a batch holds parts."""
    rng = np.random.default_rng(8)
    clips = {f"{n:05d}": rng.standard_normal((n % 7 + 1, 3)).astype(np.float32) for n in range(12)}
    clips["00003"][:], clips["00006"][2:5], clips["00011"][-1] = np.nan, np.inf, np.nan
    write_clips(tmp_path, clips, clips_per_shard=5)
    words = rng.standard_normal((6, 3)).astype(np.float32)
    codebook = Codebook((words,), (counting,))
    monkeypatch.setattr(descriptors_module, "ROWS_PER_BATCH", rows)
    bags, frames, error = all_bags(tmp_path, codebook, 2)
    finite = [values[np.isfinite(values).all(axis=1)] for values in clips.values()]
    assert frames.tolist() == [len(values) for values in finite]
    assert frames.tolist() == [1, 2, 3, 0, 5, 6, 4, 1, 2, 3, 4, 4]
    alone = [Assigner(codebook, [np.arange(3)]).count(values, np.array([len(values)])) for values in finite]
    assert np.array_equal(bags, np.concatenate([counts.bags for counts in alone]))
    assert error == pytest.approx(sum(counts.error for counts in alone), rel=1e-5)
