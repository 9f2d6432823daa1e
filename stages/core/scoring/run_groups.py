"""Which runs belong together: those of the common training, and those that are compared with each other."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from itertools import combinations
from typing import Literal

from stages.core.config.load import Parameters
from stages.core.config.training import TrainingConfig

Contrast = Literal["naive", "multi-task", "features", "training", "fusion", "runs"]
"""What distinguishes two runs: a prediction that ignores its input; one network for all tasks instead of one
per task; other features for the same model; another training; several runs as one instead of the best;
anything, where runs on folds are compared with the first of them."""
NAIVE = "naive predictor"


@dataclass(frozen=True)
class Pair:
    """Two runs to compare: how much better is the candidate than the baseline?"""

    contrast: Contrast
    baseline: str
    candidate: str


@dataclass(frozen=True)
class RunGroups:
    """The runs of params.yaml by what distinguishes them.

    Attributes:
        parameters: all of params.yaml.
    """

    parameters: Parameters

    @cached_property
    def _training(self) -> dict[str, TrainingConfig]:
        return {run: self.parameters.recipe(run) for run in self.parameters.runs}

    def training(self, run: str) -> TrainingConfig:
        """How a run is trained."""
        return self._training[run]

    def changes(self, run: str) -> str:
        """What of the section ``train`` a run's model changes, in words."""
        common, own = asdict(self.parameters.train), asdict(self._training[run])
        return ", ".join(f"{name} {_in_words(value)}" for name, value in own.items() if value != common[name])

    def is_joint(self, run: str) -> bool:
        """Whether one network learns several tasks: with a single task, no network is a multi-task one."""
        return self.parameters.architecture(run).joint and len(self.parameters.tasks_of(run)) > 1

    def is_common(self, run: str) -> bool:
        """Whether the run is trained as the section ``train`` says, without a change by its model."""
        return self._training[run] == self.parameters.train

    @property
    def single_task(self) -> list[str]:
        """Runs of the common training with one network per task (the paper's Table 2)."""
        return self._chosen(lambda run: self.is_common(run) and not self.is_joint(run))

    @property
    def multi_task(self) -> list[str]:
        """Runs of the common training with one network for all tasks (the paper's Table 3)."""
        return self._chosen(lambda run: self.is_common(run) and self.is_joint(run))

    @property
    def common(self) -> list[str]:
        """All runs of the common training."""
        return self._chosen(self.is_common)

    @property
    def trained_otherwise(self) -> list[str]:
        """Runs whose model changes the training."""
        return self._chosen(lambda run: not self.is_common(run))

    @property
    def in_speaker_units(self) -> list[str]:
        """Runs that read each clip beside the other clips of its speaker."""
        return self._chosen(lambda run: self._training[run].scaling == "speaker")

    def multi_task_pairs(self) -> Iterator[Pair]:
        """Single-task and multi-task runs of the same features and training.

        What only a multi-task network can choose, the weights of its losses and their units, may differ.
        """
        for single in self.parameters.runs:
            for multi in self.parameters.runs:
                if (
                    not self.is_joint(single)
                    and self.is_joint(multi)
                    and self._features(single) == self._features(multi)
                    and self._but_for_weights(single) == self._but_for_weights(multi)
                ):
                    yield Pair("multi-task", single, multi)

    def feature_pairs(self) -> Iterator[Pair]:
        """Runs of the same model on two feature sets, in the order of params.yaml."""
        for first, second in combinations(self.parameters.runs, 2):
            if self.parameters.runs[first].model == self.parameters.runs[second].model and self._features(
                first
            ) != self._features(second):
                yield Pair("features", first, second)

    def _but_for_weights(self, run: str) -> TrainingConfig:
        return replace(self._training[run], loss_weighting="equal", target_scale="none")

    def _features(self, run: str) -> str:
        return self.parameters.runs[run].features

    def _chosen(self, belongs: Callable[[str], bool]) -> list[str]:
        return [run for run in self.parameters.runs if belongs(run)]


def _in_words(value: object) -> str:
    """An option's value; of a mapping, as ``(compare 1000, boaw 500)``."""
    if not isinstance(value, Mapping):
        return str(value)
    return f"({', '.join(f'{name} {part}' for name, part in value.items())})"
