"""Bags of audio words: how often each word of the codebook is near to a frame of the clip.

Reads data/lld/SET/, data/codebook.txt (words, assignments, log and idf, as openXBOW keeps them) and
data/recordings.parquet. Writes data/features/boaw.parquet, metrics/boaw.json and plots/codebook.png. Bags
are those of openXBOW 1.3.1, to the bit.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from stages.command import guarded
from stages.core.bags import assignment
from stages.core.bags import codebook as codebooks
from stages.core.bags import counting as bags
from stages.core.config.load import load
from stages.core.features import descriptors as frames
from stages.core.figures import codebook as figures_words
from stages.core.runtime.console import progress, say
from stages.core.runtime.device import accelerator
from stages.core.runtime.files import write_json
from stages.core.runtime.tables import read_table, write_features

CODEBOOK = Path("data/codebook.txt")
# A laugh, and a sigh: the clip that is rated highest stands for its emotion.
LAUGH, SIGHS = "Amusement", ("Sadness", "Awe")
COMPARED = 500


class Usage:
    """What is remembered of the bags that pass by: how often words are counted, and two bags to show."""

    def __init__(self, bins: int, shown: dict[str, int]) -> None:
        self.counts = np.zeros(bins, np.int64)
        self.frames = self.clips = self.different = 0
        self.error = 0.0
        self.shown = shown
        self.kept: dict[int, np.ndarray] = {}

    def add(self, counts: assignment.Counts) -> None:
        """Take note of some more clips."""
        self.counts += counts.bags.sum(axis=0)
        self.different += int(np.count_nonzero(counts.bags))
        self.error += counts.error
        for index in range(self.clips, self.clips + len(counts.frames)):
            if index in self.shown.values() or (not self.shown and index < COMPARED):
                self.kept[index] = counts.bags[index - self.clips].copy()
        self.frames += int(counts.frames.sum())
        self.clips += len(counts.frames)

    def pair(self) -> dict[str, np.ndarray]:
        """Two bags to show, by name: a laugh and a sigh, else the two that differ most."""
        if self.shown:
            return {name: self.kept[index] for name, index in self.shown.items()}
        kept = np.stack(list(self.kept.values())).astype(np.float64)
        lengths = np.linalg.norm(kept, axis=1, keepdims=True)
        directions = np.divide(kept, lengths, out=np.zeros_like(kept), where=lengths > 0)
        one, other = np.unravel_index(np.argmin(directions @ directions.T), (len(kept), len(kept)))
        return {"one clip": self.kept[int(one)], "another clip": self.kept[int(other)]}


def main() -> None:
    """Run the stage."""
    parameters = load()
    descriptors = frames.open_descriptors(Path("data/lld") / parameters.codebook.features)
    groups = codebooks.groups(descriptors.columns, parameters.codebook.layout)
    codebook = codebooks.read(CODEBOOK)
    codebooks.check(codebook, groups, len(descriptors.columns), str(CODEBOOK))
    usage = Usage(
        codebook.bins, pair_by_label(read_table(Path("data/recordings.parquet")), descriptors.clip_ids)
    )
    counting = {"layout": parameters.codebook.layout, "normalize": parameters.boaw.normalize}
    threads = parameters.compute.workers

    assigner = assignment.Assigner(codebook, groups, accelerator(parameters.boaw.device, "boaw.device"))

    def rows() -> Iterator[np.ndarray]:
        for counts in bags.count_clips(descriptors, assigner, threads):
            usage.add(counts)
            yield from bags.finish(counts, codebook, parameters.boaw.normalize)

    write_features(
        Path("data/features/boaw.parquet"),
        descriptors.clip_ids,
        [f"boaw_{index:0{max(4, len(str(codebook.bins - 1)))}d}" for index in range(codebook.bins)],
        progress(rows(), len(descriptors.clip_ids), "clip"),
        {**descriptors.origin, "bags": {"codebook": CODEBOOK.read_text(encoding="utf-8"), **counting}},
    )
    figures = summary(usage, int(descriptors.lengths.sum()), sum(map(len, groups)))
    write_json(Path("metrics/boaw.json"), figures)
    figures_words.draw(Path("plots/codebook.png"), usage.counts, usage.pair())
    say(
        f"{usage.clips} bags of {codebook.bins} words from {usage.frames} frames; "
        f"{figures['dead_words']} words never used, quantization error {figures['quantization_error']}; "
        f"{figures['not_finite']} frames left out as not finite"
    )


def summary(usage: Usage, frames_read: int, columns: int) -> dict[str, float]:
    """Figures of metrics/boaw.json.

    The quantization error is the mean squared difference between a frame and its nearest word, in each
    column: 1 is the variance of the training frames, where the input is standardized.
    """
    dead = int((usage.counts == 0).sum())
    return {
        "clips": usage.clips,
        "frames": usage.frames,
        "not_finite": frames_read - usage.frames,
        "words": len(usage.counts),
        "dead_words": dead,
        "dead_share": round(dead / len(usage.counts), 4),
        "different_words_per_clip": round(usage.different / usage.clips, 1),
        "quantization_error": round(usage.error / max(1, usage.frames) / columns, 4),
    }


def pair_by_label(recordings: pd.DataFrame, clip_ids: tuple[str, ...]) -> dict[str, int]:
    """The clips rated highest for amusement and for sadness (or awe): label → index; empty without labels."""
    labels = recordings.set_index("clip_id").reindex(clip_ids)
    rated = [name for name in (LAUGH, *SIGHS) if name in labels and labels[name].dtype == np.float64]
    rated = [name for name in rated if labels[name].notna().any()]
    if LAUGH not in rated or len(rated) < 2:
        return {}
    return {name: int(np.nanargmax(labels[name].to_numpy())) for name in rated[:2]}


if __name__ == "__main__":
    guarded(main)
