from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from stages.core.bags.assignment import Assigner
from stages.core.bags.codebook import Codebook, Counting
from stages.core.bags.fitting import fit_codebook, sample_frames
from stages.core.bags.learning import learn
from stages.core.config.features import BagOptions, CodebookOptions
from stages.core.features.descriptors import open_descriptors
from stages.core.runtime.compute import ComputeOptions
from stages.core.runtime.errors import OptionError
from tests.core.features.test_descriptors import CLIPS
from tests.helpers.descriptors import write_clips


def test_only_training_frames_are_sampled(tmp_path: Path) -> None:
    write_clips(tmp_path, CLIPS, clips_per_shard=2)
    descriptors = open_descriptors(tmp_path)
    training = np.array([False, True, False, True])
    everything, not_finite = sample_frames(descriptors, training, None, 1)
    assert not_finite == 0
    assert np.array_equal(everything, np.concatenate([CLIPS["00001"], CLIPS["00003"]]))
    assert np.array_equal(sample_frames(descriptors, training, 500, 1)[0], everything)
    some, _ = sample_frames(descriptors, training, 100, 1)
    assert len(some) == 100
    known = {tuple(row): index for index, row in enumerate(everything.tolist())}
    indices = [known[tuple(row)] for row in some.tolist()]
    assert indices == sorted(indices)
    assert np.array_equal(some, sample_frames(descriptors, training, 100, 1)[0])
    assert not np.array_equal(some, sample_frames(descriptors, training, 100, 2)[0])


def test_the_sample_is_uniform(tmp_path: Path) -> None:
    write_clips(tmp_path, CLIPS)
    descriptors = open_descriptors(tmp_path)
    everyone = np.ones(4, bool)
    ones = [(sample_frames(descriptors, everyone, 64, seed)[0] == 1).all(axis=1).sum() for seed in range(200)]
    assert abs(np.mean(ones) / 64 - 300 / 512) < 0.02


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            CodebookOptions(size=3),
            "standardize cannot be done: the squares of column d1_sma, which reaches",
        ),
        (
            CodebookOptions(size=3, standardize=False, method="kmeans"),
            "method cannot be kmeans: values",
        ),
    ],
)
def test_values_too_large_for_sums_are_refused(
    tmp_path: Path, options: CodebookOptions, message: str
) -> None:
    clip = np.random.default_rng(0).standard_normal((20, 2)).astype(np.float32)
    clip[::2, 1] = 3e38
    write_clips(tmp_path, {"00000": clip})
    descriptors, training, group = open_descriptors(tmp_path), np.array([True]), [np.arange(2)]
    with pytest.raises(OptionError, match=message):
        fit_codebook(descriptors, training, group, options, BagOptions(), ComputeOptions(1))


