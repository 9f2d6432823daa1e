"""The report's sentences, from the results."""

from collections.abc import Mapping, Sequence

from stages.core.metrics.metric import METRICS
from stages.core.reporting.numbers import p_value, signed
from stages.core.reporting.results import Results
from stages.core.scoring.comparison import Comparison

FEW_SPEAKERS = 20  # below it percentile intervals are markedly too narrow

CLOSING = (
    "After Baird, Tzirakis, Brooks, Kim, Opara, Gregory, Metrick, Boseck, Keltner and Cowen (2022), "
    "State & Trait Measurement from Nonverbal Vocalizations: A Multi-Task Joint Learning Approach. "
    "Values are of the seed best on validation, ± the standard deviation over seeds; the ensemble is the "
    "mean prediction of the seeds; means over seeds are means of their scores. Intervals are by "
    "bootstrap over speakers; with n replicates no p-value falls below 2 / (n + 1). The best run on test "
    "is bold, and so are differences whose interval leaves out zero."
)


def size_of_corpus(results: Results) -> str:
    """One sentence on the clips that are used and those that are not."""
    clips, total = results.corpus["clips"], results.split["total"]
    return (
        f"{total['clips']:,} clips of {total['speakers']:,} speakers, {total['seconds'] / 3600:.2f} hours; "
        f"{clips['listed']:,} listed, {clips['listed'] - total['clips']:,} not usable before training."
    )


SYNTHETIC = (
    "This corpus is synthetic: its voices are computed, not recorded. "
    "Its scores show that the pipeline works; they say nothing about people."
)


def few_speakers(results: Results) -> str | None:
    """A warning where intervals are too narrow; None where there are speakers enough."""
    speakers = results.split["test"]["speakers"]
    if speakers >= FEW_SPEAKERS:
        return None
    return (
        f"Only {speakers} speakers are in test. With so few, intervals are too narrow and p-values too small."
    )


def finding(task: str, rows: Sequence[Comparison], confidence: float) -> str:
    """One sentence on joint learning for a task, from comparisons on one split that have an interval.

    >>> row = Comparison("multi-task", "country", "uar", "test", "a-stl", "a-mtl1", 0.5, 0.45,
    ...                  -0.05, -0.08, -0.02, 0.01)
    >>> finding("country", [row], 0.95)
    'country: joint learning does worse; a-mtl1 against a-stl differs by −0.050 UAR (95% interval −0.080 to \
−0.020, p = 0.010).'
    """
    better = sum((row.low or 0) > 0 for row in rows)
    worse = sum((row.high or 0) < 0 for row in rows)
    of = f" of {len(rows)} comparisons"
    (most, adverb), (least, other) = sorted([(better, "better"), (worse, "worse")], reverse=True)
    if most:
        verdict = f"does {adverb}" + (
            f" in {most}{of} and {other} in {least or 'none'}" if len(rows) > 1 else ""
        )
    else:
        verdict = "makes no measurable difference" + (f" in any{of}" if len(rows) > 1 else "")
    median = sorted(rows, key=lambda row: row.difference or 0)[(len(rows) - 1) // 2]
    pair = f"{median.candidate} against {median.baseline}"
    metric = METRICS[median.score]
    gain = "" if metric.higher_is_better else " (positive: fewer)"
    return (
        f"{task}: joint learning {verdict}; "
        f"{f'the median one, {pair},' if len(rows) > 1 else pair} differs by "
        f"{signed(median.difference)} {metric.label}{gain} ({confidence:.0%} interval "
        f"{signed(median.low)} to {signed(median.high)}, p = {p_value(median.p)})."
    )


def imbalance(shares: Mapping[str, float]) -> str:
    """One sentence on what the tasks contribute to the total loss.

    Args:
        shares: task → its share of the total training loss, mean over epochs and networks.

    >>> imbalance({"emotion": 0.004, "country": 0.05, "age": 0.946})
    'Equal weights are not equal shares: age makes up 94.6% of the total training loss, country 5.0%, \
emotion 0.4%.'
    """
    ordered = sorted(shares.items(), key=lambda share: -share[1])
    (first, most), *others = [(task, f"{share:.1%}") for task, share in ordered]
    rest = ", ".join(f"{task} {share}" for task, share in others)
    return f"Equal weights are not equal shares: {first} makes up {most} of the total training loss, {rest}."


def speakers_known(runs: Sequence[str]) -> str:
    """That some runs are of another setting.

    >>> print(speakers_known(["all-speaker-mtl"]))
    Another setting, in which a speaker's other clips are known: all-speaker-mtl.
    """
    return f"Another setting, in which a speaker's other clips are known: {', '.join(runs)}."
