"""What a feature of eGeMAPS or ComParE measures, in words and with its unit."""

import re
from collections.abc import Mapping

from stages.core.relevance.families import parts_of

# Descriptor → words and unit.
_DESCRIPTORS: Mapping[str, tuple[str, str]] = {
    r"F0semitoneFrom27\.5Hz": ("pitch", "semitones"),
    r"F0final": ("pitch", "Hz"),
    r"loudness": ("loudness", ""),
    r"equivalentSoundLevel_dBp": ("equivalent sound level", "dB"),
    r"audspec_lengthL1norm": ("loudness", ""),
    r"audspecRasta_lengthL1norm": ("loudness after RASTA filtering", ""),
    r"pcm_RMSenergy": ("RMS energy", ""),
    r"pcm_zcr": ("zero-crossing rate", ""),
    r"audSpec_Rfilt": ("auditory spectrum, band {number}", ""),
    r"pcm_fftMag_fband250-650": ("energy from 250 to 650 Hz", ""),
    r"pcm_fftMag_fband1000-4000": ("energy from 1 to 4 kHz", ""),
    r"pcm_fftMag_spectralRollOff(\d+)\.0": ("frequency below which {1} % of the energy lies", "Hz"),
    r"pcm_fftMag_spectralCentroid": ("spectral centroid", "Hz"),
    r"pcm_fftMag_spectral(Flux|Entropy|Skewness|Kurtosis|Slope|Harmonicity)": ("spectral {1}", ""),
    r"pcm_fftMag_spectralVariance": ("spectral variance", "Hz²"),
    r"pcm_fftMag_psySharpness": ("sharpness", ""),
    r"mfcc": ("MFCC {number}", ""),
    r"mfcc(\d+)": ("MFCC {1}", ""),
    r"mfcc(\d+)V": ("MFCC {1} where voiced", ""),
    r"voicingFinalUnclipped": ("probability of voicing", ""),
    r"jitterLocal": ("jitter", ""),
    r"jitterDDP": ("change of jitter", ""),
    r"shimmerLocal": ("shimmer", ""),
    r"shimmerLocaldB": ("shimmer", "dB"),
    r"HNRdBACF": ("harmonics-to-noise ratio", "dB"),
    r"logHNR": ("logarithm of the harmonics-to-noise ratio", ""),
    r"logRelF0-H1-(H2|A3)": ("first harmonic over {1}", "dB"),
    r"F([123])frequency": ("frequency of formant {1}", "Hz"),
    r"F([123])bandwidth": ("bandwidth of formant {1}", "Hz"),
    r"F([123])amplitudeLogRelF0": ("level of formant {1}", "dB"),
    r"alphaRatio(U?V)": ("alpha ratio{where}", "dB"),
    r"hammarbergIndex(U?V)": ("Hammarberg index{where}", "dB"),
    r"slope(U?V)(\d+)-(\d+)": ("spectral slope from {2} to {3} Hz{where}", "dB/Hz"),
    r"spectralFlux(U?V)?": ("spectral flux{where}", ""),
    r"loudnessPeaksPerSec": ("number of loudness peaks", "per second"),
    r"VoicedSegmentsPerSec": ("number of voiced segments", "per second"),
    r"Mean(V|Unv)oicedSegmentLength(Sec)?": ("mean length of {1}oiced segments", "s"),
    r"Stddev(V|Unv)oicedSegmentLength(Sec)?": ("spread of lengths of {1}oiced segments", "s"),
}
# Functional → words with the descriptor in them, and the unit; "=" is the descriptor's, "=/s" its per second.
_FUNCTIONALS: Mapping[str, tuple[str, str]] = {
    r"": ("{of}", "="),
    r"amean": ("mean {of}", "="),
    r"posamean": ("mean of positive {of}", "="),
    r"rqmean": ("root mean square of {of}", "="),
    r"flatness": ("flatness of {of}", ""),
    r"stddev": ("standard deviation of {of}", "="),
    r"stddevNorm": ("relative spread of {of}", ""),
    r"percentile(\d+)\.0": ("percentile {1} of {of}", "="),
    r"quartile(\d)": ("quartile {1} of {of}", "="),
    r"range|pctlrange0-[12]|iqr1-3": ("range of {of}", "="),
    r"iqr(\d-\d)": ("distance of quartiles {1} of {of}", "="),
    r"skewness|kurtosis|lpgain|centroid": ("{0} of {of}", ""),
    r"lpc(\d)": ("linear prediction {1} of {of}", ""),
    r"mean(Rising|Falling)Slope": ("mean {1} slope of {of}", "=/s"),
    r"stddev(Rising|Falling)Slope": ("spread of {1} slopes of {of}", "=/s"),
    r"(lin|q)reg(c\d|errQ)": ("{0} of {of}", ""),
    r"(mean|max|min)SegLen": ("{1} length of segments of {of}", "s"),
    r"segLenStddev": ("spread of lengths of segments of {of}", "s"),
    r"meanPeakDist": ("mean distance of peaks of {of}", "s"),
    r"peakDistStddev": ("spread of distances of peaks of {of}", "s"),
    r"peak(Range|Mean)Abs": ("{1} of peaks of {of}", "="),
    r"peakMeanMeanDist": ("height of peaks over the mean of {of}", "="),
    r"peak(Range|Mean)Rel": ("relative {1} of peaks of {of}", ""),
    r"minRangeRel": ("relative range of minima of {of}", ""),
    r"upleveltime(\d+)": ("share of time above {1} % of the range of {of}", ""),
    r"risetime": ("share of time in which {of} rises", ""),
    r"leftctime": ("share of time in which {of} curves upwards", ""),
    r"(max|min)Pos": ("position of the {1}imum of {of}", ""),
    r"ff0_nnz": ("share of voiced frames", ""),
    r"ff0_(mean|max|min)SegLen": ("{1} length of voiced segments", "s"),
    r"ff0_segLenStddev": ("spread of lengths of voiced segments", "s"),
}
_WHERE = {"V": " where voiced", "UV": " where unvoiced"}


