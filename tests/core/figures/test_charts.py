import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb

from stages.core.figures.charts import (
    COLOURS,
    MARKERS,
    Interval,
    axis_label,
    cost,
    curves,
    dots,
    forest,
    in_order,
    maps,
    save_png,
    scatter,
    svg,
)

SURE, UNSURE = Interval("a", 0.2, 0.1, 0.3), Interval("b", -0.1, -0.3, 0.1, sure=False)


def panels_of(figure):
    return [axes.get_title() for axes in figure.axes]


def test_svg_keeps_text_and_is_the_same_each_time():
    texts = [svg(dots({"run": [SURE, UNSURE]}, "CCC")) for _ in range(2)]
    assert texts[0] == texts[1]
    assert texts[0].startswith("<svg") and ">CCC</text>" in texts[0] and "http" not in links(texts[0])


def links(text):
    """What an SVG refers to outside of itself: namespaces aside."""
    return text.replace('xmlns:xlink="http://www.w3.org/1999/xlink"', "").replace(
        'xmlns="http://www.w3.org/2000/svg"', ""
    )


def test_png_has_print_quality(tmp_path):
    from matplotlib.image import imread

    save_png(dots({"run": [SURE, UNSURE]}, "CCC"), tmp_path / "a.png")
    assert imread(tmp_path / "a.png").shape[1] == 7 * 300


def test_colours_differ_and_so_do_marks():
    assert len(set(COLOURS)) == len(set(MARKERS)) == 10
    assert max(min(to_rgb(colour)) for colour in COLOURS) < 0.7  # none vanishes on white


def test_forest_fills_only_sure_marks_in_the_row_of_their_name():
    figure = forest(
        {"emotion": [SURE, UNSURE], "age": [UNSURE]}, {"emotion": "CCC", "age": "years"}, ["a", "b"]
    )
    assert panels_of(figure) == ["emotion", "age"]
    marks = [line for line in figure.axes[0].lines if line.get_marker() == "o"]
    assert [line.get_ydata()[0] for line in marks] == [0, 1]
    assert marks[0].get_markerfacecolor() != "white" and marks[1].get_markerfacecolor() == "white"
    only = [line for line in figure.axes[1].lines if line.get_marker() == "o"]
    assert [line.get_ydata()[0] for line in only] == [1]


def test_dots_put_series_of_a_name_into_its_row():
    other = [Interval("b", 0.5, 0.4, 0.6)]
    figure = dots({"one": [SURE, UNSURE], "two": other}, "CCC")
    rows = [line.get_ydata() for line in figure.axes[0].lines]
    assert np.round(rows[0]).tolist() == [0, 1] and np.round(rows[1]).tolist() == [1]


def test_dots_of_given_names_leave_a_row_empty_and_tell_many_series_apart():
    figure = dots({f"run {number}": [UNSURE] for number in range(15)}, "CCC", ["a", "b"])
    assert [text.get_text() for text in figure.axes[0].get_yticklabels()] == ["a", "b"]
    heights = [line.get_ydata()[0] for line in figure.axes[0].lines]
    assert len(set(heights)) == 15 and min(heights) > 0.5


def test_values_in_order_rise():
    figure = in_order({"a": [0.3, 0.1, 0.2], "b": [0.5]}, "CCC")
    first, second = figure.axes[0].lines
    assert first.get_ydata().tolist() == [0.1, 0.2, 0.3] and second.get_ydata().tolist() == [0.5]


def test_maps_colour_each_label_the_same_in_all_panels():
    figure = maps(np.arange(8.0).reshape(4, 2), {"rated": list("aabb"), "heard": list("abbb")}, ["a", "b"])
    assert panels_of(figure) == ["rated", "heard"]
    sizes = [[len(dots.get_offsets()) for dots in axes.collections] for axes in figure.axes]
    assert sizes == [[2, 2], [1, 3]]
    colours = [[tuple(dots.get_facecolor()[0]) for dots in axes.collections] for axes in figure.axes]
    assert colours[0] == colours[1]


