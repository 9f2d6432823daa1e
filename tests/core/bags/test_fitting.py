from pathlib import Path

import numpy as np
import pytest

from stages.core.bags.assignment import Assigner
from stages.core.bags.codebook import Codebook
from stages.core.bags.fitting import fit_codebook, sample_frames
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
