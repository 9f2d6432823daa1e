"""Does relevance find what the generator of the synthetic voices put in? The families' true weights.

The generator maps emotion, country and age to quantities of a voice (:mod:`stages.core.synthetic.speakers`).
How strongly a label goes with a quantity is its squared correlation over drawn clips, no sound made. How much
a family tells of a quantity, and no other family does, is the share of its variance that ridge regression
loses without the family; labels are not looked at. A family's weight for a label is the sum over quantities
of the product of both.
"""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from scipy.stats import rankdata

from stages.core.arithmetic.elementary import log
from stages.core.config.data import SynthesisOptions
from stages.core.relevance.conditional import Kernels
from stages.core.synthetic.corpus import clip_units, plan
from stages.core.synthetic.speakers import (
    EMOTIONS,
    Speaker,
    countries_of,
    draw_emotions,
    make_speaker,
    rate_emotions,
    units_of,
)

SPEAKERS, CLIPS, SEED = 2000, 2, 0


def quantities_of(options: SynthesisOptions, clip_ids: Sequence[str]) -> np.ndarray:
    """What the generator made audible in clips of the embedded corpus: float64 [n, 13].

    The standard units of each quantity of expression, then the register (logarithm of the neutral voice's
    pitch) and the length of the vocal tract.
    """
    speakers, clips = plan(options)
    by_id = {clip.file_id: clip for clip in clips}
    rows = []
    for clip_id in clip_ids:
        clip = by_id[clip_id]
        speaker = speakers[clip.speaker]
        rows.append(_row(clip_units(clip, speaker, options.seed), speaker))
    return np.array(rows)


def generator_weights(
    families: Iterable[str], kernels: Kernels, learnt: np.ndarray, seen: np.ndarray
) -> dict[tuple[str, str], float]:
    """(Part of a task, family) → the family's true weight; parts are emotions, countries and ``Age``.

    Args:
        families: of the feature set.
        kernels: of the features of training and test clips.
        learnt: float64 [m, 13], quantities of the clips of ``kernels.clips``.
        seen: float64 [n, 13], quantities of the test clips.
    """
    goes_with = correlations_with_labels()
    whole = kernels.share_without(None, learnt, seen)
    weights = {}
    for family in families:
        only_here = np.maximum(whole - kernels.share_without(family, learnt, seen), 0.0)
        for part, squared in goes_with.items():
            weights[part, family] = float((squared * only_here).sum())
    return weights


def correlations_with_labels() -> dict[str, np.ndarray]:
    """Part of a task → squared correlation of its label with each quantity: float64 [13]."""
    quantities, ratings, ages, homes = [], [], [], []
    for index, country in enumerate(countries_of(SPEAKERS)):
        rng = np.random.default_rng([SEED, index])
        speaker = make_speaker(country, rng)
        for _ in range(CLIPS):
            felt = draw_emotions(rng)
            quantities.append(_row(units_of(speaker, felt, rng), speaker))
            ratings.append(rate_emotions(felt, rng))
            ages.append(speaker.age)
            homes.append(country)
    labels: dict[str, np.ndarray] = dict(zip(EMOTIONS, np.array(ratings).T, strict=True))
    labels |= {country: np.equal(homes, country).astype(float) for country in sorted(set(homes))}
    labels["Age"] = np.array(ages)
    x = _standard(np.array(quantities))
    return {part: (x * _standard(label[:, None])).sum(axis=0) ** 2 for part, label in labels.items()}


def _row(units: np.ndarray, speaker: Speaker) -> list[float]:
    return [*units, float(log(np.array(speaker.pitch))), speaker.tract]


def _standard(values: np.ndarray) -> np.ndarray:
    """Columns with mean 0 and length 1."""
    centred = values - values.mean(axis=0)
    return centred / np.sqrt((centred**2).sum(axis=0))


def recovery(
    found: Mapping[tuple[str, str], float | None], weights: Mapping[tuple[str, str], float]
) -> float:
    """Rank correlation of measured relevance with the true weights over (part, family)."""
    shared = [key for key, value in found.items() if key in weights and value is not None]
    return rank_correlation([found[key] or 0.0 for key in shared], [weights[key] for key in shared])


def rank_correlation(first: Sequence[float], second: Sequence[float]) -> float:
    """Spearman's correlation of two rows of numbers; 0 where one is constant.

    >>> rank_correlation([1, 2, 3], [10, 30, 20])
    0.5
    """
    x, y = (rankdata(values) - (len(values) + 1) / 2 for values in (first, second))
    length = np.sqrt((x**2).sum() * (y**2).sum())
    return float((x * y).sum() / length) if length > 0 else 0.0
