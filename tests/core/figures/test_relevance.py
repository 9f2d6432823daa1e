"""Heat maps of families: how many stand in a row, and what their cells say."""

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stages.core.figures.relevance import Panel, heat_maps, panel_of

FAMILIES = ["pitch", "loudness", "timing"]


def panel(title: str, parts: list[str], limit: float | None = None) -> Panel:
    """The first part of each panel has no value for timing, and a sure one for loudness."""
    rows = {
        ("pitch", parts[0]): (-0.004, False),
        ("loudness", parts[0]): (0.3, True),
        ("timing", parts[0]): (None, False),
        ("pitch", parts[-1]): (1.26, True),
        ("loudness", parts[-1]): (-0.25, False),
    }
    return panel_of(title, FAMILIES, parts, rows, "loss of CCC", limit)


def maps(figure: Figure) -> list[Axes]:
    """What is drawn of the panels, without bars of colours and empty places."""
    return [axes for axes in figure.axes if axes.images and axes.get_title(loc="left")]


@pytest.mark.parametrize(
    ("panels", "columns", "places"), [(1, 2, 1), (2, 2, 2), (3, 2, 4), (3, 3, 3), (1, 1, 1)]
)
def test_panels_stand_in_rows_and_few_in_fewer_columns(panels: int, columns: int, places: int) -> None:
    titles = [f"group {number}" for number in range(panels)]
    figure = heat_maps(FAMILIES, [panel(title, ["Awe", "Fear"], 0.5) for title in titles], columns)
    assert [axes.get_title(loc="left") for axes in maps(figure)] == titles
    assert len(figure.axes) == places + 1  # one bar for all
    assert figure.axes[-1].get_ylabel() == "loss of CCC"
    named = [[label.get_text() for label in axes.get_yticklabels()] for axes in maps(figure)]
    assert named == [FAMILIES if place % min(columns, panels) == 0 else [""] * 3 for place in range(panels)]


def test_cells_have_two_places_and_sure_ones_are_bold() -> None:
    figure = heat_maps(FAMILIES, [panel("mood", ["Awe", "Fear"]), panel("age", ["Age"])], 2)
    mood, age = maps(figure)
    assert [label.get_text() for label in mood.get_xticklabels()] == ["Awe", "Fear"]
    cells = {text.get_position(): (text.get_text(), text.get_fontweight()) for text in mood.texts}
    assert cells == {
        (0, 0): (".00", "normal"),
        (1, 0): ("1.3", "bold"),
        (0, 1): (".30", "bold"),
        (1, 1): ("−.25", "normal"),
    }
    assert [image.get_clim() for axes in (mood, age) for image in axes.images] == [(0, 1.26), (0, 1.26)]
    assert np.array_equal(mood.images[0].get_array(), [[-0.004, 1.26], [0.3, -0.25], [0, 0]])
    assert len(figure.axes) == 4  # each panel has a bar of its own


ROWS = {
    ("pitch", "Awe"): (0.5, True),
    ("voice", "Awe"): (0.1, False),
    ("pitch", "Fear"): (-0.25, False),
    ("voice", "Fear"): (None, False),
    ("rate", "Awe"): (1.44, True),
    ("rate", "Fear"): (0.8, False),
}
NAMES, PARTS = ["pitch", "voice", "rate"], ["Awe", "Fear"]


def test_numbers_lie_in_their_row_and_column() -> None:
    drawn = panel_of("emotion", NAMES, PARTS, ROWS, "loss of CCC")
    np.testing.assert_array_equal(drawn.values, [[0.5, -0.25], [0.1, np.nan], [1.44, 0.8]])
    assert drawn.sure.tolist() == [[True, False], [False, False], [True, False]]
    axes, bar = heat_maps(NAMES, [drawn], 1).axes
    numbers = {text.get_position(): text for text in axes.texts}
    assert {place: text.get_text() for place, text in numbers.items()} == {
        (0, 0): ".50",
        (1, 0): "−.25",
        (0, 1): ".10",
        (0, 2): "1.4",
        (1, 2): ".80",
    }
    # Sure: bold, and white where it is dark; else grey, light where it is dark.
    assert {place: (text.get_color(), text.get_fontweight()) for place, text in numbers.items()} == {
        (0, 0): ("black", "bold"),
        (1, 0): ("#6F6F6F", "normal"),
        (0, 1): ("#6F6F6F", "normal"),
        (0, 2): ("white", "bold"),
        (1, 2): ("#E6E6E6", "normal"),
    }
    assert axes.images[0].get_clim() == (0, 1.44) and bar.get_ylabel() == "loss of CCC"
    np.testing.assert_array_equal(axes.images[0].get_array(), [[0.5, -0.25], [0.1, 0], [1.44, 0.8]])


def test_panels_of_one_limit_share_a_scale_and_the_first_of_a_row_names_the_families() -> None:
    panels = [panel_of(title, NAMES, PARTS, ROWS, "rise of MAE", 2.0) for title in "abc"]
    figure = heat_maps(NAMES, panels, 2)
    shown = figure.axes[:4]
    assert [axes.get_title("left") for axes in shown] == ["a", "b", "c", ""]
    assert [axes.get_subplotspec().rowspan.start for axes in shown] == [0, 0, 1, 1]
    names = [[label.get_text() for label in axes.get_yticklabels()] for axes in shown[:3]]
    assert names == [NAMES, [""] * 3, NAMES]
    assert {axes.images[0].get_clim() for axes in shown[:3]} == {(0, 2)}
    assert not shown[3].axison and [axes.get_ylabel() for axes in figure.axes[4:]] == ["rise of MAE"]
    nothing = panel_of("a", NAMES, PARTS, {}, "x")
    assert np.isnan(nothing.values).all() and not nothing.sure.any()
    empty = heat_maps(NAMES, [nothing], 1).axes[0]
    assert len(empty.texts) == 0 and empty.images[0].get_clim() == (0, 0.01)
