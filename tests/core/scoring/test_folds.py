from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.core.config.data import SplitOptions
from stages.core.config.evaluation import EvaluationOptions
from stages.core.config.tasks import Task
from stages.core.dataset.folds import folds_of
from stages.core.dataset.splitting import assign
from stages.core.metrics.formulas import mae, mean_ccc, uar
from stages.core.runtime.compute import ComputeOptions
from stages.core.scoring.comparison import correct
from stages.core.scoring.folds import (
    FoldedClips,
    FoldedSummary,
    FoldSize,
    compare_folds,
    compare_on_groups,
    compare_tables,
    gather,
    naive_table,
    predictions_of,
    score_folds,
)
from stages.core.scoring.predictions import to_table
from stages.core.scoring.run_groups import NAIVE, Pair
from stages.core.scoring.run_scores import Cost
from stages.core.scoring.summary import CorpusName

TASKS = {
    "mood": Task("regression", ("Joy", "Calm"), "ccc"),
    "kind": Task("classification", ("Kind",), "uar"),
    "age": Task("regression", ("Age",), "mae"),
    "never": Task("regression", ("Never",), "mae"),
}
KINDS = ["cry", "laugh", "sigh"]
OPTIONS = EvaluationOptions(bootstrap=200)
FOLDS = SplitOptions("folds", None, 1, 4)


def corpus(seed: int = 1) -> pd.DataFrame:
    """Twelve speakers with five clips; Kind 'sigh' is of one speaker alone."""
    rng = np.random.default_rng(seed)
    who = np.repeat(np.arange(12), 5)
    kind = np.where(who == 3, "sigh", np.where(rng.random(60) < 0.5, "cry", "laugh"))
    return pd.DataFrame(
        {
            "clip_id": [f"{number:03d}" for number in range(60)],
            "speaker": [f"S{number:02d}" for number in who],
            "Kind": kind,
            "Joy": rng.random(60),
            "Calm": rng.random(60),
            "Age": 20.0 + who,
            "Never": np.nan,
        }
    )


def tables_of(recordings: pd.DataFrame, noise: float) -> list[pd.DataFrame]:
    """What evaluate writes for each fold: the labels and noise; a class that training lacks is absent."""
    found = []
    for fold in range(1, 5):
        splits = assign(recordings, SplitOptions("folds", None, 1, 4, fold))
        train = recordings[splits == "train"]
        kinds = sorted(train["Kind"].unique())
        parts = {"mood": ("Joy", "Calm"), "kind": kinds, "age": ("Age",)}
        predictions = {}
        for seed in (1, 2):
            rng = np.random.default_rng([seed, fold])
            one_hot = np.array([[float(kind == name) for name in kinds] for kind in recordings["Kind"]])
            predictions[seed] = {
                "mood": recordings[["Joy", "Calm"]] + noise * rng.normal(0, 1, (60, 2)),
                "kind": one_hot + noise * rng.random((60, len(kinds))),
                "age": recordings[["Age"]] + 10 * noise * rng.normal(0, 1, (60, 1)),
            }
            predictions[seed] = {
                name: np.asarray(values, np.float32) for name, values in predictions[seed].items()
            }
        found.append(to_table(recordings.assign(split=splits), predictions, parts))
    return found


@pytest.fixture(scope="module")
def recordings() -> pd.DataFrame:
    return corpus()


@pytest.fixture(scope="module")
def tested(recordings: pd.DataFrame) -> FoldedClips:
    return FoldedClips.of(recordings, folds_of(recordings, FOLDS), TASKS)


def test_a_task_without_labels_is_not_tested(tested: FoldedClips) -> None:
    assert list(tested.tasks) == ["mood", "kind", "age"]
    assert tested.parts["kind"] == tuple(KINDS)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 100))
def test_each_clip_counts_once_with_the_networks_that_do_not_know_it(seed: int) -> None:
    labels = corpus(seed)
    found = FoldedClips.of(labels, folds_of(labels, FOLDS), TASKS)
    tables = tables_of(labels, 0.3)
    table = gather(tables, found.parts)
    assert table.groupby("seed")["clip_id"].apply(list).tolist() == [list(labels["clip_id"])] * 2
    assert (table.groupby("clip_id")["fold"].first().to_numpy() == found.labels["fold"] + 1).all()
    for row in table.sample(10, random_state=1).itertuples(index=False):
        source = tables[row.fold - 1]
        same = source[(source["clip_id"] == row.clip_id) & (source["seed"] == row.seed)]
        assert same["split"].item() == "test"
        assert (
            same["mood.Joy"].item()
            == table.loc[(table["clip_id"] == row.clip_id) & (table["seed"] == row.seed), "mood.Joy"].item()
        )


