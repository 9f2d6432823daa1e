"""Who speaks in the synthetic corpus, what they feel, and how both shape the sound.

Emotion, age, sex and country change the acoustic quantities that the literature reports (pitch, tempo,
bursts, breath, roughness, formants: Scherer, 2003; Cowen et al., 2019; Linville, 2001). The effects overlap,
and each speaker's habits and chance come on top, so that no score comes near perfect.
"""

from dataclasses import dataclass

import numpy as np

from stages.core.synthetic.voice import Channel, Sound

# Clips of each country in HUME-VB (paper, section 2).
COUNTRIES = {"China": 15_218, "South Africa": 14_321, "United States": 21_544, "Venezuela": 8_118}
EMOTIONS = tuple("Awe Excitement Amusement Awkwardness Fear Horror Distress Triumph Sadness Surprise".split())
QUANTITIES = (
    "pitch",
    "slope",
    "bend",
    "bursts",
    "length",
    "attack",
    "tension",
    "breath",
    "jitter",
    "opening",
    "fronting",
)

# How an emotion differs from a neutral voice, in standard units of each quantity.
_PROTOTYPES = np.array([
    # pitch slope bend bursts length attack tension breath jitter opening fronting
    [-0.3, -0.5,  1.2, -0.8,  1.6,  1.3, -0.8,  0.8, -0.6, -0.2, -1.4],  # Awe: "ooh", long, soft
    [ 1.3,  0.9,  1.0,  0.3,  0.0, -0.5,  0.9, -0.5,  0.0,  0.8,  0.9],  # Excitement: high, rising, bright
    [ 0.6, -0.3, -0.3,  2.2, -1.2, -0.6, -0.2,  0.9,  0.1,  0.4,  0.2],  # Amusement: laughter
    [-0.8, -0.2, -0.7,  0.9, -1.0,  0.2, -0.9,  0.4, -0.2, -0.9,  0.1],  # Awkwardness: small, closed
    [ 1.1,  0.7, -0.4, -0.3, -0.7, -0.8,  0.0,  1.4,  0.8, -0.3,  0.6],  # Fear: gasp
    [ 1.8,  0.2,  0.3, -0.8,  1.0, -0.4,  1.4, -0.2,  1.6,  1.3,  0.1],  # Horror: scream
    [ 0.4, -1.0,  0.4,  0.1,  0.7,  0.2,  0.4,  0.1,  1.1,  0.3, -0.7],  # Distress: groan
    [ 0.6,  0.7,  0.1, -0.4,  0.9, -0.9,  1.4, -1.0, -0.2,  1.3,  1.0],  # Triumph: shout
    [-1.1, -1.3, -0.4,  1.0,  0.6,  0.8, -1.1,  0.8,  0.4, -0.8, -0.7],  # Sadness: sobs
    [ 0.6,  1.6, -0.8, -0.7, -1.1, -1.0,  0.2,  0.3, -0.5,  0.1, -0.4],  # Surprise: short, rising
])  # fmt: skip
_HABIT = 0.35
_CHANCE = 0.35
# How the speakers of a country differ from the average; invented, like the rest of the corpus.
_ACCENTS = {
    "China": {"fronting": 1.07, "slope": 0.66, "bend": -0.66, "opening": -0.49},
    "South Africa": {"fronting": -0.9, "opening": 0.9, "length": 0.49, "bursts": -0.25},
    "United States": {"fronting": 0.16, "bend": 0.66, "slope": -0.66, "length": -0.16},
    "Venezuela": {"bursts": 0.49, "opening": -0.66, "fronting": -0.41, "slope": 0.33, "length": -0.49},
}
_MAINS = {"China": 50.0, "South Africa": 50.0, "United States": 60.0, "Venezuela": 60.0}
YOUNGEST, OLDEST = 20.5, 39.5


@dataclass(frozen=True)
class Speaker:
    """One invented person.

    Attributes:
        country: one of :data:`COUNTRIES`.
        female: sex.
        age: years, 20.5 to 39.5.
        habits: standard units of :data:`QUANTITIES` by which this voice differs from others.
        pitch: fundamental frequency of the neutral voice, Hz.
        tract: length of the vocal tract relative to an average adult's.
        channel: room and microphone.
    """

    country: str
    female: bool
    age: float
    habits: np.ndarray
    pitch: float
    tract: float
    channel: Channel


def countries_of(speakers: int) -> list[str]:
    """A country for each speaker, in the paper's proportions, each country at least once.

    >>> countries_of(4)
    ['China', 'South Africa', 'United States', 'Venezuela']
    """
    names = sorted(COUNTRIES)
    share = np.array([COUNTRIES[name] for name in names]) * (speakers - len(names)) / sum(COUNTRIES.values())
    counts = np.floor(share).astype(int)
    for country in np.argsort(counts - share, kind="stable")[: speakers - len(names) - counts.sum()]:
        counts[country] += 1
    return [name for name, count in zip(names, counts + 1, strict=True) for _ in range(count)]


