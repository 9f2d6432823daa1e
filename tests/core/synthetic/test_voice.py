import numpy as np
import pytest
from scipy.signal import lfilter, periodogram

from stages.core.synthetic.speakers import Speaker, draw_emotions, express, make_speaker
from stages.core.synthetic.voice import Channel, Sound, record, vocalize

STEADY = Sound(
    pitch=200, slope=0, bend=0, bursts=1, burst_seconds=1.0, gap_seconds=0.1, attack=0.1, tension=0.6,
    breath=0.01, jitter=0.0, tremor=0.0, opening=1.0, fronting=1.0, tract=1.0,
)  # fmt: skip
PLAIN = Channel(
    rate=44_100,
    channels=2,
    low=50,
    high=15_000,
    colour=3000,
    reverberation=0.2,
    noise_db=-50,
    hum_hz=50,
    level_db=-6,
)


def changed(**fields: float) -> np.ndarray:
    return vocalize(Sound(**{**STEADY.__dict__, **fields}), 16_000, np.random.default_rng(1))


def centroid(voice: np.ndarray) -> float:
    frequency, power = periodogram(voice, 16_000)
    return float((frequency * power).sum() / power.sum())


def test_the_pitch_is_the_pitch_asked_for() -> None:
    for pitch in (120.0, 250.0, 400.0):
        voice = changed(pitch=pitch)
        correlation = np.correlate(voice[4000:12_000], voice[4000:12_000], "full")[8000 - 1 :]
        shortest = int(16_000 / pitch * 0.6)
        period = shortest + int(np.argmax(correlation[shortest : 4 * shortest]))
        assert 16_000 / period == pytest.approx(pitch, rel=0.03)


def test_tension_opening_and_breath_brighten_the_spectrum() -> None:
    assert centroid(changed(tension=0.1)) < centroid(changed(tension=0.9))
    assert centroid(changed(fronting=0.7)) < centroid(changed(fronting=1.4))
    assert centroid(changed(tract=1.15)) < centroid(changed(tract=0.85))
    assert centroid(changed(breath=0.02)) < centroid(changed(breath=2.0))


def test_bursts_are_heard_one_after_the_other() -> None:
    envelope = lfilter(
        np.ones(400) / 400, [1.0], np.abs(changed(bursts=4, burst_seconds=0.2, gap_seconds=0.2))
    )
    loud = envelope > 0.2 * envelope.max()
    assert np.count_nonzero(np.diff(loud.astype(int)) == 1) == 4


def test_a_recording_has_its_channels_level_and_length() -> None:
    voice = changed()
    recording = record(voice, PLAIN, np.random.default_rng(2))
    assert recording.shape == (len(voice), 2)
    assert 20 * np.log10(np.abs(recording[:, 0]).max()) == pytest.approx(-6, abs=0.01)
    assert np.abs(recording).max() <= 1
    assert not np.array_equal(recording[:, 0], recording[:, 1])


def averages(kind: int | None, **changes: object) -> dict[str, float]:
    """Mean quantities over many speakers, with one pure emotion or with any."""
    sounds = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        speaker = make_speaker("China", rng)
        speaker = Speaker(**{**speaker.__dict__, **changes})
        felt = np.eye(10)[kind] if kind is not None else draw_emotions(rng)
        sounds.append(express(speaker, felt, rng).__dict__)
    return {name: float(np.mean([sound[name] for sound in sounds])) for name in sounds[0]}


def test_emotions_sound_as_the_literature_says() -> None:
    awe, amusement, horror, sadness = (averages(kind) for kind in (0, 2, 5, 8))
    assert amusement["bursts"] > 2 * awe["bursts"]
    assert horror["pitch"] > 1.5 * sadness["pitch"]
    assert sadness["slope"] < 0
    assert horror["tension"] > sadness["tension"]


def test_older_voices_are_rougher_and_women_speak_higher() -> None:
    rng = np.random.default_rng(0)
    speakers = [make_speaker("Venezuela", rng) for _ in range(400)]
    old = np.mean([s.habits[8] for s in speakers if s.age > 35])
    young = np.mean([s.habits[8] for s in speakers if s.age < 25])
    assert old > young + 1
    women = np.mean([s.pitch for s in speakers if s.female])
    assert women > 1.5 * np.mean([s.pitch for s in speakers if not s.female])
