"""Speakers' units against their definition written as a loop."""

from itertools import permutations

import numpy as np
import pytest

from stages.core.networks.speakers import in_speaker_units, whole_speakers


def plain(inputs: np.ndarray, speakers: list[str]) -> np.ndarray:
    result = np.empty(inputs.shape)
    for row, speaker in enumerate(speakers):
        clips = inputs[[other == speaker for other in speakers]].astype(float)
        n = len(clips)
        sd = np.sqrt((n * clips.var(axis=0) + 5) / (n + 5))
        result[row] = (inputs[row] - clips.mean(axis=0) * n / (n + 5)) / sd
    return result


@pytest.fixture
def clips() -> tuple[np.ndarray, list[str]]:
    generator = np.random.default_rng(1)
    speakers = [f"s{number}" for number in generator.integers(0, 7, 60)] + ["alone"]
    return generator.normal(0, 1, (61, 300)).astype(np.float32), speakers


def test_the_definition(clips: tuple[np.ndarray, list[str]]) -> None:
    found = in_speaker_units(*clips)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, plain(*clips), rtol=1e-5, atol=1e-6)


def test_a_clip_depends_on_its_speakers_clips_alone_and_not_on_their_order(
    clips: tuple[np.ndarray, list[str]],
) -> None:
    inputs, speakers = clips
    found = in_speaker_units(inputs, speakers)
    order = np.random.default_rng(2).permutation(len(inputs))
    shuffled = in_speaker_units(inputs[order], [speakers[row] for row in order])
    assert shuffled.tobytes() == found[order].tobytes()
    mine = [row for row, speaker in enumerate(speakers) if speaker == "s3"]
    assert in_speaker_units(inputs[mine], ["x"] * len(mine)).tobytes() == found[mine].tobytes()


def test_a_lone_clip_hardly_changes_and_many_clips_are_centred() -> None:
    alone = in_speaker_units(np.array([[3.0]], np.float32), ["a"])
    assert alone[0, 0] == pytest.approx((3 - 0.5) / np.sqrt(5 / 6))
    many = np.random.default_rng(3).normal(8, 3, (4000, 2)).astype(np.float32)
    found = in_speaker_units(many, ["a"] * 4000)
    np.testing.assert_allclose(found.mean(axis=0), 0, atol=0.02)
    np.testing.assert_allclose(found.std(axis=0), 1, atol=0.02)


def test_blocks_of_speakers_are_as_small_as_they_may_be() -> None:
    """Speakers in the order of their names, clips in that of the table; the last block may be small."""
    speakers = np.array(list("cabbacdde"))
    blocks = [rows.tolist() for rows in whole_speakers(speakers, 3)]
    assert blocks == [[1, 4, 2, 3], [0, 5, 6, 7], [8]]
    assert [rows.tolist() for rows in whole_speakers(speakers, 2)] == [[1, 4], [2, 3], [0, 5], [6, 7], [8]]
    assert [rows.tolist() for rows in whole_speakers(speakers, 99)] == [[1, 4, 2, 3, 0, 5, 6, 7, 8]]
    assert list(whole_speakers(speakers[:0], 3)) == []


def test_sums_that_are_rounded_do_not_depend_on_the_order() -> None:
    """From left to right 2⁶⁰ + 1 − 2⁶⁰ is 0, and 2⁶⁰ − 2⁶⁰ + 1 is 1."""
    inputs = np.array([[2.0**60], [1.0], [-(2.0**60)], [3.0]], np.float32)
    expected = in_speaker_units(inputs, list("aaaa"))
    for order in permutations(range(4)):
        assert (
            in_speaker_units(inputs[list(order)], list("aaaa")).tobytes() == expected[list(order)].tobytes()
        )
