"""What a search for training options needs: values to try, and how good a model is on a split."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from stages.core.config.search import SearchRange, SearchSpace, ends, is_whole
from stages.core.config.training import TrainingConfig
from stages.core.dataset.labels import labelled, targets_of
from stages.core.metrics.metric import METRICS
from stages.core.metrics.naive import naive_prediction
from stages.core.networks.model import Model
from stages.core.networks.run import RunTables

if TYPE_CHECKING:
    import optuna


def suggested(trial: "optuna.Trial", space: SearchSpace) -> dict[str, Any]:
    """Option → the value that a trial shall have."""
    values: dict[str, Any] = {}
    for option, choices in space.items():
        if not isinstance(choices, SearchRange):
            values[option] = trial.suggest_categorical(option, choices)
        else:
            suggest = trial.suggest_int if is_whole(option) else trial.suggest_float
            values[option] = suggest(option, *ends(option, choices), log=choices.log)
    return values


def within(config: TrainingConfig, space: SearchSpace) -> dict[str, Any] | None:
    """The options as they are, where the search could have come upon them; None: it could not."""
    values = {option: asdict(config)[option] for option in space}
    for option, choices in space.items():
        value = values[option]
        if isinstance(choices, SearchRange):
            if not isinstance(value, int | float) or not choices.low <= value <= choices.high:
                return None
        elif value not in choices:
            return None
    return values


def scores_of(model: Model, tables: RunTables, split: str) -> dict[str, float]:
    """Task → the score of the mean over the seeds on a split; tasks without labels there are left out."""
    clips, features, speakers = tables.of_split(split)
    by_seed = model.predict(features, speakers)
    scores = {}
    for name, task in model.tasks.items():
        truth = targets_of(task, clips, model.classes.get(name, ()))
        if labelled(truth).any():
            prediction = np.mean([by_seed[seed][name] for seed in model.seeds], axis=0)
            scores[name] = METRICS[task.score].compute(truth, prediction)
    return scores


def skill_of(model: Model, tables: RunTables, split: str, scores: Mapping[str, float]) -> float:
    """The mean over the tasks of :meth:`stages.core.metrics.metric.Metric.skill`; NaN: there is none."""
    train, clips = (tables.clips_of(name) for name in ("train", split))
    skills = []
    for name, score in scores.items():
        metric, task, naive = METRICS[model.tasks[name].score], model.tasks[name], np.nan
        if not metric.higher_is_better:
            truths = [targets_of(task, labels, model.classes.get(name, ())) for labels in (train, clips)]
            constant = naive_prediction(truths[0], model.description.outputs[name])
            naive = metric.compute(truths[1], np.broadcast_to(constant, (len(clips), len(constant))))
        skills.append(metric.skill(score, naive))
    defined = [skill for skill in skills if not np.isnan(skill)]
    return float(np.mean(defined)) if defined else float("nan")