def test_curves_are_means_over_seeds_of_validation():
    table = pd.DataFrame(
        {
            "run": "x-stl",
            "features": "x",
            "seed": [1, 1, 2, 1],
            "epoch": [1, 2, 1, 1],
            "split": ["validation"] * 3 + ["train"],
            "task": "age",
            "score": [4.0, 3.0, 6.0, 100.0],
        }
    )
    other = table.assign(run="y-mtl1", features="y", score=1.0)
    figure = curves(pd.concat([table, other]), {"age": "mae"})
    assert panels_of(figure) == ["age, x", "age, y"]
    assert figure.axes[0].lines[0].get_xydata().tolist() == [[1, 5], [2, 3]]
    assert figure.axes[1].lines[0].get_xydata().tolist() == [[1, 1], [2, 1]]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["stl", "mtl1"]
    twins = curves(pd.concat([table, table.assign(run="stl")]), {"age": "mae"})
    assert [line.get_label() for line in twins.axes[0].lines] == ["x-stl", "stl"]


def test_cost_has_a_mark_a_run_and_leaves_out_runs_without_the_task():
    points = pd.DataFrame(
        {
            "run": ["x-stl", "x-mtl1"],
            "features": "x",
            "multiply_adds": [1000, 100],
            "emotion": [0.4, 0.5],
            "age": [3.0, None],
        }
    )
    figure = cost(points, {"emotion": "ccc", "age": "mae"})
    assert [text.get_text() for text in figure.axes[0].texts] == ["mtl1", "stl"]
    assert [text.get_text() for text in figure.axes[1].texts] == ["stl"]


def test_labels_of_runs_of_one_cost_follow_the_order_of_the_runs():
    """A sort that is not stable gives an order of its own on each processor."""
    runs = [f"x-{number}" for number in range(40)]
    points = pd.DataFrame({"run": runs, "features": "x", "multiply_adds": 100, "emotion": 0.5})
    points.loc[39, "multiply_adds"] = 99
    labels = [text.get_text() for text in cost(points, {"emotion": "ccc"}).axes[0].texts]
    assert labels == ["39", *map(str, range(39))]


def test_labels_of_neighbours_do_not_cover_each_other():
    runs = [f"x-mtl{number}" for number in range(4)]
    points = pd.DataFrame({"run": runs, "features": "x", "multiply_adds": [100, 101, 102, 1000]})
    axes = cost(points.assign(emotion=[0.5, 0.501, 0.502, 0.1]), {"emotion": "ccc"}).axes[0]
    boxes = [text.get_window_extent() for text in axes.texts]
    assert not any(box.overlaps(other) for box in boxes for other in boxes if other is not box)


def test_a_label_makes_room_for_one_that_follows():
    """Two of these labels, each placed once and for all, would lie on each other."""
    of_compare = {
        "stl": (2_472_768, 0.602),
        "mtl1": (414_496, 0.548),
        "mtl2": (830_560, 0.586),
        "mtl2-relative": (830_560, 0.641),
        "regularized-stl": (883_224, 0.747),
        "regularized-mtl": (321_112, 0.753),
    }
    others = {"all-fused-mtl": (480_460, 0.738), "egemaps-regularized-stl": (169_128, 0.718)}
    runs = {f"compare-{name}": point for name, point in of_compare.items()} | others
    points = pd.DataFrame.from_dict(runs, "index", columns=["multiply_adds", "country"]).rename_axis("run")
    points = points.reset_index().assign(emotion=0.5, age=3.0)
    points["features"] = points["run"].str.split("-").str[0]
    axes = cost(points, {"emotion": "ccc", "country": "uar", "age": "mae"}).axes[1]
    boxes = [text.get_window_extent() for text in axes.texts]
    assert not any(box.overlaps(other) for box in boxes for other in boxes if other is not box)


def test_a_feature_set_has_one_colour_in_all_panels_and_is_in_the_legend():
    points = pd.DataFrame({"run": ["a-x", "b-x"], "features": ["a", "b"], "multiply_adds": [9, 99]})
    figure = cost(points.assign(sex=[None, 0.5], age=[3.0, None]), {"sex": "uar", "age": "mae"})
    b, a = (axes.lines[0] for axes in figure.axes)
    assert (a.get_color(), b.get_color()) == COLOURS[:2] and (a.get_marker(), b.get_marker()) == ("o", "s")
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["a", "b"]


def test_a_panel_without_scores_is_empty():
    points = pd.DataFrame({"run": ["x-a"], "features": "x", "multiply_adds": 9, "age": None, "sex": 0.5})
    assert [len(axes.texts) for axes in cost(points, {"age": "mae", "sex": "uar"}).axes] == [0, 1]


