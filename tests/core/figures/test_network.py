"""Boxes and arrows of networks: which lie where, and which lead to which."""

import pytest
from matplotlib.figure import Figure

from stages.core.figures.charts import COLOURS
from stages.core.figures.network import diagram

HEADS = {"mood": ["hidden", "mood out"], "age": ["age hidden", "age out"], "kind": ["kind out"]}


def boxes(figure: Figure) -> dict[str, tuple[float, float]]:
    """Text → where its box is."""
    return {text.get_text(): text.get_position() for text in figure.axes[0].texts if text.get_text()}


def arrows(figure: Figure) -> set[tuple[float, float, float]]:
    """The column from which an arrow leads, the row where it starts and the row where it ends."""
    found = [text for text in figure.axes[0].texts if not text.get_text()]
    for arrow in found:
        assert arrow.xy[0] - arrow.xyann[0] == pytest.approx(0.22)  # between two boxes
    return {(round(arrow.xyann[0] - 0.39, 6), arrow.xyann[1], arrow.xy[1]) for arrow in found}


def test_a_shared_trunk_leads_to_all_tasks_the_first_on_top() -> None:
    figure = diagram("source", ["one", "two"], HEADS, joint=True)
    assert boxes(figure) == {
        "source": (0, 1),
        "one": (1, 1),
        "two": (2, 1),
        "hidden": (3, 2),
        "mood out": (4, 2),
        "age hidden": (3, 1),
        "age out": (4, 1),
        "kind out": (3, 0),
    }
    assert arrows(figure) == {(0, 1, 1), (1, 1, 1), (2, 1, 2), (2, 1, 1), (2, 1, 0), (3, 2, 2), (3, 1, 1)}
    edges = [patch.get_edgecolor() for patch in figure.axes[0].patches]
    assert len(edges) == 8 and len(set(edges)) == 2 + len(HEADS)


def test_networks_of_their_own_repeat_the_trunk() -> None:
    figure = diagram("source", ["one", "two"], HEADS, joint=False)
    places = [text.get_position() for text in figure.axes[0].texts if text.get_text() == "one"]
    assert places == [(1, 2), (1, 1), (1, 0)]
    assert arrows(figure) == {
        *((0, 1, row) for row in range(3)),
        *((1, row, row) for row in range(3)),
        *((2, row, row) for row in range(3)),
        *((3, row, row) for row in (2, 1)),
    }
    patch = figure.axes[0].patches[1]
    assert (patch.get_x(), patch.get_y()) == pytest.approx((1 - 0.39, 2 - 0.31))
    assert (patch.get_width(), patch.get_height()) == (0.78, 0.62)
    limits = figure.axes[0].get_xlim(), figure.axes[0].get_ylim()
    assert limits == ((-0.5, 4.5), (-0.5, 2.5))
    assert len(COLOURS) == 10
