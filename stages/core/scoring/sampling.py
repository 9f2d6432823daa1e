"""Whose clips they are, and which speakers each replicate of the bootstrap draws."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from stages.core.config.evaluation import EvaluationOptions
from stages.core.dataset.speakers import speakers_of
from stages.core.scoring import bootstrap
from stages.core.scoring.sums import speaker_sums


@dataclass(frozen=True)
class Sampling:
    """Speakers of n clips and the draws of the bootstrap.

    Attributes:
        speaker: int [n], the speaker of each clip.
        drawn: uint8 [replicates, speakers].
        options: replicates, confidence and seed of the bootstrap.
    """

    speaker: np.ndarray
    drawn: np.ndarray
    options: EvaluationOptions

    @classmethod
    def of(cls, clips: pd.DataFrame, options: EvaluationOptions) -> "Sampling":
        """Draws for clips (clip_id, speaker); the same speakers give the same draws."""
        names, speaker = np.unique(speakers_of(clips).to_numpy(str), return_inverse=True)
        rng = np.random.default_rng(options.seed)
        drawn = (
            bootstrap.draws(len(names), options.bootstrap, rng) if len(names) else np.empty((0, 0), np.uint8)
        )
        return cls(speaker, drawn, options)

    def sums(self, score: str, truth: np.ndarray, predictions: Iterable[np.ndarray]) -> np.ndarray:
        """What a score needs to know of each seed and speaker: [seeds, speakers, terms, parts]."""
        speakers = self.drawn.shape[1]
        return np.stack(
            [speaker_sums(score, truth, values, self.speaker, speakers) for values in predictions]
        )

    def estimate(self, score: str, sums: np.ndarray) -> bootstrap.Estimate:
        """The mean score over seeds with its interval."""
        return bootstrap.estimate(score, sums, self.drawn, self.options.confidence, self._rng())

    def joint(
        self,
        scores: Sequence[str],
        sums: Sequence[np.ndarray],
        combined: Callable[[Sequence[float]], float],
    ) -> tuple[float, float, float]:
        """One score of several: value, low and high; see :func:`stages.core.scoring.bootstrap.joint`."""
        return bootstrap.joint(scores, sums, combined, self.drawn, self.options.confidence, self._rng())

    def difference(self, score: str, baseline: np.ndarray, candidate: np.ndarray) -> bootstrap.Difference:
        """How much better the candidate is."""
        return bootstrap.difference(
            score, baseline, candidate, self.drawn, self.options.confidence, self._rng()
        )

    def _rng(self) -> np.random.Generator:
        """What draws the seeds: other numbers than those that draw the speakers."""
        return np.random.default_rng([self.options.seed, 1])
