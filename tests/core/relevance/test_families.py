"""Families and words of openSMILE's features, on all names of eGeMAPS and ComParE."""

import opensmile
import pytest

from stages.core.relevance.families import FAMILIES, families_of, matches
from stages.core.relevance.wording import described
from stages.core.runtime.errors import OptionError


def names_of(feature_set: str) -> list[str]:
    return opensmile.Smile(opensmile.FeatureSet[feature_set]).feature_names


@pytest.mark.parametrize(("feature_set", "number"), [("eGeMAPSv02", 88), ("ComParE_2016", 6373)])
def test_every_name_falls_into_exactly_one_family(feature_set: str, number: int) -> None:
    names = names_of(feature_set)
    assert len(names) == number
    assert [name for name in names if len(matches(name)) != 1] == []
    columns = families_of(names, {})
    assert sorted(column for found in columns.values() for column in found.tolist()) == list(range(number))
    assert set(columns) == set(FAMILIES) - ({"formants"} if feature_set == "ComParE_2016" else set())


@pytest.mark.parametrize("feature_set", ["eGeMAPSv02", "ComParE_2016"])
def test_every_name_has_words(feature_set: str) -> None:
    assert [name for name in names_of(feature_set) if described(name)[0] == name] == []


@pytest.mark.parametrize(
    ("name", "family", "words", "unit"),
    [
        ("F0semitoneFrom27.5Hz_sma3nz_meanRisingSlope", "pitch", "mean rising slope of pitch", "semitones/s"),
        ("VoicedSegmentsPerSec", "voicing", "number of voiced segments", "per second"),
        (
            "slopeUV500-1500_sma3nz_amean",
            "spectral shape",
            "mean spectral slope from 500 to 1500 Hz where unvoiced",
            "dB/Hz",
        ),
        ("HNRdBACF_sma3nz_amean", "voice quality", "mean harmonics-to-noise ratio", "dB"),
        ("F0final_sma_quartile2", "pitch", "quartile 2 of pitch", "Hz"),
        ("F0final_sma_ff0_meanSegLen", "voicing", "mean length of voiced segments", "s"),
        ("mfcc_sma[4]_upleveltime25", "timing", "share of time above 25 % of the range of MFCC 4", ""),
    ],
)
def test_family_words_and_unit(name: str, family: str, words: str, unit: str) -> None:
    assert matches(name) == [family]
    assert described(name) == (words, unit)


def test_fused_sets_and_patterns() -> None:
    names = ["compare.mfcc_sma[1]_amean", "boaw.boaw_0001"]
    found = families_of(names, {"words": "boaw_"})
    assert {name: columns.tolist() for name, columns in found.items()} == {"MFCC": [0], "words": [1]}


def test_a_column_without_a_family_is_named() -> None:
    with pytest.raises(OptionError, match="families has no family for the column 'boaw_0001'") as caught:
        families_of(["mfcc_sma[1]_amean", "boaw_0001"], {})
    assert "`embedding: ^boaw_`" in str(caught.value)
    names = ["mfcc_sma[1]_amean", "boaw_0001"]
    assert {name: found.tolist() for name, found in families_of(names, {"embedding": "^boaw_"}).items()} == {
        "MFCC": [0],
        "embedding": [1],
    }
