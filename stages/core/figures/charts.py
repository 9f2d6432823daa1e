"""The report's figures: axes labelled, colours that colour-blind readers tell apart, text that stays text.

Each function returns a matplotlib figure; :func:`svg` and :func:`save_png` write the same bytes each time.
"""

import io
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Annotation
from matplotlib.transforms import Bbox

from stages.core.metrics.metric import METRICS
from stages.core.runtime.files import whole

# Okabe and Ito (2008), yellow darkened for white paper, and two more; marks differ as well as colours.
COLOURS = tuple("#0072B2 #E69F00 #009E73 #CC79A7 #D55E00 #56B4E9 #999933 #000000 #7F7F7F #882255".split())
MARKERS = "osD^vP*XdH"
# Of a label beside its mark: alignment, and offset in points; earlier ones are preferred.
POSITIONS = (
    ("left", "bottom", 4.0, 2.0),
    ("left", "top", 4.0, -2.0),
    ("right", "bottom", -4.0, 2.0),
    ("right", "top", -4.0, -2.0),
    ("center", "bottom", 0.0, 5.0),
    ("center", "top", 0.0, -5.0),
    ("left", "bottom", 4.0, 9.0),
    ("left", "top", 4.0, -9.0),
    ("right", "bottom", -4.0, 9.0),
    ("right", "top", -4.0, -9.0),
)
STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "report",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10,
    "legend.frameon": False,
}


@dataclass(frozen=True)
class Interval:
    """A value with its interval, named; ``sure`` fills its mark in a forest plot."""

    name: str
    value: float
    low: float
    high: float
    sure: bool = True


def svg(figure: Figure) -> str:
    """The figure as an SVG element, with selectable text, without XML header."""
    buffer = io.StringIO()
    with mpl.rc_context(STYLE):
        _settle(figure)
        figure.savefig(
            buffer,
            format="svg",
            metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")),
            transparent=True,
        )
    text = buffer.getvalue()
    return text[text.index("<svg") :]


def save_png(figure: Figure, path: Path) -> None:
    """The figure at print quality, 300 dots per inch."""
    with mpl.rc_context(STYLE), whole(path) as temporary:
        _settle(figure)
        figure.savefig(temporary, format="png", dpi=300, metadata={"Software": None})


def _settle(figure: Figure) -> None:
    """Lay a figure out once, so that it looks the same wherever and however often it is written."""
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.execute(figure)
        figure.set_layout_engine("none")


def axis_label(score: str) -> str:
    """A metric and which way is better."""
    metric = METRICS[score]
    return f"{metric.label} ({metric.better} is better)"


def maps(coordinates: np.ndarray, panels: Mapping[str, Sequence[str]], order: Sequence[str]) -> Figure:
    """Points of a map in several panels, each coloured by its own labels.

    Args:
        coordinates: [n, 2].
        panels: title → n labels.
        order: all labels, which gives each its colour and marker.
    """
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(4.6 * len(panels), 4.6), layout="constrained")
        for axes, (title, labels) in zip(
            figure.subplots(1, len(panels), squeeze=False)[0], panels.items(), strict=True
        ):
            for index, label in enumerate(order):
                chosen = np.array([other == label for other in labels], dtype=bool)
                colour, marker = COLOURS[index % len(COLOURS)], MARKERS[index % len(MARKERS)]
                axes.scatter(
                    *coordinates[chosen].T, s=10, color=colour, marker=marker, linewidths=0, label=label
                )
            axes.set(title=title, xticks=[], yticks=[], xlabel="first t-SNE axis", ylabel="second t-SNE axis")
        handles, names = axes.get_legend_handles_labels()
        figure.legend(handles, names, loc="outside lower center", ncols=5, markerscale=2)
    return figure


def scatter(panels: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> Figure:
    """Predicted against true values, a panel per column, with a line where both are equal.

    Args:
        panels: column → true values [n] and predicted ones [n].
    """
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(3.6 * len(panels) + 0.6, 3.6), layout="constrained")
        for axes, (title, (true, predicted)) in zip(
            figure.subplots(1, len(panels), squeeze=False)[0], panels.items(), strict=True
        ):
            ends = [float(true.min()), float(true.max())]
            axes.plot(ends, ends, color="#7F7F7F", linewidth=1, linestyle=":")
            axes.scatter(true, predicted, s=9, color=COLOURS[0], alpha=0.45, linewidths=0)
            axes.set(title=title, xlabel="true", ylabel="predicted")
    return figure


