"""What the page asks for, by path: the clips, a run's columns, a clip's sound, a clip's details.

A server gives these answers one by one; a page that opens from disk carries them within itself.
"""

import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from stages.core.audio.shards import ShardReader, decode
from stages.core.exploration.clips import ClipTable, RunPredictions
from stages.core.exploration.picture import spectrogram, waveform

BINARY, JSON, FLAC = "application/octet-stream", "application/json", "audio/flac"


@dataclass(frozen=True)
class Answer:
    """Content and its media type."""

    kind: str
    content: bytes


@dataclass(frozen=True)
class Exploration:
    """Clips, runs and sound. Paths of answers name a run or the row of a clip, and never a file.

    Attributes:
        table: the clips.
        runs: run → its predictions.
        audio: the sound of the clips.
        notice: title → text, what the page says about whose recordings these are.
    """

    table: ClipTable
    runs: Mapping[str, RunPredictions]
    audio: ShardReader
    notice: Mapping[str, str]

    def answer(self, path: str) -> Answer | None:
        """``clips``, ``truth``, ``run/NAME``, ``sound/ROW`` or ``clip/ROW``; None: there is no such thing."""
        kind, _, name = path.partition("/")
        if path == "clips":
            return _json({**self.table.description(), **self.notice, "runs": self._tasks_of_runs()})
        if path == "truth":
            return _numbers(self.table.truth_columns())
        if kind == "run" and name in self.runs:
            return _numbers(self.runs[name].columns())
        if kind in {"sound", "clip"} and name.isascii() and name.isdecimal() and len(name) < 10:
            return self._of_clip(kind, int(name))
        return None

    def paths(self) -> Iterator[str]:
        """All paths that have an answer."""
        yield from ("clips", "truth")
        yield from (f"run/{name}" for name in self.runs)
        for row in range(len(self.table.clips)):
            yield from (f"clip/{row}", f"sound/{row}")

    def _tasks_of_runs(self) -> dict[str, list[str]]:
        return {name: list(run.values) for name, run in self.runs.items()}

    def _of_clip(self, kind: str, row: int) -> Answer | None:
        if row >= len(self.table.clips):
            return None
        clip_id = self.table.clips["clip_id"].iloc[row]
        if clip_id not in self.audio:
            return None
        flac = self.audio.flac(clip_id)
        if kind == "sound":
            return Answer(FLAC, flac)
        samples = decode(flac)
        picture = spectrogram(samples)
        runs = {
            name: {
                task: [_figure(value) for value in (*values[row], run.errors[task][row])]
                for task, values in run.values.items()
            }
            for name, run in self.runs.items()
        }
        return _json(
            {
                "runs": runs,
                "waveform": waveform(samples).round(3).tolist(),
                "spectrogram": {
                    "width": picture.shape[1],
                    "height": picture.shape[0],
                    "levels": base64.b64encode(picture.tobytes()).decode(),
                },
            }
        )


def _figure(value: np.floating) -> float | None:
    return None if np.isnan(value) else round(float(value), 4)


def _json(content: Any) -> Answer:
    return Answer(JSON, json.dumps(content, allow_nan=False, separators=(",", ":")).encode())


def _numbers(columns: np.ndarray) -> Answer:
    return Answer(BINARY, columns.astype("<f4").tobytes())
