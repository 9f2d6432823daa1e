from dataclasses import replace
from functools import partial
from typing import get_args

import numpy as np
import pandas as pd
import pytest

from stages.core.config.data import ChallengeName
from stages.core.config.evaluation import EvaluationOptions
from stages.core.config.tasks import Task
from stages.core.metrics.formulas import exvo, mean_ccc, uar
from stages.core.metrics.metric import METRICS
from stages.core.scoring.challenge_scores import challenge_scores
from stages.core.scoring.challenges import CHALLENGES, CULTURES, EMOTIONS
from stages.core.scoring.predictions import RunPredictions
from stages.core.scoring.run_scores import Confusion, Cost, RunScores, SplitScores
from stages.core.scoring.sampling import Sampling
from tests.helpers.results import Numbers, task_scores

CULTURE = {
    country: Task("regression", tuple(f"{country}_{emotion}" for emotion in EMOTIONS), "ccc")
    for country in CULTURES
}


def test_every_challenge_that_params_yaml_may_name_is_there():
    assert list(CHALLENGES) == list(get_args(ChallengeName))


def test_the_score_of_forty_columns_is_the_mean_of_four_countries() -> None:
    challenge = CHALLENGES["a-vb-culture"]
    tasks = challenge.tasks({**CULTURE, "age": Task("regression", ("Age",), "mae")})
    assert tasks == CULTURE
    assert challenge.combined(CULTURE, [0.1, 0.2, 0.3, 0.6]) == pytest.approx(0.3)
    assert np.isnan(challenge.combined(CULTURE, [0.1, np.nan, 0.3, 0.6]))


def test_a_task_counts_by_its_columns() -> None:
    few, many = (Task("regression", columns, "ccc") for columns in (EMOTIONS[:2], EMOTIONS[2:]))
    challenge = CHALLENGES["a-vb-high"]
    assert challenge.tasks({"few": few, "many": many}) == {"few": few, "many": many}
    assert challenge.combined({"few": few, "many": many}, [0.6, 0.1]) == pytest.approx(0.2)


def test_exvo_is_its_harmonic_mean() -> None:
    tasks = {
        "emotion": Task("regression", EMOTIONS, "ccc"),
        "age": Task("regression", ("Age",), "mae"),
        "country": Task("classification", ("Country",), "uar"),
    }
    assert CHALLENGES["exvo-multitask"].tasks(tasks) == tasks
    assert CHALLENGES["exvo-multitask"].combined(tasks, [0.4, 5.0, 0.5]) == exvo(0.4, 0.5, 5.0)


def made(seeds: int, speakers: int = 12) -> tuple[pd.DataFrame, RunPredictions]:
    """Clips with the labels of four countries, each clip with those of its own, and predictions of them."""
    rng = np.random.default_rng(3)
    columns = [column for task in CULTURE.values() for column in task.columns]
    truth = rng.uniform(0, 1, (speakers * 8, 40)).astype(np.float32)
    clips = pd.DataFrame({"clip_id": [f"{number:03d}" for number in range(len(truth))]})
    own = np.repeat(np.arange(len(truth)) % 4, 10).reshape(-1, 10)
    known = np.repeat(np.arange(4), 10) == own[:, :1]
    labels = pd.DataFrame(np.where(known, truth, np.nan), columns=columns)
    names = [f"{name}.{column}" for name, task in CULTURE.items() for column in task.columns]
    by_seed = {
        seed: pd.DataFrame(
            (truth + rng.normal(0, 0.1 * seed, truth.shape)).astype(np.float32),
            columns=names,
            index=pd.Index(clips["clip_id"]),
        )
        for seed in range(1, seeds + 1)
    }
    speaker = [f"S{number // 8}" for number in range(len(truth))]
    return clips.assign(speaker=speaker, split="test").join(labels), RunPredictions(by_seed)


