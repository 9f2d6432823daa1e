from dataclasses import replace

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from stages.core.config.tasks import Task
from stages.core.networks.data import MultiTaskData, SplitData
from stages.core.networks.selection import correlation, select
from tests.core.networks.test_training import PROBLEM


def test_correlation_is_numpys() -> None:
    rng = np.random.default_rng(1)
    inputs = rng.normal(size=(50, 600)).astype(np.float32)
    targets = rng.normal(size=(50, 3)) + inputs[:, :3]
    expected = np.abs(np.corrcoef(inputs.T.astype(float), targets.T)[:600, 600:]).mean(axis=1)
    np.testing.assert_allclose(correlation(inputs, targets), expected, rtol=1e-9)


def test_unlabelled_clips_count_nothing() -> None:
    rng = np.random.default_rng(1)
    inputs, targets = rng.normal(size=(50, 5)), rng.normal(size=(50, 2))
    expected = correlation(inputs[:30], targets[:30])
    targets[30:] = np.nan
    np.testing.assert_array_equal(correlation(inputs, targets), expected)


@pytest.mark.parametrize(("task", "columns"), [("emotion", [0, 1]), ("country", [2, 3, 4]), ("age", [5])])
def test_the_features_behind_a_task_are_found(task: str, columns: list[int]) -> None:
    problem, kept = select(PROBLEM.only([task]), len(columns))
    assert kept is not None
    assert kept.tolist() == columns
    np.testing.assert_array_equal(problem.train.inputs, PROBLEM.train.inputs[:, columns])
    np.testing.assert_array_equal(problem.validation.inputs, PROBLEM.validation.inputs[:, columns])


def test_a_joint_network_gets_features_of_every_task() -> None:
    _, kept = select(PROBLEM, 6)
    assert kept is not None
    assert kept.tolist() == [0, 1, 2, 3, 4, 5]


def test_all_are_kept_where_there_are_no_more() -> None:
    assert select(PROBLEM, None) == (PROBLEM, None)
    assert select(PROBLEM, 12) == (PROBLEM, None)


@pytest.mark.parametrize("labelled", [1, 2, 5, 30])
def test_a_task_with_few_labels_takes_no_place_of_the_others(labelled: int) -> None:
    noise = np.random.default_rng(0).normal(size=(300, 500)).astype(np.float32)
    inputs = np.hstack([PROBLEM.train.inputs[:, :5], noise])
    age = PROBLEM.train.targets["age"].copy()
    age[labelled:] = np.nan
    train = SplitData(inputs, {**PROBLEM.train.targets, "age": age})
    _, kept = select(replace(PROBLEM, train=train, validation=train), 20)
    assert kept is not None
    assert kept[:5].tolist() == [0, 1, 2, 3, 4]


def test_what_is_constant_goes_with_nothing() -> None:
    inputs = np.column_stack([np.full(30, 0.1), np.arange(30.0)])
    assert correlation(inputs, np.full((30, 1), 0.1)).tolist() == [0, 0]
    assert correlation(inputs, np.arange(30.0)[:, None]) == pytest.approx([0, 1])
    assert correlation(inputs[:1], np.ones((1, 1))).tolist() == [0, 0]


def test_validation_decides_nothing() -> None:
    other = SplitData(-PROBLEM.validation.inputs[::-1], PROBLEM.validation.targets)
    chosen = [select(problem, 4)[1] for problem in (PROBLEM, replace(PROBLEM, validation=other))]
    np.testing.assert_array_equal(*chosen)


def test_threads_change_no_bit() -> None:
    rng = np.random.default_rng(1)
    inputs, targets = rng.normal(size=(3000, 300)).astype(np.float32), rng.normal(size=(3000, 10))
    strengths = []
    for threads in (1, 2):
        with threadpool_limits(threads, "blas"):
            strengths.append(correlation(inputs, targets).tobytes())
    assert strengths[0] == strengths[1]


def test_sets_side_by_side_are_selected_apart() -> None:
    blocks = {"left": slice(0, 4), "right": slice(4, 12)}
    data, kept = select(PROBLEM, {"left": 2}, blocks)
    assert kept is not None
    assert kept[2:].tolist() == list(range(4, 12))
    left = replace(PROBLEM, train=replace(PROBLEM.train, inputs=PROBLEM.train.inputs[:, :4]))
    left = replace(left, validation=replace(PROBLEM.validation, inputs=PROBLEM.validation.inputs[:, :4]))
    assert kept[:2].tolist() == select(left, 2)[1].tolist()
    assert data.train.inputs.tobytes() == PROBLEM.train.inputs[:, kept].tobytes()
    _, both = select(PROBLEM, {"left": 1, "right": 1}, blocks)
    assert both is not None
    assert len(both) == 2 and both[0] < 4 <= both[1]
    assert select(PROBLEM, {"left": 4, "right": 99}, blocks) == (PROBLEM, None)


def test_a_task_weighs_as_the_root_of_its_labels() -> None:
    """Age has 4 labels and correlates by 1 with feature 0: 1 × 2; mood has 16 and by .4 with 1: .4 × 4."""
    half = np.tile([1.0, -1.0], 8)
    mood = np.repeat(half[:2], 8)
    age = np.where(np.arange(16) < 4, [1, 2, 2, 1] * 4, np.nan)[:, None]
    told = 0.4 * mood + np.sqrt(1 - 0.4**2) * half
    inputs = np.stack([np.tile([1, 2, 2, 1], 4), told], axis=1).astype(np.float32)
    # Feature 1 tells nothing of age: its values are +, −, +, − where age is 1, 2, 2, 1.
    assert correlation(inputs, age) == pytest.approx([1, 0], abs=1e-6)
    assert correlation(inputs, mood[:, None]) == pytest.approx([0, 0.4], abs=1e-6)
    train = SplitData(inputs, {"age": age, "mood": mood[:, None]})
    tasks = {name: Task("regression", (name,), "mae") for name in train.targets}
    data = MultiTaskData(tasks, {"age": 1, "mood": 1}, train, train, dict.fromkeys(tasks, (0.0, 1.0)))
    assert select(data, 1)[1] == [0]


def test_clips_without_a_class_count_nothing() -> None:
    """Feature 0 tells all classes, feature 1 less, but more if unlabelled clips were of the first class."""
    classes = np.array([0, 1] * 5 + [-1] * 10)
    inputs = np.stack([np.where(classes >= 0, classes, [1, 0] * 10), [0, 1] * 4 + [0] * 12], axis=1)
    train = SplitData(inputs.astype(np.float32), {"kind": classes})
    tasks = {"kind": Task("classification", ("Kind",), "uar")}
    data = MultiTaskData(tasks, {"kind": 2}, train, train, {"kind": (0.0, 1.0)})
    assert select(data, 1)[1] == [0]


def test_of_equal_features_the_first_are_kept() -> None:
    inputs = np.tile(np.arange(30.0), (60, 1)).T.astype(np.float32)
    train = SplitData(inputs, {"age": np.arange(30.0)[:, None]})
    tasks = {"age": Task("regression", ("Age",), "mae")}
    data = MultiTaskData(tasks, {"age": 1}, train, train, {"age": (0.0, 1.0)})
    assert list(select(data, 3)[1]) == [0, 1, 2]
