import os
import signal
from pathlib import Path

import numpy as np
import pytest
import soundfile

from stages.core.audio import converting
from stages.core.audio.converting import ConvertedClip, convert, convert_recordings
from stages.core.audio.shards import decode
from stages.core.config.data import PreprocessOptions
from stages.core.runtime.compute import ComputeOptions
from stages.core.runtime.errors import UnusableClipError
from tests.helpers.corpora import tone


def die_on_the_third(options: PreprocessOptions, path: Path) -> ConvertedClip | UnusableClipError:
    if path.stem == "2":
        os.kill(os.getpid(), signal.SIGKILL)
    return convert(options, path)


def test_clips_come_in_order_and_one_that_kills_its_process_stops_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = {f"clip {number}": tmp_path / f"{number}.wav" for number in range(6)}
    for number, path in enumerate(paths.values()):
        soundfile.write(path, np.c_[tone(), tone()] * 0.1 * (number + 1), 44_100)
    (tmp_path / "4.wav").write_text("no sound")
    monkeypatch.setattr(converting, "convert", die_on_the_third)
    clips = convert_recordings(paths.values(), PreprocessOptions(), ComputeOptions(processes=2))
    found = dict(zip(paths, clips, strict=True))
    reasons = {clip_id: clip.reason for clip_id, clip in found.items() if isinstance(clip, UnusableClipError)}
    assert reasons == {"clip 2": "crash", "clip 4": "not audio"}
    clip = found["clip 5"]
    assert isinstance(clip, ConvertedClip)
    assert (clip.seconds, clip.source_rate, clip.source_channels, clip.note) == (0.5, 44_100, 2, "")
    assert len(decode(clip.flac)) == 8000
