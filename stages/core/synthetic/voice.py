"""Synthetic nonverbal vocalizations: a source-filter voice (Fant, 1960) in front of a microphone.

Glottal pulses (Rosenberg, 1971) with jitter and shimmer and breath noise, through formants whose
frequencies follow the length of the vocal tract, in one or several bursts (laughter, sobs), in a room,
through a microphone, with background noise.
"""

from dataclasses import dataclass

import numpy as np
import scipy  # which loads scipy.signal when it is first used, in the processes that compute

NEUTRAL_FORMANTS = np.array([520.0, 1480.0, 2500.0, 3500.0, 4500.0])
FORMANT_WIDTHS = np.array([80.0, 100.0, 140.0, 200.0, 250.0])


@dataclass(frozen=True)
class Sound:
    """How a vocalization sounds: physical quantities of one clip.

    Attributes:
        pitch: mean fundamental frequency, Hz.
        slope: change of pitch over a burst, semitones.
        bend: rise and fall of pitch within a burst, semitones.
        bursts: number of bursts.
        burst_seconds: duration of a burst.
        gap_seconds: silence between bursts.
        attack: share of a burst in which it swells.
        tension: 0 lax (steep spectrum) … 1 pressed (flat spectrum).
        breath: level of the breath noise relative to the voice.
        jitter: relative cycle-to-cycle deviation of the period.
        tremor: depth of a 6 Hz modulation of pitch, semitones.
        opening: factor on the first formant.
        fronting: factor on the second formant.
        tract: length of the vocal tract relative to an average adult's.
    """

    pitch: float
    slope: float
    bend: float
    bursts: int
    burst_seconds: float
    gap_seconds: float
    attack: float
    tension: float
    breath: float
    jitter: float
    tremor: float
    opening: float
    fronting: float
    tract: float


@dataclass(frozen=True)
class Channel:
    """Where and with what a speaker records.

    Attributes:
        rate: sample rate, Hz.
        channels: 1 or 2.
        low: high-pass corner of the microphone, Hz.
        high: low-pass corner, Hz.
        colour: centre of a resonance of the microphone, Hz.
        reverberation: seconds until the room is 60 dB down.
        noise_db: background noise relative to the voice's peak, dB.
        hum_hz: mains frequency.
        level_db: peak of the recording, dB of full scale.
    """

    rate: int
    channels: int
    low: float
    high: float
    colour: float
    reverberation: float
    noise_db: float
    hum_hz: float
    level_db: float


def vocalize(sound: Sound, rate: int, rng: np.random.Generator) -> np.ndarray:
    """One vocalization without room and microphone.

    Returns:
        float64 [samples] at ``rate``, peak 1.
    """
    formants = NEUTRAL_FORMANTS / sound.tract * [sound.opening, sound.fronting, 1.0, 1.0, 1.0]
    pieces = [np.zeros(int(rng.uniform(0.05, 0.2) * rate))]
    for burst in range(sound.bursts):
        fade = 1 - 0.5 * burst / sound.bursts
        seconds = sound.burst_seconds * rng.uniform(0.8, 1.2)
        pieces.append(fade * rng.uniform(0.8, 1.0) * _burst(sound, seconds, formants, rate, rng))
        pieces.append(np.zeros(int(sound.gap_seconds * rng.uniform(0.8, 1.2) * rate)))
    pieces.append(np.zeros(int(rng.uniform(0.05, 0.2) * rate)))
    voice = np.concatenate(pieces)
    return voice / np.abs(voice).max()


