"""Late fusion on predictions whose best mixture is known."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest

from stages.core.config.evaluation import EvaluationOptions
from stages.core.config.tasks import Task
from stages.core.runtime.compute import ComputeOptions
from stages.core.scoring import fusing
from stages.core.scoring.predictions import RunPredictions
from stages.core.scoring.run_scores import Cost, RunScores
from stages.core.scoring.score_run import score_run

TASKS = {
    "mood": Task("regression", ("Joy",), "ccc"),
    "kind": Task("classification", ("Kind",), "uar"),
    "age": Task("regression", ("Age",), "mae"),
}
CLASSES = ["a", "b"]
CLIPS = [f"{index:03d}" for index in range(300)]
OPTIONS = EvaluationOptions(bootstrap=200)


@pytest.fixture
def labels() -> pd.DataFrame:
    generator = np.random.default_rng(1)
    return pd.DataFrame(
        {
            "clip_id": CLIPS,
            "speaker": [f"s{index % 10}" for index in range(300)],
            "split": np.repeat(["train", "validation", "test"], 100),
            "Joy": generator.uniform(0, 1, 300),
            "Kind": generator.choice(CLASSES, 300),
            "Age": generator.uniform(20, 40, 300),
        }
    )


def member(labels: pd.DataFrame, noise: float, seed: int) -> RunPredictions:
    """Predictions of two seeds: the truth and some noise."""
    by_seed = {}
    for number in (1, 2):
        generator = np.random.default_rng((seed, number))
        share = np.clip((labels["Kind"] == "a") * 0.4 + 0.3 + generator.normal(0, noise, 300), 0, 1)
        table = {
            "mood.Joy": labels["Joy"] + generator.normal(0, noise, 300),
            "kind.a": share,
            "kind.b": 1 - share,
            "age.Age": labels["Age"] + 20 * generator.normal(0, noise, 300),
        }
        by_seed[number] = pd.DataFrame(table).astype(np.float32).set_index(labels["clip_id"])
    return RunPredictions(by_seed)


def fused(
    name: str, members: dict[str, RunPredictions], method: str, labels: pd.DataFrame
) -> fusing.FusedTask:
    classes: Sequence[str] = CLASSES if name == "kind" else ()
    found = fusing.fuse_task(name, TASKS[name], classes, members, method, labels)
    assert found is not None
    return found


@pytest.mark.parametrize("name", list(TASKS))
def test_the_search_prefers_the_better_and_mixes_equals(labels: pd.DataFrame, name: str) -> None:
    members = {"bad": member(labels, 3.0, 3), "good": member(labels, 0.3, 1), "other": member(labels, 0.3, 2)}
    found = fused(name, members, "weights", labels)
    assert sum(found.weights.values()) == pytest.approx(1)
    assert found.weights.get("bad", 0) < 0.2
    assert found.weights["good"] > 0.2 and found.weights["other"] > 0.2
    assert found.best in ("good", "other")


def test_equal_weights_are_the_plain_mean_of_means(labels: pd.DataFrame) -> None:
    members = {"one": member(labels, 0.2, 1), "two": member(labels, 0.4, 2)}
    found = fused("mood", members, "mean", labels)
    assert found.weights == {"one": 0.5, "two": 0.5}
    plain = np.mean([table["mood.Joy"] for run in members.values() for table in run.by_seed.values()], axis=0)
    np.testing.assert_allclose(found.fused.by_seed[0]["mood.Joy"], plain, atol=1e-6)
    alone = np.mean([table["mood.Joy"] for table in members["one"].by_seed.values()], axis=0)
    assert found.best == "one"
    np.testing.assert_allclose(found.member.by_seed[0]["mood.Joy"], alone, atol=1e-6)


@pytest.mark.parametrize("method", ["weights", "stacked"])
def test_labels_of_test_decide_nothing(labels: pd.DataFrame, method: str) -> None:
    members = {str(seed): member(labels, 0.5, seed) for seed in (1, 2, 3)}
    before = fused("mood", members, method, labels)
    changed = labels.copy()
    changed.loc[changed["split"] != "validation", "Joy"] = 0.5
    after = fused("mood", members, method, changed)
    assert (after.weights, after.best) == (before.weights, before.best)
    assert after.fused.by_seed[0].equals(before.fused.by_seed[0])


def test_clips_that_a_member_lacks_are_left_out(labels: pd.DataFrame) -> None:
    one, two = member(labels, 0.2, 1), member(labels, 0.2, 2)
    shorter = RunPredictions({seed: table.iloc[5:] for seed, table in two.by_seed.items()})
    found = fused("mood", {"one": one, "two": shorter}, "mean", labels)
    assert found.fused.clip_ids.tolist() == CLIPS[5:]


def test_without_labels_in_validation_nothing_is_fused(labels: pd.DataFrame) -> None:
    unlabelled = labels.assign(Joy=np.where(labels["split"] == "validation", np.nan, labels["Joy"]))
    members = {"one": member(labels, 0.2, 1), "two": member(labels, 0.2, 2)}
    assert fusing.fuse_task("mood", TASKS["mood"], (), members, "mean", unlabelled) is None


def test_the_comparison_shows_the_gain_of_two_noisy_runs(labels: pd.DataFrame) -> None:
    members = {"one": member(labels, 0.4, 1), "two": member(labels, 0.4, 2)}
    runs = {}
    for run, predictions in members.items():
        by_seed = {
            seed: {
                "mood": table[["mood.Joy"]].to_numpy(),
                "kind": table[["kind.a", "kind.b"]].to_numpy(),
                "age": table[["age.Age"]].to_numpy(),
            }
            for seed, table in predictions.by_seed.items()
        }
        splits = score_run(labels, by_seed, TASKS, {"kind": CLASSES}, None, OPTIONS, ComputeOptions(1))
        runs[run] = RunScores("compare", "stl", Cost(1, 1, 1, 1), splits)
    rows = list(fusing.compare_fused("both", ["one", "two"], "mean", TASKS, runs, members, labels, OPTIONS))
    assert {(row.contrast, row.candidate, row.split) for row in rows} == {
        ("fusion", "both", "validation"),
        ("fusion", "both", "test"),
    }
    by_task = {row.task: row for row in rows if row.split == "test"}
    assert by_task["mood"].difference > 0.02 and by_task["mood"].low > 0
    assert by_task["age"].difference > 0.2
    assert by_task["kind"].baseline in members
    alone = fusing.compare_fused("both", ["one"], "mean", TASKS, runs, members, labels, OPTIONS)
    assert list(alone) == []
