"""Several feature sets as one, and several runs as one: sections ``fused_features`` and ``fused_runs``."""

from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_types import MinLen

SetsSideBySide = Annotated[tuple[str, ...], MinLen(2)]
"""Names of feature sets whose columns stand side by side, in this order (early fusion)."""

Method = Literal["mean", "weights", "stacked"]


@dataclass(frozen=True)
class FusedRuns:
    """The predictions of several runs as one (late fusion).

    Attributes:
        runs: their names.
        method: ``mean``: all count the same; ``weights``: as a greedy search on validation picks them;
            ``stacked``: by a ridge regression on their predictions, learnt on validation.
    """

    runs: Annotated[tuple[str, ...], MinLen(2)]
    method: Method = "mean"
