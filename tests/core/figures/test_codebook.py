"""The picture of a codebook: what is drawn, in which order and in which units."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stages.core.figures.codebook import draw


def drawn(path: Path, usage: np.ndarray, pair: dict[str, np.ndarray]) -> list[Axes]:
    """The two panels."""
    figures: list[Figure] = []

    def savefig(figure: Figure, path: Path, **_: str) -> None:
        figures.append(figure)
        path.touch()

    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(Figure, "savefig", savefig)
        draw(path, usage, pair)
    return figures[0].axes


def test_words_are_in_the_order_of_their_use_in_both_panels(tmp_path: Path) -> None:
    usage = np.array([10, 0, 50, 0, 20])
    bags = {"clip 1": np.array([1, 0, 3, 0, 0]), "clip 2": np.array([0, 0, 1, 0, 4])}
    top, bottom = drawn(tmp_path / "a.png", usage, bags)
    assert top.get_title("left") == "Use of 5 audio words; 2 never used (40.0%)"
    heights = dict.fromkeys(top.collections[0].get_paths()[0].vertices[:, 1].tolist())
    assert [height for height in heights if height] == [62.5, 25, 12.5]  # percent of 80, from the left
    assert (top.get_xlim(), bottom.get_xlim()) == ((1, 5), (1, 5))
    up, down = ([line[:, 1].tolist() for line in lines.get_segments()] for lines in bottom.collections)
    assert up == [[0, 75], [0, 0], [0, 25], [0, 0], [0, 0]]
    assert down == [[0, -20], [0, -80], [0, 0], [0, 0], [0, 0]]
    assert [line[0, 0] for line in bottom.collections[0].get_segments()] == [1, 2, 3, 4, 5]
    assert bottom.get_title("left") == "The bags of two clips: clip 1 (up), clip 2 (down)"
    assert bottom.yaxis.get_major_formatter()(-20, 0) == "20"
    labels = [axes.get_ylabel() for axes in (top, bottom)]
    assert labels == ["share of all counts (%)", "share of the clip's counts (%)"]


def test_a_codebook_that_nobody_used_and_a_silent_clip_are_drawn(tmp_path: Path) -> None:
    nothing = np.zeros(3, int)
    draw(tmp_path / "a.png", nothing, {"a": nothing, "b": np.array([0, 2, 0])})
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
