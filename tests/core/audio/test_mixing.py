"""The mix of a recording, and what is measured of it, by hand."""

import numpy as np
import pytest

from stages.core.audio.mixing import Mix, mix_blocks
from tests.helpers.corpora import tone


def mixed(*channels: list[float], parts: int = 1, channel: int | None = None) -> Mix:
    """Samples that are repeated a hundred times, at 16 kHz."""
    samples = np.tile(np.array(channels).T, (100, 1))
    return mix_blocks(((16_000, block) for block in np.array_split(samples, parts)), channel)


def test_the_facts_of_a_recording() -> None:
    left, right = [0.5, -0.25, 0.125, 0.0], [0.1, 0.35, -0.525, 0.2]
    for parts in (1, 3):
        mix = mixed(left, right, parts=parts)
        assert (mix.rate, mix.channels, mix.frames, mix.values, mix.loudest) == (16_000, 2, 400, 4, None)
        assert (mix.low, mix.high) == (pytest.approx(-0.2), pytest.approx(0.3))
        np.testing.assert_allclose(mix.samples, np.tile([0.3, 0.05, -0.2, 0.1], 100), atol=1e-15)
        second = mixed(left, right, parts=parts, channel=1)
        assert second.samples.tolist() == right * 100
        assert (second.low, second.high, second.channels, second.loudest) == (-0.525, 0.35, 2, None)
    assert mixed([0.5, -0.5], [0.01, -0.01], channel=1).loudest is None


@pytest.mark.parametrize(
    ("samples", "share"),
    [
        ([1, -1, 0.98, 0.979], 0.75),  # from 0.98 of the way to an extreme on
        ([1, -1, -0.98, -0.979], 0.75),
        ([1, -1, 0.5, -0.5, 0.5, -0.5, 0.5, -0.5], 0.25),
        ([1.0, 1.0, 0.0, 0.0], 0.5),  # silence is no clipping
        ([-1.0, 0.0, 0.0, 0.0], 0.25),
        ([0.6, 0.597, 0.595, 0.2], 0.75),  # the middle is at 0.4, and 0.98 of the way at 0.596 and 0.204
        ([0.1, -0.1], 1.0),
        ([0.099, -0.099], 0.0),  # too faint to tell
        ([1.5, -1.5], 0.0),  # beyond full scale nothing was cut off
        ([1.001, -1.0], 0.0),
        ([1.0, -1.001], 0.0),
        ([-1.9, 0.5], 0.0),
    ],
)
def test_the_share_of_samples_at_an_extreme(samples: list[float], share: float) -> None:
    for parts in (1, 7):
        assert mixed(samples, parts=parts).clipped == share


def test_an_extreme_may_be_a_single_sample() -> None:
    samples = np.tile([0.5, -0.5], 100)
    samples[[20, 90]] = 1, -1
    assert mix_blocks([(16_000, samples[:, None])]).clipped == 2 / 200
    samples[150] = 1.5  # in another block
    for whole in (samples, samples[::-1]):
        assert mix_blocks([(16_000, whole[:100, None]), (16_000, whole[100:, None])]).clipped == 0


def test_clipping_is_judged_by_channels_that_are_not_dead() -> None:
    half = [1, -1, 0.5, -0.5]
    assert mixed(half, [0.1, -0.1, 0.1, -0.1]).clipped == 0.75  # a tenth of the largest swing
    assert mixed(half, [0.099, -0.099, 0.099, -0.099]).clipped == 0.5
    assert mixed([0.099, -0.099, 0.099, -0.099], half).clipped == 0.5
    assert mixed(half, [0.25, 0.25, 0.25, 0.25]).clipped == 0.5  # has an offset, and no swing


def test_few_values_are_counted() -> None:
    assert mixed([0.5, -0.5]).values == 2
    assert mixed([0.5, -0.5, 0.25]).values == 3
    assert mixed([0.5, -0.5, 0.25, 0.0]).values == mixed([0.1, 0.2, 0.3, 0.4, 0.5]).values == 4
    assert mixed([0.5, -0.5], [0.25, 0.5]).values == 3
    late = np.r_[np.tile([0.5, -0.5], 3000), 0.1, 0.2][:, None]
    assert (
        mix_blocks([(16_000, late)]).values
        == mix_blocks([(16_000, late[:2000]), (16_000, late[2000:])]).values
        == 4
    )


@pytest.mark.parametrize(
    ("gains", "loudest"),
    [
        ((1, -0.79), None),  # the mean is at 0.105: 19.6 dB below
        ((1, -0.81), 0),  # 0.095
        ((0.79, -1), None),
        ((0.81, -1), 1),
        ((0.996, -1), 0),  # of equals up to 1 % of their energy, the first
        ((0.994, -1), 1),
        ((0.5, 0.5, -1), 2),
        ((0.2, -1, 1, -0.2), 1),
    ],
)
def test_channels_that_cancel_each_other(gains: tuple[float, ...], loudest: int | None) -> None:
    samples = tone(0.2, 16_000)[:, None] * np.array(gains)
    assert mix_blocks([(16_000, samples)]).loudest == loudest
    offsets = samples + np.arange(len(gains)) / 10
    assert mix_blocks([(16_000, offsets[:999]), (16_000, offsets[999:])]).loudest == loudest
