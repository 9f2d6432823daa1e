"""The embedded corpus: voices made here, in the layout of HUME-VB.

Writes data/synthetic: data_info.csv, wav/, corpus.json, README. Each clip is drawn from generators of its
own, so that neither order nor number of processes matters. Its labels and voices are invented: scores on
it say whether the pipeline works, and nothing about people.
"""

import csv
import io
import shutil
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import soundfile

from stages.command import guarded
from stages.core.config.load import load
from stages.core.runtime.console import progress, say
from stages.core.runtime.files import write_json, write_text
from stages.core.synthetic.speakers import (
    EMOTIONS,
    Clip,
    Speaker,
    draw_emotions,
    express,
    plan,
    rate_emotions,
)
from stages.core.synthetic.voice import record, vocalize

CORPUS = Path("data/synthetic")
README = """This corpus is synthetic: voices by source and filter, with invented speakers, ratings, ages and
countries, in the layout of HUME-VB. It shows that the pipeline works. It says nothing about people.
"""


def main() -> None:
    """Run the stage."""
    parameters = load()
    options = parameters.synthesize
    partial = CORPUS.with_name(f".{CORPUS.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    (partial / "wav").mkdir(parents=True)
    speakers, clips = plan(options)
    folder = (partial / "wav").absolute()
    run = joblib.Parallel(n_jobs=parameters.compute.processes or -1, return_as="generator")
    jobs = (joblib.delayed(make_clip)(folder, clip, speakers[clip.speaker], options.seed) for clip in clips)
    ratings = list(progress(run(jobs), len(clips), "clip"))
    write_text(partial / "data_info.csv", info(speakers, clips, ratings))
    write_json(partial / "corpus.json", {"name": "synthetic corpus", "synthetic": True})
    write_text(partial / "README", README)
    shutil.rmtree(CORPUS, ignore_errors=True)
    partial.rename(CORPUS)
    seconds = sum(soundfile.info(path).duration for path in (CORPUS / "wav").iterdir())
    say(f"synthetic corpus: {len(clips)} clips of {len(speakers)} speakers, {seconds / 60:.1f} minutes")


def make_clip(folder: Path, clip: Clip, speaker: Speaker, seed: int) -> np.ndarray:
    """Write one recording and return its ratings, float64 [10]."""
    rng = np.random.default_rng([seed, clip.speaker, clip.number, 1])
    felt = draw_emotions(rng)
    voice = vocalize(express(speaker, felt, rng), speaker.channel.rate, rng)
    samples = record(voice, speaker.channel, rng)
    soundfile.write(folder / f"{clip.file_id}.wav", samples, speaker.channel.rate, subtype="PCM_16")
    return rate_emotions(felt, rng)


def info(speakers: list[Speaker], clips: list[Clip], ratings: list[np.ndarray]) -> str:
    """data_info.csv; each country's speakers take turns in the splits."""
    splits: list[str] = []
    turns: dict[str, int] = {}
    for speaker in speakers:
        turn = turns[speaker.country] = turns.get(speaker.country, -1) + 1
        splits.append(("Train", "Val", "Test")[turn % 3])
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["File_ID", "Split", "Subject_ID", "Country", "Age", *EMOTIONS])
    for clip, rating in zip(clips, ratings, strict=True):
        speaker = speakers[clip.speaker]
        about: list[Any] = [
            splits[clip.speaker],
            f"Speaker_{clip.speaker:04d}",
            speaker.country,
            f"{speaker.age:.1f}",
        ]
        writer.writerow([f"[{clip.file_id}]", *about, *(f"{value:g}" for value in rating)])
    return text.getvalue()


if __name__ == "__main__":
    guarded(main)
