"""What a predictor scores that ignores its input: the reference for every score."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from stages.core.config.tasks import Task
from stages.core.dataset.labels import classes_of, labelled, targets_of
from stages.core.metrics.metric import METRICS
from stages.core.metrics.naive import naive_prediction
from stages.core.scoring.run_scores import SPLITS, rounded


@dataclass(frozen=True)
class NaiveScore:
    """The score of the naive predictor, and what it predicts."""

    value: float | None
    what: str


def naive_scores(labels: pd.DataFrame, tasks: Mapping[str, Task]) -> dict[str, dict[str, NaiveScore]]:
    """Split → task → score of :func:`stages.core.metrics.naive.naive_prediction`, where there are labels.

    Args:
        labels: split and label columns of all clips.
        tasks: name → task.
    """
    train = (labels["split"] == "train").to_numpy()
    found: dict[str, dict[str, NaiveScore]] = {split: {} for split in SPLITS}
    for name, task in tasks.items():
        classes = classes_of(task, labels[train]) if task.kind == "classification" else ()
        truth = targets_of(name, task, labels, classes)
        if not labelled(truth[train]).any():
            continue
        guess = naive_prediction(truth[train], len(classes) or len(task.columns))
        if classes:
            what = f"always {classes[int(guess.argmax())]}, commonest in training"
        else:
            what = "always the training mean" + (f" ({guess[0]:.2f})" if len(guess) == 1 else "")
        for split in SPLITS:
            rows = (labels["split"] == split).to_numpy() & labelled(truth)
            if rows.any():
                score = METRICS[task.score].compute(truth[rows], np.tile(guess, (rows.sum(), 1)))
                found[split][name] = NaiveScore(rounded(score), what)
    return found
