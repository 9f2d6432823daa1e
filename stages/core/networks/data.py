"""What the networks of a run learn from: scaled inputs and targets of the training and validation splits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from stages.core.config.tasks import Task
from stages.core.config.training import TrainingConfig
from stages.core.dataset.join import join_clips
from stages.core.dataset.labels import classes_of, labelled, targets_of
from stages.core.dataset.speakers import speakers_of
from stages.core.networks.scaling import Scaling, fit_scaling
from stages.core.runtime.errors import UserError
from stages.core.runtime.tables import FeatureTable


@dataclass(frozen=True)
class SplitData:
    """The clips of one split.

    Attributes:
        inputs: float32 [n, d], scaled.
        targets: task → what :func:`stages.core.dataset.labels.targets_of` gives for the n clips.
    """

    inputs: np.ndarray
    targets: Mapping[str, np.ndarray]

    def __len__(self) -> int:
        return len(self.inputs)


@dataclass(frozen=True)
class MultiTaskData:
    """All that the networks of a run share.

    Attributes:
        tasks: the tasks, in order.
        outputs: task → number of outputs.
        train: the clips to learn from; regression targets on the scale of the loss.
        validation: the clips that early stopping watches; the same scale.
        scales: task → (mean, sd) of its linear targets: label = mean + sd × target.
    """

    tasks: Mapping[str, Task]
    outputs: Mapping[str, int]
    train: SplitData
    validation: SplitData
    scales: Mapping[str, tuple[float, float]]

    def only(self, names: Sequence[str]) -> "MultiTaskData":
        """The same clips with some of the tasks."""
        return MultiTaskData(
            {name: self.tasks[name] for name in names},
            {name: self.outputs[name] for name in names},
            SplitData(self.train.inputs, {name: self.train.targets[name] for name in names}),
            SplitData(self.validation.inputs, {name: self.validation.targets[name] for name in names}),
            {name: self.scales[name] for name in names},
        )


@dataclass(frozen=True)
class Prepared:
    """What :func:`prepare` makes of a corpus.

    Attributes:
        data: inputs and targets of the tasks that can be learnt.
        scaling: how features became inputs.
        classes: classification task → its classes, in the order of the outputs.
        left_out: task that cannot be learnt → why.
    """

    data: MultiTaskData
    scaling: Scaling
    classes: Mapping[str, list[str]]
    left_out: Mapping[str, str]


def prepare(
    recordings: pd.DataFrame,
    splits: pd.DataFrame,
    clip_ids: Sequence[str],
    features: np.ndarray | FeatureTable,
    tasks: Mapping[str, Task],
    config: TrainingConfig,
) -> Prepared:
    """Join labels, splits and features by clip; scale and choose classes by the training split alone.

    Args:
        recordings: one row per usable clip: clip_id, speaker and the label columns.
        splits: clip_id and split.
        clip_ids: the n clips that have features.
        features: float32 [n, d], in the order of ``clip_ids``; of a table, only the clips of the two splits
            are read, into one matrix that is scaled in place.
        tasks: the tasks to learn.
        config: names the scalings.

    Raises:
        UserError: if the tables are of different corpora, or no task can be learnt.
    """
    clips = join_clips(recordings, splits, clip_ids)
    rows = {split: np.flatnonzero(clips["split"] == split) for split in ("train", "validation")}
    kept, classes, targets, left_out = _targets(tasks, clips, rows)
    if not kept:
        raise UserError(
            "no task has labels (of two classes) in the training split; see the label columns of the corpus."
        )
    inputs = features[np.concatenate([rows["train"], rows["validation"]])]
    parts = dict(zip(rows, np.split(inputs, [len(rows["train"])]), strict=True))
    scaling = fit_scaling(config.scaling, parts["train"])
    speakers = speakers_of(clips).to_numpy(str)
    scales = {name: _scale(task, targets[name][rows["train"]], config) for name, task in kept.items()}
    train, validation = (
        _split_data(rows[split], scaling(part, speakers[rows[split]], part), targets, scales)
        for split, part in parts.items()
    )
    outputs = {name: len(classes.get(name, task.columns)) for name, task in kept.items()}
    return Prepared(MultiTaskData(kept, outputs, train, validation, scales), scaling, classes, left_out)


def labels_among(features: Sequence[str], tasks: Mapping[str, Task]) -> list[str]:
    """The label columns after which a feature is named, too, alone or behind its set where sets are fused.

    >>> labels_among(["pitch", "mine.Age"], {"age": Task("regression", ("Age",), "mae")})
    ['Age']
    """
    named = {*features, *(name.rpartition(".")[2] for name in features)}
    return [column for task in tasks.values() for column in task.columns if column in named]


def _targets(
    tasks: Mapping[str, Task], clips: pd.DataFrame, rows: Mapping[str, np.ndarray]
) -> tuple[dict[str, Task], dict[str, list[str]], dict[str, np.ndarray], dict[str, str]]:
    """Tasks that can be learnt, their classes, targets of all clips, and why others cannot be learnt."""
    kept, classes, targets, left_out = {}, {}, {}, {}
    train, validation = (clips.iloc[rows[split]] for split in ("train", "validation"))
    for name, task in tasks.items():
        found = list(classes_of(task, train)) if task.kind == "classification" else []
        values = targets_of(task, clips, found)
        if len(found) == 1:
            left_out[name] = f"only one class, {found[0]},"
        elif not labelled(values[rows["train"]]).any():
            left_out[name] = "no labels"
        elif found and _all_unseen(task, validation, found):
            left_out[name] = "no class of the validation split"
        else:
            kept[name], targets[name] = task, values
            if found:
                classes[name] = found
    return kept, classes, targets, left_out


def _all_unseen(task: Task, validation: pd.DataFrame, classes: Sequence[str]) -> bool:
    """Whether validation has classes, but none that training has, as where countries are left out."""
    found = classes_of(task, validation)
    return bool(found) and not set(found) & set(classes)


def _scale(task: Task, targets: np.ndarray, config: TrainingConfig) -> tuple[float, float]:
    """Mean and standard deviation that bring linear targets to standard units, or (0, 1)."""
    if config.target_scale == "none" or task.kind == "classification" or task.output != "linear":
        return 0.0, 1.0
    return float(np.nanmean(targets)), float(np.nanstd(targets)) or 1.0


def _split_data(
    rows: np.ndarray,
    inputs: np.ndarray,
    targets: Mapping[str, np.ndarray],
    scales: Mapping[str, tuple[float, float]],
) -> SplitData:
    scaled = {}
    for name, values in targets.items():
        mean, deviation = scales[name]
        scaled[name] = values[rows] if values.ndim == 1 else (values[rows] - mean) / deviation
    return SplitData(inputs, scaled)


def batch_size_of(data: MultiTaskData, config: TrainingConfig) -> int:
    """Clips of a full batch: never more than there are, since loops make room for them."""
    return min(config.batch_size, len(data.train))
