import numpy as np
import pytest

from stages.core.audio.enhancing import gate_noise
from tests.helpers.corpora import tone

pytest.importorskip("noisereduce")


def noisy(seconds: float = 0.5) -> tuple[np.ndarray, np.ndarray]:
    """A tone after 0.4 s of noise, and the noise alone."""
    voice = np.r_[np.zeros(6400), tone(seconds, 16_000)]
    noise = np.random.default_rng(1).normal(size=len(voice)) * 0.01
    return voice + noise, noise


def test_noise_falls_and_the_voice_stays() -> None:
    clip, noise = noisy()
    gated = gate_noise(clip)
    assert gated.shape == clip.shape
    assert gated[:4000].std() < 0.3 * noise[:4000].std()
    voice = slice(7000, 10_000)
    assert np.corrcoef(gated[voice], clip[voice])[0, 1] > 0.99


def test_the_same_bits_each_time() -> None:
    clip, _ = noisy()
    assert gate_noise(clip).tobytes() == gate_noise(clip.copy()).tobytes()


def test_a_short_clip_and_one_of_noise_alone_stay() -> None:
    clip, noise = noisy()
    assert np.array_equal(gate_noise(clip[:7999]), clip[:7999])
    assert np.abs(gate_noise(noise)).max() > 0
    assert np.array_equal(gate_noise(np.zeros(16_000)), np.zeros(16_000))
    on = np.arange(16_000) % 4000 < 2000  # whose level varies so much that the gate lets nothing through
    pulses = np.random.default_rng(2).normal(size=16_000) * np.where(on, 1, 1e-4)
    assert np.array_equal(gate_noise(pulses), pulses)
    odd = np.random.default_rng(3).normal(size=16_399)  # one more would have room for a stretch at 12,400
    assert gate_noise(odd).shape == odd.shape


@pytest.mark.parametrize("quietest", [0, 4000, 12_000])
def test_the_noise_is_the_quietest_quarter_of_a_second(quietest: int) -> None:
    from noisereduce import reduce_noise

    clip = np.random.default_rng(3).normal(size=16_000) * 0.1
    clip[quietest : quietest + 4000] *= 0.1
    expected = reduce_noise(clip, 16_000, stationary=True, y_noise=clip[quietest : quietest + 4000])
    assert gate_noise(clip).tobytes() == expected.tobytes()
    assert gate_noise(clip[:8000]).tobytes() != clip[:8000].tobytes()  # 0.5 s is long enough
