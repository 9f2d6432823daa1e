"""Confusion matrices as pictures: counts and row percent, for 2 to some 30 classes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from stages.core.figures.charts import STYLE
from stages.core.metrics.formulas import recalls

_FEW = 12  # classes that leave room for counts beside percent
_WIDEST = 12  # inches, so that a page need not shrink the type


@dataclass(frozen=True)
class Matrix:
    """A confusion matrix to draw: a row per true class, a column per predicted one.

    Attributes:
        title: what stands above it, in a line or two.
        classes: names, in the order of rows and columns.
        counts: integers [classes, classes], added over seeds.
        seeds: how many.
    """

    title: str
    classes: Sequence[str]
    counts: np.ndarray
    seeds: int = 1


def figure_of(matrices: Sequence[Matrix]) -> Figure:
    """A matplotlib figure of matrices, as many of them side by side as a page shows at their size.

    The shade is the percent of the row, mean over seeds, on ``cividis``, which colour-blind readers see as
    others do. Up to 12 classes each cell shows percent and count; beyond that only the percent, from 1 on.

    Args:
        matrices: at least one.
    """
    numbers = [len(matrix.classes) for matrix in matrices]
    sides = [max(3.4, 1.9 + 0.5 * number) if number <= _FEW else 2.6 + 0.3 * number for number in numbers]
    columns = max(1, min(len(matrices), int(_WIDEST / max(sides))))
    rows = -(-len(matrices) // columns)
    with mpl.rc_context({**STYLE, "axes.spines.top": True, "axes.spines.right": True}):
        figure = Figure(figsize=(sum(sides[:columns]), (max(sides) + 0.3) * rows), layout="constrained")
        grid = figure.subplots(rows, columns, squeeze=False, width_ratios=sides[:columns]).ravel()
        for axes, matrix in zip(grid, matrices, strict=False):
            _draw(axes, matrix)
        for axes in grid[len(matrices) :]:
            axes.remove()
    return figure


def _draw(axes: Any, matrix: Matrix) -> None:
    few = len(matrix.classes) <= _FEW
    total, clips_of = matrix.counts.sum(axis=1), matrix.counts.sum(axis=1) // matrix.seeds
    share = np.divide(
        matrix.counts, total[:, None], out=np.zeros(matrix.counts.shape), where=total[:, None] > 0
    )
    edges = np.arange(len(matrix.classes) + 1) - 0.5
    axes.pcolormesh(edges, edges, share, cmap="cividis", vmin=0, vmax=1)  # stays vectors in an SVG
    axes.set_aspect("equal")
    axes.invert_yaxis()
    for (row, column), part in np.ndenumerate(share):
        percent = f"{100 * part:.0f}" if part >= 0.01 else ""
        axes.text(
            column,
            row,
            f"{part:.0%}\n{matrix.counts[row, column] / matrix.seeds:.0f}" if few else percent,
            ha="center",
            va="center",
            color="black" if part > 0.5 else "white",
            fontsize=9 if few else 6,
        )
    ticks = range(len(matrix.classes))
    axes.set_xticks(ticks, matrix.classes, rotation=40 if few else 90, ha="right", rotation_mode="anchor")
    recall = [
        f"{value:.1%} of {clips}" if few and clips else f"{clips or 'no clips'}"
        for value, clips in zip(recalls(matrix.counts), clips_of, strict=True)
    ]
    axes.set_yticks(
        ticks,
        [
            f"{name}{chr(10) if few else ' '}({text})"
            for name, text in zip(matrix.classes, recall, strict=True)
        ],
    )
    axes.set(xlabel="predicted", ylabel="actual (recall)" if few else "actual (clips)", title=matrix.title)
