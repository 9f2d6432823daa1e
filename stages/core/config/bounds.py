"""Bounds that several sections share."""

from typing import Annotated

from annotated_types import Ge, Lt

Positive = Annotated[int, Ge(1)]
Seed = Annotated[int, Ge(0), Lt(2**32)]
