"""The embedded corpus is always the same: its published scores were made with these voices."""

import csv
import io

import numpy as np
import pytest
import soundfile

from stages.core.config.data import SynthesisOptions
from stages.core.synthetic.corpus import clip_units, label_table, make_clip, plan

OPTIONS = SynthesisOptions(speakers=8, clips_per_speaker=3, seed=5)
ORDER = (
    "61 22 41 10 42 62 12 20 72 11 52 02 31 60 71 51 40 21 00 30 50 70 32 01"  # speaker and number of each id
)
SPEAKERS = [  # country, female, age, pitch, tract, weighted sum of the habits
    ("China", False, 35.8509, 123.766, 1.11983, 17.8091),
    ("China", False, 29.4437, 112.672, 1.08375, -15.7629),
    ("South Africa", True, 28.6286, 201.346, 0.8944, -4.1354),
    ("South Africa", False, 21.3546, 143.751, 0.99486, -23.9032),
    ("United States", True, 21.1494, 257.686, 0.89585, -18.083),
    ("United States", False, 36.887, 101.029, 1.09031, 13.3233),
    ("Venezuela", False, 25.6022, 141.569, 1.10193, -32.3495),
    ("Venezuela", True, 26.053, 192.544, 0.84313, -32.9511),
]
CHANNEL = {
    "rate": 48_000,
    "channels": 2,
    "low": 70.0163,
    "high": 12_694.3886,
    "colour": 4291.455,
    "reverberation": 0.201954,
    "noise_db": -48.3013,
    "hum_hz": 50.0,
    "level_db": -9.2545,
}
# id → rate, samples, level of each channel, three samples of the last one, ratings, weighted sum of the units
CLIPS = {
    3: (
        44_100,
        60_028,
        [2439.66],
        [-3617, -4051, -4453],
        "0.0258 0.3716 0.0397 0 0.1292 1 0.1905 0 0.0142 0.0685",
        23.7552,
    ),
    7: (48_000, 117_088, [1954.5], [51, 80, 108], "0 1 0.0292 0 0 0 0.0194 0 0.0436 0.0588", 19.3325),
    12: (
        48_000,
        115_614,
        [1853.66, 1668.32],
        [-5771, -5780, -5814],
        "1 0 0 0 0 0 0.2365 0 0.6022 0",
        -32.5773,
    ),
    20: (
        48_000,
        42_861,
        [3717.13],
        [-2929, -3394, -3747],
        "0 0 0.1118 1 0.1513 0 0 0.1022 0 0.3852",
        -13.8977,
    ),
}
WEIGHTS = np.arange(1, 12)


def test_the_speakers_and_the_order_of_their_clips() -> None:
    speakers, clips = plan(OPTIONS)
    assert [clip.file_id for clip in clips] == [f"{number:05d}" for number in range(24)]
    assert " ".join(f"{clip.speaker}{clip.number}" for clip in clips) == ORDER
    for speaker, expected in zip(speakers, SPEAKERS, strict=True):
        found = (speaker.age, speaker.pitch, speaker.tract, float(WEIGHTS @ speaker.habits))
        assert (speaker.country, speaker.female) == expected[:2]
        assert found == pytest.approx(expected[2:], rel=1e-4)
    assert speakers[3].channel.__dict__ == pytest.approx(CHANNEL, rel=1e-4)
    assert [clip.speaker for clip in plan(SynthesisOptions(8, 3, 6))[1]] != [clip.speaker for clip in clips]


@pytest.mark.parametrize("number", CLIPS)
def test_the_sound_and_the_ratings_of_a_clip(number: int) -> None:
    rate, frames, levels, samples, ratings, units = CLIPS[number]
    speakers, clips = plan(OPTIONS)
    speaker = speakers[clips[number].speaker]
    wav, found = make_clip(5, (clips[number], speaker))
    with soundfile.SoundFile(io.BytesIO(wav)) as file:
        assert (file.format, file.subtype, file.samplerate, file.frames) == ("WAV", "PCM_16", rate, frames)
        sound = file.read(dtype="int16", always_2d=True).astype(float)
    assert np.sqrt((sound**2).mean(axis=0)).tolist() == pytest.approx(levels, rel=1e-4)
    third = len(sound) // 3
    assert sound[third : third + 3, -1].tolist() == pytest.approx(samples, abs=1)
    assert " ".join(f"{value:g}" for value in found) == ratings
    assert WEIGHTS @ clip_units(clips[number], speaker, 5) == pytest.approx(units, rel=1e-4)


def test_the_table_of_labels() -> None:
    speakers, clips = plan(SynthesisOptions(speakers=16, clips_per_speaker=2, seed=5))
    ratings = [np.arange(10) / 100 + number for number in range(32)]
    header, *rows = csv.reader(io.StringIO(label_table(speakers, clips, ratings)))
    assert ",".join(header[:7]) == "File_ID,Split,Subject_ID,Country,Age,Awe,Excitement"
    turns = dict.fromkeys(("China", "South Africa", "United States", "Venezuela"), 0)
    splits = []
    for speaker in speakers:
        splits.append(["Train", "Val", "Test"][turns[speaker.country] % 3])
        turns[speaker.country] += 1
    assert turns == {"China": 4, "South Africa": 4, "United States": 5, "Venezuela": 3}
    for number, (row, clip) in enumerate(zip(rows, clips, strict=True)):
        speaker = speakers[clip.speaker]
        who = [f"[{number:05d}]", splits[clip.speaker], f"Speaker_{clip.speaker:04d}", speaker.country]
        assert row[:4] == who
        assert row[4] == f"{speaker.age:.1f}"
        assert [float(cell) for cell in row[5:]] == pytest.approx(ratings[number])
    with pytest.raises(ValueError, match="zip"):
        label_table(speakers, clips, ratings[:-1])
