"""How scores are computed: section ``evaluate``."""

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Gt, Lt

from stages.core.config.bounds import Positive, Seed


@dataclass(frozen=True)
class EvaluationOptions:
    """How certain a score is.

    Attributes:
        bootstrap: replicates; each draws speakers with replacement.
        confidence: of the intervals.
        seed: of the drawing.
    """

    bootstrap: Positive = 1000
    confidence: Annotated[float, Gt(0), Lt(1)] = 0.95
    seed: Seed = 1