def test_scores_are_those_of_all_clips_at_once(recordings: pd.DataFrame, tested: FoldedClips) -> None:
    table = gather(tables_of(recordings, 0.3), tested.parts)
    scores, notes = score_folds(tested, table, None, OPTIONS, ComputeOptions(1))
    assert notes == []
    first = table[table["seed"] == 1]
    kind = np.array([KINDS.index(name) for name in recordings["Kind"]])
    expected = {
        "mood": mean_ccc(recordings[["Joy", "Calm"]].to_numpy(), first[["mood.Joy", "mood.Calm"]].to_numpy()),
        "age": mae(recordings[["Age"]].to_numpy(), first[["age.Age"]].to_numpy()),
        "kind": uar(kind, first[[f"kind.{name}" for name in KINDS]].to_numpy().argmax(axis=1), 3),
    }
    for name, value in expected.items():
        assert scores.tasks[name].seeds["1"] == pytest.approx(value, abs=1e-5)
        assert scores.tasks[name].low <= scores.tasks[name].value <= scores.tasks[name].high
    for number in range(4):
        rows = (tested.labels["fold"] == number).to_numpy()
        values = [
            mae(recordings[["Age"]].to_numpy()[rows], of_seed[["age.Age"]].to_numpy()[rows])
            for _, of_seed in table.groupby("seed")
        ]
        assert scores.folds["age"][str(number + 1)].value == pytest.approx(np.mean(values), abs=1e-5)


def test_a_class_that_training_never_had_is_a_mistake_and_not_left_out(
    recordings: pd.DataFrame, tested: FoldedClips
) -> None:
    table = gather(tables_of(recordings, 0.0), tested.parts)
    of_speaker = recordings.loc[recordings["Kind"] == "sigh", "clip_id"]
    assert (table.loc[table["clip_id"].isin(of_speaker), "kind.sigh"] == 0).all()
    scores, _ = score_folds(tested, table, None, OPTIONS, ComputeOptions(1))
    recalls = {name: recall.value for name, recall in scores.tasks["kind"].classes.items()}
    assert recalls == {"cry": 1.0, "laugh": 1.0, "sigh": 0.0}
    assert scores.tasks["kind"].value == pytest.approx(2 / 3, abs=1e-6)


def test_a_task_that_a_fold_could_not_learn_is_not_scored_there(
    recordings: pd.DataFrame, tested: FoldedClips
) -> None:
    tables = tables_of(recordings, 0.3)
    tables[1] = tables[1].drop(columns=["age.Age"])
    table = gather(tables, tested.parts)
    scores, notes = score_folds(tested, table, None, OPTIONS, ComputeOptions(1))
    assert notes == ["age is not scored on fold 2, since the folds that train have no labels of it"]
    assert list(scores.folds["age"]) == ["1", "3", "4"]
    assert list(scores.folds["mood"]) == ["1", "2", "3", "4"]
    rows = (tested.labels["fold"] != 1).to_numpy()
    first = table[table["seed"] == 1]
    expected = mae(recordings[["Age"]].to_numpy()[rows], first[["age.Age"]].to_numpy()[rows])
    assert scores.tasks["age"].seeds["1"] == pytest.approx(expected, abs=1e-5)


def test_a_fold_without_labels_of_a_task_has_no_score_of_it(recordings: pd.DataFrame) -> None:
    folds = folds_of(recordings, FOLDS)
    blank = recordings.assign(Age=recordings["Age"].where(folds.of_clip != 2))
    found = FoldedClips.of(blank, folds, TASKS)
    scores, notes = score_folds(
        found, gather(tables_of(recordings, 0.3), found.parts), None, OPTIONS, ComputeOptions(1)
    )
    assert (list(scores.folds["age"]), notes) == (["1", "2", "4"], [])


def test_a_fold_of_one_class_has_no_score_though_a_clip_is_unlabelled(recordings: pd.DataFrame) -> None:
    folds = folds_of(recordings, FOLDS)
    rows = np.flatnonzero(folds.of_clip == 2)
    kind = recordings["Kind"].to_numpy(object, copy=True)
    kind[rows] = "cry"
    kind[rows[0]] = None
    found = FoldedClips.of(recordings.assign(Kind=kind), folds, TASKS)
    table = gather(tables_of(recordings, 0.3), found.parts)
    scores, _ = score_folds(found, table, None, OPTIONS, ComputeOptions(1))
    assert scores.folds["kind"]["3"].value is None
    assert scores.folds["kind"]["3"].clips == len(rows) - 1


