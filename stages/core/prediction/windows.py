"""Windows over long recordings, and what comes from a pipe or a microphone: as files, like any others."""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import soundfile

from stages.core.audio.mixing import SAMPLE_RATE
from stages.core.runtime.errors import UserError

MOST_BYTES = 2**30  # of a recording from a pipe
MOST_SECONDS = 3600  # of a window, and of a recording from the microphone
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
    if not 0 < seconds <= MOST_SECONDS:
        raise UserError(f"--window {seconds:g}: take more than 0 and at most {MOST_SECONDS} seconds.")
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


def record_microphone(seconds: float, path: Path) -> None:
    """Write what the default microphone hears to a file: mono, at the rate of the pipeline.

    Raises:
        UserError: if the length is not possible, or the package sounddevice or a microphone is missing.
    """
    if not 0 < seconds <= MOST_SECONDS:
        raise UserError(f"--microphone {seconds:g}: take more than 0 and at most {MOST_SECONDS} seconds.")
    try:
        import sounddevice
    except (ImportError, OSError):  # OSError: its library PortAudio is missing
        raise UserError(
            "--microphone needs the package sounddevice and the library PortAudio; "
            "`pip install sounddevice` and your system's package of PortAudio."
        ) from None
    try:
        samples = sounddevice.rec(round(seconds * SAMPLE_RATE), SAMPLE_RATE, channels=1, blocking=True)
    except sounddevice.PortAudioError as error:
        raise UserError(f"no microphone can be recorded: {error}.") from None
    soundfile.write(path, samples, SAMPLE_RATE, format="WAV", subtype="FLOAT")


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
