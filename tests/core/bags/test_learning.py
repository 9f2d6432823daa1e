import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.core.bags.layout import column_groups
from stages.core.bags.learning import (
    ITERATIONS,
    JavaRandom,
    Method,
    learn,
    lloyd,
    plus_plus_seeding,
    random_frames,
)
from stages.core.runtime.errors import OptionError
from tests.helpers import openxbow
from tests.helpers.openxbow import needs_openxbow


def test_the_generator_is_javas() -> None:
    generator = JavaRandom(42)
    signed = [-1170105035, 234785527, -1360544799, 205897768]  # nextInt() of new Random(42)
    assert [generator.integer(2**30) for _ in signed] == [number % 2**32 >> 2 for number in signed]
    generator = JavaRandom(42)
    assert [generator.integer(10) for _ in range(3)] == [0, 3, 8]
    assert JavaRandom(42).double() == 0.7275636800328681
    assert JavaRandom(0).double() == 0.730967787376657


@needs_openxbow
@pytest.mark.parametrize(
    ("tag", "method"),
    [
        ("single50_a1", "random++"),
        ("single50_a10logstd", "random++"),
        ("single500_a10logstd", "random++"),
        ("single500_a1norm1", "random++"),
        ("split50_a10", "random++"),
        ("x_idf", "random++"),
        ("x_random", "random"),
    ],
)
def test_words_are_those_of_openxbow(tag: str, method: Method) -> None:
    theirs, frames = openxbow.codebook(tag), openxbow.frames("train")
    names = openxbow.descriptors("train")[0]
    groups = column_groups(names, "split" if tag.startswith("split") else "joint")
    for group, expected in zip(groups, theirs.words, strict=True):
        chosen = learn(theirs.scaled(frames, group), len(expected), method, 10)
        assert np.array_equal(chosen, expected)


def drawn(frames: np.ndarray, size: int, seed: int, by_words: bool) -> list[int]:
    """The random words step by step; how far back a drawn frame goes counts the words so far or the draws."""
    generator, order, words = JavaRandom(seed), list(range(len(frames))), []
    for draw in range(len(frames)):
        index = generator.integer(len(frames) - draw)
        if not any(abs(frames[order[index], 0] - frames[word, 0]) < 1e-4 for word in words):
            words.append(order[index])
        if len(words) == size:
            break
        last = len(frames) - (len(words) if by_words else draw) - 1
        order[index], order[last] = order[last], order[index]
    return words


def test_random_draws_as_openxbow_does_where_frames_are_alike() -> None:
    frames = np.array([[0], [0], [1], [2], [0], [3], [1], [5.0]], np.float32)
    found = random_frames(frames, 4, 7).tolist()
    assert found == drawn(frames, 4, 7, by_words=True) == [5, 6, 3, 1]
    assert found != drawn(frames, 4, 7, by_words=False)


def test_frames_in_one_column_alike_are_different() -> None:
    frames = np.array([[1, 1], [1, 2], [2, 1], [1, 1.00005]], np.float32)
    assert sorted(random_frames(frames, 3, 10).tolist())[:3] in ([0, 1, 2], [1, 2, 3])


def brute_seeding(frames: np.ndarray, size: int, seed: int) -> list[int]:
    """k-means++ seeding, one number after the other."""
    generator = JavaRandom(seed)
    chosen = [generator.integer(len(frames))]
    while len(chosen) < size:
        distances = []
        for frame in frames:
            nearest = np.inf
            for word in chosen:
                total = 0.0
                for a, b in zip(frame, frames[word], strict=True):
                    total += float(np.float32(a - b)) ** 2
                nearest = min(nearest, total)
            distances.append(nearest)
        total, share, cumulative = sum(distances), generator.double(), 0.0
        for index, distance in enumerate(distances):
            cumulative = 1.0 if index == len(frames) - 1 else cumulative + distance / total
            if cumulative > share:
                chosen.append(index)
                break
    return chosen


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**31), scale=st.sampled_from([1e-3, 1.0, 1e6]), rounded=st.booleans())
def test_random_plus_plus_is_the_plain_seeding(seed: int, scale: float, rounded: bool) -> None:
    rng = np.random.default_rng(seed)
    frames = (rng.standard_normal((40, 5)) * scale + scale).astype(np.float32)
    if rounded:
        frames = (np.round(frames / scale) * scale).astype(np.float32)
    assert plus_plus_seeding(frames, 8, seed).tolist() == brute_seeding(frames, 8, seed)


