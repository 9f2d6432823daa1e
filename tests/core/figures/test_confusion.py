from types import SimpleNamespace

import matplotlib.image
import numpy as np
import pytest
from matplotlib.figure import Figure

from stages.core.figures.charts import save_png
from stages.core.figures.confusion import Matrix, _draw, figure_of


def matrix(classes, seed=1):
    counts = np.random.default_rng(seed).integers(0, 40, (classes, classes))
    return Matrix("country", [f"class {number}" for number in range(classes)], counts)


def pixels(path, matrices):
    save_png(figure_of(matrices), path)
    return matplotlib.image.imread(path)


@pytest.mark.parametrize("classes", [1, 2, 4, 30])
def test_pictures_have_ink_and_the_same_bytes(tmp_path, classes):
    first, second = (pixels(tmp_path / name, [matrix(classes)]) for name in ("first.png", "second.png"))
    assert (tmp_path / "first.png").read_bytes() == (tmp_path / "second.png").read_bytes()
    assert len(np.unique(first.reshape(-1, first.shape[2]), axis=0)) > 10
    other = pixels(tmp_path / "other.png", [matrix(classes, seed=2)])
    assert other.shape != second.shape or (other != second).any()


def test_several_matrices_stand_side_by_side(tmp_path):
    one = pixels(tmp_path / "one.png", [matrix(4)])
    two = pixels(tmp_path / "two.png", [matrix(4), matrix(6)])
    assert two.shape[1] > 1.8 * one.shape[1]


@pytest.mark.parametrize(
    ("classes", "columns"), [(2, [0, 1, 2]), (4, [0, 1, 2]), (8, [0, 1, 0]), (12, [0] * 3), (30, [0] * 3)]
)
def test_a_row_has_as_many_matrices_as_a_page_shows(classes, columns):
    figure = figure_of([matrix(classes)] * 3)
    assert [axes.get_subplotspec().colspan.start for axes in figure.axes] == columns
    assert figure.get_figwidth() <= 12


def texts(matrix):
    axes = Figure().subplots()
    _draw(axes, matrix)
    labels = SimpleNamespace(
        cells=[text.get_text() for text in axes.texts],
        rows=[text.get_text() for text in axes.get_yticklabels()],
        columns=[text.get_text() for text in axes.get_xticklabels()],
    )
    return labels


def test_cells_show_row_percent_and_count():
    drawn = texts(Matrix("country", ["China", "Venezuela"], np.array([[30, 10], [0, 0]])))
    assert drawn.cells == ["75%\n30", "25%\n10", "0%\n0", "0%\n0"]
    assert drawn.rows == ["China\n(75.0% of 40)", "Venezuela\n(no clips)"]
    assert drawn.columns == ["China", "Venezuela"]


def test_counts_are_means_over_seeds():
    drawn = texts(Matrix("country", ["China", "Venezuela"], np.array([[60, 20], [0, 4]]), seeds=2))
    assert drawn.cells == ["75%\n30", "25%\n10", "0%\n0", "100%\n2"]
    assert drawn.rows == ["China\n(75.0% of 40)", "Venezuela\n(100.0% of 2)"]


def test_many_classes_show_percent_only():
    counts = np.diag(np.full(30, 99)).astype(int)
    counts[0, 1] = 1
    drawn = texts(Matrix("category", [str(number) for number in range(30)], counts))
    assert drawn.cells[:3] == ["99", "1", ""]
    assert drawn.rows[0] == "0 (100)"
