"""Draws against SplitMix64 written out with Python's integers, and what is made of them."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from stages.core.networks import forward
from stages.core.networks.draws import GAMMA, Purpose, bits, first_weights, key_of, order_of_clips
from stages.core.networks.network import dropout_masks, signed
from tests.core.networks.test_training import JOINT, PROBLEM

DROPPED = replace(JOINT, dropout=0.5, input_dropout=0.2)


def splitmix(state: int) -> int:
    z = state
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 % 2**64
    z = (z ^ z >> 27) * 0x94D049BB133111EB % 2**64
    return z ^ z >> 31


def test_draws_are_splitmix64() -> None:
    key = key_of(7, Purpose.DROPOUT)
    assert key == splitmix((splitmix(7) + Purpose.DROPOUT * GAMMA) % 2**64)
    expected = [splitmix((key + (number + 1) * GAMMA) % 2**64) for number in range(5, 25)]
    assert bits(key, 5, 20).tolist() == expected
    for threshold in (0, 2**31, 2**32):
        for number, drawn in zip(range(5, 25), expected, strict=True):
            keeps = forward._keeps(np.uint64(key), np.uint64(number), np.uint64(threshold))
            assert keeps == (drawn >> 32 >= threshold)


def test_seeds_and_purposes_have_streams_of_their_own() -> None:
    seeds = [0, 1, 2, 2**32, 2**63, 2**64 - 1]
    keys = {key_of(seed, purpose) for seed in seeds for purpose in Purpose}
    assert len(keys) == len(seeds) * len(Purpose)
    drawn = np.concatenate([bits(key, 0, 10_000) for key in keys])
    assert len(np.unique(drawn)) == len(drawn)
    ones = np.unpackbits(drawn.view(np.uint8)).mean()
    assert ones == pytest.approx(0.5, abs=0.001)


def test_masks_are_the_draws_of_step_clip_and_unit() -> None:
    key, step, clips, total = key_of(3, Purpose.DROPOUT), 4, 5, 12 + 16 + 8
    keys = torch.tensor([signed(key_of(1, Purpose.DROPOUT)), signed(key)])
    masks = dropout_masks(keys, torch.tensor(step), clips, 12, DROPPED, torch.float64)
    assert [tuple(mask.shape) for mask in masks] == [(2, 5, 12), (2, 5, 16), (2, 5, 8)]
    upper = (bits(key, step * clips * total, clips * total) >> np.uint64(32)).reshape(clips, total) / 2**32
    expected = [
        np.where(upper[:, :12] < 0.2, 0, 1 / 0.8),
        np.where(upper[:, 12:28] < 0.5, 0, 2.0),
        np.where(upper[:, 28:] < 0.5, 0, 2.0),
    ]
    for mask, wanted in zip(masks, expected, strict=True):
        np.testing.assert_allclose(mask[1].numpy(), wanted, rtol=1e-15)


def test_dropout_leaves_out_the_share_that_is_asked_for() -> None:
    keys = torch.tensor([signed(key_of(1, Purpose.DROPOUT))])
    architecture = replace(JOINT, dropout=0.6, input_dropout=0.1)
    inputs, first, second = dropout_masks(keys, torch.tensor(0), 2000, 12, architecture, torch.float64)
    assert float((inputs == 0).double().mean()) == pytest.approx(0.1, abs=0.01)
    assert float((first == 0).double().mean()) == pytest.approx(0.6, abs=0.01)
    assert float((second == 0).double().mean()) == pytest.approx(0.6, abs=0.02)
    assert set(inputs.unique().tolist()) == {0, 1 / 0.9}
    assert dropout_masks(keys, torch.tensor(0), 5, 12, JOINT, torch.float32) == []


def test_every_epoch_and_seed_has_an_order_of_its_own() -> None:
    orders = [order_of_clips(100, seed, epoch) for seed in (1, 2) for epoch in (0, 1, 2)]
    for order in orders:
        assert sorted(order) == list(range(100))
    assert len({tuple(order) for order in orders}) == 6
    positions = np.array([np.argsort(order_of_clips(10, seed, 0))[0] for seed in range(3000)])
    assert np.bincount(positions, minlength=10) == pytest.approx(np.full(10, 300), abs=80)


def test_first_weights_are_those_of_torch_in_distribution() -> None:
    weights = first_weights(PROBLEM, JOINT, 1)
    for name, inputs in (("trunk.0.0", 12), ("trunk.1.0", 16), ("heads.age.0", 8), ("heads.emotion.2", 6)):
        bound = 1 / np.sqrt(inputs)
        assert weights[f"{name}.weight"].shape[1] == inputs
        values = np.concatenate([weights[f"{name}.weight"].ravel(), weights[f"{name}.bias"].ravel()])
        assert np.abs(values).max() <= bound
        assert len(np.unique(values)) == values.size
    large = np.concatenate([first_weights(PROBLEM, JOINT, seed)["trunk.0.0.weight"] for seed in range(200)])
    assert large.mean() == pytest.approx(0, abs=0.005)
    assert large.std() == pytest.approx(1 / np.sqrt(3 * 12), rel=0.01)
    assert weights["trunk.0.1.weight"].tolist() == [1] * 16
    assert weights["trunk.0.1.bias"].tolist() == [0] * 16
    mean = PROBLEM.train.targets["age"].mean()
    assert weights["heads.age.2.bias"] == pytest.approx(mean, rel=1e-6)
    other = first_weights(PROBLEM, JOINT, 2)
    assert not np.array_equal(weights["trunk.0.0.weight"], other["trunk.0.0.weight"])


@pytest.mark.parametrize("rare", [1, 7, 50])
def test_weights_decide_how_often_a_clip_is_taken(rare: int) -> None:
    weights = np.where(np.arange(100) < rare, 50 / rare, 50 / (100 - rare))
    orders = np.stack([order_of_clips(100, 3, epoch, weights) for epoch in range(200)])
    counts = np.stack([np.bincount(order, minlength=100) for order in orders])
    assert (counts >= np.floor(weights)).all()
    assert (counts <= np.ceil(weights)).all()
    assert counts[:, :rare].sum(axis=1).mean() == pytest.approx(50, rel=0.05)
    assert counts.mean(axis=0) == pytest.approx(weights, rel=0.25)
    assert not np.array_equal(orders[0], orders[1])
    assert np.array_equal(orders[5], order_of_clips(100, 3, 5, weights))
    assert len({int(order[0]) for order in orders}) > 1


def test_equal_weights_take_each_clip_once() -> None:
    assert sorted(order_of_clips(50, 1, 2, np.ones(50))) == list(range(50))
