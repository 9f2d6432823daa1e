"""The report's sentences, from the results."""

from collections.abc import Mapping, Sequence

from stages.core.config.load import Parameters
from stages.core.metrics.metric import METRICS
from stages.core.reporting.numbers import ends, p_equals, p_value, signed
from stages.core.reporting.results import Results
from stages.core.scoring.comparison import Comparison
from stages.core.scoring.run_groups import Contrast

FEW_SPEAKERS = 20  # below it percentile intervals are markedly too narrow

SYNTHETIC = (
    "This corpus is synthetic: its voices are computed, not recorded. "
    "Its scores show that the pipeline works; they say nothing about people."
)


def size_of_corpus(results: Results) -> str:
    """One sentence on the clips that are used and those that are not."""
    clips, total = results.corpus["clips"], results.split["total"]
    return (
        f"{total['clips']:,} clips of {total['speakers']:,} speakers, {total['seconds'] / 3600:.2f} hours. "
        f"{clips['listed'] - total['clips']:,} of the {clips['listed']:,} clips in the label files cannot be "
        "used."
    )


def few_speakers(results: Results) -> str | None:
    """A warning where intervals are too narrow; None if test has enough speakers."""
    speakers = results.split["test"]["speakers"]
    if speakers >= FEW_SPEAKERS:
        return None
    return f"Test has only {speakers} speakers. With so few, intervals are too narrow and p-values too small."


def verdict(results: Results) -> str:
    """One sentence on the tasks for which the best run beats a predictor that ignores its input."""
    best = {task: results.best(task) for task in results.tasks}
    better = [task for task, run in best.items() if run and results.beats_naive(run, task, "test")]
    others = [task for task in best if task not in better]
    sure = "significantly better than the naive predictor"
    if not better:
        return f"On test, the best run is not {sure} for {listed(others, 'or')}."
    rest = f", but not for {listed(others, 'or')}" if others else ""
    return f"On test, the best run is {sure} for {listed(better)}{rest}."


def listed(words: Sequence[str], conjunction: str = "and") -> str:
    """Words as a sentence lists them.

    >>> listed(["emotion", "country", "age"]), listed(["age"])
    ('emotion, country and age', 'age')
    """
    return f" {conjunction} ".join([*([", ".join(words[:-1])] if words[:-1] else []), *words[-1:]])


def sure_differences(results: Results, contrast: Contrast, task: str) -> str:
    """How many comparisons of a task are significant, and which way: ``5 worse of 8``."""
    rows = [row for row in results.on_test(contrast) if row.task == task]
    gains = [row.difference or 0.0 for row in rows if results.is_sure(row)]
    counts = {"better": sum(gain > 0 for gain in gains), "worse": sum(gain < 0 for gain in gains)}
    found = ", ".join(f"{count} {word}" for word, count in counts.items() if count)
    return f"{found or 'none'} of {len(rows)}" if rows else "–"


def finding(what: str, task: str, rows: Sequence[Comparison], results: Results) -> str:
    """One sentence on what a change does for a task, from comparisons that have an interval.

    Args:
        what: the change, as the subject of a sentence: ``multi-task learning``.
        task: the task.
        rows: its comparisons.
        results: of all stages.
    """
    gains = [row.difference or 0.0 for row in rows if results.is_sure(row)]
    counts = [(sum(gain > 0 for gain in gains), "better"), (sum(gain < 0 for gain in gains), "worse")]
    (most, word), (least, other) = sorted(counts, reverse=True)
    several, of = len(rows) > 1, f" of {len(rows)} comparisons"
    if most:
        detail = f" in {most}{of}" + (f", {other} in {least}" if least else "") if several else ""
        verdict = f"is significantly {word}{detail}"
    else:
        verdict = "makes no significant difference" + (f" in any{of}" if several else "")
    median = sorted(rows, key=lambda row: row.difference or 0)[(len(rows) - 1) // 2]
    where = f"in the median comparison, {median.candidate} against {median.baseline}"
    where = where if several else f"for {median.candidate} against {median.baseline}"
    metric = METRICS[median.score]
    p = f"{p_equals(median.p)}, corrected {p_value(median.p_corrected)}"
    return (
        f"For {task}, {what} {verdict}; {where}, the difference is {signed(median.difference)} "
        f"{metric.label} ({'' if metric.higher_is_better else 'positive: a smaller error; '}"
        f"{results.confidence:.0%} interval {ends(median.low, median.high)}, {p})."
    )


def imbalance(shares: Mapping[str, float]) -> str:
    """One sentence on what the tasks contribute to the total loss.

    Args:
        shares: task → its share of the total training loss, mean over epochs and networks.

    >>> imbalance({"emotion": 0.004, "country": 0.05, "age": 0.946})
    'With equal weights, age makes up 94.6% of the total training loss, country 5.0% and emotion 0.4%.'
    """
    ordered = sorted(shares.items(), key=lambda share: -share[1])
    (first, most), *others = [(task, f"{share:.1%}") for task, share in ordered]
    rest = listed([f"{first} makes up {most} of the total training loss", *map(" ".join, others)])
    return f"With equal weights, {rest}."


def groups_not_shown(results: Results) -> list[str]:
    """Why tasks are not scored by group, where they are not."""
    if results.groups.parameters.split.balance is None:
        return ["No groups are compared, since split.balance names no column."]
    sentences = []
    for task in results.tasks:
        scores = [results.runs[run].task(task, "test") for run in results.shown_runs(task)]
        groups = [found.groups for found in scores if found and found.groups]
        if any(sum(part.low is not None for part in of_run.scores.values()) > 1 for of_run in groups):
            continue
        why = "no group has labelled clips"
        if groups:
            sizes = [f"{name} has {part.clips:,} clips" for name, part in groups[0].scores.items()]
            classified = results.tasks[task].kind == "classification"
            two = f"two speakers{' and two classes' if classified else ''}"
            why = f"fewer than two groups have clips of {two} ({', '.join(sizes)})"
        sentences.append(f"Groups are not scored for {task}: {why}.")
    return sentences


def speakers_known(runs: Sequence[str]) -> str:
    """That some runs are of another setting.

    >>> print(speakers_known(["all-speaker-mtl"]))
    In another setting, where it is known which clips are of one speaker: all-speaker-mtl.
    """
    return f"In another setting, where it is known which clips are of one speaker: {', '.join(runs)}."


CLOSING = (
    "After Baird, Tzirakis, Brooks, Kim, Opara, Gregory, Metrick, Boseck, Keltner and Cowen (2022), "
    "State & Trait Measurement from Nonverbal Vocalizations: A Multi-Task Joint Learning Approach."
)


def baseline_sentences(parameters: Parameters, synthetic: bool) -> str:
    """What must be known before scores are compared with those of a challenge's organizers."""
    said = ["The organizers' value is on the challenge's test split."]
    if parameters.split.method != "official":
        said.append("Ours are on another split (split.method) and must not be ranked against it.")
    if synthetic:
        said.append("This corpus is synthetic: its scores must not be ranked against it.")
    return " ".join(said)
