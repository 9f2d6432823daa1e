"""Which features a network reads: with few clips, thousands that have no bearing on its labels do harm."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from stages.core.arithmetic.products import matmul
from stages.core.networks.data import MultiTaskData
from stages.core.networks.scaling import column_blocks


def select(
    data: MultiTaskData, number: int | Mapping[str, int] | None, blocks: Mapping[str, slice] | None = None
) -> tuple[MultiTaskData, np.ndarray | None]:
    """Keep the features that correlate most with the labels of the training split.

    A task weighs as the square root of its number of labelled clips: so much higher do its correlations stand
    above those of noise.

    Args:
        data: tasks and clips with d features.
        number: how many to keep; None for all; or set → number, for sets side by side.
        blocks: set → its columns.

    Returns:
        The data with these features alone, and int64 [number] which they are, in order; the data as it
        is and None, if all are kept.
    """
    width = data.train.inputs.shape[1]
    if isinstance(number, Mapping):
        wanted = [(block, number.get(name, width)) for name, block in (blocks or {}).items()]
    else:
        wanted = [(slice(0, width), width if number is None else number)]
    if all(many >= block.stop - block.start for block, many in wanted):
        return data, None
    strength = sum(
        correlation(data.train.inputs, target) * np.sqrt((~np.isnan(target[:, 0])).sum())
        for target in _columns(data)
    )
    strongest = [block.start + np.argsort(-strength[block], kind="stable")[:many] for block, many in wanted]
    kept = np.sort(np.concatenate(strongest))
    train, validation = (
        replace(examples, inputs=np.ascontiguousarray(examples.inputs[:, kept]))
        for examples in (data.train, data.validation)
    )
    return replace(data, train=train, validation=validation), kept


def _columns(data: MultiTaskData) -> list[np.ndarray]:
    """Training targets of each task as [n, columns], classes as columns of 0 and 1, NaN unlabelled."""
    columns = []
    for name, values in data.train.targets.items():
        if values.ndim == 1:
            classes = np.eye(data.outputs[name])[np.maximum(values, 0)]
            columns.append(np.where(values[:, None] >= 0, classes, np.nan))
        else:
            columns.append(values)
    return columns


def correlation(inputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """How strongly features go with targets: absolute correlation (Pearson), mean over the targets.

    Args:
        inputs: [n, d].
        targets: [n, columns]; a row of NaN is unlabelled and counts nothing.

    Returns:
        float64 [d]; 0 for a constant feature or target. The same bits on every processor.

    >>> correlation(np.array([[1.0, 5.0], [2.0, 5.0], [3.0, 5.0]]), np.array([[2.0], [4.0], [6.0]])).round(6)
    array([1., 0.])
    """
    known = ~np.isnan(targets[:, 0])
    y = _centred(targets[known])
    strength = np.zeros(inputs.shape[1])
    for columns in column_blocks(*inputs.shape):
        x = _centred(inputs[:, columns][known].astype(np.float64))
        scale = np.sqrt((x**2).sum(axis=0)) * np.sqrt((y**2).sum(axis=0))[:, None]
        products = np.abs(matmul(y.T, x))
        found = np.divide(products, scale, out=np.zeros_like(products), where=scale > 0)
        strength[columns] = found.mean(axis=0)
    return strength


def _centred(values: np.ndarray) -> np.ndarray:
    """Columns without their mean; a constant one is 0, where its rounding would correlate with another's."""
    return np.where(values.max(axis=0) > values.min(axis=0), values - values.mean(axis=0), 0.0)
