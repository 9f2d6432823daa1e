"""Families and words of openSMILE's features, on all names of eGeMAPS and ComParE."""

import opensmile
import pytest

from stages.core.relevance.families import FAMILIES, families_of, matches, parts_of
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
        ("mfcc_sma[4]_meanSegLen", "timing", "mean length of segments of MFCC 4", "s"),
        ("mfcc_sma_de[4]_meanRisingSlope", "MFCC", "mean rising slope of change of MFCC 4", ""),
        ("loudness_sma3_stddevFallingSlope", "loudness", "spread of falling slopes of loudness", ""),
        ("loudness_sma3_pctlrange0-2", "loudness", "range of loudness", ""),
        ("loudnessPeaksPerSec", "timing", "number of loudness peaks", "per second"),
        ("F0final_sma_peakDistStddev", "timing", "spread of distances of peaks of pitch", "s"),
        ("F0final_sma_de_iqr1-2", "pitch", "distance of quartiles 1-2 of change of pitch", "Hz"),
        ("F0final_sma_ff0_nnz", "voicing", "share of voiced frames", ""),
        ("F0semitoneFrom27.5Hz_sma3nz_stddevNorm", "pitch", "relative spread of pitch", ""),
        ("F2bandwidth_sma3nz_amean", "formants", "mean bandwidth of formant 2", "Hz"),
        ("F3amplitudeLogRelF0_sma3nz_amean", "formants", "mean level of formant 3", "dB"),
        ("logRelF0-H1-A3_sma3nz_amean", "voice quality", "mean first harmonic over A3", "dB"),
        ("mfcc3V_sma3nz_amean", "MFCC", "mean MFCC 3 where voiced", ""),
        ("alphaRatioUV_sma3nz_amean", "spectral shape", "mean alpha ratio where unvoiced", "dB"),
        ("spectralFlux_sma3_amean", "spectral shape", "mean spectral flux", ""),
        ("StddevUnvoicedSegmentLength", "voicing", "spread of lengths of unvoiced segments", "s"),
        ("MeanVoicedSegmentLengthSec", "voicing", "mean length of voiced segments", "s"),
        ("equivalentSoundLevel_dBp", "loudness", "equivalent sound level", "dB"),
        (
            "audspecRasta_lengthL1norm_sma_lpc2",
            "loudness",
            "linear prediction 2 of loudness after RASTA filtering",
            "",
        ),
        ("audSpec_Rfilt_sma[12]_qregc3", "spectral shape", "qregc3 of auditory spectrum, band 12", ""),
        (
            "pcm_fftMag_spectralVariance_sma_rqmean",
            "spectral shape",
            "root mean square of spectral variance",
            "Hz²",
        ),
        (
            "pcm_fftMag_fband250-650_sma_minPos",
            "timing",
            "position of the minimum of energy from 250 to 650 Hz",
            "",
        ),
        ("shimmerLocaldB_sma3nz_amean", "voice quality", "mean shimmer", "dB"),
        ("mfcc_sma[4]_upleveltime25", "timing", "share of time above 25 % of the range of MFCC 4", ""),
    ],
)
def test_family_words_and_unit(name: str, family: str, words: str, unit: str) -> None:
    assert matches(name) == [family]
    assert described(name) == (words, unit)


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("loudness_sma3_amean", ("loudness", False, None, "amean")),
        (
            "F0semitoneFrom27.5Hz_sma3nz_percentile20.0",
            ("F0semitoneFrom27.5Hz", False, None, "percentile20.0"),
        ),
        ("mfcc_sma_de[11]_linregerrQ_part3", ("mfcc", True, 11, "linregerrQ")),
        ("compare.F0final_sma_ff0_meanSegLen_sd", ("F0final", False, None, "ff0_meanSegLen")),
        ("a-b.mfcc_sma[1]_amean_mean", ("mfcc", False, 1, "amean")),
        ("jitterLocal_sma_amean_first", ("jitterLocal", False, None, "amean")),
        ("0.5_mean", ("0.5", False, None, "")),  # a number is no set
        ("embedding 7", ("embedding 7", False, None, "")),
    ],
)
def test_what_a_name_says(name: str, parts: tuple[str, bool, int | None, str]) -> None:
    assert parts_of(name) == parts


def test_words_of_names_that_only_begin_like_opensmiles() -> None:
    for name in ("mfcc_sma[1]_ameans", "myloudness_sma3_amean", "boaw_0001"):
        assert described(name) == (name, "")


def test_own_families_come_first_in_their_order_and_are_listed_last() -> None:
    names = ["jitterLocal_sma_amean", "mfcc_sma[1]_amean", "mfcc_sma[2]_amean", "F0final_sma_amean"]
    found = families_of(names, {"second": r"\[2\]", "MFCC too": "mfcc", "unused": "x9", "pitch": "jitter"})
    columns = {family: columns.tolist() for family, columns in found.items()}
    assert columns == {"pitch": [0, 3], "second": [2], "MFCC too": [1]}
    assert list(columns) == ["pitch", "second", "MFCC too"]


def test_fused_sets_and_patterns() -> None:
    names = ["compare.mfcc_sma[1]_amean", "boaw.boaw_0001"]
    found = families_of(names, {"words": "boaw_"})
    assert {name: columns.tolist() for name, columns in found.items()} == {"MFCC": [0], "words": [1]}


def test_a_column_without_a_family_is_named() -> None:
    with pytest.raises(OptionError, match="families has no family for the column 'boaw_0001'") as caught:
        families_of(["mfcc_sma[1]_amean", "boaw_0001"], {})
    assert str(caught.value).endswith(
        "; add one, for example `embedding: ^boaw_`, a regular expression that is searched in the names."
    )
    names = ["mfcc_sma[1]_amean", "boaw_0001"]
    assert {name: found.tolist() for name, found in families_of(names, {"embedding": "^boaw_"}).items()} == {
        "MFCC": [0],
        "embedding": [1],
    }
