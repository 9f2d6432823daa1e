"""Gaps between groups of speakers: how much better a run does for one than for another.

Many pairs are compared, so that p-values are corrected twice: by Holm's step-down method (1979), which bounds
the chance of a single false finding, and by Benjamini and Hochberg's (1995), which bounds the share of false
ones among the findings.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from scipy.stats import false_discovery_control

from stages.core.dataset.labels import labelled
from stages.core.relevance.by_family import Asked
from stages.core.scoring import bootstrap
from stages.core.scoring.run_scores import rounded
from stages.core.scoring.sampling import Sampling


@dataclass(frozen=True)
class Gap:
    """How much better a run does for one group than for another, on the clips of the test split.

    Attributes:
        task: whose score.
        column: the label column that makes the groups.
        first: a group.
        second: another.
        value: positive where the first is served better, for errors too.
        low: lower end of its interval, over speakers and seeds.
        high: upper end.
        p: two-sided.
        p_holm: corrected for all gaps of the run by Holm's method.
        p_bh: corrected by that of Benjamini and Hochberg.
    """

    task: str
    column: str
    first: str
    second: str
    value: float | None
    low: float | None
    high: float | None
    p: float | None
    p_holm: float | None = None
    p_bh: float | None = None


def gaps(
    asked: Mapping[str, Asked],
    predictions: Mapping[str, np.ndarray],
    groups: Mapping[str, Mapping[str, np.ndarray]],
    columns: Mapping[str, set[str]],
    sampling: Sampling,
) -> list[Gap]:
    """The gaps of each task between each two groups of a column, with corrected p-values.

    Args:
        asked: task → its metric and labels.
        predictions: task → [seeds, n, outputs].
        groups: label column → group → bool [n].
        columns: task → its own label columns, which make no groups for it.
        sampling: speakers of the n clips.
    """
    found = [
        gap
        for task, of_task in asked.items()
        for column, masks in groups.items()
        if column not in columns[task]
        for gap in _of_task(task, of_task, predictions[task], column, masks, sampling)
    ]
    known = [index for index, gap in enumerate(found) if gap.p is not None]
    p_values = [found[index].p or 0.0 for index in known]
    if known:
        holm, bh = bootstrap.corrected(p_values), false_discovery_control(p_values, method="bh")
        for index, first, second in zip(known, holm, bh, strict=True):
            found[index] = replace(found[index], p_holm=rounded(first), p_bh=rounded(float(second)))
    return found


def _of_task(
    task: str,
    asked: Asked,
    predictions: np.ndarray,
    column: str,
    masks: Mapping[str, np.ndarray],
    sampling: Sampling,
) -> Iterator[Gap]:
    sums = {}
    for name, inside in masks.items():
        truth = asked.of_group(inside)
        if labelled(truth).any():
            sums[name] = sampling.sums(asked.score, truth, predictions)
    for first, second in combinations(sums, 2):
        gap = sampling.difference(asked.score, sums[second], sums[first])
        ends = (rounded(value) for value in (gap.value, gap.low, gap.high, gap.p))
        yield Gap(task, column, first, second, *ends)