def test_legends_fit_the_width_of_one_panel():
    runs = [f"x-regularized-{number}" for number in range(8)]
    table = pd.DataFrame({"run": runs, "features": "x", "seed": 1, "epoch": 1, "split": "validation"})
    figure = curves(table.assign(task="kind", score=0.5), {"kind": "uar"})
    figure.draw_without_rendering()
    box = figure.legends[0].get_window_extent()
    assert box.x0 >= 0 and box.x1 <= figure.bbox.x1


@pytest.mark.parametrize(("score", "word"), [("ccc", "higher"), ("uar", "higher"), ("mae", "lower")])
def test_axes_say_which_way_is_better(score, word):
    assert word in axis_label(score)


def test_forests_and_dots_draw_each_interval_from_its_low_to_its_high():
    figure = forest({"emotion": [SURE], "age": [UNSURE]}, {"emotion": "CCC", "age": "years"}, ["b", "a"])
    for axes, interval, row, label in zip(figure.axes, (SURE, UNSURE), (1, 0), ("CCC", "years"), strict=True):
        bar, mark = axes.lines[1:]
        assert bar.get_xydata().tolist() == [[interval.low, row], [interval.high, row]]
        assert mark.get_xydata().tolist() == [[interval.value, row]]
        assert axes.lines[0].get_xdata() == [0, 0] and axes.get_xlabel() == label
        assert axes.get_ylim() == (1.6, -0.6)  # the first name on top
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["b", "a"]
    axes = dots({"one": [SURE, UNSURE], "two": [SURE]}, "CCC").axes[0]
    bars = [segment for lines in axes.collections for segment in lines.get_segments()]
    assert [bar[:, 0].tolist() for bar in bars] == [[0.1, 0.3], [-0.3, 0.1], [0.1, 0.3]]
    assert np.allclose([bar[0, 1] for bar in bars], [-0.15, 0.85, 0.15])
    assert [line.get_xdata().tolist() for line in axes.lines] == [[0.2, -0.1], [0.2]]
    assert axes.get_ylim() == (1.5, -0.5) and axes.get_xlabel() == "CCC"


def test_a_scatter_has_true_values_along_and_predicted_ones_up():
    true, guess = np.array([1.0, 5.0, 3.0]), np.array([2.0, 2.5, 9.0])
    figure = scatter({"Age": (true, guess), "Height": (guess, true)})
    assert panels_of(figure) == ["Age", "Height"]
    for axes, (x, y) in zip(figure.axes, ((true, guess), (guess, true)), strict=True):
        np.testing.assert_array_equal(axes.collections[0].get_offsets(), np.column_stack([x, y]))
        assert axes.lines[0].get_xydata().tolist() == [[x.min()] * 2, [x.max()] * 2]
        assert (axes.get_xlabel(), axes.get_ylabel()) == ("true", "predicted")


def test_cost_has_scores_up_and_multiply_adds_along():
    points = pd.DataFrame({"run": ["x-a", "y-b"], "features": ["x", "y"], "multiply_adds": [9, 99]})
    emotion, age = cost(
        points.assign(emotion=[0.5, 0.6], age=[3.0, 4.0]), {"emotion": "ccc", "age": "mae"}
    ).axes
    assert [line.get_xydata().tolist() for line in emotion.lines] == [[[9, 0.5]], [[99, 0.6]]]
    assert [line.get_xydata().tolist() for line in age.lines] == [[[9, 3]], [[99, 4]]]
    assert (emotion.get_title(), age.get_title()) == ("emotion", "age")
    assert age.get_ylabel() == "MAE (lower is better)" and age.get_xscale() == "log"
    assert [text.xy for text in age.texts] == [(9, 3), (99, 4)]


def test_values_in_order_are_over_the_share_of_the_folds():
    axes = in_order({"a": [0.3, 0.1, 0.2]}, "CCC").axes[0]
    assert axes.lines[0].get_xdata().tolist() == [0, 0.5, 1]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("share of the folds", "CCC")


def test_points_of_a_map_lie_where_they_are_in_every_panel():
    places = np.array([[0.0, 9], [1, 8], [2, 7]])
    figure = maps(places, {"rated": list("aba"), "heard": list("bba")}, ["b", "a"])
    shown = [[dots.get_offsets().tolist() for dots in axes.collections] for axes in figure.axes]
    assert shown == [[[[1, 8]], [[0, 9], [2, 7]]], [[[0, 9], [1, 8]], [[2, 7]]]]
    labels = [[dots.get_label() for dots in axes.collections] for axes in figure.axes]
    assert labels == [["b", "a"]] * 2
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["b", "a"]
