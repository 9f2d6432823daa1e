from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from stages.core.reporting import report_figures
from stages.core.scoring.predictions import RunPredictions
from tests.helpers.corpora import EMOTIONS
from tests.helpers.results import RUNS, changed, comparison, results


def corpus(ratings: np.ndarray, split="train") -> pd.DataFrame:
    clips = [f"{row:03d}" for row in range(len(ratings))]
    return pd.DataFrame({"clip_id": clips, "split": split, **dict(zip(EMOTIONS, ratings.T, strict=True))})


def predicted(labels: pd.DataFrame, shift: int = 0):
    """Predictions that are the ratings, of each emotion the next one's where ``shift`` is 1."""
    names = [f"emotion.{name}" for name in EMOTIONS]
    ratings = np.roll(labels[EMOTIONS].to_numpy(), shift, axis=1)
    table = pd.DataFrame(ratings, columns=names, index=pd.Index(labels["clip_id"]))
    return lambda run: {"compare-other": RunPredictions({1: table})}[run]


def points(shown) -> np.ndarray:
    return np.concatenate([dots.get_offsets() for dots in shown.figure.axes[0].collections])


def test_the_map_is_of_normalized_ratings_of_training_by_the_best_run():
    ratings = np.random.default_rng(1).integers(1, 50, (40, 10)).astype(np.float64)
    loudness = np.where(np.arange(40) % 2, 2.0, 1.0)[:, None]
    maps = []
    for values in (ratings, ratings * loudness):
        (shown,) = report_figures.rating_map(results(), corpus(values), predicted(corpus(values)))
        maps.append(points(shown))
    np.testing.assert_array_equal(*maps)
    assert "the two agree on 100% of these clips" in shown.caption and len(shown.rows) == 40
    labels = corpus(ratings, ["train"] * 30 + ["test"] * 10)
    (shown,) = report_figures.rating_map(results(), labels, predicted(labels, shift=1))
    assert len(points(shown)) == 30 and "agree on 0% " in shown.caption


def test_the_scatter_shows_test_clips_of_the_best_run():
    labels = pd.DataFrame(
        {"clip_id": list("abcd"), "split": ["train", "test", "test", "test"], "Age": [1.0, 20, 30, np.nan]}
    )
    tables = {
        seed: pd.DataFrame({"age.Age": [9.0, 21 + seed, 31 + seed, 0]}, index=list("abcd")) for seed in (1, 3)
    }
    (shown,) = report_figures.scatter(results(), labels, {"compare-stl": RunPredictions(tables)}.__getitem__)
    assert shown.name == "scatter-age"
    assert shown.figure.axes[0].collections[0].get_offsets().tolist() == [[20, 23], [30, 33]]
    assert (shown.header, shown.rows) == (["column", "true", "predicted"], [("Age", 20, 23), ("Age", 30, 33)])


def test_differences_have_a_panel_per_task_and_say_which_way_is_better():
    age = {"task": "age", "score": "mae"}
    rows = [
        comparison(0.2, 0.1, 0.3),
        comparison(-0.5, -0.6, 0.1, **age),
        comparison(0.9, 0.8, 1.0, split="validation"),
        comparison(0.9, 0.8, 1.0, contrast="training"),
    ]
    (shown,) = report_figures.differences(results(comparisons=rows), "multi-task", "Multi-task")
    emotion, of_age = shown.figure.axes
    assert emotion.get_title() == "emotion, against compare-stl"
    assert emotion.get_xlabel() == "gain in CCC" and of_age.get_xlabel() == "reduction of MAE"
    assert [axes.lines[-1].get_xdata()[0] for axes in (emotion, of_age)] == [0.2, -0.5]
    assert emotion.lines[-1].get_markerfacecolor() != "white" == of_age.lines[-1].get_markerfacecolor()
    assert not list(report_figures.differences(results(), "multi-task", "Multi-task"))


def test_confusions_are_of_test_of_the_papers_pair_and_the_best_run():
    found = results()
    (shown,) = report_figures.confusions(found)
    for run, axes in zip(RUNS, shown.figure.axes, strict=True):
        scores = found.runs[run].task("country", "test")
        assert axes.get_title() == f"{run}\nUAR {scores.value:.3f}"
        cells = [text.get_text().split("\n")[1] for text in axes.texts]
        assert cells == [f"{count / 2:.0f}" for row in scores.confusion.counts for count in row]