def forest(
    panels: Mapping[str, Sequence[Interval]], xlabel: Mapping[str, str], names: Sequence[str]
) -> Figure:
    """Differences with intervals around a line at no difference, a panel per task.

    Args:
        panels: title → intervals.
        xlabel: title → what the axis says.
        names: of all intervals, first on top.
    """
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(2.6 * len(panels) + 2, 0.32 * len(names) + 1.1), layout="constrained")
        for axes, (task, intervals) in zip(
            figure.subplots(1, len(panels), squeeze=False, sharey=True)[0], panels.items(), strict=True
        ):
            axes.axvline(0, color="#7F7F7F", linewidth=1, linestyle=":")
            for interval in intervals:
                row = names.index(interval.name)
                axes.plot([interval.low, interval.high], [row, row], color=COLOURS[0], linewidth=1.5)
                axes.plot(
                    interval.value,
                    row,
                    "o",
                    color=COLOURS[0],
                    markerfacecolor=COLOURS[0] if interval.sure else "white",
                )
            axes.set(title=task, xlabel=xlabel[task])
            axes.set_yticks(range(len(names)), names)
            axes.set_ylim(len(names) - 0.4, -0.6)
    return figure


def dots(series: Mapping[str, Sequence[Interval]], xlabel: str, names: Sequence[str] | None = None) -> Figure:
    """Values with intervals, a row per name (None: those of the first series), a colour per series."""
    names = names or [interval.name for interval in next(iter(series.values()))]
    with mpl.rc_context(STYLE):
        row = max(0.36, 0.12 * len(series))
        figure = Figure(figsize=(7, row * len(names) + 1.4), layout="constrained")
        axes = figure.subplots()
        for index, (label, intervals) in enumerate(series.items()):
            offset = 0.6 * ((index + 0.5) / len(series) - 0.5)
            rows = [names.index(interval.name) + offset for interval in intervals]
            colour = COLOURS[index % len(COLOURS)]
            axes.hlines(
                rows, [i.low for i in intervals], [i.high for i in intervals], color=colour, linewidth=1.2
            )
            axes.plot(
                [i.value for i in intervals],
                rows,
                MARKERS[index % len(MARKERS)],
                color=colour,
                markersize=4,
                label=label,
            )
        axes.set(xlabel=xlabel, yticks=range(len(names)))
        axes.set_yticklabels(names)
        axes.set_ylim(len(names) - 0.5, -0.5)
        axes.grid(axis="x", color="#DDDDDD", linewidth=0.6)
        figure.legend(loc="outside lower center", ncols=min(4, len(series)))
    return figure


