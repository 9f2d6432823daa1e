"""The paper's scores (concordance correlation coefficient, unweighted average recall, mean absolute error)
and those that others of the field report: Pearson's r, root mean squared error, macro F1, accuracy.

NumPy alone, so that early stopping can call them each epoch. Conventions:

- Unlabelled clips (NaN in regressions, −1 in classifications) count nothing.
- What is not defined is NaN, never a guess: a score of no labelled clip, the coefficient of a truth that
  has fewer than two distinct values, the recall of a class that does not occur.
- A constant prediction has a coefficient of 0, Pearson's too, though its formula gives 0 / 0 there: so the
  naive predictor has a score, and a network that predicts a constant is worse than one that tells something.
- A NaN among the predictions of labelled clips makes a regression's score NaN.
"""

import numpy as np


def _labelled(truth: np.ndarray, prediction: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    known = ~np.isnan(truth)
    return truth[known].astype(np.float64), prediction[known].astype(np.float64)


def ccc(truth: np.ndarray, prediction: np.ndarray) -> float:
    r"""Concordance correlation coefficient (Lin, 1989).

    .. math:: \rho_c = \frac{2 \sigma_{xy}}{\sigma_x^2 + \sigma_y^2 + (\mu_x - \mu_y)^2}

    Args:
        truth: [n]; NaN where unlabelled.
        prediction: [n].

    Returns:
        A value in [−1, 1]; 0 for a constant prediction; NaN for empty input, a single labelled clip or
        a constant truth.

    >>> ccc(np.array([1.0, 2.0, 3.0]), np.array([2.0, 3.0, 4.0]))
    0.5714285714285714
    """
    truth, prediction = _labelled(truth, prediction)
    if len(truth) < 2 or truth.min() == truth.max():
        return float("nan")
    x, y = truth - truth.mean(), prediction - prediction.mean()
    bias = truth.mean() - prediction.mean()
    # Sums, not dot products: BLAS adds in an order that depends on the processor.
    return float(2 * (x * y).sum() / ((x * x).sum() + (y * y).sum() + len(x) * bias * bias))


def mean_ccc(truth: np.ndarray, prediction: np.ndarray) -> float:
    """Mean over the columns of [n, columns] for which the coefficient is defined; NaN if it is for none.

    >>> truth = np.array([[1.0, 0.0], [2.0, 0.0], [3.0, 0.0]])
    >>> mean_ccc(truth, np.array([[2.0, 5.0], [3.0, 6.0], [4.0, 7.0]]))
    0.5714285714285714
    """
    return _mean([ccc(truth[:, column], prediction[:, column]) for column in range(truth.shape[1])])


def pearson(truth: np.ndarray, prediction: np.ndarray) -> float:
    r"""Pearson's correlation coefficient.

    .. math:: r = \frac{\sigma_{xy}}{\sigma_x \sigma_y}

    Args:
        truth: [n]; NaN where unlabelled.
        prediction: [n].

    Returns:
        A value in [−1, 1]; 0 for a constant prediction; NaN for empty input, a single labelled clip or
        a constant truth.

    >>> pearson(np.array([1.0, 2.0, 3.0]), np.array([2.0, 3.0, 4.0]))
    1.0
    """
    truth, prediction = _labelled(truth, prediction)
    if len(truth) < 2 or truth.min() == truth.max():
        return float("nan")
    if prediction.min() == prediction.max():
        return 0.0
    x, y = truth - truth.mean(), prediction - prediction.mean()
    return float((x * y).sum() / np.sqrt((x * x).sum() * (y * y).sum()))


def mean_pearson(truth: np.ndarray, prediction: np.ndarray) -> float:
    """Mean over the columns of [n, columns] for which the coefficient is defined; NaN if it is for none.

    >>> truth = np.array([[1.0, 0.0], [2.0, 0.0], [3.0, 0.0]])
    >>> mean_pearson(truth, np.array([[2.0, 5.0], [3.0, 6.0], [4.0, 7.0]]))
    1.0
    """
    return _mean([pearson(truth[:, column], prediction[:, column]) for column in range(truth.shape[1])])


def mae(truth: np.ndarray, prediction: np.ndarray) -> float:
    """Mean absolute error over all labelled entries; NaN if there is none.

    Args:
        truth: [n] or [n, columns]; NaN where unlabelled.
        prediction: the same shape.

    >>> mae(np.array([20.0, np.nan, 30.0]), np.array([21.0, 0.0, 27.0]))
    2.0
    """
    known = ~np.isnan(truth)
    if not known.any():
        return float("nan")
    return float(np.abs(truth[known] - prediction[known].astype(np.float64)).mean())


def rmse(truth: np.ndarray, prediction: np.ndarray) -> float:
    """Root mean squared error, mean over the columns of [n, columns] that have labels; NaN if none has.

    Args:
        truth: [n, columns]; NaN where unlabelled.
        prediction: the same shape.

    >>> rmse(np.array([[20.0], [np.nan], [30.0]]), np.array([[21.0], [0.0], [23.0]]))
    5.0
    """
    known = ~np.isnan(truth)
    squared = np.where(known, truth - prediction.astype(np.float64), 0.0) ** 2
    clips = known.sum(axis=0)
    return _mean(
        [float(np.sqrt(total / n)) for total, n in zip(squared.sum(axis=0), clips, strict=True) if n]
    )


def confusion(truth: np.ndarray, prediction: np.ndarray, classes: int) -> np.ndarray:
    """Counts int64 [classes, classes], a row a true class, a column a predicted one.

    Args:
        truth: integers [n]; −1 where unlabelled.
        prediction: integers [n], 0 to classes − 1.
        classes: number of classes.

    >>> confusion(np.array([0, 1, 1, -1]), np.array([0, 0, 1, 1]), 2)
    array([[1, 0],
           [1, 1]])
    """
    known = truth >= 0
    counts = np.bincount(truth[known] * classes + prediction[known], minlength=classes**2)
    return counts.reshape(classes, classes)


def recalls(counts: np.ndarray) -> np.ndarray:
    """Recall of each class of a confusion matrix; NaN for a class that does not occur.

    >>> recalls(np.array([[3, 1], [0, 0]]))
    array([0.75,  nan])
    """
    total = counts.sum(axis=1)
    return np.divide(np.diag(counts), total, out=np.full(len(counts), np.nan), where=total > 0)


def uar(truth: np.ndarray, prediction: np.ndarray, classes: int) -> float:
    """Unweighted average recall: the mean of the recalls of the classes that occur; NaN if none does.

    Args:
        truth: integers [n]; −1 where unlabelled.
        prediction: integers [n], 0 to classes − 1.
        classes: number of classes.

    >>> uar(np.array([0, 0, 0, 1]), np.array([0, 0, 0, 0]), 2)
    0.5
    """
    return _mean(recalls(confusion(truth, prediction, classes)))


def macro_f1(truth: np.ndarray, prediction: np.ndarray, classes: int) -> float:
    """Macro F1: the mean over classes of 2 TP / (2 TP + FP + FN), as scikit-learn's.

    A class counts if it occurs or is predicted; NaN if no clip is labelled.

    Args:
        truth: integers [n]; −1 where unlabelled.
        prediction: integers [n], 0 to classes − 1.
        classes: number of classes.

    >>> macro_f1(np.array([0, 0, 1]), np.array([0, 0, 0]), 2)
    0.4
    """
    counts = confusion(truth, prediction, classes)
    both = counts.sum(axis=0) + counts.sum(axis=1)
    return _mean(
        [float(2 * hits / total) for hits, total in zip(np.diag(counts), both, strict=True) if total]
    )


def accuracy(truth: np.ndarray, prediction: np.ndarray) -> float:
    """Share of the labelled clips whose class is predicted; NaN if no clip is labelled.

    It equals the weighted average recall, in which each class counts by its clips.

    Args:
        truth: integers [n]; −1 where unlabelled.
        prediction: integers [n].

    >>> accuracy(np.array([0, 0, 0, 1, -1]), np.array([0, 0, 0, 0, 1]))
    0.75
    """
    known = truth >= 0
    return float((truth[known] == prediction[known]).mean()) if known.any() else float("nan")


def exvo(emotion_ccc: float, country_uar: float, age_mae: float) -> float:
    """Joint score of the multi-task track of ExVo 2022: the harmonic mean of CCC, UAR and 1 / MAE.

    Source: Baird et al., *The ICML 2022 Expressive Vocalizations Workshop and Competition*, 2022.

    Returns:
        0 where CCC or UAR is not positive; NaN where one of the three is NaN.

    >>> round(exvo(0.4240, 0.5137, 4.5252), 4)
    0.3397
    """
    if np.isnan([emotion_ccc, country_uar, age_mae]).any():
        return float("nan")
    if min(emotion_ccc, country_uar) <= 0:
        return 0.0
    return 3 / (1 / emotion_ccc + 1 / country_uar + age_mae)


def _mean(values: np.ndarray | list[float]) -> float:
    defined = [value for value in values if not np.isnan(value)]
    return float(np.mean(defined)) if defined else float("nan")
