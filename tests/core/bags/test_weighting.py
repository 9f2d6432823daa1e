import numpy as np
import pytest

from stages.core.bags.assignment import Counts
from stages.core.bags.codebook import Activity, Scaling
from stages.core.bags.weighting import Normalization, document_counts, finish, idf
from tests.helpers.codebooks import codebook_of

COUNTS = Counts(np.array([[3, 0, 1], [0, 0, 0], [9, 2, 4]], np.int32), np.array([4, 0, 15]), 0.0)
WORDS = (np.zeros((3, 2), np.float32),)


def test_logarithm_and_idf() -> None:
    counts = COUNTS.bags
    assert finish(COUNTS, codebook_of(WORDS, 1), "none").tolist() == counts.tolist()
    logarithm = finish(COUNTS, codebook_of(WORDS, 1, log=True), "none")
    assert logarithm.dtype == np.float32
    assert np.array_equal(logarithm, np.log10(counts + 1.0).astype(np.float32))
    factors = idf(np.array([2, 1, 0]), 3)
    assert np.allclose(factors, [np.log10(1.5), np.log10(3), 1])
    weighted = finish(COUNTS, codebook_of(WORDS, 1, idf=factors), "none")
    assert np.array_equal(weighted, counts.astype(np.float32) * factors)


@pytest.mark.parametrize(
    ("normalization", "lengths"), [("frames", [4, 15]), ("sum", [4, 15]), ("norm", [10**0.5, 101**0.5])]
)
def test_normalization_scales_to_the_number_of_bins(
    normalization: Normalization, lengths: list[float]
) -> None:
    finished = finish(COUNTS, codebook_of(WORDS, 1), normalization)
    assert finished.dtype == np.float32
    assert not finished[1].any()
    assert np.allclose(finished[[0, 2]], COUNTS.bags[[0, 2]] * 3 / np.array(lengths)[:, None], rtol=1e-6)


def test_the_idf_precedes_the_normalization_and_frames_without_words_keep_zeros() -> None:
    counts = Counts(np.array([[3, 0, 1], [0, 0, 0], [0, 0, 0]], np.int32), np.array([4, 0, 5]), 0.0)
    codebook = codebook_of(WORDS, 1, log=True, idf=np.array([2, 5, 0.5], np.float32))
    weighted = np.log10([4, 1, 2]) * [2, 5, 0.5]
    for normalization, length in (
        ("none", 3.0),
        ("frames", 4.0),
        ("sum", weighted.sum()),
        ("norm", np.sqrt((weighted**2).sum())),
    ):
        found = finish(counts, codebook, normalization)
        np.testing.assert_allclose(found[0], weighted * 3 / length, rtol=1e-6)
        assert not found[1:].any()
    assert counts.bags.tolist() == [[3, 0, 1], [0, 0, 0], [0, 0, 0]]


def test_a_word_in_every_clip_weighs_nothing() -> None:
    assert idf(np.array([4, 0, 1]), 4).tolist() == [0, 1, np.float32(np.log10(4.0))]
    counts = Counts(np.array([[3, 0], [1, 2], [0, 0]], np.int32), np.array([3, 3, 0]), 0.0)
    assert document_counts(counts).tolist() == [2, 1]


def test_the_output_is_scaled_last() -> None:
    scaling = Scaling("normalize", np.array([1, 0, 2], np.float32), np.array([2, 4, 1], np.float32))
    plain = finish(COUNTS, codebook_of(WORDS, 1, log=True), "sum")
    scaled = finish(COUNTS, codebook_of(WORDS, 1, log=True, output=scaling), "sum")
    assert np.array_equal(scaled, (plain - scaling.offset) / scaling.divisor)


def test_what_is_left_out_as_inactive_is_openxbows_small_number() -> None:
    bags = finish(COUNTS, codebook_of(WORDS, 1, activity=Activity(0, 1.0)), "none")
    assert bags[1].tolist() == [np.float32(0.001)] * 3
    assert bags[[0, 2]].tolist() == COUNTS.bags[[0, 2]].tolist()
    assert not finish(COUNTS, codebook_of(WORDS, 1, activity=Activity(0, 1.0)), "frames")[1].any()
    far = Counts(np.zeros((1, 3), np.float32), np.array([4]), 0.0)  # its frames count, no word is near
    assert finish(far, codebook_of(WORDS, 1, activity=Activity(0, 1.0)), "none").tolist() == [[0, 0, 0]]


def test_weights_that_java_calls_denormal_make_no_document() -> None:
    tiny = np.finfo(np.float32).tiny
    counts = Counts(np.array([[tiny, 2 * tiny], [0, 1]], np.float32), np.array([1, 1]), 0.0)
    assert document_counts(counts).tolist() == [0, 2]
