"""How a codebook is used: counts of its words, its quantization error, and two bags to look at."""

import numpy as np

from stages.core.bags.assignment import Counts

COMPARED = 500  # the first clips, among which the two to show are found


class Usage:
    """What is remembered of bags as they pass by.

    Args:
        bins: length of a bag.

    Attributes:
        counts: int64 [bins], how often each word was counted.
        clips: number of bags.
        frames: number of frames counted.
    """

    def __init__(self, bins: int) -> None:
        self.counts = np.zeros(bins, np.int64)
        self.clips = self.frames = self._different = 0
        self._error = 0.0
        self._kept: list[np.ndarray] = []

    def add(self, counts: Counts) -> None:
        """Take the counts of some more clips into account."""
        self.counts += counts.bags.sum(axis=0)
        self.clips += len(counts.frames)
        self.frames += int(counts.frames.sum())
        self._different += int(np.count_nonzero(counts.bags))
        self._error += counts.error
        self._kept += [bag.copy() for bag in counts.bags[: COMPARED - len(self._kept)]]

    def most_different(self) -> tuple[np.ndarray, np.ndarray]:
        """The two bags with the smallest cosine among the first 500: int32 [bins] each."""
        kept = np.stack(self._kept).astype(np.float64)
        lengths = np.linalg.norm(kept, axis=1, keepdims=True)
        directions = np.divide(kept, lengths, out=np.zeros_like(kept), where=lengths > 0)
        one, other = np.unravel_index(np.argmin(directions @ directions.T), (len(kept), len(kept)))
        return self._kept[int(one)], self._kept[int(other)]

    def summary(self, frames_read: int, columns: int) -> dict[str, float | None]:
        """Figures about the bags.

        The quantization error is the mean squared difference per column between a frame and its nearest word:
        1 is the variance of the training frames where the input is standardized. It is None where a scaled
        frame exceeds all numbers.

        Args:
            frames_read: frames of all clips, those left out because they are not finite included.
            columns: columns of all groups.
        """
        error = self._error / max(1, self.frames) / columns
        dead = int((self.counts == 0).sum())
        return {
            "clips": self.clips,
            "frames": self.frames,
            "not_finite": frames_read - self.frames,
            "words": len(self.counts),
            "dead_words": dead,
            "dead_share": round(dead / len(self.counts), 4),
            "different_words_per_clip": round(self._different / self.clips, 1),
            "quantization_error": round(error, 4) if np.isfinite(error) else None,
        }
