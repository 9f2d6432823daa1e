"""Every choice that params.yaml offers, typed: frozen, light, and free of heavy imports.

A bound that a type can state stands in the type; :mod:`stages.core.config.load` reads the file and
reports what does not fit.
"""

from typing import Annotated

from annotated_types import Ge

Positive = Annotated[int, Ge(1)]