def described(name: str) -> tuple[str, str]:
    """Words and unit of a feature; the name itself where it is not of eGeMAPS or ComParE.

    >>> described("F0semitoneFrom27.5Hz_sma3nz_percentile20.0")
    ('percentile 20 of pitch', 'semitones')
    >>> described("pcm_fftMag_spectralRollOff25.0_sma_de_stddev")
    ('standard deviation of change of frequency below which 25 % of the energy lies', 'Hz')
    >>> described("boaw_0007")
    ('boaw_0007', '')
    """
    parts = parts_of(name)
    descriptor = _looked_up(_DESCRIPTORS, parts.descriptor, number=parts.number)
    if descriptor is None:
        return name, ""
    words, unit = descriptor
    if parts.delta:
        words = f"change of {words}"
    functional = _looked_up(_FUNCTIONALS, parts.functional, of=words)
    if functional is None:
        return name, ""
    text, own = functional
    return text, own.replace("=", unit) if unit or own == "s" else own.strip("=/s")


def _looked_up(table: Mapping[str, tuple[str, str]], text: str, **places: object) -> tuple[str, str] | None:
    """The entry whose expression matches, its places filled with the groups of the match."""
    for form, (words, unit) in table.items():
        found = re.fullmatch(form, text)
        if found:
            groups = [group or "" for group in found.groups()]
            where = next((_WHERE[group] for group in groups if group in _WHERE), "")
            return words.format(found[0], *(_shown(group) for group in groups), where=where, **places), unit
    return None


def _shown(group: str) -> str:
    """A part of a name as a sentence has it: only what names a harmonic keeps its capital letter."""
    return group if group in {"H2", "A3"} else group.lower()
