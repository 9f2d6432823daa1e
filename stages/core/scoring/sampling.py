"""Whose clips they are, and which speakers each replicate of the bootstrap draws."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from stages.core.config.evaluation import EvaluationOptions
from stages.core.scoring import bootstrap
from stages.core.scoring.sums import speaker_sums


@dataclass(frozen=True)
class Sampling:
    """Speakers of n clips and the draws of the bootstrap.

    Attributes:
        speaker: int [n], the speaker of each clip.
        drawn: float64 [replicates, speakers].
        confidence: of the intervals.
    """

    speaker: np.ndarray
    drawn: np.ndarray
    confidence: float

    @classmethod
    def of(cls, speakers: pd.Series, options: EvaluationOptions) -> "Sampling":
        """Draws for clips with these speakers; the same speakers give the same draws."""
        names, speaker = np.unique(speakers.to_numpy(str), return_inverse=True)
        drawn = (
            bootstrap.draws(len(names), options.bootstrap, options.seed) if len(names) else np.empty((0, 0))
        )
        return cls(speaker, drawn, options.confidence)

    def sums(self, score: str, truth: np.ndarray, prediction: np.ndarray) -> np.ndarray:
        """What a score needs to know of each speaker; see :func:`stages.core.scoring.sums.speaker_sums`."""
        return speaker_sums(score, truth, prediction, self.speaker, self.drawn.shape[1])

    def estimate(self, score: str, truth: np.ndarray, prediction: np.ndarray) -> bootstrap.Estimate:
        """A score of these clips with its interval."""
        return bootstrap.estimate(score, self.sums(score, truth, prediction), self.drawn, self.confidence)
