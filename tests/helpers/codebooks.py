"""Codebooks for tests."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from stages.core.bags.codebook import Codebook, Counting


def codebook_of(words: Sequence[np.ndarray], assignments: int, **rest: Any) -> Codebook:
    """A codebook whose groups all count that many words."""
    return Codebook(tuple(words), (Counting(assignments),) * len(words), **rest)
