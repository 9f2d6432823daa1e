"""What a search varies: section ``search``, option of section ``train`` → values or a range."""

from dataclasses import dataclass
from typing import get_type_hints

from stages.core.config.training import TrainingConfig


@dataclass(frozen=True)
class SearchRange:
    """All numbers between two ends.

    Attributes:
        low: the lowest.
        high: the highest.
        log: whether orders of magnitude are equally likely, not numbers.
    """

    low: float
    high: float
    log: bool = False


Choices = tuple[int | float | str | None, ...]
"""The values that an option may have."""
SearchSpace = dict[str, SearchRange | Choices]


def is_whole(option: str) -> bool:
    """Whether an option of section train is a whole number.

    >>> is_whole("epochs"), is_whole("learning_rate")
    (True, False)
    """
    return get_type_hints(TrainingConfig).get(option) is not float


def ends(option: str, space: SearchRange) -> tuple[float, float]:
    """Both ends of a range, as whole numbers where the option is one.

    >>> ends("epochs", SearchRange(10.0, 40.0)), ends("weight_decay", SearchRange(0.0, 1.0))
    ((10, 40), (0.0, 1.0))
    """
    low, high = space.low, space.high
    return (int(low), int(high)) if is_whole(option) and low % 1 == high % 1 == 0 else (low, high)
