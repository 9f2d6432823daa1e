"""openSMILE's feature sets: the package's extractors of each, and the names of their columns.

Feature sets: Schuller et al., "The INTERSPEECH 2016 Computational Paralinguistics Challenge"
(ComParE_2016); Eyben et al., "The Geneva Minimalistic Acoustic Parameter Set", IEEE Transactions on
Affective Computing 7(2), 2016 (eGeMAPS).
"""

from contextlib import suppress
from dataclasses import dataclass
from functools import cache

import opensmile

from stages.core.runtime.errors import UserError, did_you_mean


@dataclass(frozen=True)
class ColumnNames:
    """openSMILE's own names of a set's functionals and descriptors, the deltas last."""

    functionals: tuple[str, ...]
    descriptors: tuple[str, ...]


def feature_set_of(name: str) -> opensmile.FeatureSet:
    """The package's feature set of that name.

    Raises:
        UserError: if the package has none.

    >>> feature_set_of("eGeMAPSv02").value
    'egemaps/v02/eGeMAPSv02'
    """
    known = opensmile.FeatureSet.__members__
    if name not in known:
        raise UserError(f"openSMILE has no feature set {name!r}{did_you_mean(name, known)}.")
    return known[name]


@cache
def package_extractors(name: str) -> tuple[opensmile.Smile, ...]:
    """The package's extractors of a set: functionals, descriptors and, where the set has them, deltas."""
    feature_set = feature_set_of(name)
    level = opensmile.FeatureLevel
    extractors = [
        opensmile.Smile(feature_set, level.Functionals),
        opensmile.Smile(feature_set, level.LowLevelDescriptors),
    ]
    with suppress(ValueError):  # The GeMAPS family has no deltas.
        extractors.append(opensmile.Smile(feature_set, level.LowLevelDescriptors_Deltas))
    return tuple(extractors)


def column_names(name: str) -> ColumnNames:
    """Names of a set's columns.

    >>> names = column_names("eGeMAPSv02")
    >>> len(names.functionals), len(names.descriptors)
    (88, 25)
    """
    functionals, *descriptors = (tuple(extractor.feature_names) for extractor in package_extractors(name))
    return ColumnNames(functionals, sum(descriptors, ()))
