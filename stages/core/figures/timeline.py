"""Predictions over the time of a recording."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from stages.core.figures.charts import COLOURS, MARKERS

STRONGEST = 5  # outputs of a task that are drawn


def timeline(times: Sequence[float], tasks: Mapping[str, Mapping[str, np.ndarray]], title: str) -> Figure:
    """A panel per task, a line per output: of many, those that are strongest somewhere.

    Args:
        times: middles of the windows in seconds.
        tasks: task → output → a value per window; NaN where a window could not be used.
        title: what is heard.
    """
    figure = Figure(figsize=(8, 1 + 1.9 * len(tasks)), layout="constrained")
    panels = figure.subplots(len(tasks), 1, sharex=True, squeeze=False)[:, 0]
    for panel, (task, outputs) in zip(panels, tasks.items(), strict=True):
        peaks = {name: np.nanmax(values, initial=-np.inf) for name, values in outputs.items()}
        chosen = sorted(outputs, key=lambda name: -peaks[name])[:STRONGEST]
        for name, colour, marker in zip(chosen, COLOURS, MARKERS, strict=False):
            panel.plot(
                times, outputs[name], color=colour, marker=marker, markersize=3, linewidth=1.2, label=name
            )
        panel.set_ylabel(task)
        panel.grid(alpha=0.3)
        panel.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize="small", frameon=False)
    panels[-1].set_xlabel("time (s), middle of the window")
    figure.suptitle(title)
    return figure
