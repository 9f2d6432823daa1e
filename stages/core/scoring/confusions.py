"""Which confusion matrices of a run are shown, and their rows for ``dvc plots``."""

from collections.abc import Mapping

from stages.core.scoring.run_scores import Confusion, SplitScores

COLUMNS = ("task", "actual", "predicted", "share")


def shown_confusions(splits: Mapping[str, SplitScores]) -> dict[str, Confusion]:
    """Task → confusion with counts on test, or on validation where test has no labels."""
    for split in ("test", "validation"):
        found = {
            name: task.confusion
            for name, task in splits[split].tasks.items()
            if task.confusion and task.confusion.counts
        }
        if found:
            return found
    return {}


def confusion_rows(confusions: Mapping[str, Confusion]) -> list[tuple[str, str, str, float]]:
    """A row per task, actual and predicted class, with the share of the actual class that it makes up.

    A class that is never predicted has rows, too, with shares of 0.
    """
    return [
        (name, actual, predicted, round(clips / max(1, sum(counts)), 4))
        for name, confusion in confusions.items()
        for actual, counts in zip(confusion.classes, confusion.counts or [], strict=True)
        for predicted, clips in zip(confusion.classes, counts, strict=True)
    ]
