import numpy as np
import pandas as pd
import pytest

from stages.core.config.tasks import Task
from stages.core.reporting import report_figures
from tests.helpers.results import RUNS, changed, comparison, results

COLUMNS = ["Awe", "Fear", "Sadness"]
TASK = Task("regression", tuple(COLUMNS), "ccc", scale="row-max")


def map_of(ratings: np.ndarray, split: list[str] | None = None):
    """The map of figure 1 of clips with these ratings, whose predictions are the same."""
    clips = [f"{row:03d}" for row in range(len(ratings))]
    labels = pd.DataFrame(
        {"clip_id": clips, "split": split or "train", **dict(zip(COLUMNS, ratings.T, strict=True))}
    )
    predictions = pd.DataFrame(
        {"clip_id": clips, **{f"emotion.{name}": ratings[:, row] for row, name in enumerate(COLUMNS)}}
    )
    (shown,) = report_figures.rating_map(labels, predictions, "emotion", TASK, "a-run")
    return shown


def points(shown) -> np.ndarray:
    return np.concatenate([dots.get_offsets() for dots in shown.figure.axes[0].collections])


def test_the_map_is_of_normalized_ratings_of_training_as_in_the_paper():
    ratings = np.random.default_rng(1).integers(1, 50, (40, 3)).astype(np.float64)
    loudness = np.where(np.arange(40) % 2, 2.0, 1.0)[:, None]
    np.testing.assert_array_equal(points(map_of(ratings)), points(map_of(ratings * loudness)))
    assert len(points(map_of(ratings, ["train"] * 30 + ["test"] * 10))) == 30
    assert "both agree on 100% of these clips" in map_of(ratings).caption


def test_differences_have_a_panel_per_task_and_say_which_way_is_better():
    age = {"task": "age", "score": "mae", "contrast": "training"}
    rows = [comparison(0.2, 0.1, 0.3), comparison(-0.5, -0.6, 0.1, **age)]
    (shown,) = report_figures.differences(rows, "training", "Trained otherwise")
    emotion, of_age = shown.figure.axes
    assert emotion.get_title() == "emotion, against compare-stl"
    assert emotion.get_xlabel() == "gain in CCC"
    assert of_age.get_xlabel() == "reduction of MAE"
    assert of_age.lines[-1].get_xdata()[0] == -0.5
    assert not list(report_figures.differences([], "training", "Trained otherwise"))


def test_confusions_are_of_test_and_of_the_papers_pair():
    found = results()
    (shown,) = report_figures.confusions(found)
    for run, axes in zip(("compare-stl", "compare-mtl2"), shown.figure.axes, strict=True):
        scores = found.runs[run].task("country", "test")
        assert axes.get_title() == f"{run}, UAR {scores.value:.3f}"
        cells = [text.get_text().split("\n")[1] for text in axes.texts]
        assert cells == [str(count) for row in scores.confusion.counts for count in row]


@pytest.mark.parametrize(("draw", "kind"), [("columns", "columns"), ("groups", "groups")])
def test_parts_are_those_of_test(draw, kind):
    found = results()
    shown = {item.name: item for item in getattr(report_figures, draw)(found)}
    assert set(shown) == (
        {"columns-emotion"} if kind == "columns" else {f"groups-{task}" for task in found.metrics}
    )
    axes = shown[f"{kind}-emotion"].figure.axes[0]
    for line, run in zip(axes.lines, ("compare-stl", "compare-mtl2"), strict=True):
        parts = getattr(found.runs[run].task("emotion", "test"), kind)
        assert list(line.get_xdata()) == [part.value for part in parts.values()]


def test_without_the_papers_pair_the_best_on_validation_is_shown():
    runs = {run: {"features": "egemaps", "model": model["model"]} for run, model in RUNS.items()}
    found = results({"compare-other": runs["compare-other"], "compare-stl": runs["compare-stl"]})
    (shown,) = report_figures.columns(found)
    assert [line.get_label() for line in shown.figure.axes[0].lines] == ["compare-stl"]
    best_on_test = changed(found, "compare-other", "emotion", "test", value=0.9)
    (shown,) = report_figures.columns(best_on_test)
    assert [line.get_label() for line in shown.figure.axes[0].lines] == ["compare-stl"]


def test_curves_are_by_run_and_cost_shows_test():
    found = results()
    table = pd.DataFrame(
        {"run": list(RUNS), "seed": 1, "epoch": 1, "split": "validation", "task": "age", "score": 3.0}
    )
    curves = report_figures.learning_curves(table, found)
    assert [axes.get_title() for axes in curves.figure.axes] == [
        f"{task}, compare" for task in ("emotion", "country", "age")
    ]
    emotion = report_figures.cost(found).figure.axes[0]
    scores = [found.runs[run].task("emotion", "test").value for run in RUNS]
    assert list(emotion.lines[0].get_ydata()) == scores
