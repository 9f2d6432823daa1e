"""What a predictor scores that ignores its input: the reference for every score."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from stages.core.config.tasks import Task
from stages.core.dataset.labels import classes_of, labelled, targets_of
from stages.core.metrics.naive import naive_prediction
from stages.core.scoring.predictions import RunPredictions
from stages.core.scoring.run_scores import SPLITS, rounded
from stages.core.scoring.sums import score_of_sums, speaker_sums


@dataclass(frozen=True)
class NaiveScore:
    """The score of the naive predictor, and what it predicts."""

    value: float | None
    what: str


def naive_predictions(labels: pd.DataFrame, tasks: Mapping[str, Task]) -> RunPredictions:
    """What :func:`stages.core.metrics.naive.naive_prediction` gives for every clip.

    Args:
        labels: clip_id, split and label columns of all clips.
        tasks: name → task; one without labels in training is left out.
    """
    train = labels[labels["split"] == "train"]
    columns: dict[str, float] = {}
    for name, task in tasks.items():
        parts = classes_of(task, train) if task.kind == "classification" else task.columns
        truth = targets_of(task, train, parts)
        if labelled(truth).any():
            guess = naive_prediction(truth, len(parts))
            columns |= {f"{name}.{part}": float(value) for part, value in zip(parts, guess, strict=True)}
    return RunPredictions({0: pd.DataFrame(columns, index=pd.Index(labels["clip_id"]))})


def naive_scores(
    labels: pd.DataFrame, tasks: Mapping[str, Task], predictions: RunPredictions
) -> dict[str, dict[str, NaiveScore]]:
    """Split → task → score of the naive predictor, where there are labels.

    Args:
        labels: clip_id, split and label columns of all clips.
        tasks: name → task.
        predictions: of :func:`naive_predictions`.
    """
    train = labels[labels["split"] == "train"]
    found: dict[str, dict[str, NaiveScore]] = {split: {} for split in SPLITS}
    for name, task in tasks.items():
        parts = classes_of(task, train) if task.kind == "classification" else task.columns
        if not predictions.has(name, parts):
            continue
        for split in SPLITS:
            clips = labels[labels["split"] == split]
            truth = targets_of(task, clips, parts)
            if labelled(truth).any():
                (guess,) = predictions.of_task(name, parts, clips["clip_id"]).values()
                sums = speaker_sums(task.score, truth, guess, np.zeros(len(clips), np.int64), 1)
                value = rounded(float(score_of_sums(task.score, sums[0])))
                found[split][name] = NaiveScore(value, _described(task, parts, guess[0]))
    return found


def _described(task: Task, parts: Sequence[str], guess: np.ndarray) -> str:
    """What the naive predictor says, in words."""
    if task.kind == "classification":
        return f"always {parts[int(guess.argmax())]}, commonest in training"
    return "always the training mean" + (f" ({guess[0]:.2f})" if len(guess) == 1 else "")