def make_speaker(country: str, rng: np.random.Generator) -> Speaker:
    """Draw a speaker of a country."""
    female = bool(rng.random() < 987 / 1702)
    age = float(rng.uniform(YOUNGEST, OLDEST))
    elder = (age - YOUNGEST) / (OLDEST - YOUNGEST) - 0.5
    habits = _HABIT * rng.normal(size=len(QUANTITIES))
    for name, shift in _ACCENTS[country].items():
        habits[QUANTITIES.index(name)] += shift
    for name, shift in {"jitter": 3.3, "breath": 2.3, "tension": -1.6, "attack": 1.1}.items():
        habits[QUANTITIES.index(name)] += shift * elder
    pitch = (205.0 if female else 118.0) * 2 ** (rng.normal(0, 0.12) - 0.4 * elder)
    tract = (0.93 if female else 1.08) * (1 + 0.03 * rng.normal() + 0.1 * elder)
    return Speaker(country, female, age, habits, pitch, tract, _make_channel(country, rng))


def _make_channel(country: str, rng: np.random.Generator) -> Channel:
    rate = int(rng.choice([44_100, 48_000]))
    return Channel(
        rate=rate,
        channels=int(rng.choice([1, 2], p=[0.8, 0.2])),
        low=rng.uniform(40, 160),
        high=rng.uniform(5500, 15_000),
        colour=rng.uniform(1500, 4500),
        reverberation=rng.uniform(0.15, 0.6),
        noise_db=rng.uniform(-52, -30),
        hum_hz=_MAINS[country],
        level_db=rng.uniform(-24, -1),
    )


def draw_emotions(rng: np.random.Generator) -> np.ndarray:
    """What is felt: a mixture of one to three emotions, often similar ones; float64 [10], maximum 1."""
    weights = np.zeros(len(EMOTIONS))
    first = rng.integers(len(EMOTIONS))
    weights[first] = 1.0
    distance = ((_PROTOTYPES - _PROTOTYPES[first]) ** 2).sum(axis=1)
    nearness = np.exp(-distance / 8)
    nearness[first] = 0
    others = rng.choice(len(EMOTIONS), size=rng.integers(0, 3), replace=False, p=nearness / nearness.sum())
    weights[others] = rng.uniform(0.2, 0.8, len(others))
    return weights


def rate_emotions(felt: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The ratings of a clip, normalized like HUME-VB's: noisy, many of them 0, maximum 1; float64 [10]."""
    ratings = np.clip(felt + 0.12 * rng.normal(size=len(felt)) - 0.05, 0, None)
    return np.round(ratings / ratings.max(), 4)


def units_of(speaker: Speaker, felt: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The standard units of :data:`QUANTITIES` in which a clip differs from a neutral voice: float64 [11]."""
    return felt @ _PROTOTYPES / felt.sum() + speaker.habits + _CHANCE * rng.normal(size=len(QUANTITIES))


def express(speaker: Speaker, felt: np.ndarray, rng: np.random.Generator) -> Sound:
    """How this speaker sounds with these emotions."""
    unit = dict(zip(QUANTITIES, units_of(speaker, felt, rng), strict=True))
    bursts = int(np.clip(np.rint(1.6 * 2 ** unit["bursts"]), 1, 8))
    seconds = float(np.clip(0.75 * 1.45 ** unit["length"], 0.3, 1.6))
    burst_seconds = max(seconds / bursts**0.75, 0.09)
    return Sound(
        pitch=float(np.clip(speaker.pitch * 2 ** (0.42 * unit["pitch"]), 70, 900)),
        slope=4.0 * unit["slope"],
        bend=3.0 + 3.0 * unit["bend"],
        bursts=bursts,
        burst_seconds=burst_seconds,
        gap_seconds=float(0.6 * burst_seconds),
        attack=float(np.clip(0.25 * 1.6 ** unit["attack"], 0.03, 0.7)),
        tension=float(np.clip(0.5 + 0.2 * unit["tension"], 0.02, 0.98)),
        breath=float(np.clip(0.25 * 2.0 ** unit["breath"], 0.02, 2.0)),
        jitter=float(np.clip(0.012 * 2.0 ** unit["jitter"], 0.001, 0.12)),
        tremor=float(np.clip(0.2 + 0.15 * unit["jitter"], 0, 1.2)),
        opening=float(np.clip(1.15 ** unit["opening"], 0.6, 1.7)),
        fronting=float(np.clip(1.12 ** unit["fronting"], 0.65, 1.5)),
        tract=speaker.tract,
    )
