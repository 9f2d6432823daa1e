"""Windows over long recordings, and recordings from a pipe: as files, which are predicted like any others."""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import soundfile

from stages.core.runtime.errors import UserError

MOST_BYTES = 2**30  # of a recording from a pipe
_PIECE = 2**20


def cut_into_windows(
    path: Path, folder: Path, seconds: float, step: float
) -> Iterator[tuple[Path, float, float]]:
    """Write the windows of a recording as files, one by one, holding one in memory.

    The first begins with the recording, each other ``step`` later; the last ends with the recording and may
    be shorter. A recording that is not longer than a window is one window.

    Args:
        path: the recording.
        folder: where the files go.
        seconds: length of a window.
        step: from a window's start to the next one's; at most ``seconds``.

    Yields:
        Each window as float WAV with the samples of the recording; its start and end in seconds.

    Raises:
        UserError: if window or step are too short or too long, or the recording cannot be read.
    """
    if not 0 < step <= seconds:
        raise UserError("--step must be above 0 and not above --window: no part of a recording is left out.")
    try:
        with soundfile.SoundFile(path) as file:
            rate = file.samplerate
            length, advance = round(seconds * rate), round(step * rate)
            if not advance:
                raise UserError(f"--step {step:g} is less than one sample of {path}; take a longer one.")
            for index, block in enumerate(file.blocks(length, length - advance, always_2d=True)):
                start = index * advance
                if index and len(block) <= length - advance:
                    return  # the window before has it all
                target = folder / f"{index:08d}.wav"
                soundfile.write(target, block, rate, subtype="FLOAT")
                yield target, start / rate, (start + len(block)) / rate
    except (soundfile.LibsndfileError, OSError) as error:
        raise UserError(f"{path} cannot be cut into windows: {error}.") from None


def fragment(path: Path, start: float, end: float) -> Path:
    """What a window is called: a media fragment (W3C, 2012).

    >>> str(fragment(Path("long.wav"), 0.5, 3.5))
    'long.wav#t=0.5,3.5'
    """
    return Path(f"{path}#t={round(start, 3):.10g},{round(end, 3):.10g}")


def store_stream(stream: BinaryIO, path: Path) -> None:
    """Write what comes through a pipe to a file.

    Raises:
        UserError: if it is more than ``MOST_BYTES``.
    """
    total = 0
    with path.open("wb") as file:
        while piece := stream.read(_PIECE):
            total += len(piece)
            if total > MOST_BYTES:
                raise UserError(f"more than {MOST_BYTES:,} bytes came through the pipe; name a file instead.")
            file.write(piece)