def test_intervals_of_a_challenge_of_several_tasks() -> None:
    labels, predictions = made(seeds=3)
    options = EvaluationOptions(bootstrap=200)
    tasks = {name: task_scores(Numbers(), "ccc", task.columns) for name, task in CULTURE.items()}
    empty, full = SplitScores(0, 0, None, {}), SplitScores(96, 12, None, tasks)
    run = RunScores("a", "b", Cost(1, 1, 1, 1), {"validation": empty, "test": full})
    (found,) = challenge_scores(
        CHALLENGES["a-vb-culture"], CULTURE, {"run": run}, {"run": predictions}, labels, options
    ).values()
    assert found.validation is None
    truth = {name: labels[list(task.columns)].to_numpy() for name, task in CULTURE.items()}
    of_seed = [
        np.mean(
            [
                METRICS["ccc"].compute(
                    truth[name], table[[f"{name}.{column}" for column in task.columns]].to_numpy()
                )
                for name, task in CULTURE.items()
            ]
        )
        for table in predictions.by_seed.values()
    ]
    assert found.test.value == pytest.approx(np.mean(of_seed), abs=1e-6)
    assert found.test.low < found.test.value < found.test.high
    assert found.ensemble.value > found.test.value
    assert found.ensemble.high - found.ensemble.low < found.test.high - found.test.low


