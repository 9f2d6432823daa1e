"""Tables of what a run hears."""

from collections.abc import Mapping, Sequence

from stages.core.metrics.metric import METRICS
from stages.core.relevance.by_family import ALONE, GIVEN_REST, Relevance
from stages.core.relevance.explanation import Explanation
from stages.core.relevance.sharing import Shared
from stages.core.reporting.numbers import number, p_value, signed, with_ends
from stages.core.reporting.tables import Cell, Row, Table
from stages.core.scoring.comparison import Comparison
from stages.core.scoring.run_scores import Interval

SURE = "Bold: above the 95th percentile of relevance with exchanged labels."


def family_table(found: Explanation) -> Table:
    """Families: how many features, how much the others tell of them, and the loss of each task as a whole."""
    of = {(row.kind, row.family, row.task): row for row in found.relevance if not row.part and not row.group}
    rows: list[Row] = []
    for kind in (GIVEN_REST, ALONE):
        rows.append([kind])
        for family in found.families:
            cells = [_with_floor(of[kind, family.name, task]) for task in found.scores]
            rows.append([family.name, str(family.columns), number(family.told), *cells])
    return Table(
        "families",
        f"Loss of score when a family is exchanged between speakers, with {found.confidence:.0%} intervals.",
        ["family", "features", "predicted by the rest", *(_labelled(found, task) for task in found.scores)],
        rows,
        "Predicted by the rest: share of the variance of the family's features that ridge regression on all "
        "other families predicts. " + SURE,
    )


def feature_table(found: Explanation) -> Table:
    """The strongest features of each part of each task, in words and units."""
    rows: list[Row] = []
    heading = ""
    for feature in found.features:
        if heading != f"{feature.task}: {feature.part}":
            heading = f"{feature.task}: {feature.part}"
            rows.append([heading])
        correlation = Interval(feature.correlation, feature.low, feature.high)
        loss = Interval(feature.loss, feature.loss_low, feature.loss_high)
        rows.append(
            [
                feature.words,
                _shifted(feature.shift, feature.unit),
                with_ends(correlation),
                with_ends(loss),
                feature.family,
                feature.name,
            ]
        )
    return Table(
        "features",
        "Features that correlate most with each emotion, class and trait: the strongest of each descriptor.",
        ["what is heard", "shift", "correlation", "loss of score", "family", "feature"],
        rows,
        "Chosen on the training split, judged on the test split. Shift: median where a rating between 0 and "
        "1 is at least 0.5, where the clip is of the class, or in the highest third of other numbers, minus "
        "the median of the other clips; without a unit where openSMILE gives none. Correlation: Spearman's. "
        "Loss of score: of this part, when the feature alone is exchanged. Brackets: "
        f"{found.confidence:.0%} intervals over speakers.",
    )


_MEASURES: Mapping[str, str] = {
    "families": "families",
    "features": "features",
    "trunks": "trunks (CKA)",
    "gradients": "gradients (cosine)",
    "conflicts": "batches in conflict",
}


def shared_table(found: Explanation) -> Table:
    """What each two tasks share, a column for each measure."""
    measures = [measure for measure in _MEASURES if any(row.measure == measure for row in found.shared)]
    of = {(row.measure, row.first, row.second): row for row in found.shared}
    pairs = list(dict.fromkeys((row.first, row.second) for row in found.shared))
    rows = []
    for first, second in pairs:
        cells = [_shared_cell(of.get((measure, first, second))) for measure in measures]
        name = f"{first} and {second}" if first != second else f"{first}, two seeds"
        rows.append([name, *cells])
    return Table(
        "shared",
        "How much tasks share.",
        ["tasks", *(_MEASURES[measure] for measure in measures)],
        rows,
        "Families: rank correlation of their relevance given the rest. Features: rank correlation of their "
        "mean absolute correlation with the labels. Trunks: linear CKA of the networks of both tasks on the "
        "test clips, with the range over pairs of seeds, and what exchanged clips give. Gradients: cosine of "
        "the gradients that two losses ask of the shared layers at the trained weights, mean over batches "
        "and seeds; in conflict: below 0.",
    )


def gain_table(found: Explanation, gains: Sequence[Comparison]) -> Table:
    """The measured gain of joint learning, beside what the tasks share."""
    rows = [
        [
            f"{row.task} ({METRICS[row.score].label})",
            row.candidate,
            row.baseline,
            f"{signed(row.difference)} [{signed(row.low)}, {signed(row.high)}]",
            p_value(row.p_corrected),
        ]
        for row in gains
    ]
    return Table(
        "gains",
        "What joint learning gains on the test split.",
        ["task", "one network for all", "one for each task", "gain", "p"],
        rows,
        f"Positive: better. Brackets: {found.confidence:.0%} intervals over speakers and seeds; p by "
        "Holm's method.",
    )


def gap_table(found: Explanation) -> Table:
    """Gaps between groups, largest first within each task."""
    rows: list[Row] = [
        [
            f"{gap.task} ({METRICS[found.scores[gap.task]].label})",
            f"{gap.first} over {gap.second}",
            f"{signed(gap.value)} [{signed(gap.low)}, {signed(gap.high)}]",
            p_value(gap.p),
            Cell(p_value(gap.p_holm), strong=gap.p_holm is not None and gap.p_holm <= 1 - found.confidence),
            Cell(p_value(gap.p_bh), strong=gap.p_bh is not None and gap.p_bh <= 1 - found.confidence),
        ]
        for gap in found.gaps
    ]
    return Table(
        "gaps",
        "How much better the run does for one group of speakers than for another.",
        ["task", "groups", "gap", "p", "p, Holm", "p, Benjamini–Hochberg"],
        rows,
        f"Positive: better for the first group, for errors too. Brackets: {found.confidence:.0%} intervals. "
        "Both corrections are for all gaps of this table. Groups differ in labels as well as in voices.",
    )


def recovery_table(found: Explanation) -> Table:
    """How well relevance follows the weights of the generator."""
    kinds = list(dict.fromkeys(row.kind for row in found.recovery))
    of = {(row.task, row.kind): row for row in found.recovery}
    rows = [
        [task, str(of[task, kinds[0]].cells), *(number(of[task, kind].value) for kind in kinds)]
        for task in dict.fromkeys(row.task for row in found.recovery)
    ]
    return Table(
        "recovery",
        "Rank correlation of relevance with what the generator of the voices put in, by part and family.",
        ["task", "pairs", *kinds],
        rows,
        "The generator's weight of a family for a label: its squared correlation with each quantity of "
        "the voice, times the share of that quantity's variance that no other family tells, added up.",
    )


def _shared_cell(row: Shared | None) -> str:
    if row is None or row.value is None:
        return "–"
    text = with_ends(Interval(row.value, row.low, row.high))
    return text if row.floor is None else f"{text}, floor {number(row.floor)}"


def _labelled(found: Explanation, task: str) -> str:
    return f"{task} ({METRICS[found.scores[task]].label})"


def _with_floor(row: Relevance) -> Cell:
    return Cell(with_ends(Interval(row.value, row.low, row.high)), strong=row.sure)


def _shifted(shift: float | None, unit: str) -> str:
    """A shift with its sign and unit, three digits that count.

    >>> _shifted(-312.4, "Hz"), _shifted(0.01234, ""), _shifted(None, "Hz")
    ('−312 Hz', '+0.0123', '–')
    """
    if shift is None:
        return "–"
    return f"{shift:+.3g} {unit}".strip().replace("-", "−")
