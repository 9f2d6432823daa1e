"""Bounds that several sections share."""

from typing import Annotated

from annotated_types import Ge

Positive = Annotated[int, Ge(1)]
