"""Formats that few programs write: how much audio each announces, where it announces any."""

import struct
from pathlib import Path

import soundfile

_NO_LENGTH = {
    b"PVF1\n": "PVF",
    b" paf": "PAF",
    b"fap ": "PAF",
    **{bytes([0x64, 0xA3, machine, 0]): "IRCAM" for machine in range(1, 5)},
    **{bytes([0, machine, 0xA3, 0x64]): "IRCAM" for machine in range(1, 5)},
}
_WITHOUT_HEADER = (".gsm", ".vox", ".sd2")


def note_on_length(path: Path) -> str:
    """What a person should know of a recording whose format announces no length; empty: nothing.

    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile() as file:
    ...     _ = file.write(b"PVF1\\n1 8000 16\\n")
    ...     file.flush()
    ...     note_on_length(Path(file.name))
    'PVF announces no length: a file that was cut off looks like a whole one'
    """
    with path.open("rb") as file:
        start = file.read(5)
    names = [name for magic, name in _NO_LENGTH.items() if start.startswith(magic)]
    if path.suffix.lower() in _WITHOUT_HEADER and soundfile.info(path).format in ("RAW", "SD2"):
        names = [path.suffix[1:].upper()]
    return f"{names[0]} announces no length: a file that was cut off looks like a whole one" if names else ""


def avr_audio(head: bytes) -> tuple[int, int]:
    """Audio Visual Research: first byte of the samples, and how many bytes of them are announced."""
    stereo, bits, frames = struct.unpack(">12xHH10xI", head[:30])
    return 128, frames * (2 if stereo else 1) * (bits // 8)


def mpc2k_audio(head: bytes) -> tuple[int, int]:
    """Akai MPC 2000: as :func:`avr_audio`."""
    stereo, frames = struct.unpack("<21x?8xI", head[:34])
    return 42, frames * (2 if stereo else 1) * 2


def wve_audio(head: bytes) -> tuple[int, int]:
    """Psion's A-law recordings: as :func:`avr_audio`."""
    return 32, int.from_bytes(head[18:22], "big")


def sds_audio(head: bytes) -> tuple[int, int]:
    """MIDI Sample Dump: as :func:`avr_audio`; the samples come in packets of 127 bytes."""
    bits, length = head[6], head[10] | head[11] << 7 | head[12] << 14
    per_packet = 120 // max(1, -(-bits // 7))
    return 21, -(-length // per_packet) * 127
