"""Which confusion matrices of a run are shown, and their rows for ``dvc plots``."""

from collections.abc import Mapping

import numpy as np

from stages.core.scoring.run_scores import Confusion, SplitScores


def shown_confusions(splits: Mapping[str, SplitScores]) -> tuple[str, dict[str, Confusion]]:
    """Split, and task → confusion there: of test, or of validation where test has no labels."""
    for split in ("test", "validation"):
        found = {name: task.confusion for name, task in splits[split].tasks.items() if task.confusion}
        if found:
            return split, found
    return "test", {}


def confusion_rows(confusions: Mapping[str, Confusion]) -> list[tuple[str, str]]:
    """A row (actual, predicted) per clip, sorted, so that it names nobody.

    With several classifications a class begins with the task's name.
    """
    rows: list[tuple[str, str]] = []
    for name, confusion in confusions.items():
        names = [f"{name}: {label}" if len(confusions) > 1 else label for label in confusion.classes]
        for (actual, predicted), clips in np.ndenumerate(np.array(confusion.counts)):
            rows += [(names[actual], names[predicted])] * int(clips)
    return sorted(rows)
