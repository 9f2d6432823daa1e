"""The picture of a codebook at work: how often its words are used, and two bags side by side."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from stages.core.runtime.files import whole


def draw(path: Path, usage: np.ndarray, pair: Mapping[str, np.ndarray]) -> None:
    """Draw the use of the words over all clips, and the bags of two clips, as a PNG.

    Args:
        path: the picture.
        usage: int64 [bins], how often each word was counted.
        pair: name of a clip → int [bins], how often it counts each word.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 7), dpi=120, layout="constrained")
    top, bottom = figure.subplots(2, 1)

    ranked = np.sort(usage)[::-1]
    dead = int((usage == 0).sum())
    top.fill_between(
        np.arange(1, len(ranked) + 1), ranked / max(1, ranked.sum()) * 100, step="mid", color="#4477aa"
    )
    top.set_xlim(1, len(ranked))
    top.set_ylim(bottom=0)
    top.set_xlabel("words, from the most used to the least")
    top.set_ylabel("share of all counts (%)")
    top.set_title(f"Use of {len(usage)} audio words; {dead} never used ({dead / len(usage):.1%})", loc="left")

    order = np.argsort(-usage, kind="stable")
    for bag, color, side in zip(pair.values(), ("#4477aa", "#ee6677"), (1, -1), strict=True):
        share = bag[order] / max(1, bag.sum()) * 100
        bottom.vlines(np.arange(1, len(bag) + 1), 0, side * share, color=color, linewidth=0.8)
    bottom.axhline(0, color="black", linewidth=0.6)
    bottom.set_xlim(1, len(usage))
    bottom.yaxis.set_major_formatter(lambda value, _: f"{abs(value):g}")
    bottom.set_xlabel("words, in the same order")
    bottom.set_ylabel("share of the clip's counts (%)")
    bottom.set_title("The bags of two clips: " + " (up), ".join(pair) + " (down)", loc="left")
    with whole(path) as temporary:
        figure.savefig(temporary, format="png")
