"""The linear model beside the networks, against scikit-learn's ridge regression."""

from typing import Any

import numpy as np
import pytest
from scipy.special import log_softmax, softmax
from sklearn.linear_model import Ridge

from stages.core.config.tasks import Task
from stages.core.config.training import TrainingConfig
from stages.core.networks import linear
from stages.core.networks.data import MultiTaskData, SplitData

AGE = Task("regression", ("Age",), "mae")
MOOD = Task("regression", ("Mood",), "ccc")
KIND = Task("classification", ("Kind",), "uar")
RNG = np.random.default_rng(1)
TRAIN, UNSEEN = (RNG.normal(size=(rows, 5)).astype(np.float32) for rows in (40, 30))


def data_of(
    task: Task, train: np.ndarray, unseen: np.ndarray, inputs: tuple[np.ndarray, ...]
) -> MultiTaskData:
    outputs = 2 if task is KIND else 1
    parts = [SplitData(x, {"it": y}) for x, y in zip(inputs, (train, unseen), strict=True)]
    return MultiTaskData({"it": task}, {"it": outputs}, parts[0], parts[1], {"it": (0.0, 1.0)})


def fitted(data: MultiTaskData, **changes: Any) -> linear.Linear:
    model = linear.fit_linear(data, "it", TrainingConfig(**changes), {})
    assert model is not None
    return model


def test_it_reads_the_chosen_features_of_labelled_clips(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linear, "PENALTIES", np.array([10.0]))
    ages = (30 + 3 * TRAIN[:, [1]] - 5 * TRAIN[:, [4]]).astype(np.float64)
    ages[[0, 7]] = np.nan
    known = ~np.isnan(ages[:, 0])
    model = fitted(data_of(AGE, ages, np.full((30, 1), 30.0), (TRAIN, UNSEEN)), columns=2)
    assert model.columns.tolist() == [1, 4]
    theirs = Ridge(10.0).fit(TRAIN[known][:, [1, 4]].astype(np.float64), ages[known])
    expected = theirs.predict(UNSEEN[:, [1, 4]].astype(np.float64)).reshape(-1, 1)
    np.testing.assert_allclose(model.predict(UNSEEN, AGE), expected, rtol=1e-5)


