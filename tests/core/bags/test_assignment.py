from collections.abc import Sequence

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.core.bags import assignment
from stages.core.bags.assignment import Assigner
from stages.core.bags.codebook import Codebook, Counting, standardization
from stages.core.bags.codebook_file import for_descriptors, from_text
from stages.core.bags.gpu import GpuCounter
from stages.core.bags.layout import column_groups
from stages.core.bags.weighting import finish
from tests.helpers import openxbow
from tests.helpers.codebooks import codebook_of
from tests.helpers.nearest_words import nearest_words
from tests.helpers.openxbow import Command, needs_openxbow

# NumPy alone, and with what a GPU does, here on the processor.
GPUS = [None, GpuCounter("cpu")]


def brute(frames: np.ndarray, words: np.ndarray, wanted: int) -> np.ndarray:
    """Words that each frame counts, nearest first: float32 sums, column by column."""
    found = []
    for frame in frames:
        distances = []
        for word in words:
            total = np.float32(0)
            for a, b in zip(frame, word, strict=True):
                total += (a - b) * (a - b)
            distances.append(total)
        found.append(sorted(range(len(words)), key=lambda word: (distances[word], word))[:wanted])
    return np.array(found)


def counted(found: np.ndarray, lengths: Sequence[int], size: int) -> np.ndarray:
    """Bags of consecutive clips from the words of their frames."""
    stops = np.cumsum(lengths)
    return np.stack(
        [
            np.bincount(found[stop - length : stop].ravel(), minlength=size)
            for stop, length in zip(stops, lengths, strict=True)
        ]
    )


@needs_openxbow
@pytest.mark.parametrize("gpu", GPUS)
@pytest.mark.parametrize("command", openxbow.commands(), ids=lambda command: f"{command.part}-{command.tag}")
def test_bags_are_openxbows_in_every_bin(command: Command, gpu: GpuCounter | None) -> None:
    names, clips = openxbow.descriptors(command.part)
    codebook = openxbow.codebook(command.tag)
    assigner = Assigner(codebook, column_groups(names, command.layout), gpu)
    lengths = np.array([len(values) for values in clips.values()])
    counts = assigner.count(openxbow.frames(command.part), lengths)
    clip_ids, expected = openxbow.bags(command)
    assert clip_ids == list(clips)
    finished = finish(counts, codebook, command.norm)
    assert finished.dtype == np.float32
    assert np.array_equal(finished, expected)


MADE = {
    "base": ([12], "none"),
    "a3log": ([12], "none"),
    "split": ([6, 6], "none"),
    "sizes": ([6, 6], "none"),
    "gauss": ([12], "none"),
    "gauss_split": ([6, 6], "none"),
    "off": ([12], "none"),
    "off_gauss": ([12], "none"),
    "normin": ([12], "none"),
    "normin_split": ([6, 6], "none"),
    "stdout": ([12], "none"),
    "idf_norm3": ([12], "norm"),
    "random": ([12], "none"),
    "kmeanspp": ([12], "none"),
}


@pytest.mark.parametrize("tag", MADE)
@pytest.mark.parametrize("part", ["train", "test"])
def test_every_kind_of_codebook_file_gives_openxbows_bags(tag: str, part: str) -> None:
    widths, norm = MADE[tag]
    _, clips = openxbow.made_clips(part)
    codebook = for_descriptors(from_text(openxbow.text(f"cb_{tag}.txt", openxbow.MADE)), 12, tag)
    ends = np.cumsum(widths)
    groups = [np.arange(end - width, end) for end, width in zip(ends, widths, strict=True)]
    lengths = np.array([len(values) for values in clips.values()])
    counts = Assigner(codebook, groups).count(np.concatenate(list(clips.values())), lengths)
    rows = openxbow.text(f"bow_{part}_{tag}.csv", openxbow.MADE).splitlines()
    expected = np.array([row.split(";")[1:] for row in rows], np.float32)
    assert np.array_equal(finish(counts, codebook, norm), expected)


