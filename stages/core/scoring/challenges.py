"""The challenges that were run on HUME-VB: what each asks for, how it scores, what its organizers reached.

ExVo 2022: Baird et al., *The ICML 2022 Expressive Vocalizations Workshop and Competition*, 2022
(arXiv 2205.01780). A-VB 2022: Baird et al., *The ACII 2022 Affective Vocal Bursts Workshop & Competition*,
2022 (arXiv 2207.03572). Columns, and the organizers' figures on their test split, are those of the README of
each challenge in github.com/HumeAI/competitions.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from stages.core.config.data import ChallengeName
from stages.core.config.tasks import Task
from stages.core.metrics import formulas

EMOTIONS = (
    "Awe",
    "Excitement",
    "Amusement",
    "Awkwardness",
    "Fear",
    "Horror",
    "Distress",
    "Triumph",
    "Sadness",
    "Surprise",
)
CULTURES = ("China", "United States", "South Africa", "Venezuela")


@dataclass(frozen=True)
class Challenge:
    """A track of a challenge.

    Attributes:
        title: what tables call it.
        file: how the names of its submission files begin.
        columns: the labels to predict, in the order of a submission file.
        score: the metric of every task that predicts some of them; None: each task of its own, and together
            ExVo's harmonic mean.
        figure: what the score is called.
        system: what the organizers' baseline is.
        baseline: its score on the organizers' test split.
    """

    title: str
    file: str
    columns: tuple[str, ...]
    score: str | None
    figure: str
    system: str
    baseline: float

    def tasks(self, declared: Mapping[str, Task]) -> dict[str, Task] | None:
        """The tasks that predict its columns, each of them once; None if they do not, or score otherwise."""
        chosen = {name: task for name, task in declared.items() if set(task.columns) <= set(self.columns)}
        predicted = sorted(column for task in chosen.values() for column in task.columns)
        scores = sorted(task.score for task in chosen.values())
        fitting = set(scores) == {self.score} if self.score else scores == ["ccc", "mae", "uar"]
        return chosen if fitting and predicted == sorted(self.columns) else None

    def combined(self, tasks: Mapping[str, Task], values: Sequence[float]) -> float:
        """Its score, of the score of each task: the mean over columns, or ExVo's harmonic mean.

        Args:
            tasks: those of :meth:`tasks`.
            values: the score of each, in their order.

        Returns:
            NaN if the score of a task is.
        """
        if self.score is None:
            by_score = dict(zip((task.score for task in tasks.values()), values, strict=True))
            return formulas.exvo(by_score["ccc"], by_score["uar"], by_score["mae"])
        total = sum(value * len(task.columns) for task, value in zip(tasks.values(), values, strict=True))
        return total / len(self.columns)


_CULTURE = (
    *(f"{culture}_{emotion}" for culture, emotion in product(CULTURES, EMOTIONS[:-1])),
    *(f"{culture}_Surprise" for culture in CULTURES),
)
_END_TO_END = "end-to-end model (End2You)"

CHALLENGES: Mapping[ChallengeName, Challenge] = {
    "exvo-multitask": Challenge(
        "ExVo 2022 MultiTask",
        "ExVo-Multi",
        ("Country", "Age", *EMOTIONS),
        None,
        "S_MTL, the harmonic mean of CCC, UAR and 1 / MAE",
        "best baseline",
        0.335,
    ),
    "a-vb-high": Challenge("A-VB 2022 High", "A-VB-High", EMOTIONS, "ccc", "mean CCC", _END_TO_END, 0.5686),
    "a-vb-two": Challenge(
        "A-VB 2022 Two", "A-VB-Two", ("Valence", "Arousal"), "ccc", "mean CCC", _END_TO_END, 0.5084
    ),
    "a-vb-culture": Challenge(
        "A-VB 2022 Culture", "A-VB-Culture", _CULTURE, "ccc", "mean CCC", _END_TO_END, 0.4401
    ),
    "a-vb-type": Challenge("A-VB 2022 Type", "A-VB-Type", ("Voc_Type",), "uar", "UAR", _END_TO_END, 0.4172),
}