def test_random_refuses_near_duplicates() -> None:
    rng = np.random.default_rng(0)
    different = rng.standard_normal((20, 3)).astype(np.float32)
    frames = np.concatenate([different, different + np.float32(5e-5), different])
    chosen = frames[random_frames(frames, 15, 10)]
    between = np.abs(chosen[:, None] - chosen[None]).max(axis=2) + np.eye(15)
    assert between.min() > 1e-4
    with pytest.raises(OptionError, match=r"random drew only \d+ different frames"):
        random_frames(frames, 21, 10)


@pytest.mark.parametrize("method", ["random", "random++", "kmeans", "kmeans++"])
def test_too_few_frames_are_one_sentence(method: Method) -> None:
    frames = np.tile(np.eye(3, dtype=np.float32), (4, 1))
    assert len(learn(frames, 2, method, 10)) == 2
    with pytest.raises(OptionError, match=r"only [23] (different|of the training frames differ)"):
        learn(frames, 4, method, 10)
    with pytest.raises(OptionError, match=r"size is 13, but there are only 12 training frames"):
        learn(frames, 13, method, 10)


@pytest.mark.parametrize(
    ("method", "message"), [("random++", "only 1 of the training"), ("random", "only 1 di")]
)
def test_frames_that_are_all_the_same(method: Method, message: str) -> None:
    frames = np.ones((5, 2), np.float32)
    assert learn(frames, 1, method, 10).tolist() == [[1, 1]]
    with pytest.raises(OptionError, match=message):
        learn(frames, 2, method, 10)


def brute_lloyd(frames: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Lloyd's iterations in float32, frame after frame."""
    centres, before = centres.copy(), np.zeros(len(frames), int)
    for _ in range(ITERATIONS):
        labels = ((frames[:, None] - centres) ** 2).sum(axis=2).argmin(axis=1)
        if np.array_equal(labels, before):
            break
        before = labels
        for word in range(len(centres)):
            if (labels == word).any():
                centres[word] = np.cumsum(frames[labels == word], axis=0)[-1] / np.float32(
                    (labels == word).sum()
                )
    return centres


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 1000))
@pytest.mark.parametrize(("method", "start"), [("kmeans", "random"), ("kmeans++", "random++")])
def test_k_means_is_lloyd_from_that_start(method: Method, start: Method, seed: int) -> None:
    rng = np.random.default_rng(seed)
    frames = (rng.standard_normal((300, 4)) + 3 * rng.integers(0, 3, (300, 1))).astype(np.float32)
    expected = brute_lloyd(frames, learn(frames, 6, start, 10))
    assert np.allclose(learn(frames, 6, method, 10), expected, rtol=1e-5, atol=1e-5)


def test_a_word_without_frames_stays() -> None:
    frames = np.array([[0, 0], [0, 1], [4, 4], [4, 5], [9, 9]], np.float32)
    start = np.array([[4, 4], [0, 0], [100, 100], [9, 8]], np.float32)
    assert lloyd(frames, start).tolist() == [[4, 4.5], [0, 0.5], [100, 100], [9, 9]]


def test_a_single_word_is_the_mean() -> None:
    frames = np.array([[0, 0], [0, 1], [4, 4], [4, 5]], np.float32)
    assert lloyd(frames, frames[:1]).tolist() == [[2, 2.5]]
