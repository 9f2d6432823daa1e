"""Heat maps: which number lies where, what is grey, and what the colours mean."""

import numpy as np

from stages.core.figures.relevance import heat_maps, panel_of

ROWS = {
    ("pitch", "Awe"): (0.5, True),
    ("voice", "Awe"): (0.1, False),
    ("pitch", "Fear"): (-0.25, False),
    ("voice", "Fear"): (None, False),
    ("rate", "Awe"): (1.44, True),
    ("rate", "Fear"): (0.8, False),
}
FAMILIES, PARTS = ["pitch", "voice", "rate"], ["Awe", "Fear"]


def test_numbers_lie_in_their_row_and_column() -> None:
    panel = panel_of("emotion", FAMILIES, PARTS, ROWS, "loss of CCC")
    np.testing.assert_array_equal(panel.values, [[0.5, -0.25], [0.1, np.nan], [1.44, 0.8]])
    assert panel.sure.tolist() == [[True, False], [False, False], [True, False]]
    axes, bar = heat_maps(FAMILIES, [panel], 1).axes
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
    panels = [panel_of(title, FAMILIES, PARTS, ROWS, "rise of MAE", 2.0) for title in "abc"]
    figure = heat_maps(FAMILIES, panels, 2)
    shown = figure.axes[:4]
    assert [axes.get_title("left") for axes in shown] == ["a", "b", "c", ""]
    assert [axes.get_subplotspec().rowspan.start for axes in shown] == [0, 0, 1, 1]
    names = [[label.get_text() for label in axes.get_yticklabels()] for axes in shown[:3]]
    assert names == [FAMILIES, [""] * 3, FAMILIES]
    assert {axes.images[0].get_clim() for axes in shown[:3]} == {(0, 2)}
    assert not shown[3].axison and [axes.get_ylabel() for axes in figure.axes[4:]] == ["rise of MAE"]
    nothing = panel_of("a", FAMILIES, PARTS, {}, "x")
    assert np.isnan(nothing.values).all() and not nothing.sure.any()
    empty = heat_maps(FAMILIES, [nothing], 1).axes[0]
    assert len(empty.texts) == 0 and empty.images[0].get_clim() == (0, 0.01)
