import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import balanced_accuracy_score, mean_absolute_error

from stages.core.config.evaluation import EvaluationOptions
from stages.core.config.tasks import Task
from stages.core.metrics import formulas as scores
from stages.core.runtime.compute import ComputeOptions
from stages.core.scoring.groups import groups_of
from stages.core.scoring.run_scores import Interval, PartScore, SeedScore, SplitScores, TaskScores, to_json
from stages.core.scoring.sampling import Sampling
from stages.core.scoring.score_run import best_seed, exvo_score, score_run, score_task

EMOTION = Task("regression", ("Awe", "Fear"), "ccc")
COUNTRY = Task("classification", ("Country",), "uar")
AGE = Task("regression", ("Age",), "mae")
TASKS = {"emotion": EMOTION, "country": COUNTRY, "age": AGE}
CLASSES = {"country": ["A", "B", "C"]}
OPTIONS = EvaluationOptions(bootstrap=100, confidence=0.9, seed=3)


def corpus(clips=180):
    rng = np.random.default_rng(1)
    speaker = np.arange(clips) // 6
    return pd.DataFrame(
        {
            "clip_id": [f"{clip:03d}" for clip in range(clips)],
            "speaker": [f"S{who}" for who in speaker],
            "split": np.array(["train", "validation", "test"])[speaker % 3],
            "Awe": rng.random(clips),
            "Fear": rng.random(clips),
            "Country": np.array(["A", "B", "C"])[rng.integers(0, 3, clips)],
            "Age": 20.0 + speaker,
        }
    )


def predictions(labels, seeds=(1, 2, 3)):
    result = {}
    for seed in seeds:
        rng = np.random.default_rng(seed)
        noise = rng.normal(0, 0.2 + 0.1 * seed, (len(labels), 2))
        result[seed] = {
            "emotion": labels[["Awe", "Fear"]].to_numpy() + noise,
            "country": np.eye(3)[labels["Country"].map({"A": 0, "B": 1, "C": 2}).fillna(0).astype(int)]
            + rng.random((len(labels), 3)),
            "age": labels[["Age"]].fillna(30).to_numpy() + 10 * noise[:, :1],
        }
    return result


def details(labels, predicted=None, balance="Country", tasks=TASKS) -> dict[str, SplitScores]:
    predicted = predicted or predictions(labels)
    return score_run(labels, predicted, tasks, CLASSES, balance, OPTIONS, ComputeOptions(2))


def test_figures_are_those_of_the_clips():
    labels = corpus()
    predicted = predictions(labels)
    found = details(labels, predicted)
    rows = (labels["split"] == "test").to_numpy()
    test = found["test"].tasks
    assert found["test"].clips == rows.sum()
    assert found["test"].speakers == labels[rows]["speaker"].nunique()
    # Seed 1 has the least noise, so that it is best on validation.
    assert test["emotion"].best_seed.seed == test["age"].best_seed.seed == 1
    age = [mean_absolute_error(labels["Age"][rows], predicted[seed]["age"][rows]) for seed in (1, 2, 3)]
    assert test["age"].best_seed.value == pytest.approx(age[0], abs=1e-6)
    assert list(test["age"].seeds.values()) == pytest.approx(age, abs=1e-6)
    assert test["age"].value == pytest.approx(np.mean(age), abs=1e-6)
    assert test["age"].sd == pytest.approx(np.std(age, ddof=1), abs=1e-6)
    ages = labels["Age"][rows].to_numpy()
    assert test["age"].ccc == pytest.approx(
        np.mean([scores.ccc(ages, predicted[seed]["age"][rows, 0]) for seed in (1, 2, 3)]), abs=1e-6
    )
    countries = [
        balanced_accuracy_score(
            labels["Country"][rows], np.array(["A", "B", "C"])[predicted[seed]["country"][rows].argmax(1)]
        )
        for seed in (1, 2, 3)
    ]
    assert test["country"].value == pytest.approx(np.mean(countries), abs=1e-6)
    for index, column in enumerate(EMOTION.columns):
        truth = labels[column][rows].to_numpy()
        values = [scores.ccc(truth, predicted[seed]["emotion"][rows, index]) for seed in (1, 2, 3)]
        assert test["emotion"].columns[column].value == pytest.approx(np.mean(values), abs=1e-6)
    joint = scores.exvo(test["emotion"].value, test["country"].value, test["age"].value)
    assert found["test"].exvo == pytest.approx(joint, abs=1e-5)


