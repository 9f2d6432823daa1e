import io
from pathlib import Path

import numpy as np
import pytest
import soundfile

from stages.core.prediction import windows
from stages.core.prediction.windows import cut_into_windows, fragment, record_microphone, store_stream
from stages.core.runtime.errors import UserError


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """Five seconds at 8 kHz in stereo, as 24 bit."""
    samples = np.random.default_rng(0).integers(-(2**23), 2**23, (40_000, 2)) / 2**23
    soundfile.write(tmp_path / "long.wav", samples, 8_000, subtype="PCM_24")
    return tmp_path / "long.wav"


@pytest.mark.parametrize(
    ("seconds", "step", "expected"),
    [
        (2, 2, [(0, 2), (2, 4), (4, 5)]),
        (2, 1, [(0, 2), (1, 3), (2, 4), (3, 5)]),
        (2, 1.5, [(0, 2), (1.5, 3.5), (3, 5)]),
        (3, 1.5, [(0, 3), (1.5, 4.5), (3, 5)]),
        (4, 1.000125, [(0, 4), (1.000125, 5)]),
        (5, 5, [(0, 5)]),
        (60, 10, [(0, 5)]),
    ],
)
def test_windows_cover_the_recording(
    seconds: float, step: float, expected: list[tuple[float, float]], recording: Path, tmp_path: Path
) -> None:
    found = list(cut_into_windows(recording, tmp_path, seconds, step))
    assert [(start, end) for _, start, end in found] == expected
    samples = soundfile.read(recording)[0]
    for file, start, end in found:
        window, rate = soundfile.read(file)
        assert rate == 8_000
        np.testing.assert_array_equal(window, samples[round(start * rate) : round(end * rate)])


@pytest.mark.parametrize(
    ("seconds", "step", "sentence"),
    [
        (2, 0, "--step must be above 0"),
        (2, 3, "not above --window"),
        (2, float("nan"), "--step must be above 0"),
        (-1, -1, "--window -1: take more than 0 and at most 3600 seconds"),
        (float("nan"), 1, "--window nan: take more than 0"),
        (float("inf"), 1, "--window inf: take more than 0"),
        (1, 1e-9, "less than one sample"),
    ],
)
def test_windows_that_cannot_be(
    seconds: float, step: float, sentence: str, recording: Path, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=sentence):
        list(cut_into_windows(recording, tmp_path, seconds, step))


def test_what_is_no_recording(tmp_path: Path) -> None:
    (tmp_path / "notes.wav").write_text("not sound")
    for name in ("notes.wav", "nothing.wav"):
        with pytest.raises(UserError, match=rf"{name} cannot be cut into windows"):
            list(cut_into_windows(tmp_path / name, tmp_path, 1, 1))


def test_a_pipe_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store_stream(io.BytesIO(b"sound" * 1000), tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == b"sound" * 1000
    monkeypatch.setattr(windows, "MOST_BYTES", 10)
    with pytest.raises(UserError, match="more than 10 bytes came through the pipe"):
        store_stream(io.BytesIO(b"0123456789+"), tmp_path / "file")


def test_the_bound_is_on_all_that_comes_through_a_pipe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Eleven bytes in pieces of four."""
    monkeypatch.setattr(windows, "MOST_BYTES", 10)
    monkeypatch.setattr(windows, "_PIECE", 4)
    store_stream(io.BytesIO(b"0123456789"), tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == b"0123456789"
    with pytest.raises(UserError, match="more than 10 bytes"):
        store_stream(io.BytesIO(b"0123456789+"), tmp_path / "file")


def test_a_fragment_is_named_to_the_millisecond() -> None:
    assert str(fragment(Path("a/long.wav"), 1 / 3, 12_345.6789)) == "a/long.wav#t=0.333,12345.679"


@pytest.mark.parametrize("seconds", [0, -1, 3600.5, float("nan")])
def test_a_microphone_records_an_hour_at_most(seconds: float, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=f"--microphone {seconds:g}: take more than 0 and at most 3600 s"):
        record_microphone(seconds, tmp_path / "file")