@pytest.mark.parametrize("kind", ["columns", "groups"])
def test_parts_are_those_of_test(kind):
    found = results()
    shown = {item.name: item for item in getattr(report_figures, kind)(found)}
    tasks = ["emotion"] if kind == "columns" else ["emotion", "country", "age"]
    assert list(shown) == [f"{kind}-{task}" for task in tasks]
    axes = shown[f"{kind}-emotion"].figure.axes[0]
    for line, run in zip(axes.lines, RUNS, strict=True):
        scores = found.runs[run].task("emotion", "test")
        parts = scores.columns if kind == "columns" else scores.groups.scores
        assert sorted(line.get_xdata()) == [part.value for part in parts.values()]


def test_groups_are_called_what_they_are_and_undefined_ones_are_named():
    found = results()
    scores = found.runs["compare-stl"].task("country", "test").groups
    scores.scores["third"] = replace(scores.scores["first"], value=None, low=None, high=None)
    captions = {item.name: item.caption for item in report_figures.groups(found)}
    assert "Country by group of speakers (Country)" in captions["groups-country"]
    assert "third (7 clips)" in captions["groups-country"]
    assert "Undefined" not in captions["groups-age"]
    for run in RUNS:
        groups = found.runs[run].task("age", "test").groups
        found = changed(found, run, "age", "test", groups=replace(groups, column="Mood", of_speakers=False))
    captions = {item.name: item.caption for item in report_figures.groups(found)}
    assert captions["groups-age"].startswith("Age by Mood: ")


def test_without_the_papers_pair_the_best_on_validation_is_shown():
    runs = {name: {**RUNS[name], "features": "egemaps"} for name in ("compare-other", "compare-stl")}
    found = results(runs)
    (shown,) = report_figures.columns(found)
    assert [line.get_label() for line in shown.figure.axes[0].lines] == ["compare-stl"]
    best_on_test = changed(found, "compare-other", "emotion", "test", value=0.9)
    (shown,) = report_figures.columns(best_on_test)
    assert [line.get_label() for line in shown.figure.axes[0].lines] == ["compare-stl"]


def test_curves_are_of_validation_and_cost_shows_test():
    found = results()
    table = pd.DataFrame(
        {"run": list(RUNS), "seed": 1, "epoch": 1, "split": "validation", "task": "age", "score": 3.0}
    )
    train = table.assign(split="train", score=9.0)
    another = table.assign(seed=2, score=6.0)
    curves = report_figures.learning_curves(pd.concat([table, another, train]), found)
    assert [axes.get_title() for axes in curves.figure.axes] == [
        f"{task}, compare" for task in ("emotion", "country", "age")
    ]
    assert [tuple(row) for row in curves.rows] == [(run, "age", 1, 4.5) for run in RUNS]
    shown = report_figures.cost(found)
    assert shown.header == ["run", "features", "multiply_adds", "emotion", "country", "age"]
    assert shown.rows == [
        (run, "compare", 10, *(of.task(task, "test").value for task in ("emotion", "country", "age")))
        for run, of in found.runs.items()
    ]
    emotion = shown.figure.axes[0]
    scores = [found.runs[run].task("emotion", "test").value for run in RUNS]
    assert list(emotion.lines[0].get_ydata()) == scores


def test_captions_of_groups_say_what_a_gap_may_be():
    found = results()
    of_age = found.runs["compare-stl"].task("age", "test").groups
    of_age.scores["lone"] = replace(of_age.scores["first"], low=None, high=None, clips=1203)
    captions = {item.name: item.caption for item in report_figures.groups(found)}
    gap = "A gap may be a bias that the average hides"
    interval = "mean over seeds, with 95% intervals over speakers and seeds."
    assert captions["groups-age"] == (
        f"Age by group of speakers (Country): test MAE, {interval} {gap}, or come from labels that vary less "
        "within a group. Undefined for groups of one speaker: lone (1,203 clips)."
    )
    assert (
        captions["groups-country"] == f"Country by group of speakers (Country): test UAR, {interval} {gap}."
    )
    of_country = found.runs["compare-stl"].task("country", "test").groups
    of_country.scores["lone"] = of_age.scores["lone"]
    captions = {item.name: item.caption for item in report_figures.groups(found)}
    assert captions["groups-country"].endswith(
        "Undefined for groups whose clips are of one class or of one speaker: lone (1,203 clips)."
    )


