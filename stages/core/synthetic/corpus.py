"""The clips of the synthetic corpus: which there are, their recordings, and the table of their labels."""

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import soundfile

from stages.core.config.data import SynthesisOptions
from stages.core.runtime.files import csv_text
from stages.core.synthetic.speakers import (
    EMOTIONS,
    Speaker,
    countries_of,
    draw_emotions,
    express,
    make_speaker,
    rate_emotions,
    units_of,
)
from stages.core.synthetic.voice import record, vocalize


@dataclass(frozen=True)
class Clip:
    """One clip to be made.

    Attributes:
        file_id: its File_ID, without brackets.
        speaker: index of its speaker.
        number: its number among the clips of that speaker.
    """

    file_id: str
    speaker: int
    number: int


def plan(options: SynthesisOptions) -> tuple[list[Speaker], list[Clip]]:
    """All speakers, and all clips sorted by id. The ids are shuffled: they say nothing about the speaker."""
    countries = countries_of(options.speakers)
    speakers = [
        make_speaker(country, np.random.default_rng([options.seed, index]))
        for index, country in enumerate(countries)
    ]
    total = options.speakers * options.clips_per_speaker
    ids = np.random.default_rng(options.seed).permutation(total)
    clips = [
        Clip(f"{file_id:05d}", *divmod(index, options.clips_per_speaker))
        for index, file_id in enumerate(ids.tolist())
    ]
    return speakers, sorted(clips, key=lambda clip: clip.file_id)


def make_clip(seed: int, clip_and_speaker: tuple[Clip, Speaker]) -> tuple[bytes, np.ndarray]:
    """One recording as a WAV file, and its ratings, float64 [10]."""
    clip, speaker = clip_and_speaker
    rng = _generator(clip, seed)
    felt = draw_emotions(rng)
    voice = vocalize(express(speaker, felt, rng), speaker.channel.rate, rng)
    samples = record(voice, speaker.channel, rng)
    wav = io.BytesIO()
    soundfile.write(wav, samples, speaker.channel.rate, format="WAV", subtype="PCM_16")
    return wav.getvalue(), rate_emotions(felt, rng)


def clip_units(clip: Clip, speaker: Speaker, seed: int) -> np.ndarray:
    """What :func:`make_clip` makes audible, without making it: see :func:`units_of`."""
    rng = _generator(clip, seed)
    return units_of(speaker, draw_emotions(rng), rng)


def _generator(clip: Clip, seed: int) -> np.random.Generator:
    return np.random.default_rng([seed, clip.speaker, clip.number, 1])


def label_table(speakers: Sequence[Speaker], clips: Sequence[Clip], ratings: Sequence[np.ndarray]) -> str:
    """The text of data_info.csv; the speakers of each country take turns in the splits.

    Args:
        speakers: all speakers.
        clips: n clips.
        ratings: n times float64 [10].
    """
    splits: list[str] = []
    turns: dict[str, int] = {}
    for speaker in speakers:
        turn = turns[speaker.country] = turns.get(speaker.country, -1) + 1
        splits.append(("Train", "Val", "Test")[turn % 3])
    rows = []
    for clip, rating in zip(clips, ratings, strict=True):
        speaker = speakers[clip.speaker]
        facts = [splits[clip.speaker], f"Speaker_{clip.speaker:04d}", speaker.country, f"{speaker.age:.1f}"]
        rows.append([f"[{clip.file_id}]", *facts, *(f"{value:g}" for value in rating)])
    return csv_text(["File_ID", "Split", "Subject_ID", "Country", "Age", *EMOTIONS], rows)