def test_bags_are_scaled_as_they_are_normalized(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    clips = {f"{clip}": rng.standard_normal((5 + 7 * clip, 2)).astype(np.float32) for clip in range(5)}
    write_clips(tmp_path, clips)
    training, group = np.array([True, True, False, True, True]), [np.arange(2)]
    options = CodebookOptions(size=4, standardize=False)
    counting = BagOptions(assignments=2, log=False, standardize_output=True, normalize="frames")
    codebook = fit_codebook(
        open_descriptors(tmp_path), training, group, options, counting, ComputeOptions(1)
    ).codebook
    plain = Codebook(codebook.words, codebook.counting)
    bags = [
        Assigner(plain, group).count(values, np.array([len(values)])).bags[0] * (4 / len(values))
        for values, chosen in zip(clips.values(), training, strict=True)
        if chosen
    ]
    assert codebook.output is not None
    np.testing.assert_allclose(codebook.output.offset, np.mean(bags, axis=0), rtol=1e-6)
    np.testing.assert_allclose(codebook.output.divisor, np.std(bags, axis=0, ddof=1), rtol=1e-5)


def test_words_weights_and_figures_come_from_the_training_clips(tmp_path: Path) -> None:
    """Two groups of columns; of five clips three train, of which one has the first word of group two."""
    rng = np.random.default_rng(4)
    clips = {f"{n}": rng.standard_normal((6 + 5 * n, 3)).astype(np.float32) for n in range(5)}
    clips["2"][3, 1] = np.nan
    write_clips(tmp_path, clips, clips_per_shard=2)
    training, groups = np.array([False, True, True, False, True]), [np.array([2, 0]), np.array([1])]
    options = CodebookOptions(size=(4, 6), standardize=False, frames=None, seed=3)
    counting = BagOptions(assignments=1, log=False, idf=True, gaussian=0.7, cutoff=0.4)
    fitted = fit_codebook(open_descriptors(tmp_path), training, groups, options, counting, ComputeOptions(1))
    assert (fitted.clips, fitted.frames, fitted.sampled, fitted.not_finite) == (3, 53, 52, 1)
    sample = np.concatenate([clips[name] for name in ("1", "2", "4")])
    sample = sample[np.isfinite(sample).all(axis=1)]
    found = fitted.codebook
    for words, columns, size in zip(found.words, ([2, 0], [1]), (4, 6), strict=True):
        assert np.array_equal(words, learn(np.ascontiguousarray(sample[:, columns]), size, "random++", 3))
    assert found.counting == (Counting(1, 0.7, 0.4),) * 2
    assert (found.input, found.output, found.log) == (None, None, False)
    plain = Assigner(Codebook(found.words, found.counting), groups)
    bags = []
    for name in ("1", "2", "4"):
        finite = clips[name][np.isfinite(clips[name]).all(axis=1)]
        bags.append(plain.count(finite, np.array([len(finite)])).bags[0] > 0)
    documents = np.sum(bags, axis=0)
    assert len(set(documents.tolist())) > 2
    expected = [np.log10(3 / number) if number else 1 for number in documents]
    np.testing.assert_allclose(found.idf, expected, rtol=1e-6)
    again = fit_codebook(
        open_descriptors(tmp_path), training, groups, replace(options, seed=4), counting, ComputeOptions(1)
    )
    assert not np.array_equal(again.codebook.words[0], found.words[0])


@pytest.mark.parametrize("log", [False, True])
def test_the_weights_of_the_idf_are_those_of_the_scaled_bags(tmp_path: Path, log: bool) -> None:
    rng = np.random.default_rng(7)
    clips = {f"{n}": rng.standard_normal((3 + 2 * n, 2)).astype(np.float32) for n in range(6)}
    write_clips(tmp_path, clips)
    counting = BagOptions(assignments=1, log=log, idf=True, standardize_output=True, normalize="sum")
    training, group = np.ones(6, bool), [np.arange(2)]
    training[2] = False
    found = fit_codebook(
        open_descriptors(tmp_path), training, group, CodebookOptions(size=9), counting, ComputeOptions(1)
    ).codebook
    assert found.idf is not None and found.output is not None and found.log == log
    counts = [
        Assigner(Codebook(found.words, found.counting, input=found.input), group)
        .count(values, np.array([len(values)]))
        .bags[0]
        for values, chosen in zip(clips.values(), training, strict=True)
        if chosen
    ]
    bags = (np.log10(np.array(counts) + 1) if log else np.array(counts, float)) * found.idf
    bags = bags / bags.sum(axis=1, keepdims=True) * 9
    np.testing.assert_allclose(found.output.offset, bags.mean(axis=0), rtol=1e-5, atol=1e-6)
    spread = bags.std(axis=0, ddof=1)
    np.testing.assert_allclose(found.output.divisor, np.where(spread > 1e-6, spread, 1), rtol=1e-4)


def test_frames_that_are_not_finite_are_dropped(tmp_path: Path) -> None:
    values = np.array([[0, 1], [np.nan, 1], [2, 3], [4, np.inf]])
    write_clips(tmp_path, {"a": values})
    found, not_finite = sample_frames(open_descriptors(tmp_path), np.array([True]), None, 1)
    assert found.tolist() == [[0, 1], [2, 3]]
    assert not_finite == 2


def test_the_sample_is_numpys_of_the_training_frames(tmp_path: Path) -> None:
    """Its frames decide the words, so that how they are found must not change them."""
    write_clips(tmp_path, CLIPS, clips_per_shard=2)
    training = np.array([False, True, False, True])
    found, _ = sample_frames(open_descriptors(tmp_path), training, 50, 3)
    frames = np.concatenate([CLIPS["00001"], CLIPS["00003"]])
    rows = np.random.default_rng(3).choice(len(frames), 50, replace=False, shuffle=False)
    assert np.array_equal(found, frames[np.sort(rows)])