@needs_openxbow
@pytest.mark.parametrize(
    "command",
    [command for command in openxbow.commands() if command.part == "test"],
    ids=lambda command: command.tag,
)
def test_words_of_each_frame_are_openxbows(command: Command) -> None:
    names, _ = openxbow.descriptors("test")
    lines = openxbow.text(f"idx_test_{command.tag}.csv").split()
    expected = np.array([line.split(";") for line in lines], int)
    groups = column_groups(names, command.layout)
    found = nearest_words(openxbow.frames("test"), openxbow.codebook(command.tag), groups)
    assert np.array_equal(found, expected)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    size=st.integers(1, 40),
    wanted=st.integers(1, 40),
    columns=st.integers(1, 6),
    scale=st.sampled_from([1e-10, 1e-3, 1.0, 1e6]),
    grid=st.sampled_from([0, 1, 4]),
    offset=st.sampled_from([0, 1, 1000]),
    gpu=st.sampled_from(GPUS),
)
def test_every_frame_counts_its_nearest_words(
    seed: int,
    size: int,
    wanted: int,
    columns: int,
    scale: float,
    grid: int,
    offset: int,
    gpu: GpuCounter | None,
) -> None:
    """Also with ties (values on a grid), frames that are words, and near-ties (far from the origin)."""
    rng = np.random.default_rng(seed)
    wanted = min(wanted, size)
    values = rng.standard_normal((size + 30, columns))
    if grid:
        values = np.round(values * grid) / grid
    values = ((values + offset) * scale).astype(np.float32)
    words, frames = values[:size], values[size // 2 : size // 2 + 30]
    group = [np.arange(columns)]
    expected = brute(frames, words, wanted)
    codebook = codebook_of([words], wanted)
    assert np.array_equal(nearest_words(frames, codebook, group), expected)
    lengths = [0, 13, 0, 1, 16, 0]
    counts = Assigner(codebook, group, gpu).count(frames, np.array(lengths))
    assert np.array_equal(counts.bags, counted(expected, lengths, size))
    assert counts.bags.sum(axis=1).tolist() == [wanted * length for length in lengths]
    error = ((frames[:, None].astype(float) - words) ** 2).sum(axis=2).min(axis=1).sum()
    assert counts.error == pytest.approx(error, rel=1e-3, abs=1e-5 * (frames.astype(float) ** 2).sum())


HUGE = [(1.0, 3e38), (3e38, 3e38), (3e38, 1.0), (1e17, 1e19), (1e19, 1e17), (1e18, 1e18), (1.0, np.inf)]


@pytest.mark.parametrize("gpu", GPUS)
@pytest.mark.parametrize("wanted", [1, 5, 40])
@pytest.mark.parametrize(("of_words", "of_frames"), HUGE)
@pytest.mark.filterwarnings("ignore:(overflow|invalid value) encountered")
def test_values_whose_products_overflow_count_their_nearest_words(
    of_words: float, of_frames: float, wanted: int, gpu: GpuCounter | None
) -> None:
    rng = np.random.default_rng(2)
    words, frames = (rng.uniform(-1, 1, (size, 7)).astype(np.float32) for size in (40, 30))
    words[::3] *= np.float32(of_words)
    frames[::2] *= np.float32(of_frames)
    expected = brute(frames, words, wanted)
    codebook, group, lengths = codebook_of([words], wanted), [np.arange(7)], np.array([13, 17])
    counts = Assigner(codebook, group, gpu).count(frames, lengths)
    assert np.array_equal(counts.bags, counted(expected, [13, 17], 40))
    assert counts.error >= 0
    if np.isfinite(of_frames):
        error = ((frames[:, None].astype(float) - words) ** 2).sum(axis=2).min(axis=1).sum()
        assert counts.error == pytest.approx(error, rel=1e-6)
    assert np.array_equal(Assigner(codebook, group).assign(frames).words, expected)


@pytest.mark.parametrize("gpu", GPUS)
def test_near_ties_are_settled_by_exact_sums(gpu: GpuCounter | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Words on a sphere around the frames: all distances agree to some six digits."""
    rng = np.random.default_rng(3)
    directions = rng.standard_normal((200, 20))
    words = (5 + directions / np.linalg.norm(directions, axis=1, keepdims=True)).astype(np.float32)
    frames = (5 + 1e-6 * rng.standard_normal((64, 20))).astype(np.float32)
    expected = counted(brute(frames, words, 10), [64], 200)
    assigner = Assigner(codebook_of([words], 10), [np.arange(20)], gpu)
    assert np.array_equal(assigner.count(frames, np.array([64])).bags, expected)
    product = frames @ words.T - (words**2).sum(axis=1) / 2
    plain = counted(np.argsort(-product, axis=1, kind="stable")[:, :10], [64], 200)
    assert not np.array_equal(plain, expected), "the product alone would do; the case is too easy"
    monkeypatch.setattr(assignment, "BLOCK", 7)
    assert np.array_equal(assigner.count(frames, np.array([64])).bags, expected)


def test_groups_count_apart_and_stand_one_after_the_other() -> None:
    rng = np.random.default_rng(0)
    frames = rng.standard_normal((50, 5)).astype(np.float32)
    scaling = standardization(frames)
    one, two = rng.standard_normal((7, 2)).astype(np.float32), rng.standard_normal((9, 3)).astype(np.float32)
    columns = [np.array([1, 3]), np.array([0, 2, 4])]
    codebook = codebook_of([one, two], 3, input=scaling)
    scaled = (frames - scaling.offset) / scaling.divisor
    expected = [
        counted(brute(scaled[:, group], words, 3), [20, 30], len(words))
        for group, words in zip(columns, (one, two), strict=True)
    ]
    counts = Assigner(codebook, columns).count(frames, np.array([20, 30]))
    assert np.array_equal(counts.bags, np.concatenate(expected, axis=1))
    assert counts.frames.tolist() == [20, 30]


@pytest.mark.parametrize("gpu", GPUS)
@pytest.mark.parametrize("gaussian", [0.0, 1e6])  # so wide that each nearest word counts 1
def test_groups_may_count_different_numbers_of_words(gaussian: float, gpu: GpuCounter | None) -> None:
    rng = np.random.default_rng(1)
    frames = rng.standard_normal((40, 5)).astype(np.float32)
    words = [rng.standard_normal((6, 2)).astype(np.float32), rng.standard_normal((8, 3)).astype(np.float32)]
    columns = [np.array([1, 3]), np.array([0, 2, 4])]
    codebook = Codebook(tuple(words), (Counting(1, gaussian), Counting(4, gaussian)))
    expected = [
        counted(brute(frames[:, group], own, wanted), [15, 25], len(own))
        for group, own, wanted in zip(columns, words, (1, 4), strict=True)
    ]
    bags = Assigner(codebook, columns, gpu).count(frames, np.array([15, 25])).bags
    assert np.array_equal(bags, np.concatenate(expected, axis=1))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
def test_a_gpu_counts_the_same() -> None:
    rng = np.random.default_rng(0)
    frames = rng.standard_normal((5000, 130)).astype(np.float32)
    codebook, group = codebook_of([frames[:2000]], 10), [np.arange(130)]
    lengths = np.full(50, 100)
    here, there = (
        Assigner(codebook, group, gpu).count(frames, lengths) for gpu in (None, GpuCounter("cuda"))
    )
    assert np.array_equal(here.bags, there.bags)


def test_columns_out_of_order_are_read_in_the_order_of_the_codebook() -> None:
    rng = np.random.default_rng(5)
    frames, words = (rng.standard_normal((size, 5)).astype(np.float32) for size in (30, 8))
    for columns in ([1, 3, 2, 4], [4, 3, 2, 1], [0, 2, 4], [2, 3, 4], [3]):
        group, own = np.array(columns), words[:, : len(columns)]
        expected = brute(frames[:, columns], own, 2)
        assigner = Assigner(codebook_of([own], 2), [group])
        assert np.array_equal(assigner.count(frames, np.array([30])).bags, counted(expected, [30], 8))
        assert np.array_equal(assigner.assign(frames).words, expected)


@pytest.mark.parametrize("gpu", GPUS)
def test_frames_of_all_blocks_count_for_their_own_clips(gpu: GpuCounter | None) -> None:
    """Clips of many lengths, more frames than are multiplied at once, and near-ties that both ways settle."""
    rng = np.random.default_rng(6)
    directions = rng.standard_normal((40, 4))
    words = (5 + directions / np.linalg.norm(directions, axis=1, keepdims=True)).astype(np.float32)
    frames = (5 + rng.choice([1e-6, 1.0], 700)[:, None] * rng.standard_normal((700, 4))).astype(np.float32)
    lengths = [100, 0, 155, 2, 1, 300, 142]
    expected = brute(frames, words, 3)
    counts = Assigner(codebook_of([words], 3), [np.arange(4)], gpu).count(frames, np.array(lengths))
    assert np.array_equal(counts.bags, counted(expected, lengths, 40))
    assert (counts.bags.dtype, counts.frames.tolist()) == (np.int32, lengths)
    exact = ((frames[:, None].astype(float) - words) ** 2).sum(axis=2).min(axis=1).sum()
    assert counts.error == pytest.approx(exact, rel=1e-3)


def test_weights_and_words_of_each_frame_in_several_groups() -> None:
    """Nearest first; exp(-d² / 2 s²), and 0 beyond the largest distance, which itself still counts."""
    frames = np.array([[0, 3, 0], [4, 0, 10.0]], np.float32)
    one = np.array([[0, 0], [3, 0], [0, 8]], np.float32)
    two = np.array([[7], [0], [1], [12.0]], np.float32)
    counting = (Counting(2, 2.0, 4.0), Counting(3, 0.0, 3.0))
    assigner = Assigner(Codebook((one, two), counting), [np.array([0, 1]), np.array([2])])
    assert assigner.first.tolist() == [0, 0, 3, 3, 3]
    found = assigner.assign(frames)
    # Squared distances: frame 0: 9, 18, 25 and 49, 0, 1, 144; frame 1: 16, 1, 80 and 9, 100, 81, 4.
    assert found.words.tolist() == [[0, 1, 1, 2, 0], [1, 0, 3, 0, 2]]
    assert found.weights.tolist() == [
        [np.float32(np.exp(-9 / 8)), 0, 1, 1, 0],
        [np.float32(np.exp(-1 / 8)), np.float32(np.exp(-16 / 8)), 1, 1, 0],
    ]
    assert found.error == 9 + 0 + 1 + 4
    counts = assigner.count(frames, np.array([1, 1]))
    assert counts.bags.tolist() == [
        [np.float32(np.exp(-9 / 8)), 0, 0, 0, 1, 1, 0],
        [np.float32(np.exp(-2.0)), np.float32(np.exp(-1 / 8)), 0, 1, 0, 0, 1],
    ]
    assert counts.bags.dtype == np.float32 and counts.error == 14
    before = np.arange(7, dtype=np.float32)
    together = assigner.total(found, np.array([2, 0]), before)
    assert np.array_equal(together.bags, [before + counts.bags.sum(axis=0), np.zeros(7)])
    assert together.frames.tolist() == [2, 0]