def test_each_figure_is_of_its_split_and_of_the_clips_that_have_predictions() -> None:
    """ExVo's score of two seeds by hand; a run without labels on test, and one without any."""
    rng = np.random.default_rng(4)
    names = ["Chile", "Peru", "Venezuela"]
    number = 90
    tasks = {
        "age": Task("regression", ("Age",), "mae"),
        "emotion": Task("regression", EMOTIONS, "ccc"),
        "country": Task("classification", ("Country",), "uar"),
    }
    labels = pd.DataFrame(rng.uniform(0, 1, (number, 10)), columns=list(EMOTIONS)).assign(
        clip_id=[f"{clip:02d}" for clip in range(number)],
        speaker=[f"S{clip // 3}" for clip in range(number)],
        split=np.array(["train", "validation", "test"])[np.arange(number) // 3 % 3],
        Age=rng.uniform(20, 60, number),
        Country=rng.choice(names, number),
    )
    tables = {}
    for seed, noise in ((1, 0.2), (2, 0.5)):
        known = labels["Country"].to_numpy()[:, None] == np.array(names)
        tables[seed] = pd.DataFrame(
            {f"emotion.{name}": labels[name] + noise * rng.normal(0, 1, number) for name in EMOTIONS}
            | {"age.Age": labels["Age"] + 20 * noise * rng.normal(0, 1, number)}
            | dict(
                zip((f"country.{name}" for name in names), (known + rng.random(known.shape)).T, strict=True)
            )
        ).set_index(labels["clip_id"])
    lost = labels.loc[labels["split"] != "train", "clip_id"].iloc[[0, 3, 7]]
    kept = RunPredictions({seed: table.drop(index=lost) for seed, table in tables.items()})

    def score(split: str, seeds: list[int]) -> float:
        """The mean over these seeds' scores."""
        clips = labels[(labels["split"] == split) & ~labels["clip_id"].isin(lost)]
        truth = clips["Country"].map(names.index).to_numpy()
        found = []
        for table in (tables[seed].loc[clips["clip_id"]] for seed in seeds):
            emotion = mean_ccc(
                clips[list(EMOTIONS)].to_numpy(), table[[f"emotion.{name}" for name in EMOTIONS]].to_numpy()
            )
            country = uar(truth, table[[f"country.{name}" for name in names]].to_numpy().argmax(axis=1), 3)
            age = (clips["Age"].to_numpy() - table["age.Age"]).abs().mean()
            found.append((emotion, country, age))
        emotion, country, age = np.mean(found, axis=0)
        return 3 / (1 / emotion + 1 / country + age)

    numbers = Numbers()
    scored = {
        "age": task_scores(numbers, "mae", ["Age"]),
        "emotion": task_scores(numbers, "ccc", EMOTIONS),
        "country": replace(
            task_scores(numbers, "uar"), confusion=Confusion(names, [[1, 0, 0], [0, 1, 0], [0, 0, 1]])
        ),
    }
    full, empty = SplitScores(30, 10, None, scored), SplitScores(30, 10, None, {})
    of = partial(RunScores, "a", "b", Cost(1, 1, 1, 1))
    runs = {
        "both": of({"validation": full, "test": full}),
        "blind": of({"validation": full, "test": empty}),
        "part": of({"validation": empty, "test": replace(full, tasks={"age": scored["age"]})}),
    }
    found = challenge_scores(
        CHALLENGES["exvo-multitask"],
        tasks,
        runs,
        dict.fromkeys(runs, kept),
        labels,
        EvaluationOptions(bootstrap=60),
    )
    assert list(found) == ["both", "blind"]
    assert found["both"].validation.value == pytest.approx(score("validation", [1, 2]), abs=1e-6)
    assert found["both"].test.value == pytest.approx(score("test", [1, 2]), abs=1e-6)
    tables[3] = (tables[1] + tables[2]) / 2
    assert found["both"].ensemble.value == pytest.approx(score("test", [3]), abs=1e-6)
    assert (found["blind"].test, found["blind"].ensemble) == (None, None)
    assert found["blind"].validation == found["both"].validation


def test_what_the_organizers_published() -> None:
    """Their READMEs' best baselines on test, and how the files of a submission begin."""
    published = {
        "exvo-multitask": ("ExVo 2022 MultiTask", "ExVo-Multi", "best baseline", 0.335),
        "a-vb-high": ("A-VB 2022 High", "A-VB-High", "end-to-end model (End2You)", 0.5686),
        "a-vb-two": ("A-VB 2022 Two", "A-VB-Two", "end-to-end model (End2You)", 0.5084),
        "a-vb-culture": ("A-VB 2022 Culture", "A-VB-Culture", "end-to-end model (End2You)", 0.4401),
        "a-vb-type": ("A-VB 2022 Type", "A-VB-Type", "end-to-end model (End2You)", 0.4172),
    }
    found = {name: (of.title, of.file, of.system, of.baseline) for name, of in CHALLENGES.items()}
    assert found == published


def test_the_joint_score_of_one_task_is_that_task_s_own() -> None:
    labels, predictions = made(seeds=3)
    name, task = next(iter(CULTURE.items()))
    sampling = Sampling.of(labels, EvaluationOptions(bootstrap=200))
    truth = labels[list(task.columns)].to_numpy()
    sums = sampling.sums("ccc", truth, predictions.of_task(name, task.columns, labels["clip_id"]).values())
    own = sampling.estimate("ccc", sums)
    assert sampling.joint(["ccc"], [sums], lambda scores: scores[0]) == (own.value, own.low, own.high)
    alone = Sampling.of(labels.assign(speaker="S"), EvaluationOptions(bootstrap=20))
    single = alone.sums("ccc", truth, predictions.of_task(name, task.columns, labels["clip_id"]).values())
    value, low, high = alone.joint(["ccc"], [single], lambda scores: scores[0])
    assert value == pytest.approx(own.value)
    assert np.isnan([low, high]).all()
    of_one = sums.copy()
    of_one[:, 1:] = 0  # the other task is labelled for one speaker alone
    value, low, high = sampling.joint(["ccc", "ccc"], [sums, of_one], lambda scores: scores[0])
    assert value == pytest.approx(own.value)
    assert np.isnan([low, high]).all()


def test_tasks_that_do_not_fit_a_challenge():
    by_mae = {country: replace(task, score="mae") for country, task in CULTURE.items()}
    assert CHALLENGES["a-vb-culture"].tasks(by_mae) is None
    assert CHALLENGES["a-vb-type"].tasks(CULTURE) is None
    of_exvo = {
        "emotion": Task("regression", EMOTIONS, "ccc"),
        "age": Task("regression", ("Age",), "rmse"),
        "country": Task("classification", ("Country",), "uar"),
    }
    assert CHALLENGES["exvo-multitask"].tasks(of_exvo) is None
    twice = {**CULTURE, "again": CULTURE["China"]}
    assert CHALLENGES["a-vb-culture"].tasks(twice) is None
