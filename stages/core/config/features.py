"""How bags of audio words are made: sections ``codebook`` and ``boaw``."""

from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_types import Ge, Lt

from stages.core.config.bounds import Positive, Seed


@dataclass(frozen=True)
class CodebookOptions:
    """How the audio words are chosen.

    Attributes:
        features: the openSMILE set whose low-level descriptors are used.
        size: words; with several groups of columns, words per group.
        method: random draws frames, random++ and kmeans++ prefer frames far from those drawn before,
            kmeans and kmeans++ then move the words to the means of their frames.
        layout: joint: one codebook over all columns; split: one over the descriptors and one over their
            deltas; or names of groups with their columns.
        frames: size of a uniform sample of the training frames; None: all of them.
        standardize: bring each column to zero mean and unit variance first.
        seed: of the drawing.
        file: an openXBOW codebook file that is taken instead of learning one; None: learn one.
    """

    features: str = "compare"
    size: Positive | tuple[Positive, ...] = 2000
    method: Literal["random++", "random", "kmeans", "kmeans++"] = "random++"
    layout: Literal["joint", "split"] | dict[str, tuple[str, ...]] = "joint"
    frames: Positive | None = 1_000_000
    standardize: bool = True
    seed: Seed = 10
    file: str | None = None

    def size_of(self, group: int) -> int:
        """How many words a group of columns gets."""
        return self.size if isinstance(self.size, int) else self.size[group]


@dataclass(frozen=True)
class BagOptions:
    """How frames are counted into bags.

    Attributes:
        assignments: how many of the nearest words a frame is counted for.
        gaussian: above 0, a word counts exp(−d² / (2 · gaussian²)), where d is its distance to the frame.
        cutoff: above 0, words farther than this from a frame do not count.
        log: take log10(count + 1).
        idf: weigh words by their inverse document frequency in training.
        standardize_output: bring each bin to zero mean and unit variance over the training clips.
        normalize: divide a bag by its clip's number of frames, its sum or its Euclidean norm, or not.
        device: where to compute; auto takes a GPU if there is one. The bags are the same.
    """

    assignments: Positive = 10
    gaussian: Annotated[float, Ge(0), Lt(1e30)] = 0.0
    cutoff: Annotated[float, Ge(0), Lt(1e30)] = 0.0
    log: bool = True
    idf: bool = False
    standardize_output: bool = False
    normalize: Literal["none", "frames", "sum", "norm"] = "none"
    device: Literal["auto", "cpu", "cuda"] = "auto"
