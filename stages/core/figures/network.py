"""A network as boxes and arrows, from its input to its tasks (the paper's figure 2)."""

from collections.abc import Mapping, Sequence

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stages.core.figures.charts import COLOURS, STYLE

_WIDTH, _HEIGHT = 0.78, 0.62  # of a box; boxes lie a unit apart


def diagram(source: str, trunk: Sequence[str], heads: Mapping[str, Sequence[str]], joint: bool) -> Figure:
    """The layers of a run's networks from left to right, a row per task.

    Args:
        source: what the networks read.
        trunk: texts of the layers after it, which all tasks share or each has for itself.
        heads: task → texts of its own layers, the output last.
        joint: whether the tasks share the trunk.
    """
    rows = len(heads)
    columns = 1 + len(trunk) + max(map(len, heads.values()))
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(1.55 * columns + 0.2, 0.85 * rows + 0.2), layout="constrained")
        axes = figure.add_subplot()
        middle = (rows - 1) / 2
        _box(axes, 0, middle, source, "#7F7F7F")
        for row, (index, own) in zip(range(rows)[::-1], enumerate(heads.values()), strict=True):
            shared = middle if joint else row
            if not joint or index == 0:
                for column, text in enumerate(trunk, 1):
                    _arrow(axes, column - 1, middle if column == 1 else shared, shared)
                    _box(axes, column, shared, text, COLOURS[0])
            for column, text in enumerate(own, 1 + len(trunk)):
                _arrow(axes, column - 1, shared if column == 1 + len(trunk) else row, row)
                _box(axes, column, row, text, COLOURS[1 + index % (len(COLOURS) - 1)])
        axes.set(xlim=(-0.5, columns - 0.5), ylim=(-0.5, rows - 0.5))
        axes.axis("off")
    return figure


def _box(axes: Axes, x: float, y: float, text: str, colour: str) -> None:
    corner = (x - _WIDTH / 2, y - _HEIGHT / 2)
    axes.add_patch(mpl.patches.Rectangle(corner, _WIDTH, _HEIGHT, facecolor=f"{colour}22", edgecolor=colour))
    axes.text(x, y, text, ha="center", va="center", fontsize=8)


def _arrow(axes: Axes, column: float, start: float, end: float) -> None:
    """From the box in a column to that in the next."""
    axes.annotate(
        "",
        xy=(column + 1 - _WIDTH / 2, end),
        xytext=(column + _WIDTH / 2, start),
        arrowprops={"arrowstyle": "->", "color": "#7F7F7F", "linewidth": 1},
    )
