from dataclasses import replace
from typing import get_args

import pytest

from stages.core.config.data import ChallengeName
from stages.core.config.tasks import Task
from stages.core.metrics.formulas import exvo
from stages.core.scoring.challenges import CHALLENGES, CULTURES, EMOTIONS
from stages.core.scoring.run_scores import SplitScores
from tests.helpers.results import Numbers, task_scores

CULTURE = {
    country: Task("regression", tuple(f"{country}_{emotion}" for emotion in EMOTIONS), "ccc")
    for country in CULTURES
}


def test_every_challenge_that_params_yaml_may_name_is_there():
    assert list(CHALLENGES) == list(get_args(ChallengeName))


def test_the_score_of_forty_columns_is_the_mean_of_four_countries():
    numbers = Numbers()
    scores = {country: task_scores(numbers, "ccc", ["Awe"]) for country in CULTURES}
    split = SplitScores(1, 1, None, scores)
    challenge = CHALLENGES["a-vb-culture"]
    tasks = challenge.tasks({**CULTURE, "age": Task("regression", ("Age",), "mae")})
    assert tasks == CULTURE
    mean = sum(found.value for found in scores.values()) / 4
    assert challenge.value(tasks, split, lambda task: task.value) == pytest.approx(mean)
    without = {country: scores[country] for country in CULTURES[:3]}
    assert challenge.value(tasks, replace(split, tasks=without), lambda task: task.value) is None


def test_exvo_is_its_harmonic_mean():
    numbers = Numbers()
    tasks = {
        "emotion": Task("regression", EMOTIONS, "ccc"),
        "country": Task("classification", ("Country",), "uar"),
        "age": Task("regression", ("Age",), "mae"),
    }
    scores = {name: task_scores(numbers, task.score, ["x"]) for name, task in tasks.items()}
    challenge = CHALLENGES["exvo-multitask"]
    found = challenge.value(tasks, SplitScores(1, 1, None, scores), lambda task: task.ensemble.value)
    values = [scores[name].ensemble.value for name in tasks]
    assert found == pytest.approx(exvo(*values), abs=1e-6)


def test_tasks_that_do_not_fit_a_challenge():
    by_mae = {country: replace(task, score="mae") for country, task in CULTURE.items()}
    assert CHALLENGES["a-vb-culture"].tasks(by_mae) is None
    assert CHALLENGES["a-vb-type"].tasks(CULTURE) is None
    twice = {**CULTURE, "again": CULTURE["China"]}
    assert CHALLENGES["a-vb-culture"].tasks(twice) is None