@pytest.mark.parametrize(("of", "groups"), [("4", False), ("speakers", False), ("Country", True)])
def test_folds_of_a_column_are_groups(of: str, groups: bool) -> None:
    assert FoldedSummary(CorpusName("tiny", True), of, "", {}, {}, [], []).is_of_groups is groups


def test_a_clip_that_a_later_stage_could_not_use_counts_nowhere(
    recordings: pd.DataFrame, tested: FoldedClips
) -> None:
    """The clips behind it keep their own predictions, and no task is said to lack labels."""
    tables = [table[~table["clip_id"].isin(["007", "031"])] for table in tables_of(recordings, 1.5)]
    cost = Cost(1, 2, 3, 4)
    scores, notes = score_folds(tested, gather(tables, tested.parts), cost, OPTIONS, ComputeOptions(1))
    assert notes == [] and scores.cost == cost
    kept = (~recordings["clip_id"].isin(["007", "031"])).to_numpy()
    truth = {
        "mood": recordings[["Joy", "Calm"]].to_numpy(),
        "kind": np.array([KINDS.index(name) for name in recordings["Kind"]]),
        "age": recordings[["Age"]].to_numpy(),
    }
    whole = gather(tables_of(recordings, 1.5), tested.parts)
    metrics = {
        "mood": mean_ccc,
        "kind": lambda actual, guess: uar(actual, guess.argmax(axis=1), 3),
        "age": mae,
    }
    for name, metric in metrics.items():
        columns = [f"{name}.{part}" for part in tested.parts[name]]
        by_seed = [rows[columns].to_numpy() for _, rows in whole.groupby("seed")]
        seeds = [metric(truth[name][kept], values[kept]) for values in by_seed]
        assert list(scores.tasks[name].seeds.values()) == pytest.approx(seeds, abs=1e-5)
        assert list(scores.folds[name]) == ["1", "2", "3", "4"]
        for fold, found in enumerate(scores.folds[name].values()):
            rows = kept & (tested.labels["fold"] == fold).to_numpy()
            assert found.clips == rows.sum()
            if name == "kind" and len(np.unique(truth[name][rows])) < 2:
                continue
            expected = np.mean([metric(truth[name][rows], values[rows]) for values in by_seed])
            assert found.value == pytest.approx(expected, abs=1e-5)
            assert found.low <= found.value <= found.high


def test_all_folds_that_lack_a_task_are_named(recordings: pd.DataFrame, tested: FoldedClips) -> None:
    tables = tables_of(recordings, 0.3)
    for fold in (4, 1):
        tables[fold - 1] = tables[fold - 1].drop(columns=["mood.Joy", "mood.Calm"])
    table = gather(tables, tested.parts)
    _, notes = score_folds(tested, table, None, OPTIONS, ComputeOptions(1))
    assert notes == ["mood is not scored on fold 1, 4, since the folds that train have no labels of it"]
    # Compared are the clips that both tables could learn, whichever of them lacks a fold.
    other = gather(tables_of(recordings, 0.1), tested.parts)
    there, back = (
        {row.task: row for row in compare_tables(Pair("runs", "a", "b"), tested, sides, OPTIONS)}
        for sides in ((table, other), (other, table))
    )
    assert there["mood"].difference == -back["mood"].difference > 0
    rows = tested.labels["fold"].isin([1, 2]).to_numpy()
    truth = recordings[["Joy", "Calm"]].to_numpy()[rows]
    seeds = [of_seed[["mood.Joy", "mood.Calm"]].to_numpy()[rows] for _, of_seed in other.groupby("seed")]
    expected = np.mean([mean_ccc(truth, values) for values in seeds])
    assert there["mood"].candidate_mean == back["mood"].baseline_mean == pytest.approx(expected, abs=1e-5)


def test_a_run_that_learns_some_tasks_has_scores_of_these(
    recordings: pd.DataFrame, tested: FoldedClips
) -> None:
    tables = [table.drop(columns=["mood.Joy", "mood.Calm"]) for table in tables_of(recordings, 0.3)]
    scores, notes = score_folds(tested, gather(tables, tested.parts), None, OPTIONS, ComputeOptions(1))
    assert (list(scores.tasks), notes) == (["kind", "age"], [])


