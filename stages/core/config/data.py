"""Recordings and their preparation: sections ``corpus``, ``synthesize``, ``preprocess`` and ``split``."""

from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_types import Ge, Gt, Le, Lt, MinLen

from stages.core.config.bounds import Positive, Seed

SPEAKERS = "speakers"
"""The value of ``split.folds`` that leaves out one speaker at a time."""
ChallengeName = Literal["exvo-multitask", "a-vb-high", "a-vb-two", "a-vb-culture", "a-vb-type"]


@dataclass(frozen=True)
class CorpusOptions:
    """Which recordings.

    Attributes:
        path: a folder with label files and recordings; HUME-VB's has data_info.csv and wav/.
        labels: its label files, below ``path``, joined by their column File_ID.
        audio: the folder of its recordings, below ``path``.
        speaker: the column that names the speaker; None: no speaker is known, and each clip counts as one.
        name: what tables call the corpus; None: the name in its corpus.json, else the folder's.
        missing: words that mean *missing* in columns of text, in any case, beside an empty cell, NaN and −1.
        challenge: the challenge whose data it is: the report shows its organizers' baseline; None: none.
        follow_links: whether recordings may be links that lead out of the folder; links to stores of content
            (DVC's cache, git-annex) always may.
    """

    path: str
    labels: tuple[str, ...] = ("data_info.csv",)
    audio: str = "wav"
    speaker: str | None = "Subject_ID"
    name: str | None = None
    challenge: ChallengeName | None = None
    missing: tuple[str, ...] = ("N/A", "None", "null", "?")
    follow_links: bool = False


@dataclass(frozen=True)
class SynthesisOptions:
    """The embedded synthetic corpus.

    Attributes:
        speakers: at least one per country.
        clips_per_speaker: recordings of each.
        seed: of everything that is drawn.
    """

    speakers: Annotated[int, Ge(4)] = 360
    clips_per_speaker: Positive = 4
    seed: Seed = 1


@dataclass(frozen=True)
class PreprocessOptions:
    """How a recording becomes a clip of 16 kHz, 16 bit, mono.

    Attributes:
        peak_db: the loudest sample, in dB of full scale.
        enhance: ``spectral`` gates stationary noise, before trimming.
        trim: what is cut from both ends: ``energy`` what is below ``trim_db``, ``vad`` what is no voice.
        trim_db: a level relative to the loudest 25 ms.
        min_seconds: shorter recordings are quarantined.
        max_seconds: longer recordings are quarantined.
        min_peak_db: recordings whose peak lies below it, in dB of full scale, are quarantined.
        max_clipped: recordings of which a larger share of the samples is at its peak are quarantined; so are,
            below 1, those of up to three different samples.
    """

    peak_db: Annotated[float, Ge(-60), Le(0)] = -3.0
    enhance: Literal["none", "spectral"] = "none"
    trim: Literal["none", "energy", "vad"] = "none"
    trim_db: Annotated[float, Ge(-100), Lt(0)] = -20.0
    min_seconds: Annotated[float, Gt(0)] = 0.1
    max_seconds: Annotated[float, Gt(0)] = 60.0
    min_peak_db: Annotated[float, Le(0)] = -60.0
    max_clipped: Annotated[float, Ge(0), Le(1)] = 0.5


@dataclass(frozen=True)
class SplitOptions:
    """Which speakers train, validate and test.

    Attributes:
        method: balanced: thirds by speaker, see ``balance``; official: the corpus's own Split; folds: test is
            one fold of several, validation the next one, and the others train.
        balance: a column of the label files whose values are spread evenly over the splits; None: none.
        seed: of the balanced split and of a number of folds.
        folds: how many, speakers grouped and balanced; ``speakers``: one for each speaker; a column of
            the label files: one for each of its values.
        fold: the one that is tested, from 1.
    """

    method: Literal["official", "balanced", "folds"] = "balanced"
    balance: str | None = "Country"
    seed: Seed = 1
    folds: Annotated[int, Ge(3)] | Annotated[str, MinLen(1)] = 5
    fold: Positive = 1

    @property
    def fold_column(self) -> str | None:
        """The column whose values are the folds; None where folds are a number or speakers.

        >>> SplitOptions(folds="Country").fold_column, SplitOptions(folds="speakers").fold_column
        ('Country', None)
        """
        return self.folds if isinstance(self.folds, str) and self.folds != SPEAKERS else None

    @property
    def balance_option(self) -> str:
        """Which option a person set to read the column ``balance``: folds by a column balance by it, too.

        >>> SplitOptions("folds", balance="Country", folds="Country").balance_option
        'split.folds'
        """
        by_fold = self.method == "folds" and self.fold_column == self.balance
        return "split.folds" if by_fold and self.balance else "split.balance"
