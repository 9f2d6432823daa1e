"""Late fusion on predictions whose best mixture is known."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from stages.core.config.evaluation import EvaluationOptions
from stages.core.config.tasks import Task
from stages.core.dataset.speakers import speakers_of
from stages.core.runtime.compute import ComputeOptions
from stages.core.scoring import fusing
from stages.core.scoring.predictions import RunPredictions
from stages.core.scoring.run_scores import Confusion, Cost, RunScores
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


def test_the_search_adds_what_makes_the_mean_best() -> None:
    """Picks counted by hand: of 30 years, one run says 26, the other 35.

    The mean of five picks of the first and four of the second is exact; it is reached after nine and after
    eighteen picks, and the last two are one of each.
    """
    truth = np.full((4, 1), 30.0)
    members = {"young": truth - 4, "old": truth + 5, "far": truth + 60}
    found = fusing.chosen_weights(TASKS["age"], truth, members)
    assert found == {"young": 11 / 20, "old": 9 / 20}
    equal = {"second": truth + 3, "first": truth + 3}
    assert fusing.chosen_weights(TASKS["age"], truth, equal) == {"second": 1.0}


def test_the_search_is_that_of_its_definition(labels: pd.DataFrame) -> None:
    """Each pick in turn, by the metric of the whole sum so far."""
    noises = {"a": 0.5, "b": 0.6, "c": 0.9}
    runs = {name: member(labels, noise, seed) for seed, (name, noise) in enumerate(noises.items())}
    validation = labels[labels["split"] == "validation"]
    ages = {
        name: np.mean([table.loc[validation["clip_id"], "age.Age"] for table in run.by_seed.values()], axis=0)
        for name, run in runs.items()
    }
    picked: list[str] = []
    for _ in range(20):
        means = {name: np.mean([ages[one] for one in [*picked, name]], axis=0) for name in runs}
        errors = {name: np.abs(mean - validation["Age"]).mean() for name, mean in means.items()}
        picked.append(min(errors, key=errors.__getitem__))
    found = fused("age", runs, "weights", labels)
    assert found.weights == {name: picked.count(name) / 20 for name in runs}
    assert len(found.weights) == 3 and len(set(found.weights.values())) == 3
    expected = sum(
        share * np.mean([table["age.Age"] for table in runs[name].by_seed.values()], axis=0)
        for name, share in found.weights.items()
    )
    np.testing.assert_allclose(found.fused.by_seed[0]["age.Age"], expected, rtol=1e-6)


def test_stacking_knows_whose_clips_they_are(labels: pd.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = {}

    def stacked(task, truth, members, rows, speakers):
        asked.update(task=task, truth=truth, members=members, rows=rows, speakers=speakers)
        return members["two"] + 1

    monkeypatch.setattr("stages.core.scoring.stacking.stacked", stacked)
    one, two = member(labels, 0.9, 1), member(labels, 0.4, 2)
    shorter = RunPredictions({seed: table.iloc[3:] for seed, table in one.by_seed.items()})
    blank = labels.assign(Age=labels["Age"].where(labels.index != 150))
    blank.loc[10, "speaker"] = None
    found = fused("age", {"one": shorter, "two": two}, "stacked", blank)
    clips = blank.iloc[3:]
    assert (asked["task"], list(asked["members"]), found.weights, found.best) == (
        TASKS["age"],
        ["one", "two"],
        {},
        "two",
    )
    np.testing.assert_array_equal(asked["truth"], clips[["Age"]])
    known = (clips["split"] == "validation") & (clips.index != 150)
    np.testing.assert_array_equal(asked["rows"], known)
    assert asked["speakers"].tolist() == speakers_of(clips).tolist()
    means = np.mean([table["age.Age"].iloc[3:] for table in two.by_seed.values()], axis=0)
    np.testing.assert_allclose(found.fused.by_seed[0]["age.Age"], means + 1, rtol=1e-6)
    np.testing.assert_allclose(found.member.by_seed[0]["age.Age"], means, rtol=1e-6)


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
    # A run with other classes is left out, one without the task too, and of each task the order stays.
    members["odd"] = member(labels, 0.1, 9)
    members["mute"] = member(labels, 0.1, 8)
    one = runs["one"].splits
    kinds = {
        split: replace(of.tasks["kind"], confusion=Confusion(["a", "c"], None)) for split, of in one.items()
    }
    odd = {split: replace(of, tasks={**of.tasks, "kind": kinds[split]}) for split, of in one.items()}
    runs["odd"] = replace(runs["one"], splits=odd)
    mute = {split: replace(of, tasks={}) for split, of in one.items()}
    runs["mute"] = replace(runs["one"], splits=mute)
    names = ["mute", "one", "two", "odd"]
    more = list(fusing.compare_fused("all", names, "mean", TASKS, runs, members, labels, OPTIONS))
    assert [(row.task, row.split) for row in more] == [
        (task, split) for task in TASKS for split in ("validation", "test")
    ]
    assert {row.baseline for row in more if row.task != "kind"} == {"odd"}
    assert [replace(row, candidate="both") for row in more if row.task == "kind"] == [
        row for row in rows if row.task == "kind"
    ]
    alone = fusing.compare_fused("both", ["one"], "mean", TASKS, runs, members, labels, OPTIONS)
    assert list(alone) == []