def test_of_many_clips_every_so_many_are_shown(monkeypatch):
    """Of 11 test clips with an age every third; of 25 rated training clips every other, in clip order."""
    monkeypatch.setattr(report_figures, "SCATTER_CLIPS", 5)
    ages = np.arange(12.0)
    ages[4] = np.nan
    labels = pd.DataFrame({"clip_id": [f"{n:02d}" for n in range(12)], "split": "test", "Age": ages})
    table = pd.DataFrame({"age.Age": np.arange(12.0) + 0.5}, index=labels["clip_id"])
    (shown,) = report_figures.scatter(results(), labels, lambda _: RunPredictions({1: table}))
    assert shown.rows == [("Age", age, age + 0.5) for age in (0, 3, 7, 10)]
    assert "Predicted against true age of 4 test clips, compare-stl, mean of its seeds." in shown.caption
    monkeypatch.setattr(report_figures, "MAP_CLIPS", 13)
    ratings = np.random.default_rng(1).uniform(1, 50, (27, 10))
    ratings[[0, 5], 3] = np.nan
    rated = corpus(ratings).sample(frac=1, random_state=1)
    known = rated.dropna().sort_values("clip_id").iloc[::2]
    (shown,) = report_figures.rating_map(results(), rated, predicted(rated.fillna(0), shift=1))
    assert "ratings of 13 training clips" in shown.caption and len(shown.rows) == 13
    strongest = [EMOTIONS[place] for place in known[EMOTIONS].to_numpy().argmax(axis=1)]
    assert [row[2] for row in shown.rows] == strongest
    following = [EMOTIONS[(EMOTIONS.index(name) + 1) % 10] for name in strongest]
    assert [row[3] for row in shown.rows] == following
    assert shown.header == ["x", "y", "rated", "predicted by compare-other"]
    few = corpus(np.ones((9, 10)))
    assert not list(report_figures.rating_map(results(), few, predicted(few)))


def test_columns_are_best_first_by_the_run_that_is_best_on_validation():
    found = results()
    columns = found.runs["compare-other"].task("emotion", "test").columns
    columns["Fear"] = replace(columns["Fear"], value=0.99)
    (shown,) = report_figures.columns(found)
    order = [label.get_text() for label in shown.figure.axes[0].get_yticklabels()]
    assert order == ["Fear", "Horror", "Awe"]
    assert [row[:2] for row in shown.rows[:3]] == [("compare-stl", name) for name in order]
    first = found.runs["compare-stl"].task("emotion", "test").columns["Fear"]
    assert shown.rows[0][2:] == (first.value, first.low, first.high)
    assert shown.figure.axes[0].get_xlabel() == "test CCC (higher is better)"


def test_the_numbers_of_confusions_and_differences_lie_beside_them():
    found = results()
    (shown,) = report_figures.confusions(found)
    counts = found.runs["compare-mtl2"].task("country", "test").confusion.counts
    assert shown.rows[4:8] == [
        ("compare-mtl2", "China", "China", counts[0][0]),
        ("compare-mtl2", "China", "Venezuela", counts[0][1]),
        ("compare-mtl2", "Venezuela", "China", counts[1][0]),
        ("compare-mtl2", "Venezuela", "Venezuela", counts[1][1]),
    ]
    rows = [comparison(0.2, 0.1, 0.3), comparison(0.3, 0.2, 0.4, "compare-other", baseline="compare-mtl2")]
    (shown,) = report_figures.differences(results(comparisons=rows), "multi-task", "Multi-task")
    assert shown.rows[1] == ("emotion", "compare-other", "compare-mtl2", 0.3, 0.2, 0.4)
    axes = shown.figure.axes[0]
    assert axes.get_title() == "emotion"  # against several, which the rows name
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert names == ["compare-mtl2 − compare-stl", "compare-other − compare-mtl2"]
