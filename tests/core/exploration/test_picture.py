import numpy as np
import pytest

from stages.core.exploration.picture import WIDTH, spectrogram, waveform


def test_the_waveform_keeps_every_peak() -> None:
    samples = np.zeros(16_000, np.int16)
    samples[5_000], samples[12_345] = 32_767, -32_768
    low, high = waveform(samples)
    assert low.shape == (WIDTH,)
    assert (high.argmax(), low.argmin()) == (5_000 * WIDTH // 16_000, 12_345 * WIDTH // 16_000)
    assert high.max() == pytest.approx(1, abs=1e-4)
    assert low.min() == -1
    assert waveform(samples[:10]).shape == (2, 10)


@pytest.mark.parametrize("frequency", [500, 3_000, 7_500])
def test_a_tone_lies_at_its_frequency(frequency: int) -> None:
    tone = 8_000 * np.sin(2 * np.pi * frequency / 16_000 * np.arange(16_000))
    picture = spectrogram(tone.astype(np.int16))
    assert picture.shape == (128, 98)
    assert abs(int(picture.mean(axis=1).argmax()) - frequency * 128 / 8_000) <= 1
    assert picture.max() == 255


@pytest.mark.parametrize("seconds", [0.001, 1, 60])
def test_any_length_fits(seconds: float) -> None:
    noise = np.random.default_rng(0).integers(-999, 999, int(seconds * 16_000)).astype(np.int16)
    assert 1 <= spectrogram(noise).shape[1] <= WIDTH