def by_hand(task: Task, truth: np.ndarray, values: np.ndarray) -> float:
    """The score by the formulas; classes as numbers."""
    if task.kind == "classification":
        return scores.uar(truth, values.argmax(axis=1), values.shape[1])
    return scores.mae(truth, values) if task.score == "mae" else scores.mean_ccc(truth, values)


def test_each_split_has_figures_of_its_own_clips():
    """Seeds in another order, splits of other sizes, clips without a label and without a speaker."""
    rng = np.random.default_rng(5)
    labels = corpus().iloc[9:].reset_index(drop=True)
    labels.loc[[0, 4, 20, 40, 41, 60, 100], "Country"] = None
    labels.loc[[1, 5, 21, 42, 43, 61, 101], "Age"] = np.nan
    labels.loc[labels.index[-4:], "speaker"] = None
    predicted = {seed: predictions(labels)[seed] for seed in (3, 1, 2)}
    # On validation the second seed is the best for age; on test it is the worst.
    shift = {"validation": 0.01, "test": 3.0, "train": 1.0}
    for name, scale in (("age", 30.0), ("emotion", 3.0)):
        noise = rng.normal(0, 1, predicted[2][name].shape) * labels["split"].map(shift).to_numpy()[:, None]
        predicted[2][name] = labels[list(TASKS[name].columns)].fillna(30).to_numpy() + scale * noise
    found = details(labels, predicted)
    codes = labels["Country"].map({"A": 0, "B": 1, "C": 2}).fillna(-1).to_numpy(int)
    truths = {
        "emotion": labels[["Awe", "Fear"]].to_numpy(),
        "country": codes,
        "age": labels[["Age"]].to_numpy(),
    }
    ages = pd.cut(
        labels["Age"], labels["Age"].quantile([0, 1 / 3, 2 / 3, 1]), include_lowest=True, labels=False
    )
    for split, of_split in found.items():
        inside = (labels["split"] == split).to_numpy()
        assert of_split.clips == inside.sum()
        named = labels["speaker"][inside]
        assert of_split.speakers == named.nunique() + named.isna().sum()
        assert list(of_split.tasks) == ["emotion", "country", "age"]
        for name, task in TASKS.items():
            figures, truth = of_split.tasks[name], truths[name]

            def scored(chosen, task=task, truth=truth, name=name):
                return {
                    str(seed): by_hand(task, truth[chosen], of_seed[name][chosen])
                    for seed, of_seed in predicted.items()
                }

            expected = scored(inside)
            assert figures.seeds == pytest.approx(expected, abs=1e-6)
            assert list(figures.seeds) == ["3", "1", "2"]
            assert figures.value == pytest.approx(np.mean(list(expected.values())), abs=1e-6)
            assert figures.sd == pytest.approx(np.std(list(expected.values()), ddof=1), abs=1e-6)
            together = np.mean([of_seed[name] for of_seed in predicted.values()], axis=0)
            assert figures.ensemble.value == pytest.approx(
                by_hand(task, truth[inside], together[inside]), abs=1e-6
            )
            best = {"emotion": 2, "age": 2, "country": figures.best_seed.seed}[name]
            assert figures.best_seed == SeedScore(best, figures.seeds[str(best)])
            parts = (
                {"A": "A", "B": "B", "C": "C"}
                if name != "country"
                else dict(enumerate(figures.groups.scores))
            )
            column = labels["Country"] if name != "country" else ages
            assert len(figures.groups.scores) == 3
            for value, title in parts.items():
                group = inside & (column == value).to_numpy()
                known = group & ((truth >= 0) if truth.ndim == 1 else ~np.isnan(truth[:, 0]))
                of_group = figures.groups.scores[title]
                assert of_group.clips == known.sum()
                assert of_group.value == pytest.approx(np.mean(list(scored(group).values())), abs=1e-6)
    assert found["test"].tasks["age"].best_seed.value == max(found["test"].tasks["age"].seeds.values())
    assert found["validation"].tasks["age"].best_seed.value == min(
        found["validation"].tasks["age"].seeds.values()
    )


