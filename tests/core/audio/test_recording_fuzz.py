"""Damaged recordings of each format: a clip of finite samples, or a fault with a reason; nothing else."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.core.audio.mixing import SAMPLE_RATE, mix_blocks
from stages.core.audio.recording import normalize, read_clip
from stages.core.config.data import PreprocessOptions
from stages.core.runtime.errors import UnusableClipError
from tests.helpers import FAULTS
from tests.helpers.corpora import tone

FORMATS = {
    "WAV": "PCM_16",
    "WAVEX": "PCM_24",
    "W64": "FLOAT",
    "AIFF": "PCM_16",
    "AU": "ULAW",
    "FLAC": "PCM_16",
    "OGG": "VORBIS",
    "MP3": "MPEG_LAYER_III",
    "AVR": "PCM_16",
    "IRCAM": "PCM_16",
    "SDS": "PCM_16",
}
REASONS = {
    "too few values",
    "clipped",
    "constant",
    "damaged",
    "empty",
    "missing",
    "not audio",
    "not finite",
    "not readable",
    "sample rate",
    "silent",
    "too large",
    "too long",
    "too quiet",
    "too short",
    "truncated",
}


def outcome(path: Path, options: PreprocessOptions) -> str:
    """The reason of the fault; empty for a usable clip."""
    clip = read_clip(path, options)
    if isinstance(clip, UnusableClipError):
        assert clip.detail
        assert "\n" not in clip.detail
        assert str(path.parent) not in clip.detail
        return clip.reason
    assert clip.samples.dtype == np.int16
    assert clip.samples.ndim == 1
    assert 0 < len(clip.samples) <= options.max_seconds * SAMPLE_RATE + 1
    return ""


@settings(max_examples=25 * FAULTS, deadline=None)
@given(data=st.data())
@pytest.mark.parametrize("format", FORMATS)
def test_a_damaged_file_is_a_clip_or_a_fault(
    tmp_path_factory: pytest.TempPathFactory, format: str, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("fuzz") / "x.wav"
    soundfile.write(path, tone(0.15), 44_100, format=format, subtype=FORMATS[format])
    content = bytearray(path.read_bytes())
    header = st.integers(0, min(100, len(content) - 1))
    places = header | st.integers(0, len(content) - 1)
    for place in data.draw(st.lists(places, max_size=8)):
        content[place] = data.draw(st.integers(0, 255))
    cut = data.draw(st.none() | st.integers(0, len(content)))
    path.write_bytes(bytes(content[:cut]) + data.draw(st.binary(max_size=20)))
    options = PreprocessOptions(trim=data.draw(st.sampled_from(["none", "energy"])))
    assert outcome(path, options) in {"", *REASONS}


def test_a_pipe_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.wav")
    assert outcome(tmp_path / "x.wav", PreprocessOptions()) == "not readable"


@settings(max_examples=25 * FAULTS, deadline=None)
@given(
    samples=st.lists(
        st.floats(-1e30, 1e30) | st.sampled_from([0.0, 1.0, -1.0, 5e-324]),
        min_size=1,
        max_size=60,
    ),
    channels=st.integers(1, 3),
    rate=st.sampled_from([1, 100, 8000, 16_000, 44_100, 192_000]),
    trim=st.sampled_from(["none", "energy"]),
)
@pytest.mark.filterwarnings("error")
def test_any_samples_are_a_clip_or_a_fault(samples: list[float], channels: int, rate: int, trim: Any) -> None:
    options = PreprocessOptions(min_seconds=1e-6, min_peak_db=-280, trim=trim)
    try:
        mix = mix_blocks([(rate, np.repeat(np.array(samples)[:, None], channels, axis=1))])
        clip, _ = normalize(mix, options)
    except UnusableClipError as fault:
        assert fault.reason in REASONS
    else:
        assert clip.dtype == np.int16
        assert np.abs(clip.astype(int)).max() > 0