def _burst(
    sound: Sound, seconds: float, formants: np.ndarray, rate: int, rng: np.random.Generator
) -> np.ndarray:
    time = np.linspace(0, 1, max(int(seconds * rate), 64))
    semitones = sound.slope * (time - 0.5) + sound.bend * (np.sin(np.pi * time) - 0.6)
    semitones += sound.tremor * np.sin(2 * np.pi * (6 * seconds * time + rng.uniform()))
    pitch = sound.pitch * 2 ** (semitones / 12)
    cycles = int(pitch.max() * seconds) + 2
    deviations = np.interp(time * (cycles - 1), np.arange(cycles), rng.normal(0, sound.jitter, cycles))
    phase = np.cumsum(pitch * (1 + deviations)) / rate
    shimmer = 1 + np.interp(time * (cycles - 1), np.arange(cycles), rng.normal(0, 3 * sound.jitter, cycles))
    voiced = np.diff(_glottal_flow(phase % 1, 0.75 - 0.35 * sound.tension), prepend=0) * shimmer
    voiced = scipy.signal.lfilter([1.0], [1.0, -0.9 + 0.8 * sound.tension], voiced)
    noise = rng.normal(size=len(time)) * (0.6 + 0.4 * np.cos(2 * np.pi * phase))
    source = voiced / np.sqrt(np.mean(voiced**2)) + sound.breath * noise
    envelope = np.minimum(time / sound.attack, 1) * np.minimum(
        (1 - time) / (0.9 * (1 - sound.attack) + 0.05), 1
    )
    swelling = source * np.clip(envelope, 0, 1) ** 1.5
    return scipy.signal.sosfilt(_resonators(formants, FORMANT_WIDTHS, rate), swelling)


def _glottal_flow(phase: np.ndarray, open_quotient: float) -> np.ndarray:
    """Rosenberg's pulse: opening and closing as parts of cosines, then closed."""
    opening = 0.67 * open_quotient
    rise = 0.5 * (1 - np.cos(np.pi * phase / opening))
    fall = np.cos(0.5 * np.pi * (phase - opening) / (open_quotient - opening))
    return np.where(phase < opening, rise, np.where(phase < open_quotient, fall, 0.0))


def _resonators(centres: np.ndarray, widths: np.ndarray, rate: int) -> np.ndarray:
    """Second-order sections, one a resonance, unit gain at 0 Hz (Klatt, 1980)."""
    radius = np.exp(-np.pi * widths / rate)
    first = -2 * radius * np.cos(2 * np.pi * np.minimum(centres, 0.45 * rate) / rate)
    second = radius**2
    zeros = np.zeros_like(radius)
    return np.stack([1 + first + second, zeros, zeros, np.ones_like(radius), first, second], axis=1)


def record(voice: np.ndarray, channel: Channel, rng: np.random.Generator) -> np.ndarray:
    """A vocalization as a microphone in a room hears it.

    Returns:
        float64 [samples, channels] with the channel's peak level.
    """
    rate = channel.rate
    for share in (0.31, 0.47, 0.83):
        delay = int(share * 0.05 * rate)
        gain = 0.4 * 10 ** (-3 * share * 0.05 / channel.reverberation)
        voice = voice + gain * np.r_[np.zeros(delay), voice[:-delay]]
    voice = voice / np.abs(voice).max()
    brown = scipy.signal.lfilter([1.0], [1.0, -0.95], rng.normal(size=len(voice)))
    time = np.arange(len(voice)) / rate
    noise = brown / brown.std() + 0.4 * np.sin(2 * np.pi * channel.hum_hz * time)
    mixed = voice + 10 ** (channel.noise_db / 20) * noise
    passed = scipy.signal.sosfilt(_band(2, channel.low, channel.high, rate), mixed)
    resonance = _band(1, 0.8 * channel.colour, 1.25 * channel.colour, rate)
    coloured = passed + 0.5 * scipy.signal.sosfilt(resonance, passed)
    scaled = coloured * (10 ** (channel.level_db / 20) / np.abs(coloured).max())
    if channel.channels == 1:
        return scaled[:, None]
    other = 0.9 * scaled + 10 ** ((channel.level_db - 60) / 20) * rng.normal(size=len(scaled))
    return np.stack([scaled, np.clip(other, -1, 1)], axis=1)


def _band(order: int, low: float, high: float, rate: int) -> np.ndarray:
    """A Butterworth band-pass between two frequencies as second-order sections."""
    sections: np.ndarray = scipy.signal.butter(order, [low, high], "bandpass", fs=rate, output="sos")
    return sections
