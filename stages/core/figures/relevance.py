"""Heat maps of acoustic families against emotions, classes and traits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colorbar import Colorbar
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from stages.core.figures.charts import STYLE

_CELL = 0.52  # inches
_MAP = "Blues"

Rows = Mapping[tuple[str, str], tuple[float | None, bool]]
"""(Family, part) → value, and whether it is sure."""


@dataclass(frozen=True)
class Panel:
    """A heat map: a row for each family, a column for each part of a task.

    Attributes:
        title: what stands above it.
        columns: names of the parts.
        values: float [families, parts], NaN where not defined.
        sure: bool [families, parts], which are above what chance reaches.
        label: what the colours mean.
        limit: the value of the darkest colour, the same in all panels; None: the panel's largest.
    """

    title: str
    columns: Sequence[str]
    values: np.ndarray
    sure: np.ndarray
    label: str
    limit: float | None = None


def panel_of(
    title: str,
    families: Sequence[str],
    parts: Sequence[str],
    rows: Rows,
    label: str,
    limit: float | None = None,
) -> Panel:
    """A panel from values by family and part."""
    cells = [[rows.get((family, part), (None, False)) for part in parts] for family in families]
    values = np.array([[np.nan if value is None else value for value, _ in row] for row in cells], float)
    sure = np.array([[known for _, known in row] for row in cells])
    return Panel(title, parts, values, sure, label, limit)


def heat_maps(families: Sequence[str], panels: Sequence[Panel], columns: int) -> Figure:
    """Heat maps side by side, at most ``columns`` in a row; sure numbers are bold, others grey."""
    columns = min(columns, len(panels))
    rows = -(-len(panels) // columns)
    widths = [max(len(panel.columns) for panel in panels[column::columns]) for column in range(columns)]
    size = (
        _CELL * (sum(widths) + 2.2 * columns) + 1.4,
        rows * (_CELL * 0.72 * len(families) + 1.45) + 0.1,
    )
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=size, layout="constrained")
        grid = figure.subplots(rows, columns, squeeze=False, width_ratios=[width + 0.6 for width in widths])
        for index, panel in enumerate(panels):
            axes = grid[index // columns, index % columns]
            image = _draw(axes, families, panel, named=index % columns == 0)
            if panel.limit is None:
                _explain(figure.colorbar(image, ax=axes, shrink=0.85, pad=0.02, aspect=18), panel.label)
        for empty in grid.ravel()[len(panels) :]:
            empty.set_axis_off()
        if panels[-1].limit is not None:
            _explain(figure.colorbar(image, ax=grid, shrink=0.4, pad=0.02, aspect=30), panels[-1].label)
    return figure


def _draw(axes: Axes, families: Sequence[str], panel: Panel, named: bool) -> AxesImage:
    largest = np.nanmax(panel.values, initial=0.0) if panel.limit is None else panel.limit
    limit = max(float(largest), 0.01)
    image = axes.imshow(np.nan_to_num(panel.values), cmap=_MAP, vmin=0, vmax=limit, aspect="auto")
    for (row, column), value in np.ndenumerate(panel.values):
        if np.isnan(value):
            continue
        dark, sure = value > 0.5 * limit, panel.sure[row, column]
        axes.text(
            column,
            row,
            f"{value:z.2f}".replace("-", "−").replace("0.", ".", 1) if abs(value) < 1 else f"{value:.1f}",
            ha="center",
            va="center",
            fontsize=7,
            color=("white" if dark else "black") if sure else ("#E6E6E6" if dark else "#6F6F6F"),
            fontweight="bold" if sure else "normal",
        )
    axes.set_title(panel.title, loc="left")
    axes.set_xticks(range(len(panel.columns)), panel.columns, rotation=40, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(families)), families if named else [""] * len(families))
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    return image


def _explain(bar: Colorbar, label: str) -> None:
    bar.set_label(label, fontsize=7.5)
    bar.outline.set_visible(False)
    bar.ax.tick_params(labelsize=7, length=2)
