"""Late fusion on predictions whose best mixture is known."""

import numpy as np
import pandas as pd
import pytest

from stages.core.config.tasks import Task
from stages.core.scoring import fusing

MOOD = Task("regression", ("Joy",), "ccc")
KIND = Task("classification", ("Kind",), "uar")
AGE = Task("regression", ("Age",), "mae")
CLIPS = [f"{index:03d}" for index in range(300)]


@pytest.fixture
def labels() -> pd.DataFrame:
    generator = np.random.default_rng(1)
    return pd.DataFrame(
        {
            "clip_id": CLIPS,
            "split": np.repeat(["train", "validation", "test"], 100),
            "Joy": generator.uniform(0, 1, 300),
            "Kind": generator.choice(["a", "b"], 300),
            "Age": generator.uniform(20, 40, 300),
        }
    )


def member(labels: pd.DataFrame, noise: float, seed: int, tasks: str = "mood kind age") -> pd.DataFrame:
    """Predictions of two seeds: the truth and some noise."""
    tables = []
    for number in (1, 2):
        generator = np.random.default_rng((seed, number))
        share = np.clip((labels["Kind"] == "a") * 0.4 + 0.3 + generator.normal(0, noise, 300), 0, 1)
        columns = {
            "mood": {"mood.Joy": labels["Joy"] + generator.normal(0, noise, 300)},
            "kind": {"kind.a": share, "kind.b": 1 - share},
            "age": {"age.Age": labels["Age"] + 20 * generator.normal(0, noise, 300)},
        }
        outputs = {name: values for task in tasks.split() for name, values in columns[task].items()}
        tables.append(pd.DataFrame({"clip_id": CLIPS, "split": labels["split"], "seed": number, **outputs}))
    return pd.concat(tables).astype(dict.fromkeys(outputs, np.float32))


def test_the_mean_of_seeds_goes_by_clip(labels: pd.DataFrame) -> None:
    table = member(labels, 0.2, 1)
    found = fusing.mean_of_seeds(table.sample(frac=1, random_state=1))
    expected = (table[table["seed"] == 1]["mood.Joy"] + table[table["seed"] == 2]["mood.Joy"]) / 2
    assert found["clip_id"].tolist() == CLIPS
    assert found["seed"].tolist() == [0] * 300
    np.testing.assert_allclose(found["mood.Joy"], expected, rtol=1e-6)


@pytest.mark.parametrize("name", ["mood", "kind", "age"])
def test_the_search_prefers_the_better_and_mixes_equals(labels: pd.DataFrame, name: str) -> None:
    tasks = {"mood": MOOD, "kind": KIND, "age": AGE}
    good, other, bad = (
        fusing.mean_of_seeds(member(labels, noise, seed)) for noise, seed in ((0.3, 1), (0.3, 2), (3.0, 3))
    )
    weights = fusing.weights_of(
        "weights", {"good": good, "other": other, "bad": bad}, {name: tasks[name]}, labels
    )[name]
    assert sum(weights.values()) == pytest.approx(1)
    assert weights.get("bad", 0) < 0.2
    assert weights["good"] > 0.2 and weights["other"] > 0.2


def test_labels_of_test_are_not_looked_at(labels: pd.DataFrame) -> None:
    members = {str(seed): fusing.mean_of_seeds(member(labels, 0.5, seed)) for seed in (1, 2, 3)}
    before = fusing.weights_of("weights", members, {"mood": MOOD}, labels)
    changed = labels.copy()
    changed.loc[changed["split"] != "validation", "Joy"] = 0.5
    assert fusing.weights_of("weights", members, {"mood": MOOD}, changed) == before


def test_fusing_is_the_weighted_mean_of_clips_that_all_have(labels: pd.DataFrame) -> None:
    one, two = (fusing.mean_of_seeds(member(labels, 0.2, seed)) for seed in (1, 2))
    fused = fusing.fuse({"one": one[5:], "two": two[:-3]}, {"mood": {"one": 0.25, "two": 0.75}})
    assert fused["clip_id"].tolist() == CLIPS[5:-3]
    expected = 0.25 * one["mood.Joy"][5:-3] + 0.75 * two["mood.Joy"][5:-3]
    np.testing.assert_allclose(fused["mood.Joy"], expected, rtol=1e-6)
    assert [name for name in fused if "." in name] == ["mood.Joy"]


def test_a_task_of_one_member_is_not_fused_and_without_labels_all_count_the_same(
    labels: pd.DataFrame,
) -> None:
    members = {
        "one": fusing.mean_of_seeds(member(labels, 0.2, 1, "mood age")),
        "two": fusing.mean_of_seeds(member(labels, 0.2, 2, "mood")),
    }
    unlabelled = labels.assign(Joy=np.where(labels["split"] == "validation", np.nan, labels["Joy"]))
    weights = fusing.weights_of("weights", members, {"mood": MOOD, "age": AGE}, unlabelled)
    assert weights == {"mood": {"one": 0.5, "two": 0.5}}


def test_the_best_member_is_best_on_validation(labels: pd.DataFrame) -> None:
    members = {
        "noisy": fusing.mean_of_seeds(member(labels, 1.0, 1)),
        "clear": fusing.mean_of_seeds(member(labels, 0.1, 2)),
    }
    for name, task in {"mood": MOOD, "kind": KIND, "age": AGE}.items():
        assert fusing.best_member(name, task, members, labels) == "clear"
