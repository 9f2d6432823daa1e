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


def test_each_column_has_the_extremes_of_its_own_samples() -> None:
    samples = np.arange(-1_500, 1_500, dtype=np.int16)[::-1].copy()
    low, high = waveform(samples)  # five samples a column
    np.testing.assert_array_equal(high, np.arange(1_499, -1_501, -5) / 32_768)
    np.testing.assert_array_equal(low, high - 4 / 32_768)
    np.testing.assert_array_equal(waveform(samples[:7]), np.array([samples[:7]] * 2) / 32_768)


def test_shades_are_decibels_below_the_loudest_and_columns_are_time() -> None:
    """A second of a tone, then half a second of one that is 35 dB softer; one 80 dB softer is not seen."""
    time = np.arange(24_000) / 16_000
    loud, soft, faint = (np.sin(2 * np.pi * frequency * time) for frequency in (1_000, 3_000, 6_000))
    tones = np.where(time < 1, loud, 0.0177828 * soft) + 1e-4 * faint
    picture = spectrogram((32_000 * tones).astype(np.int16))
    assert picture.shape == (128, 148)  # from 0 to 1.47 s
    row = {frequency: frequency * 128 // 8_000 for frequency in (1_000, 3_000, 6_000)}
    assert picture[row[1_000], 5:95].min() > 250 and picture[row[1_000], 103:].max() < 30
    assert picture[row[3_000], 103:].min() > 120 and picture[row[3_000], 103:].max() < 135
    assert picture[row[3_000], 5:95].max() < 30
    assert picture[row[6_000], 5:95].max() == picture[row[6_000], 103:].max() == 0


def test_a_long_clip_has_columns_farther_apart_and_silence_is_dark() -> None:
    samples = np.zeros(16_000 * 12, np.int16)
    samples[16_000 * 9 :] = np.random.default_rng(1).integers(-9_000, 9_000, 16_000 * 3)
    picture = spectrogram(samples)  # 320 samples apart
    assert picture.shape == (128, 599)
    assert picture[:, :448].max() == 0 and picture[:, 450:].mean() > 150
    assert spectrogram(np.zeros(800, np.int16)).shape == (128, 3)
