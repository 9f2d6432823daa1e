"""Draws against SplitMix64 written out with Python's integers, and what is made of them."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from stages.core.config.tasks import Task
from stages.core.config.training import Architecture
from stages.core.networks import forward
from stages.core.networks.data import MultiTaskData, SplitData
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


@pytest.mark.parametrize("epoch", range(6))
def test_an_order_is_that_of_its_draws(epoch: int) -> None:
    """By Python's integers: clips are sorted by their draws, and weights cut into shares in another order."""

    def draws(purpose: Purpose, first: int, count: int) -> list[int]:
        key = splitmix((splitmix(7) + purpose * GAMMA) % 2**64)
        return [splitmix((key + (number + 1) * GAMMA) % 2**64) for number in range(first, first + count)]

    by_order = draws(Purpose.ORDER, epoch * 9, 9)
    order = sorted(range(9), key=by_order.__getitem__)
    assert order_of_clips(9, 7, epoch).tolist() == order
    *of_clips, last = draws(Purpose.SAMPLE, epoch * 10, 10)
    weights = [2.25, 0.25, 0.25, 0.75, 0.5, 0.5, 2.5, 1.0, 1.0]
    shuffled = sorted(range(9), key=of_clips.__getitem__)
    taken, end = [], 0.0
    for clip in shuffled:
        places = [place for place in range(9) if end <= place + last / 2**64 < end + weights[clip]]
        taken += [clip] * len(places)
        end += weights[clip]
    assert len(taken) == 9 and len(set(taken)) < 9
    assert order_of_clips(9, 7, epoch, np.array(weights)).tolist() == [taken[place] for place in order]


def test_first_weights_are_drawn_layer_by_layer() -> None:
    """Outputs of a linear regression start at the means of its columns, those of others where drawn."""
    tasks = {
        "place": Task("regression", ("X", "Y"), "ccc"),
        "mood": Task("regression", ("Mood",), "ccc", output="sigmoid"),
        "kind": Task("classification", ("Kind",), "uar"),
    }
    targets = {
        "place": np.array([[1.0, 10.0], [np.nan, np.nan], [4.0, 20.0]]),
        "mood": np.array([[0.2], [0.9], [0.1]]),
        "kind": np.array([0, 1, 1]),
    }
    part = SplitData(np.zeros((3, 5), np.float32), targets)
    outputs = {"place": 2, "mood": 1, "kind": 2}
    data = MultiTaskData(tasks, outputs, part, part, dict.fromkeys(tasks, (0.0, 1.0)))
    found = first_weights(data, Architecture(True, (4, 3), (2,)), 9)
    key, number = key_of(9, Purpose.WEIGHTS), 0
    for name in found:
        if name.startswith("trunk.") and ".1." in name[7:]:
            continue
        inputs = {"trunk.0": 5, "trunk.1": 4}.get(name[:7], 3 if name.split(".")[2] == "0" else 2)
        drawn = [splitmix((key + (n + 1) * GAMMA) % 2**64) for n in range(number, number + found[name].size)]
        number += found[name].size
        if name != "heads.place.2.bias":
            expected = (2 * (np.array(drawn) / 2**64) - 1) / np.sqrt(inputs)
            np.testing.assert_allclose(found[name].ravel(), expected, rtol=1e-6)
    assert number == 5 * 4 + 4 + 4 * 3 + 3 + 3 * (3 * 2 + 2) + 2 * 5 + 5
    assert found["heads.place.2.bias"].tolist() == [2.5, 15.0]


def test_equal_weights_take_each_clip_once() -> None:
    assert sorted(order_of_clips(50, 1, 2, np.ones(50))) == list(range(50))