def test_the_naive_predictor_of_a_fold_knows_its_training_alone(
    recordings: pd.DataFrame, tested: FoldedClips
) -> None:
    splits = [assign(recordings, SplitOptions("folds", None, 1, 4, fold)) for fold in range(1, 5)]
    table = naive_table(tested, splits)
    assert list(table["clip_id"]) == list(recordings["clip_id"])
    for number, of_fold in enumerate(splits, 1):
        guess = table.loc[table["fold"] == number, "age.Age"].unique()
        assert guess == pytest.approx([recordings.loc[of_fold == "train", "Age"].mean()])
        train = recordings.loc[of_fold == "train", "Kind"].value_counts(normalize=True)
        kinds = table.loc[table["fold"] == number, [f"kind.{kind}" for kind in KINDS]].drop_duplicates()
        assert kinds.to_numpy() == pytest.approx(train.reindex(KINDS).fillna(0).to_numpy()[None])
    assert set(table["seed"]) == {0}


def test_the_better_of_two_runs_is_found_by_clip_and_speaker(
    recordings: pd.DataFrame, tested: FoldedClips
) -> None:
    splits = [assign(recordings, SplitOptions("folds", None, 1, 4, fold)) for fold in range(1, 5)]
    tables = {
        "noisy": gather(tables_of(recordings, 1.0), tested.parts),
        "exact": gather(tables_of(recordings, 0.1), tested.parts),
        NAIVE: naive_table(tested, splits),
    }
    found = compare_folds(tested, tables, OPTIONS)
    pairs = {(row.contrast, row.baseline, row.candidate) for row in found}
    assert pairs == {("naive", NAIVE, "noisy"), ("naive", NAIVE, "exact"), ("runs", "noisy", "exact")}
    assert [row.candidate for row in found] == ["noisy"] * 3 + ["exact"] * 6
    assert correct([replace(row, p_corrected=None) for row in found]) == found
    assert None not in {row.p_corrected for row in found}
    better = {row.task: row for row in found if row.contrast == "runs"}
    assert set(better) == {"mood", "kind", "age"}
    assert better["mood"].low > 0
    assert better["age"].low > 0
    means = score_folds(tested, tables["exact"], None, OPTIONS, ComputeOptions(1))[0].tasks
    assert better["age"].candidate_mean == pytest.approx(means["age"].value, abs=1e-6)
    (alone,) = [
        row
        for row in compare_tables(Pair("runs", "noisy", "noisy"), tested, (tables["noisy"],) * 2, OPTIONS)
        if row.task == "age"
    ]
    assert alone.difference == 0.0


def test_a_table_gives_predictions_by_seed(recordings: pd.DataFrame, tested: FoldedClips) -> None:
    found = predictions_of(gather(tables_of(recordings, 0.3), tested.parts))
    assert list(found.by_seed) == [1, 2]
    assert sorted(found.clip_ids) == list(recordings["clip_id"])


def groups() -> FoldedClips:
    """Groups of two, one and one speakers with five clips each; one clip has no known speaker."""
    labels = corpus().head(20).assign(Group=["A"] * 10 + ["B"] * 5 + ["C"] * 5)
    labels.loc[0, "speaker"] = None
    folds = folds_of(labels.assign(speaker=labels["clip_id"]), SplitOptions("folds", "Group", folds="Group"))
    return FoldedClips.of(labels, folds, {"age": TASKS["age"]})


def test_a_fold_has_as_many_speakers_as_its_clips_name() -> None:
    assert groups().sizes() == {"A": FoldSize(10, 3), "B": FoldSize(5, 1), "C": FoldSize(5, 1)}


def test_a_group_is_compared_on_its_own_clips() -> None:
    tested = groups()
    labels = tested.labels

    def table(errors: dict[str, float]) -> pd.DataFrame:
        guesses = labels["Age"] + labels["Group"].map(errors)
        return pd.DataFrame({"clip_id": labels["clip_id"], "fold": 1, "seed": 1, "age.Age": guesses})

    known, left_out = table({"A": 1, "B": 1, "C": 2}), table({"A": 4, "B": 1, "C": 1})
    found = compare_on_groups(tested, {"run": known}, {"other": known, "run": left_out}, OPTIONS)
    (rows,) = found.values()
    differences = {name: row.difference for name, (row,) in rows.items()}
    assert differences == pytest.approx({"A": -3.0, "B": 0.0, "C": 1.0, "all": (10 * -3 + 5 * 1) / 20})
