import os
import signal
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from stages.core.audio import converting
from stages.core.audio.cache import ClipCache, ConvertedClip, key_of
from stages.core.audio.converting import convert, convert_recordings
from stages.core.audio.shards import decode
from stages.core.config.data import PreprocessOptions
from stages.core.runtime.compute import ComputeOptions
from stages.core.runtime.errors import UnusableClipError
from tests.helpers.corpora import tone

OPTIONS = PreprocessOptions()
HERE = ComputeOptions(processes=1)


def die_on_the_third(options: PreprocessOptions, path: Path) -> ConvertedClip | UnusableClipError:
    if path.stem == "2":
        os.kill(os.getpid(), signal.SIGKILL)
    return convert(options, path)


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[ClipCache]:
    with ClipCache(tmp_path / "cache", OPTIONS) as opened:
        yield opened


@pytest.fixture
def recordings(tmp_path: Path) -> list[Path]:
    """Six recordings in two channels; that of number 3 cancels out, number 4 is no sound."""
    paths = [tmp_path / f"{number}.wav" for number in range(6)]
    for number, path in enumerate(paths):
        sign = -1 if number == 3 else 1
        soundfile.write(path, np.c_[tone(), sign * tone()] * 0.1 * (number + 1), 44_100)
    paths[4].write_text("no sound")
    return paths


@pytest.fixture
def worked_on(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Numbers of the recordings that are not taken from the cache; they are converted in this process."""
    numbers = []

    def serial(function: Callable[..., Any], items: Iterable[tuple[int, Any]], _: ComputeOptions) -> Any:
        for number, argument in items:
            numbers.append(number)
            yield number, function(argument)

    monkeypatch.setattr(converting, "parallel_map", serial)
    return numbers


def outcomes(paths: Iterable[Path], cache: ClipCache, compute: ComputeOptions = HERE) -> list[Any]:
    """What becomes of recordings; a fault as its text."""
    clips = convert_recordings(paths, OPTIONS, compute, cache)
    return [str(clip) if isinstance(clip, UnusableClipError) else clip for clip in clips]


def test_clips_come_in_order_and_one_that_kills_its_process_stops_no_other(
    recordings: list[Path], cache: ClipCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(converting, "convert", die_on_the_third)
    found = list(convert_recordings(recordings, OPTIONS, ComputeOptions(processes=2), cache))
    reasons = {
        number: clip.reason for number, clip in enumerate(found) if isinstance(clip, UnusableClipError)
    }
    assert reasons == {2: "crash", 4: "not audio"}
    clip = found[5]
    assert isinstance(clip, ConvertedClip)
    assert (clip.seconds, clip.source_rate, clip.source_channels, clip.note) == (0.5, 44_100, 2, "")
    assert len(decode(clip.flac)) == 8000
    kept = [key_of(path, cache.fingerprint) in cache for path in recordings]
    assert kept == [True, True, False, True, False, True]


def test_what_was_converted_before_comes_from_the_cache(
    recordings: list[Path], cache: ClipCache, worked_on: list[int]
) -> None:
    first = outcomes(recordings, cache)
    assert first[3].note == "its channels cancel each other; channel 1 is used"
    assert first[4].startswith("not audio: ")
    assert outcomes(recordings, cache) == first
    assert worked_on == [0, 1, 2, 3, 4, 5, 4]  # faults are found out anew
    worked_on.clear()
    new = recordings[0].with_name("new.wav")
    soundfile.write(new, tone(0.7), 44_100)
    some = [recordings[5], new, *recordings[3:], recordings[1]]
    found = outcomes(some, cache)
    assert worked_on == [1, 3]
    assert [found[0], *found[2:]] == [first[5], *first[3:], first[1]]
    assert found[1].seconds == 0.7


def test_another_name_of_the_same_bytes_is_the_same_clip_but_a_fault_names_its_own_file(
    recordings: list[Path], cache: ClipCache, worked_on: list[int]
) -> None:
    recordings[4].write_bytes(b"wvpk" * 10)
    first = outcomes(recordings, cache)
    renamed = [path.rename(path.with_name(f"new {path.name}")) for path in recordings]
    worked_on.clear()
    found = outcomes(renamed, cache)
    assert worked_on == [4]
    assert found[:4] + found[5:] == first[:4] + first[5:]
    assert "ffmpeg -i 4.wav" in first[4]
    assert "ffmpeg -i 'new 4.wav'" in found[4]


def test_a_recording_that_is_written_to_meanwhile_is_not_kept(
    recordings: list[Path], cache: ClipCache, worked_on: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    content = recordings[2].read_bytes()

    def convert_another(options: PreprocessOptions, path: Path) -> ConvertedClip | UnusableClipError:
        if path == recordings[2]:
            soundfile.write(path, tone(0.9), 44_100)
        return convert(options, path)

    monkeypatch.setattr(converting, "convert", convert_another)
    assert outcomes(recordings, cache)[2].seconds == 0.9
    monkeypatch.setattr(converting, "convert", convert)
    recordings[2].write_bytes(content)
    worked_on.clear()
    assert outcomes(recordings, cache)[2].seconds == 0.5
    assert worked_on == [2, 4]


def test_workers_elsewhere_get_the_recordings_themselves_unless_they_are_large(
    recordings: list[Path], cache: ClipCache, worked_on: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    soundfile.write(recordings[1], tone(9.0), 44_100)
    soundfile.write(recordings[5], tone(9.0), 48_000)
    recordings[2].unlink()
    recordings[4].write_bytes(b"wvpk" * 10)
    monkeypatch.setattr(converting, "_LARGEST_SENT", recordings[0].stat().st_size)
    elsewhere = ComputeOptions(scheduler="tcp://elsewhere:8786")
    first = outcomes(recordings, cache, elsewhere)
    assert worked_on == [0, 3, 4]
    assert first == outcomes(recordings, cache)
    assert first[2] == "missing: no such file"
    assert first[4] == "not audio: WavPack; convert it: `ffmpeg -i 4.wav 4-converted.wav`"
    worked_on.clear()
    assert first == outcomes(recordings, cache, elsewhere)
    assert worked_on == [4]


def test_few_results_wait_however_many_the_cache_holds(
    recordings: list[Path], cache: ClipCache, worked_on: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the first recording is converted, no clip of the cache is read."""
    outcomes(recordings[1:4], cache)
    read: list[bytes] = []
    monkeypatch.setattr(cache, "clip", read.append)
    paths = iter([recordings[0], *recordings[1:4] * 100])
    clips = convert_recordings(paths, OPTIONS, HERE, cache)
    assert isinstance(next(clips), ConvertedClip)
    assert not read
    assert len(list(clips)) == len(read) == 300
    assert worked_on == [0, 1, 2, 0]
