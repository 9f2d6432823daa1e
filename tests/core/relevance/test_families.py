"""Families and words of openSMILE's features, on all names of eGeMAPS and ComParE."""

import opensmile
import pytest

from stages.core.relevance.families import FAMILIES, families_of, matches, parts_of
from stages.core.relevance.wording import described
from stages.core.runtime.errors import OptionError


def names_of(feature_set: str) -> list[str]:
    return opensmile.Smile(opensmile.FeatureSet[feature_set]).feature_names


# Of eGeMAPS by its tables: 10 functionals of pitch and of loudness, 2 of the other descriptors.
COUNTS = {
    "eGeMAPSv02": {
        "pitch": 10,
        "loudness": 10 + 1,
        "spectral shape": 2 + 5 * 2 + 5,
        "MFCC": 4 * 2 + 4 * 2,
        "formants": 9 * 2,
        "voice quality": 5 * 2,
        "timing": 1,
        "voicing": 5,
    },
    "ComParE_2016": {
        "pitch": 60,
        "loudness": 213,
        "spectral shape": 2982,
        "MFCC": 994,
        "voice quality": 240,
        "timing": 1819,
        "voicing": 65,
    },
}


@pytest.mark.parametrize(("feature_set", "number"), [("eGeMAPSv02", 88), ("ComParE_2016", 6373)])
def test_every_name_falls_into_exactly_one_family(feature_set: str, number: int) -> None:
    names = names_of(feature_set)
    assert len(names) == number
    assert [name for name in names if len(matches(name)) != 1] == []
    columns = families_of(names, {})
    assert sorted(column for found in columns.values() for column in found.tolist()) == list(range(number))
    counts = {family: len(found) for family, found in columns.items()}
    assert list(counts) == [family for family in FAMILIES if family in COUNTS[feature_set]]
    assert counts == COUNTS[feature_set]


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


DESCRIPTORS = """
F0final | pitch | pitch | Hz
audspec_lengthL1norm | loudness | loudness |
pcm_RMSenergy | loudness | RMS energy |
pcm_zcr | spectral shape | zero-crossing rate |
pcm_fftMag_fband1000-4000 | spectral shape | energy from 1 to 4 kHz |
pcm_fftMag_spectralRollOff90.0 | spectral shape | frequency below which 90 % of the energy lies | Hz
pcm_fftMag_spectralCentroid | spectral shape | spectral centroid | Hz
pcm_fftMag_spectralFlux | spectral shape | spectral flux |
pcm_fftMag_spectralEntropy | spectral shape | spectral entropy |
pcm_fftMag_spectralSkewness | spectral shape | spectral skewness |
pcm_fftMag_spectralKurtosis | spectral shape | spectral kurtosis |
pcm_fftMag_spectralSlope | spectral shape | spectral slope |
pcm_fftMag_spectralHarmonicity | spectral shape | spectral harmonicity |
pcm_fftMag_psySharpness | spectral shape | sharpness |
voicingFinalUnclipped | voicing | probability of voicing |
jitterLocal | voice quality | jitter |
jitterDDP | voice quality | change of jitter |
shimmerLocal | voice quality | shimmer |
logHNR | voice quality | logarithm of the harmonics-to-noise ratio |
logRelF0-H1-H2 | voice quality | first harmonic over H2 | dB
F1frequency | formants | frequency of formant 1 | Hz
hammarbergIndexV | spectral shape | Hammarberg index where voiced | dB
slopeV0-500 | spectral shape | spectral slope from 0 to 500 Hz where voiced | dB/Hz
spectralFluxUV | spectral shape | spectral flux where unvoiced |
mfcc4 | MFCC | MFCC 4 |
"""
FUNCTIONALS = """
posamean | mean of positive pitch | Hz
rqmean | root mean square of pitch | Hz
flatness | flatness of pitch |
stddev | standard deviation of pitch | Hz
percentile99.0 | percentile 99 of pitch | Hz
quartile3 | quartile 3 of pitch | Hz
iqr2-3 | distance of quartiles 2-3 of pitch | Hz
iqr1-3 | range of pitch | Hz
pctlrange0-1 | range of pitch | Hz
range | range of pitch | Hz
skewness | skewness of pitch |
kurtosis | kurtosis of pitch |
centroid | centroid of pitch |
lpgain | lpgain of pitch |
lpc3 | linear prediction 3 of pitch |
meanFallingSlope | mean falling slope of pitch | Hz/s
stddevRisingSlope | spread of rising slopes of pitch | Hz/s
linregc2 | linregc2 of pitch |
qregerrQ | qregerrQ of pitch |
maxSegLen | max length of segments of pitch | s
segLenStddev | spread of lengths of segments of pitch | s
meanPeakDist | mean distance of peaks of pitch | s
peakRangeAbs | range of peaks of pitch | Hz
peakMeanAbs | mean of peaks of pitch | Hz
peakMeanMeanDist | height of peaks over the mean of pitch | Hz
peakMeanRel | relative mean of peaks of pitch |
minRangeRel | relative range of minima of pitch |
upleveltime90 | share of time above 90 % of the range of pitch |
risetime | share of time in which pitch rises |
leftctime | share of time in which pitch curves upwards |
maxPos | position of the maximum of pitch |
ff0_minSegLen | min length of voiced segments | s
ff0_segLenStddev | spread of lengths of voiced segments | s
"""


def cells(table: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.split("|")] for line in table.strip().splitlines()]


def test_each_descriptor_has_its_family_words_and_unit() -> None:
    for descriptor, family, words, unit in cells(DESCRIPTORS):
        name = f"{descriptor}_sma_amean"
        assert (name, matches(name), described(name)) == (name, [family], (f"mean {words}", unit))


def test_each_functional_has_its_words_and_unit() -> None:
    for functional, words, unit in cells(FUNCTIONALS):
        name = f"F0final_sma_{functional}"
        assert (name, described(name)) == (name, (words, unit))


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