@pytest.mark.parametrize("weights", ["none", "logits"])
def test_classes_are_targets_of_minus_one_and_one(weights: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where any balance is asked for, 32 clips of a class weigh as much as 8 of the other."""
    monkeypatch.setattr(linear, "PENALTIES", np.array([10.0]))
    kinds, unseen = (np.arange(40) % 5 == 0).astype(np.int64), np.arange(30) % 2
    model = fitted(data_of(KIND, kinds, unseen, (TRAIN, UNSEEN)), class_weights=weights)
    of_clip = np.where(kinds == 1, 40 / (2 * 8), 40 / (2 * 32)) if weights == "logits" else np.ones(40)
    theirs = Ridge(10.0).fit(
        TRAIN.astype(np.float64), np.stack([1 - 2 * kinds, 2 * kinds - 1], axis=1), sample_weight=of_clip
    )
    scores = theirs.predict(UNSEEN.astype(np.float64))
    np.testing.assert_allclose(model.scores(UNSEEN), scores, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(model.predict(UNSEEN, KIND), softmax(scores / model.temperature, axis=1), 1e-4)


def test_the_temperature_is_the_best_on_validation() -> None:
    """Training is told without a mistake, which asks for a low one; a third of validation is wrong."""
    kinds = (TRAIN[:, 0] > 0).astype(np.int64)
    unseen = np.where(np.arange(30) % 3 == 0, UNSEEN[:, 0] <= 0, UNSEEN[:, 0] > 0).astype(np.int64)
    model = fitted(data_of(KIND, kinds, unseen, (TRAIN, UNSEEN)))
    tried = 2.0 ** (np.arange(-160, 65) / 16)
    entropy = [
        -log_softmax(model.scores(UNSEEN) / one, axis=1)[np.arange(30), unseen].mean() for one in tried
    ]
    assert model.temperature == pytest.approx(tried[int(np.argmin(entropy))], rel=1e-6)
    assert model.temperature > 0.5


@pytest.mark.parametrize(("calibration", "penalty"), [("none", 1.0), ("match", 1e9)])
def test_the_penalty_is_chosen_as_predictions_will_be(
    calibration: str, penalty: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A huge penalty has the right direction and no spread: best if the spread is mended, else worst."""
    monkeypatch.setattr(linear, "PENALTIES", np.array([1.0, 1e9]))
    inputs, unseen = (np.random.default_rng(seed).normal(size=(20, 40)).astype(np.float32) for seed in (2, 3))
    moods = np.random.default_rng(4).normal(size=(20, 1))
    direction = (inputs - inputs.mean(axis=0)).T @ (moods - moods.mean())
    right = unseen @ direction
    truth = moods.mean() + (right - right.mean()) / right.std() * moods.std()
    model = fitted(data_of(MOOD, moods, truth, (inputs, unseen)), calibration=calibration)
    theirs = Ridge(penalty).fit(inputs.astype(np.float64), moods)
    np.testing.assert_allclose(model.weight, theirs.coef_.reshape(-1, 1), rtol=1e-4, atol=1e-10)


def test_without_labels_on_validation_there_is_no_model() -> None:
    data = data_of(AGE, np.ones((40, 1)) * 30, np.full((30, 1), np.nan), (TRAIN, UNSEEN))
    assert linear.fit_linear(data, "it", TrainingConfig(), {}) is None
    kinds = data_of(KIND, np.arange(40) % 2, np.full(30, -1), (TRAIN, UNSEEN))
    assert linear.fit_linear(kinds, "it", TrainingConfig(), {}) is None


def test_a_task_chooses_by_its_own_labels_among_the_columns_of_each_set() -> None:
    """Mood follows its feature exactly, so that it would win a place that is shared."""
    moods, rng = 30.0 + 5 * TRAIN[:, [3]], np.random.default_rng(3)
    ages = 30.0 + 5 * TRAIN[:, [1]] + rng.normal(0, 0.5, (40, 1))
    parts = [
        SplitData(TRAIN, {"mood": moods, "it": ages}),
        SplitData(UNSEEN, {"mood": 9 * UNSEEN[:, [3]] + 0.0, "it": 30.0 + 5 * UNSEEN[:, [1]]}),
    ]
    tasks = {"mood": MOOD, "it": AGE}
    data = MultiTaskData(tasks, {"mood": 1, "it": 1}, *parts, dict.fromkeys(tasks, (0.0, 1.0)))
    assert fitted(data, columns=1).columns.tolist() == [1]
    blocks = {"left": slice(0, 2), "right": slice(2, 5)}
    config = TrainingConfig(columns={"left": 1})
    found = linear.fit_linear(data, "it", config, blocks)
    assert found is not None and found.columns.tolist() == [1, 2, 3, 4]
    assert found.temperature == 1.0
    whole = fitted(data)
    assert whole.columns.tolist() == [0, 1, 2, 3, 4]
    assert whole.weight.dtype == whole.bias.dtype == np.float32
    # Each penalty is tried, and the smallest wins where there is little but signal.
    theirs = Ridge(10.0).fit(TRAIN.astype(np.float64), ages[:, 0])
    np.testing.assert_allclose(whole.weight[:, 0], theirs.coef_, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(whole.bias, theirs.intercept_, rtol=1e-5)
    noise = np.random.default_rng(2).normal(30, 5, (40, 1))
    lost = fitted(data_of(AGE, noise, np.full((30, 1), noise.mean()), (TRAIN, UNSEEN)))
    theirs = Ridge(1e5).fit(TRAIN.astype(np.float64), noise[:, 0])
    np.testing.assert_allclose(lost.weight[:, 0], theirs.coef_, rtol=1e-4)


def test_a_regression_is_not_cooled() -> None:
    model = linear.Linear(np.array([2, 0]), np.array([[1.0], [10.0]]), np.array([5.0]), temperature=4.0)
    inputs = np.array([[3.0, 99.0, 7.0]], np.float32)
    assert model.predict(inputs, AGE).tolist() == [[42.0]]
    classes = linear.Linear(np.array([1]), np.array([[0.0, 4.0]]), np.array([0.0, 0.0]), temperature=2.0)
    odds = np.exp(2.0 * 1.5)
    found = classes.predict(np.array([[9.0, 1.5]], np.float32), KIND)
    np.testing.assert_allclose(found, [[1 / (1 + odds), odds / (1 + odds)]], rtol=1e-12)