def in_order(series: Mapping[str, Sequence[float]], ylabel: str) -> Figure:
    """The values of each series from the lowest to the highest, a line per series."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7, 3.4), layout="constrained")
        axes = figure.subplots()
        for index, (label, values) in enumerate(series.items()):
            shares, colour = np.linspace(0, 1, len(values)), COLOURS[index % len(COLOURS)]
            axes.plot(shares, sorted(values), label=label, linewidth=1.2, color=colour)
        axes.set(xlabel="share of the folds", ylabel=ylabel)
        axes.grid(axis="y", color="#DDDDDD", linewidth=0.6)
        figure.legend(loc="outside lower center", ncols=min(4, len(series)))
    return figure


def curves(table: pd.DataFrame, tasks: Mapping[str, str]) -> Figure:
    """Validation scores by epoch, mean over seeds, a row of panels per feature set and a line per run.

    Args:
        table: columns run, features, seed, epoch, split, task, score.
        tasks: task → score.
    """
    table = table[table["split"] == "validation"]
    runs = dict(zip(table["run"], table["features"], strict=True))
    short = {run: run.removeprefix(f"{name}-") for run, name in runs.items()}
    clash = Counter((name, short[run]) for run, name in runs.items())
    label = {run: short[run] if clash[name, short[run]] == 1 else run for run, name in runs.items()}
    table = table.assign(model=table["run"].map(label))
    features, order = list(dict.fromkeys(table["features"])), list(dict.fromkeys(table["model"]))
    with mpl.rc_context(STYLE):
        size = (3.3 * len(tasks), 2.3 * len(features) + 0.6)
        figure = Figure(figsize=size, layout="constrained")
        panels = figure.subplots(len(features), len(tasks), squeeze=False, sharex=True, sharey="col")
        for name, row in zip(features, panels, strict=True):
            for (task, score), axes in zip(tasks.items(), row, strict=True):
                chosen = table[(table["features"] == name) & (table["task"] == task)]
                for model, rows in chosen.groupby("model", sort=False):
                    mean, index = rows.groupby("epoch")["score"].mean(), order.index(model)
                    style = {
                        "color": COLOURS[index % len(COLOURS)],
                        "marker": MARKERS[index % len(MARKERS)],
                        "linestyle": "-" if index < len(COLOURS) else "--",
                    }
                    axes.plot(mean.index, mean, label=model, linewidth=1.2, markersize=2.5, **style)
                axes.set(title=f"{task}, {name}", ylabel=axis_label(score))
                axes.xaxis.get_major_locator().set_params(integer=True)
        for axes in panels[-1]:
            axes.set_xlabel("epoch")
        _legend(figure, order, max(1, int(size[0] / 1.4)))
    return figure


def cost(points: pd.DataFrame, tasks: Mapping[str, str]) -> Figure:
    """Test score against the multiply-adds of one clip, a panel per task.

    Args:
        points: columns run, features, multiply_adds, and one column of scores for each task.
        tasks: task → score.
    """
    order = sorted(set(points["features"]))
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(3.3 * len(tasks), 3.4), layout="constrained")
        for axes, (task, score) in zip(
            figure.subplots(1, len(tasks), squeeze=False)[0], tasks.items(), strict=True
        ):
            for features, rows in points.dropna(subset=[task]).groupby("features"):
                index = order.index(features)
                colour, marker = COLOURS[index % len(COLOURS)], MARKERS[index % len(MARKERS)]
                axes.plot(rows["multiply_adds"], rows[task], marker, color=colour, label=features)
                for _, row in rows.sort_values("multiply_adds", kind="stable").iterrows():
                    name, point = row["run"].removeprefix(f"{features}-"), (row["multiply_adds"], row[task])
                    axes.annotate(name, point, (0, 0), textcoords="offset points", fontsize=7)
            axes.set(title=task, xscale="log", xlabel="multiply-adds per clip", ylabel=axis_label(score))
            axes.margins(x=0.25, y=0.1)
        _legend(figure, order, min(4, 3 * len(tasks)))
        figure.draw_without_rendering()
        for axes in figure.axes:
            _spread(axes)
    return figure


def _legend(figure: Figure, order: Sequence[str], columns: int) -> None:
    """A legend of what any panel shows, below the figure."""
    drawn = {
        label: line
        for axes in figure.axes
        for line, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    shown = [label for label in order if label in drawn]
    figure.legend([drawn[label] for label in shown], shown, loc="outside lower center", ncols=columns)


def _spread(axes: Axes) -> None:
    """Put each annotation beside its mark so that little of the marks and of other annotations is covered.

    Each starts where it covers least of the marks; then two at a time move as long as less is covered.
    """
    ink = axes.figure.dpi / 72  # pixels per point
    labels = [text for text in axes.texts if isinstance(text, Annotation)]
    if not labels:
        return
    points = axes.transData.transform([text.xy for text in labels])
    marks = np.hstack([points - 4 * ink, points + 4 * ink])[:, None]
    boxes = np.array([[_put(text, position).extents for position in POSITIONS] for text in labels])
    alone = _common(boxes, marks).sum(axis=(2, 3)) + 1e-3 * np.arange(len(POSITIONS))  # equals: the first
    pairs = _common(boxes, boxes)
    chosen, better = alone.argmin(axis=1), True
    while better:
        better = False
        for pair in map(list, combinations(range(len(labels)), 2)):
            others = np.delete(np.arange(len(labels)), pair)
            one, two = alone[pair] + pairs[pair][:, :, others, chosen[others]].sum(axis=2)
            covered = one[:, None] + two + pairs[pair[0], :, pair[1]]
            place = np.unravel_index(covered.argmin(), covered.shape)
            if covered[place] < covered[*chosen[pair]] - 1e-6:
                chosen[pair], better = place, True
    for text, place in zip(labels, chosen, strict=True):
        _put(text, POSITIONS[place])


def _put(text: Annotation, position: tuple[str, str, float, float]) -> Bbox:
    """Move an annotation, and where it then is."""
    text.set(ha=position[0], va=position[1])
    text.xyann = position[2:]
    return text.get_window_extent()


def _common(some: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Common areas [n, k, m, l] of boxes [n, k, 4] and boxes [m, l, 4], each x0, y0, x1, y1."""
    a, b = some[:, :, None, None], others
    sides = np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2])
    return np.asarray(np.clip(sides, 0, None).prod(axis=-1))
