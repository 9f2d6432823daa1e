"""The paper's tables as printed, misprints included.

*State & Trait Measurement from Nonverbal Vocalizations: A Multi-Task Joint Learning Approach*, Baird,
Tzirakis, Brooks, Kim, Opara, Gregory, Metrick, Boseck, Keltner and Cowen, 2022. Its feature sets and
models go by the names that params.yaml gives them.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from stages.core.config.tasks import Task
from stages.core.scoring.run_scores import SPLITS, RunScores, rounded

MISPRINTS = (
    "Table 3: the ± of age repeats that of emotion, in five of six rows, on test in all six.",
    "Table 2: the ± of age repeats that of emotion for ComParE, and on validation for BoAW.",
    "Section 4.1 quotes 0.4965 UAR for ComParE, the value of MTL 1; Table 2 has 0.4996.",
    "The total duration is 36:47:04 in Table 1, whose parts add up to 36:47:03; section 2 has 36:50:40.",
    "The mean duration of 2.23 s (section 3.1) is 2.24 s by either total.",
    "MTL is spelt MLT in Table 3 and in the caption of Figure 3.",
)


@dataclass(frozen=True)
class Row:
    """One printed score: the best of three seeds, ± as printed.

    Attributes:
        table: 2 (single-task) or 3 (multi-task).
        features: ``egemaps``, ``compare`` or ``boaw``.
        model: ``stl``, ``mtl1``, ``mtl2`` or ``mtl3``.
        task: ``emotion``, ``country`` or ``age``.
        score: ``ccc`` (mean over ten emotions), ``uar`` or ``mae`` (years).
        validation: value on the validation split, with ``validation_sd``.
        test: value on the test split, with ``test_sd``.
    """

    table: int
    features: str
    model: str
    task: str
    score: str
    validation: float
    validation_sd: float
    test: float
    test_sd: float


# Tables 2 and 3 in their order: validation, ±, test, ±.
_PRINTED = """
2 egemaps stl
    0.3842 0.0035 0.3835 0.0025
    0.4236 0.0055 0.4096 0.0065
    4.1798 0.0020 4.4943 0.0010
2 compare stl
    0.4435 0.0041 0.4490 0.0046
    0.5227 0.0031 0.4996 0.0039
    4.1127 0.0041 4.3538 0.0046
2 boaw stl
    0.4546 0.0039 0.4612 0.0046
    0.4489 0.0038 0.4178 0.0016
    4.3521 0.0039 4.6091 0.0047
3 compare mtl1
    0.4342 0.0020 0.4405 0.0014
    0.5236 0.0134 0.4965 0.0097
    4.3468 0.0022 4.6695 0.0014
3 boaw mtl1
    0.4072 0.0014 0.4091 0.0005
    0.4412 0.0078 0.4122 0.0060
    4.5268 0.0014 4.8600 0.0005
3 compare mtl2
    0.4174 0.0011 0.4240 0.0028
    0.5328 0.0113 0.5137 0.0099
    4.2706 0.0011 4.5252 0.0028
3 boaw mtl2
    0.4010 0.0048 0.4072 0.0073
    0.4441 0.0041 0.4151 0.0035
    4.5467 0.0048 4.8657 0.0073
3 compare mtl3
    0.3456 0.0095 0.3474 0.0094
    0.5288 0.0138 0.5030 0.0116
    4.4135 0.0095 4.6129 0.0094
3 boaw mtl3
    0.3600 0.0310 0.3630 0.0306
    0.4562 0.0131 0.4255 0.0111
    4.5201 0.0310 4.7888 0.0306
"""

# Its tasks: metric and label columns.
TASKS = {
    "emotion": (
        "ccc",
        (
            "Amusement",
            "Awe",
            "Awkwardness",
            "Distress",
            "Excitement",
            "Fear",
            "Horror",
            "Sadness",
            "Surprise",
            "Triumph",
        ),
    ),
    "country": ("uar", ("Country",)),
    "age": ("mae", ("Age",)),
}


def _rows() -> tuple[Row, ...]:
    rows = []
    lines = [line.split() for line in _PRINTED.strip().splitlines()]
    for first in range(0, len(lines), 4):
        table, features, model = lines[first]
        for (task, (score, _)), numbers in zip(TASKS.items(), lines[first + 1 : first + 4], strict=True):
            rows.append(Row(int(table), features, model, task, score, *map(float, numbers)))
    return tuple(rows)


ROWS = _rows()


def is_same_corpus(name: str) -> bool:
    """Whether a corpus of this name is the paper's; spelling, case and separators aside.

    >>> is_same_corpus("Hume_VB"), is_same_corpus("EmoGator")
    (True, False)
    """
    return "".join(filter(str.isalnum, name)).lower() == "humevb"


def has_paper_values(name: str, task: Task) -> bool:
    """Whether a task is one of the paper's: its name, metric and label columns."""
    return TASKS.get(name) == (task.score, tuple(sorted(task.columns)))


def beside_paper(
    runs: Mapping[str, RunScores], tasks: Mapping[str, Task], same_corpus: bool
) -> list[dict[str, Any]]:
    """The rows of the paper's Tables 2 and 3 that some run can stand beside, with its values.

    Ours are of the seed that is best on validation, as in the paper. Another corpus stands beside it only if
    it has all of the paper's tasks.

    Args:
        runs: run → scores.
        tasks: the declared tasks.
        same_corpus: whether the scores are of the paper's corpus; only then differences are given.
    """
    shared = {name for name, task in tasks.items() if has_paper_values(name, task)}
    if not same_corpus and len(shared) < len(TASKS):
        return []
    by_model = {(run.features, run.model): run for run in runs.values()}
    rows = []
    for row in ROWS:
        run = by_model.get((row.features, row.model))
        if run is None or row.task not in shared:
            continue
        printed = asdict(row)
        theirs = {key: printed.pop(key) for split in SPLITS for key in (split, f"{split}_sd")}
        ours: dict[str, float | None] = {}
        for split in SPLITS:
            scores = run.task(row.task, split)
            ours[split] = scores.best_seed.value if scores else None
            ours[f"{split}_sd"] = scores.sd if scores else None
        difference = {
            split: rounded(value - theirs[split]) for split in SPLITS if (value := ours[split]) is not None
        }
        rows.append(
            {**printed, "paper": theirs, "ours": ours, "difference": difference if same_corpus else None}
        )
    return rows