def test_intervals_hold_their_values():
    for split in details(corpus()).values():
        for task in split.tasks.values():
            parts = (task.columns or {}) | (task.classes or {})
            for scored in (task, task.ensemble, *task.groups.scores.values(), *parts.values()):
                assert scored.low <= scored.value <= scored.high


def test_confusion_and_classes_agree():
    task = details(corpus())["test"].tasks["country"]
    counts = np.array(task.confusion.counts)
    assert task.confusion.classes == ["A", "B", "C"]
    for row, name in enumerate("ABC"):
        assert task.classes[name].clips * 3 == counts[row].sum()
        assert task.classes[name].value == pytest.approx(counts[row, row] / counts[row].sum(), abs=1e-6)
    assert task.value == pytest.approx(np.mean([of_class.value for of_class in task.classes.values()]))


def test_ensemble_is_the_mean_over_seeds():
    labels = corpus()
    predicted = predictions(labels)
    found = details(labels, predicted)["test"].tasks["age"].ensemble.value
    rows = (labels["split"] == "test").to_numpy()
    mean = np.mean([predicted[seed]["age"][rows] for seed in (1, 2, 3)], axis=0)
    assert found == pytest.approx(mean_absolute_error(labels["Age"][rows], mean), abs=1e-6)


def test_groups_are_countries_and_for_country_age_thirds():
    labels = corpus()
    predicted = predictions(labels)
    test = details(labels, predicted)["test"].tasks
    rows = (labels["split"] == "test") & (labels["Country"] == "B")
    assert list(test["age"].groups.scores) == ["A", "B", "C"]
    assert test["age"].groups.scores["B"].clips == rows.sum()
    assert test["age"].groups.scores["B"].value == pytest.approx(
        np.mean(
            [mean_absolute_error(labels["Age"][rows], predicted[seed]["age"][rows]) for seed in (1, 2, 3)]
        ),
        abs=1e-6,
    )
    thirds = test["country"].groups.scores
    assert (test["age"].groups.column, test["country"].groups.column) == ("Country", "Age")
    assert test["country"].groups.of_speakers and not test["age"].groups.of_speakers
    assert list(thirds) == ["Age 20.00 to 29.67", "Age above 29.67 to 39.33", "Age above 39.33 to 49.00"]
    assert sum(third.clips for third in thirds.values()) == (labels["split"] == "test").sum()
    labels["Age"] = np.tile([20.0, 30.0, 40.0, 50.0], len(labels))[: len(labels)]
    whole = details(labels, predicted)["test"].tasks["country"].groups.scores
    assert list(whole) == ["Age 20 to 30", "Age above 30 to 40", "Age above 40 to 50"]


def test_without_balance_column_or_age_there_are_no_groups():
    labels = corpus()
    assert groups_of(AGE, TASKS, labels, None) is None
    assert groups_of(AGE, TASKS, labels, "Dialect") is None
    assert groups_of(COUNTRY, {"country": COUNTRY}, labels, "Country") is None
    assert groups_of(COUNTRY, TASKS, labels.assign(Age=np.nan), "Country") is None
    one_age = groups_of(COUNTRY, TASKS, labels.assign(Age=30.0), "Country")
    assert [mask.sum() for mask in one_age.masks.values()] == [len(labels)]


