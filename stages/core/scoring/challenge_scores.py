"""The scores of runs by the one figure of a challenge, with intervals."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import pandas as pd

from stages.core.config.evaluation import EvaluationOptions
from stages.core.config.tasks import Task
from stages.core.dataset.labels import targets_of
from stages.core.scoring.challenges import Challenge
from stages.core.scoring.predictions import RunPredictions, mean_over_seeds
from stages.core.scoring.run_scores import Interval, RunScores, rounded_ends
from stages.core.scoring.sampling import Sampling


@dataclass(frozen=True)
class ChallengeScores:
    """The score of one run; None where a task has no labels.

    Attributes:
        validation: of the mean scores over seeds, with an interval over speakers and seeds.
        test: the same.
        ensemble: of the mean prediction of the seeds on test, with an interval over speakers.
    """

    validation: Interval | None
    test: Interval | None
    ensemble: Interval | None


def challenge_scores(
    challenge: Challenge,
    tasks: Mapping[str, Task],
    runs: Mapping[str, RunScores],
    predictions: Mapping[str, RunPredictions],
    labels: pd.DataFrame,
    options: EvaluationOptions,
) -> dict[str, ChallengeScores]:
    """Run → its scores, of those runs that learn all tasks of the challenge.

    Args:
        challenge: whose score it is.
        tasks: those of :meth:`stages.core.scoring.challenges.Challenge.tasks`.
        runs: run → its scores, which say the classes and where there are labels.
        predictions: run → its predictions.
        labels: clip_id, speaker, split and label columns.
        options: replicates, confidence and seed of the bootstrap.
    """
    found = {}
    for run, scores in runs.items():
        of_split = partial(_interval, challenge, tasks, scores, predictions[run], labels, options)
        validation, test = of_split("validation"), of_split("test")
        if validation or test:
            found[run] = ChallengeScores(validation, test, of_split("test", ensemble=True))
    return found


def _interval(
    challenge: Challenge,
    tasks: Mapping[str, Task],
    scores: RunScores,
    predictions: RunPredictions,
    labels: pd.DataFrame,
    options: EvaluationOptions,
    split: str,
    ensemble: bool = False,
) -> Interval | None:
    clips = labels[(labels["split"] == split) & labels["clip_id"].isin(predictions.clip_ids)]
    sampling = Sampling.of(clips, options)
    sums = []
    for name, task in tasks.items():
        if scores.task(name, split) is None:
            return None
        parts = scores.classes_of(name) or task.columns
        by_seed = list(predictions.of_task(name, parts, clips["clip_id"]).values())
        if ensemble:
            by_seed = [mean_over_seeds(by_seed)]
        sums.append(sampling.sums(task.score, targets_of(task, clips, parts), by_seed))
    metrics = [task.score for task in tasks.values()]
    return Interval(*rounded_ends(sampling.joint(metrics, sums, partial(challenge.combined, tasks))))
