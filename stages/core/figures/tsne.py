"""t-SNE in its exact form, with the same bits on every processor.

van der Maaten and Hinton, *Visualizing Data using t-SNE*, 2008, with the constants of scikit-learn: early
exaggeration 12 for 250 steps, momentum 0.5 and then 0.8, gains, a start along the principal axes.
"""

import numpy as np

from stages.core.arithmetic.elementary import exp, log

STEPS, EARLY, EXAGGERATION = 600, 250, 12.0
SEARCH = 60  # bisections for the width of a point's neighbourhood


def tsne(points: np.ndarray, perplexity: float) -> np.ndarray:
    """Positions of points in a plane, in which near neighbours stay near.

    Args:
        points: float [n, d], n at least 4.
        perplexity: effective number of neighbours of a point, below n.

    Returns:
        float64 [n, 2].
    """
    points = np.asarray(points, np.float64)
    count = len(points)
    near = _neighbourhoods(_squared_distances(points), perplexity)
    joint = np.maximum((near + near.T) / (2 * count), 1e-12)
    place = 1e-4 * _principal_axes(points)
    step, gains = np.zeros_like(place), np.ones_like(place)
    rate = max(count / EXAGGERATION / 4, 50.0)
    for index in range(STEPS):
        early = index < EARLY
        across, along = (column[:, None] - column[None, :] for column in place.T)
        tails = 1.0 / (1.0 + across * across + along * along)
        np.fill_diagonal(tails, 0.0)
        pull = ((EXAGGERATION if early else 1.0) * joint - tails / tails.sum()) * tails
        slope = 4.0 * np.stack([(pull * across).sum(axis=1), (pull * along).sum(axis=1)], axis=1)
        gains = np.maximum(np.where(slope * step < 0, gains + 0.2, gains * 0.8), 0.01)
        step = (0.5 if early else 0.8) * step - rate * gains * slope
        place = place + step
    return place


def _squared_distances(points: np.ndarray) -> np.ndarray:
    total = np.zeros((len(points), len(points)))
    for column in points.T:
        difference = column[:, None] - column[None, :]
        total += difference * difference
    return total


def _neighbourhoods(distances: np.ndarray, perplexity: float) -> np.ndarray:
    """How likely each point (row) takes each other one for its neighbour: rows sum to 1."""
    low, high = np.zeros(len(distances)), np.full(len(distances), np.inf)
    precision = np.ones(len(distances))
    others = ~np.eye(len(distances), dtype=bool)
    nearest = np.where(others, distances, np.inf).min(axis=1, keepdims=True)
    for _ in range(SEARCH):
        weights = np.where(others, exp(-(distances - nearest) * precision[:, None]), 0.0)
        total = weights.sum(axis=1)
        spread = (weights * (distances - nearest)).sum(axis=1) / total
        wide = log(total) + precision * spread > log(np.array(perplexity))
        low, high = np.where(wide, precision, low), np.where(wide, high, precision)
        precision = np.where(np.isinf(high), precision * 2, (low + high) / 2)
    return weights / total[:, None]


def _principal_axes(points: np.ndarray) -> np.ndarray:
    """Coordinates along the two axes of largest variance, of deviation 1: [n, 2]."""
    rest = points - points.mean(axis=0)
    coordinates = []
    for _ in range(2):
        axis = 1.0 + np.arange(rest.shape[1]) / rest.shape[1]
        for _ in range(200):
            along = (rest * axis).sum(axis=1)
            axis = (rest * along[:, None]).sum(axis=0)
            axis = axis / max(float(np.sqrt((axis * axis).sum())), 1e-300)
        along = (rest * axis).sum(axis=1)
        coordinates.append(along / max(float(along.std()), 1e-300))
        rest = rest - along[:, None] * axis
    return np.stack(coordinates, axis=1)
