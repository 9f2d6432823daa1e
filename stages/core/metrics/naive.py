"""The naive predictor, which ignores its input: every score is to be read against it."""

import numpy as np


def naive_prediction(targets: np.ndarray, outputs: int) -> np.ndarray:
    """What the naive predictor gives for every clip: the mean, or the shares of the classes, in training.

    Args:
        targets: of the training split. Regression: float [n, outputs], NaN where unlabelled.
            Classification: int [n], −1 where unlabelled.
        outputs: columns of the regression, or number of classes.

    Returns:
        float64 [outputs]; NaN, or 0 for classes, where no clip is labelled.

    >>> naive_prediction(np.array([[1.0], [np.nan], [3.0]]), 1)
    array([2.])
    >>> naive_prediction(np.array([0, 0, 1, -1]), 2).round(3)
    array([0.667, 0.333])
    """
    if targets.ndim == 1:
        counts = np.bincount(targets[targets >= 0], minlength=outputs)
        return counts / max(1, counts.sum())
    if np.isnan(targets).all():
        return np.full(outputs, np.nan)
    return np.nanmean(targets, axis=0)
