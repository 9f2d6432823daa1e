"""Acoustic families of features, by openSMILE's own names of descriptors and functionals.

The descriptors are grouped as in the papers that define the sets: eGeMAPS by Eyben et al. (2016, tables 1 and
2), ComParE by Weninger et al. (2013, table 2). In ComParE a functional that measures time (a position, the
length of a segment, the distance of peaks) is of the family *timing* whatever descriptor it is of.
"""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from stages.core.runtime.errors import OptionError

FAMILIES = (
    "pitch",
    "loudness",
    "spectral shape",
    "MFCC",
    "formants",
    "voice quality",
    "timing",
    "voicing",
)
# Family → its descriptors; an expression must match a descriptor's whole name.
DESCRIPTORS: Mapping[str, str] = {
    "pitch": r"F0semitoneFrom27\.5Hz|F0final",
    "loudness": r"loudness|equivalentSoundLevel_dBp|audspec(Rasta)?_lengthL1norm|pcm_RMSenergy",
    "spectral shape": (
        r"(alphaRatio|hammarbergIndex|slope|spectralFlux)U?V?(0-500|500-1500)?"
        r"|pcm_fftMag_.+|audSpec_Rfilt|pcm_zcr"
    ),
    "MFCC": r"mfcc(\d+V?)?",
    "formants": r"F[123](frequency|bandwidth|amplitudeLogRelF0)",
    "voice quality": r"jitter(Local|DDP)|shimmerLocal(dB)?|HNRdBACF|logHNR|logRelF0-H1-(H2|A3)",
    "timing": r"loudnessPeaksPerSec",
    "voicing": r"voicingFinalUnclipped|VoicedSegmentsPerSec|(Mean|Stddev)(V|Unv)oicedSegmentLength(Sec)?",
}
# Functionals of ComParE that are a family of their own, of whatever descriptor.
FUNCTIONALS: Mapping[str, str] = {
    "timing": (
        r"(max|min)Pos|(mean|max|min)SegLen|segLenStddev|upleveltime\d+|risetime|leftctime|centroid"
        r"|meanPeakDist|peakDistStddev"
    ),
    "voicing": r"ff0_.+",
}
_NAME = re.compile(
    r"(?P<descriptor>.+?)_sma(?:3(?:nz)?)?(?P<delta>_de)?(?:\[(?P<number>\d+)\])?_(?P<functional>.+)"
)
# A fused set before a name; a part of a clip, or what was pooled over parts, after it.
_AROUND = re.compile(r"^[A-Za-z][\w-]*\.(?=[A-Za-z])|_(part\d+|mean|sd|max|first)$")


class Parts(NamedTuple):
    """What a feature's name says: descriptor, whether of its change in time, number, and functional."""

    descriptor: str
    delta: bool
    number: int | None
    functional: str


def parts_of(name: str) -> Parts:
    """Take a name of openSMILE's apart; ``SET.`` before it and the part of a clip after it are passed over.

    >>> parts_of("mfcc_sma_de[3]_amean")
    Parts(descriptor='mfcc', delta=True, number=3, functional='amean')
    >>> parts_of("egemaps.loudnessPeaksPerSec_part2").descriptor
    'loudnessPeaksPerSec'
    """
    plain = _AROUND.sub("", name)
    found = _NAME.fullmatch(plain)
    if not found:
        return Parts(plain, False, None, "")
    number = None if found["number"] is None else int(found["number"])
    return Parts(found["descriptor"], bool(found["delta"]), number, found["functional"])


def matches(name: str) -> list[str]:
    """The families whose expressions match a name of openSMILE's; one for each of eGeMAPS and ComParE.

    >>> matches("F0final_sma_amean"), matches("F0final_sma_maxPos"), matches("boaw_0001")
    (['pitch'], ['timing'], [])
    """
    parts = parts_of(name)
    by_functional = [family for family, form in FUNCTIONALS.items() if re.fullmatch(form, parts.functional)]
    if by_functional:
        return by_functional
    return [family for family, form in DESCRIPTORS.items() if re.fullmatch(form, parts.descriptor)]


def families_of(names: Sequence[str], patterns: Mapping[str, str]) -> dict[str, np.ndarray]:
    """Family → the columns that belong to it, int64, in the order of :data:`FAMILIES` and then ``patterns``.

    Args:
        names: the columns of a feature table.
        patterns: family → an expression that is searched in the names; the first that is found counts, before
            the built-in ones.

    Raises:
        OptionError: if a column belongs to no family.

    >>> families_of(["mfcc1_sma3_amean", "boaw_0000", "mfcc2_sma3_amean"], {"words": "^boaw"})
    {'MFCC': array([0, 2]), 'words': array([1])}
    """
    columns: dict[str, list[int]] = {family: [] for family in (*FAMILIES, *patterns)}
    for column, name in enumerate(names):
        own = [family for family, form in patterns.items() if re.search(form, name)]
        family = next(iter(own or matches(name)), None)
        if family is None:
            start = re.escape(name.rstrip("0123456789"))
            raise OptionError(
                "families",
                f"has no family for the column {name!r}; add one, for example `embedding: ^{start}`, "
                "a regular expression that is searched in the names",
            )
        columns[family].append(column)
    return {family: np.array(found) for family, found in columns.items() if found}
