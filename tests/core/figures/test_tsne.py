import numpy as np
import pytest
from sklearn.manifold import trustworthiness

from stages.core.figures.tsne import _neighbourhoods, _squared_distances, tsne


def clusters(count=60, columns=6):
    """Points around three far corners, and which."""
    rng = np.random.default_rng(1)
    of = np.arange(count) % 3
    return 8 * np.eye(columns)[of] + rng.normal(0, 1, (count, columns)), of


def test_neighbours_stay_neighbours():
    points, of = clusters()
    places = tsne(points, perplexity=10)
    assert trustworthiness(points, places, n_neighbors=8) > 0.9
    nearest = _squared_distances(places) + np.diag(np.full(len(places), np.inf))
    assert (of[nearest.argmin(axis=1)] == of).all()


@pytest.mark.parametrize("perplexity", [2.0, 10.0])
def test_each_point_has_as_many_neighbours_as_asked_for(perplexity):
    near = _neighbourhoods(_squared_distances(clusters()[0]), perplexity)
    assert near.sum(axis=1) == pytest.approx(1)
    entropy = -np.where(near > 0, near * np.log(np.where(near > 0, near, 1)), 0).sum(axis=1)
    assert np.exp(entropy) == pytest.approx(perplexity, rel=1e-6)


def test_repeated_points_and_a_second_run_are_no_problem():
    points = np.repeat(clusters(12)[0], 2, axis=0)
    first = tsne(points, perplexity=5)
    assert np.isfinite(first).all()
    np.testing.assert_array_equal(first, tsne(points, perplexity=5))