def test_a_group_of_one_class_is_undefined_and_not_perfect():
    labels = corpus()
    labels["Sex"] = np.array(["f", "m"])[np.arange(len(labels)) // 6 % 2]
    sex = Task("classification", ("Sex",), "uar")
    labels["Country"] = np.where(labels["Sex"] == "f", "A", "B")
    predicted = {seed: {"sex": np.eye(2)[(labels["Sex"] == "m").astype(int)] + 0.0} for seed in (1, 2)}
    found = score_run(
        labels, predicted, {"sex": sex}, {"sex": ["f", "m"]}, "Country", OPTIONS, ComputeOptions(1)
    )
    groups = found["test"].tasks["sex"].groups
    assert {name: (part.value, part.low) for name, part in groups.scores.items()} == {
        "A": (None, None),
        "B": (None, None),
    }
    assert sum(part.clips for part in groups.scores.values()) == (labels["split"] == "test").sum()
    assert groups.of_speakers


def test_task_without_labels_in_a_split_is_absent_there():
    labels = corpus()
    test = labels["split"] == "test"
    labels.loc[test, ["Awe", "Fear", "Age"]] = np.nan
    labels.loc[test, "Country"] = None
    found = details(labels, predictions(labels))
    assert found["test"].tasks == {}
    assert found["test"].exvo is None
    assert set(found["validation"].tasks) == set(TASKS)
    json.dumps({split: to_json(scores) for split, scores in found.items()}, allow_nan=False)


def test_validation_without_labels_takes_the_first_seed():
    labels = corpus()
    labels.loc[labels["split"] == "validation", "Age"] = np.nan
    worst_first = {
        seed: {**values, "age": values["age"] + 100 * (seed == 1)}
        for seed, values in predictions(labels).items()
    }
    found = details(labels, worst_first)
    assert found["test"].tasks["age"].best_seed.seed == 1
    assert "age" not in found["validation"].tasks


def test_empty_split_has_no_scores():
    labels = corpus()
    found = details(labels[labels["split"] != "test"].reset_index(drop=True))
    assert found["test"] == SplitScores(clips=0, speakers=0, exvo=None, tasks={})


def test_undefined_figures_are_none_in_json():
    labels = corpus()
    labels["Fear"] = 0.5  # constant: no coefficient
    rows = labels["split"] == "test"
    labels.loc[rows & (labels["Country"] == "C"), "Country"] = "A"
    found = details(labels)
    json.dumps({split: to_json(scores) for split, scores in found.items()}, allow_nan=False)
    test = found["test"].tasks
    assert test["emotion"].columns["Fear"] == Interval(None, None, None)
    assert test["emotion"].value == test["emotion"].columns["Awe"].value
    assert test["country"].classes["C"] == PartScore(None, None, None, 0)


def test_one_seed_has_no_sd():
    labels = corpus()
    task = details(labels, predictions(labels, seeds=(7,)))["test"].tasks["age"]
    assert task.sd is None
    assert task.seeds == {"7": task.value}
    assert task.ensemble.value == task.value


def test_same_speakers_have_the_same_draws():
    labels = corpus()
    np.testing.assert_array_equal(
        Sampling.of(labels, OPTIONS).drawn, Sampling.of(labels[::-1], OPTIONS).drawn
    )


@pytest.mark.parametrize(("task", "expected"), [(AGE, 2), (EMOTION, 1)])
def test_best_seed_heeds_the_direction(task, expected):
    truth = np.tile(np.arange(4.0)[:, None], (1, len(task.columns)))
    near, far = truth + 0.1, truth + 3.0
    by_seed = {1: near, 2: far} if expected == 1 else {1: far, 2: near}
    assert best_seed(task, truth, by_seed) == expected


def scored(score: str, value: float | None) -> TaskScores:
    none = Interval(None, None, None)
    return TaskScores(value, None, None, score, None, {"1": value}, SeedScore(1, value), none)


def test_exvo_needs_one_task_of_each_of_its_scores():
    emotion, country, age = scored("ccc", 0.4), scored("uar", 0.5), scored("mae", 4.0)
    assert exvo_score([emotion, country]) is None
    assert exvo_score([emotion, country, age]) == pytest.approx(3 / (1 / 0.4 + 1 / 0.5 + 4), abs=1e-6)
    assert exvo_score([emotion, country, scored("mae", None)]) is None
    assert exvo_score([emotion, country, age, age]) is None


def test_thirty_classes_alone():
    rng = np.random.default_rng(2)
    names = [f"category {number:02d}" for number in range(30)]
    truth = rng.integers(0, 30, 600)
    clips = pd.DataFrame({"clip_id": range(600), "speaker": [f"S{clip % 20}" for clip in range(600)]})
    task = Task("classification", ("Category",), "uar")
    found = score_task(task, names, truth, {1: rng.random((600, 30))}, 1, Sampling.of(clips, OPTIONS))
    assert len(found.classes) == 30
    assert 0 < found.low < found.value < found.high < 0.2


@pytest.mark.parametrize("score", ["pearson", "rmse", "ccc", "mae"])
def test_further_scores_of_a_regression_stand_beside_its_own(score):
    labels = corpus()
    other = "mae" if score != "mae" else "ccc"
    beside = {"emotion": replace(EMOTION, score=other, also=(score,))}
    leading = {"emotion": replace(EMOTION, score=score)}
    found = details(labels, tasks=beside)["test"].tasks["emotion"]
    alone = details(labels, tasks=leading)["test"].tasks["emotion"]
    assert found.also == {score: Interval(alone.value, alone.low, alone.high)}
    assert found.score == other
    assert (found.ccc is None) == (score == "ccc" or other == "ccc")
    assert alone.also is None and "also" not in to_json(alone)


@pytest.mark.parametrize("score", ["f1", "accuracy", "war"])
def test_a_classification_by_another_score_still_shows_recalls(score):
    labels = corpus()
    often_a = {
        seed: {**outputs, "country": outputs["country"] + [0.6, 0, 0]}
        for seed, outputs in predictions(labels).items()
    }
    by_uar = details(labels, often_a, tasks={"country": replace(COUNTRY, also=(score,))})["test"]
    by_uar = by_uar.tasks["country"]
    by_other = details(labels, often_a, tasks={"country": replace(COUNTRY, score=score)})["test"]
    by_other = by_other.tasks["country"]
    assert len({part.value for part in by_uar.classes.values()}) == 3
    assert by_other.classes == by_uar.classes
    assert by_uar.also[score] == Interval(by_other.value, by_other.low, by_other.high)
    counts = np.array(by_uar.confusion.counts)
    if score != "f1":
        assert by_other.value == pytest.approx(np.trace(counts) / counts.sum(), abs=1e-6)


def test_rows_of_a_confusion_are_actual_classes_and_seeds_add_up():
    labels = corpus()
    predicted = predictions(labels)
    codes = labels["Country"].map({"A": 0, "B": 1, "C": 2}).to_numpy()
    guesses = {1: codes, 2: np.where(codes == 0, 1, codes), 3: np.zeros_like(codes)}
    predicted = {seed: {**predicted[seed], "country": np.eye(3)[guess]} for seed, guess in guesses.items()}
    found = details(labels, predicted)["test"].tasks["country"]
    a, b, c = np.bincount(codes[labels["split"] == "test"]).tolist()
    assert found.confusion.counts == [[2 * a, a, 0], [b, 2 * b, 0], [c, 0, 2 * c]]
    assert [found.classes[name].value for name in "ABC"] == pytest.approx([2 / 3] * 3, abs=1e-6)
