"""Every choice that params.yaml offers, typed: frozen, light, and free of heavy imports.

A bound that a type can state stands in the type; :mod:`stages.core.config.load` reads the file and
reports what does not fit.
"""

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge, Gt, Lt

from stages.core.config.bounds import Positive


@dataclass(frozen=True)
class EvaluationOptions:
    """How sure a score is."""

    bootstrap: Positive = 1000
    confidence: Annotated[float, Gt(0), Lt(1)] = 0.95
    seed: Annotated[int, Ge(0)] = 1
