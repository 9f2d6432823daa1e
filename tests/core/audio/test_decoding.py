"""Every sample that a good decoder gives, or the reason: whole, cut, mislabelled and hostile files."""

import os
import struct
import sys
from pathlib import Path

import numpy as np
import pytest

from stages.core.audio import codecs, decoding, mpeg
from stages.core.audio.decoding import decode, measure
from stages.core.audio.source import Source
from stages.core.config.data import PreprocessOptions
from stages.core.runtime.errors import UnusableClipError
from tests.helpers.corpora import encoded, tone, with_total

RATE = 44_100
FRAMES = 22_050
# format/subtype → samples that a decoder gives more than were written: the last block of a codec is filled up
WHOLE_BLOCKS = {
    "WAV/PCM_16": 0,
    "WAV/PCM_24": 0,
    "WAV/FLOAT": 0,
    "WAV/ULAW": 0,
    "WAV/IMA_ADPCM": 4088,
    "WAV/MS_ADPCM": 4083,
    "WAV/GSM610": 350,
    "WAV/G721_32": 120,
    "WAVEX/PCM_16": 0,
    "RF64/PCM_16": 0,
    "W64/PCM_16": 0,
    "AIFF/PCM_16": 0,
    "AIFF/IMA_ADPCM": 64,
    "SVX/PCM_16": 0,
    "AU/PCM_16": 0,
    "AU/ULAW": 0,
    "AU/G721_32": 120,
    "CAF/PCM_16": 0,
    "CAF/ALAC_16": 0,
    "NIST/PCM_16": 0,
    "NIST/ULAW": 0,
    "VOC/PCM_16": 0,
    "VOC/ULAW": 1,
    "FLAC/PCM_16": 0,
    "FLAC/PCM_24": 0,
    "OGG/VORBIS": 0,
    "OGG/OPUS": 0,
    "MP3/MPEG_LAYER_III": 0,
    "AVR/PCM_16": 0,
    "AVR/PCM_U8": 0,
    "MPC2K/PCM_16": 0,
}


def frames_of(folder: Path, data: bytes | bytearray) -> int:
    path = folder / "x.wav"
    path.write_bytes(data)
    return sum(len(block) for _, block in decode(path, 60))


def reason_of(folder: Path, data: bytes | bytearray) -> str:
    with pytest.raises(UnusableClipError) as caught:
        frames_of(folder, data)
    assert caught.value.detail
    return caught.value.reason


@pytest.mark.parametrize("kind", WHOLE_BLOCKS)
def test_a_whole_file_gives_every_sample_and_a_cut_one_none(tmp_path: Path, kind: str) -> None:
    data = encoded(kind)
    found = frames_of(tmp_path, data)
    assert FRAMES <= found <= FRAMES + WHOLE_BLOCKS[kind]
    assert measure(tmp_path / "x.wav", PreprocessOptions()) == pytest.approx(
        found / (48_000 if kind == "OGG/OPUS" else RATE)
    )
    for end in (len(data) // 2, len(data) - 7):
        assert reason_of(tmp_path, data[:end]) in {"truncated", "damaged"}


@pytest.mark.parametrize("kind", ["WVE/ALAW", "SDS/PCM_S8", "SDS/PCM_16", "SDS/PCM_24"])
def test_formats_with_few_rates_are_whole_or_not_used(tmp_path: Path, kind: str) -> None:
    data = encoded(kind, tone(0.5, 8000), 8000)
    assert frames_of(tmp_path, data) == 4000
    assert measure(tmp_path / "x.wav", PreprocessOptions()) == 0.5
    for end in (len(data) // 2, len(data) - 1):
        assert reason_of(tmp_path, data[:end]) == "truncated"
    for end in range(2, 42):
        assert reason_of(tmp_path, data[:end])


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")
@pytest.mark.parametrize("kind", ["WAV/PCM_16", "OGG/VORBIS", "FLAC/PCM_16", "MP3/MPEG_LAYER_III"])
def test_a_name_that_is_not_utf8_is_a_name(tmp_path: Path, kind: str) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xe9tude.wav"))
    path.write_bytes(encoded(kind))
    assert sum(len(block) for _, block in decode(path, 60)) == FRAMES


def test_what_no_decoder_knows_is_said_to_be_there(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(128, 256, 5000, dtype=np.uint8).tobytes()
    for name in ("x.wav", "x.raw", "x.pcm", "x.mp3"):
        (tmp_path / name).write_bytes(noise)
        with pytest.raises(UnusableClipError, match="no decoder knows its format, or it is damaged"):
            list(decode(tmp_path / name, 60))


@pytest.mark.parametrize("size", [0, 0x7FFFFFFF, 0x7FFFF000, 0x80000000, 0xFFFFFFFF])
def test_sizes_of_streams_are_allowed(tmp_path: Path, size: int) -> None:
    wav = bytearray(encoded("WAV/PCM_16"))
    wav[4:8] = wav[40:44] = struct.pack("<I", size)
    assert frames_of(tmp_path, wav) == FRAMES
    assert measure(tmp_path / "x.wav", PreprocessOptions()) == 0.5


def test_unknown_lengths_of_other_containers_are_allowed(tmp_path: Path) -> None:
    for size in (0, 0xFFFFFFFF):
        au = bytearray(encoded("AU/PCM_16"))
        au[8:12] = struct.pack(">I", size)
        assert frames_of(tmp_path, au) == FRAMES
    caf = bytearray(encoded("CAF/PCM_16"))
    first = caf.find(b"data") + 4
    caf[first : first + 8] = b"\xff" * 8
    assert frames_of(tmp_path, caf) == FRAMES
    w64 = bytearray(encoded("W64/PCM_16"))
    first = w64.find(b"data") + 16
    w64[first : first + 8] = bytes(8)
    assert frames_of(tmp_path, w64) == FRAMES


@pytest.mark.parametrize("size", [0, 1 << 62, (1 << 64) - 1])
def test_an_unknown_length_of_rf64_is_allowed(tmp_path: Path, size: int) -> None:
    rf64 = bytearray(encoded("RF64/PCM_16"))
    first = rf64.find(b"ds64") + 16
    rf64[first : first + 8] = struct.pack("<Q", size)
    assert frames_of(tmp_path, rf64) == FRAMES


# Behind which word, and how many bytes, the header says how much audio there is; the form of the number, and
# the bytes that it counts besides.
LENGTHS = {
    "WAV/PCM_16": (b"data", 0, "<I", 0),
    "WAV/IMA_ADPCM": (b"data", 0, "<I", 0),
    "WAV/ULAW": (b"data", 0, "<I", 0),
    "RF64/PCM_16": (b"ds64", 12, "<Q", 0),
    "AIFF/PCM_16": (b"SSND", 0, ">I", 8),
    "CAF/PCM_16": (b"data", 0, ">q", 4),
    "AU/PCM_16": (b".snd", 4, ">I", 0),
}


@pytest.mark.parametrize("kind", LENGTHS)
def test_more_audio_than_announced_is_not_left_out_in_silence(tmp_path: Path, kind: str) -> None:
    data, (word, skipped, form, more) = bytearray(encoded(kind)), LENGTHS[kind]
    first = data.find(word) + 4 + skipped
    (announced,) = struct.unpack_from(form, data, first)
    for shorter in (announced // 4 * 2 + more, announced - 2000):
        struct.pack_into(form, data, first, shorter)
        assert reason_of(tmp_path, data) == "damaged"
    struct.pack_into(form, data, first, announced)
    found = frames_of(tmp_path, data)
    for tail in (b"TAG" + bytes(range(125)) * 20, bytes(5000), b"stray" * 200):
        assert frames_of(tmp_path, data + tail) == found


ID3 = b"ID3\x04\0\0\0\0\x10\0" + bytes(2048)


@pytest.mark.parametrize("kind", [kind for kind in WHOLE_BLOCKS if not kind.startswith("MP3")])
@pytest.mark.parametrize("tags", [ID3, ID3 + ID3, b"ID3\x04\0\x10\0\0\0\x05" + bytes(15)])
def test_a_tag_before_the_audio_changes_nothing(tmp_path: Path, kind: str, tags: bytes) -> None:
    data = encoded(kind)
    found = frames_of(tmp_path, data)
    assert frames_of(tmp_path, tags + data) == found
    for end in (len(data) // 2, len(data) - 7):
        assert reason_of(tmp_path, tags + data[:end]) in {"truncated", "damaged"}


def test_a_file_of_nothing_but_tags_is_given_up_soon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mpeg, "_MOST_TAGS", 3)
    assert reason_of(tmp_path, b"ID3\x04\0\0\0\0\0\0" * 200_000) == "not readable"
    with (tmp_path / "x.wav").open("rb") as file:
        assert mpeg.behind_id3(file) == 30


def test_lengths_behind_a_tag_are_not_believed(tmp_path: Path) -> None:
    for total in (0, 100, FRAMES - 1):
        assert frames_of(tmp_path, ID3 + with_total(encoded("FLAC/PCM_16"), total)) == FRAMES
    wav = bytearray(encoded("WAV/PCM_16"))
    wav[40:44] = bytes(4)
    assert frames_of(tmp_path, ID3 + wav) == FRAMES
    wav[40:44] = struct.pack("<I", 2000)
    assert reason_of(tmp_path, ID3 + wav) == "damaged"
    both = frames_of(tmp_path, ID3 + encoded("OGG/VORBIS") + encoded("OGG/VORBIS"))
    assert both == 2 * FRAMES
    for end in range(3, 12):
        assert reason_of(tmp_path, ID3[:end])


def test_chunks_behind_the_audio_are_no_audio(tmp_path: Path) -> None:
    wav, text = encoded("WAV/PCM_16"), bytes(range(256)) * 8
    chunks = b"".join(
        name + struct.pack("<I", len(text)) + text for name in (b"cue ", b"bext", b"_PMX", b"LIST")
    )
    assert frames_of(tmp_path, wav + chunks) == FRAMES
    odd = bytearray(encoded("WAV/PCM_U8", tone(FRAMES / RATE, RATE)[:-1]))
    assert (
        frames_of(tmp_path, bytes(odd[: odd.find(b"data") + 8 + FRAMES - 1]) + chunks) == FRAMES - 1
    )  # no padding
    assert reason_of(tmp_path, wav + chunks[:-1]) == "damaged"
    header = bytearray(wav[:44])
    header[40:44] = bytes(4)
    assert reason_of(tmp_path, header + chunks) == "empty"
    aiff = encoded("AIFF/PCM_16")
    assert frames_of(tmp_path, aiff + b"(c) " + struct.pack(">I", len(text)) + text) == FRAMES


def test_an_empty_wav_is_empty_whatever_follows(tmp_path: Path) -> None:
    header = bytearray(encoded("WAV/PCM_16")[:44])
    header[40:44] = bytes(4)
    assert reason_of(tmp_path, header) == "empty"
    assert reason_of(tmp_path, header + b"LIST" + struct.pack("<I", 4) + b"INFO") == "empty"


@pytest.mark.parametrize("kind", ["FLAC/PCM_16", "FLAC/PCM_24"])
def test_flac_of_unknown_and_wrong_length(tmp_path: Path, kind: str) -> None:
    flac = encoded(kind)
    for total in (0, 100, FRAMES - 1):
        assert frames_of(tmp_path, with_total(flac, total)) == FRAMES
    assert measure(tmp_path / "x.wav", PreprocessOptions()) == 0.5
    assert reason_of(tmp_path, with_total(flac, FRAMES + 1)) == "truncated"
    assert reason_of(tmp_path, with_total(flac, 0)[:-100]) == "damaged"
    assert frames_of(tmp_path, flac + b"TAG" + bytes(125)) == FRAMES


def test_the_end_of_the_last_frame_of_a_flac() -> None:
    header = bytes([0xFF, 0xF8, 0xC9, 0x08, 0x05])  # frame 5 of 4,096 samples each
    frame = header + bytes([codecs._crc8(header)])
    assert codecs._last_flac_sample(frame + bytes(9), 4096) == 6 * 4096
    assert codecs._last_flac_sample(frame[:-1] + bytes([frame[-1] ^ 1]) + bytes(9), 4096) == 0
    for code in range(256):  # also of sizes and rates that do not exist
        for end in range(16):
            data = bytes([0xFF, 0xF8, code, code, 0x7F, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0])[:end]
            assert codecs._last_flac_sample(data, 4096) >= 0


def test_a_damaged_flac_is_not_used(tmp_path: Path) -> None:
    flac = bytearray(encoded("FLAC/PCM_16"))
    flac[len(flac) // 2] ^= 0xFF
    assert reason_of(tmp_path, flac) == "damaged"


@pytest.mark.parametrize("kind", ["OGG/VORBIS", "OGG/OPUS"])
def test_ogg_streams(tmp_path: Path, kind: str) -> None:
    ogg = encoded(kind)
    assert frames_of(tmp_path, ogg + encoded(kind, tone(0.3))) == frames_of(tmp_path, ogg) + round(0.3 * RATE)
    (tmp_path / "x.wav").write_bytes(ogg + encoded(kind, tone(0.3)))
    both = measure(tmp_path / "x.wav", PreprocessOptions())
    assert both == pytest.approx((FRAMES + round(0.3 * RATE)) / (48_000 if kind == "OGG/OPUS" else RATE))
    assert frames_of(tmp_path, ogg + b"a tag" * 20) == FRAMES
    assert reason_of(tmp_path, ogg[: ogg.rfind(b"OggS")]) == "truncated"
    assert reason_of(tmp_path, ogg + encoded("OGG/VORBIS", tone(0.3, 22_050), 22_050)) == "not readable"
    stereo = np.repeat(tone(0.3)[:, None], 2, axis=1)
    assert reason_of(tmp_path, ogg + encoded(kind, stereo)) == "not readable"
    damaged = bytearray(ogg)
    damaged[len(ogg) // 2] ^= 1
    assert reason_of(tmp_path, damaged) == "damaged"


class Mp3:
    """An MP3 in parts."""

    def __init__(self, rate: int = RATE, mode: str = "VARIABLE") -> None:
        samples = tone(0.5, rate) * np.r_[np.full(rate // 4, 1e-3), np.ones(round(rate * 0.5) - rate // 4)]
        self.whole = encoded("MP3/MPEG_LAYER_III", samples, rate, bitrate_mode=mode, compression_level=0.5)
        frames, cut = mpeg._mpeg_frames(self.whole, 0, len(self.whole))
        assert not cut
        self.starts = [first for first, _ in frames]
        self.samples = frames[0][1].samples
        self.bare = self.whole[self.starts[1] :]  # without the frame that tells their number
        self.decoded = (len(frames) - 1) * self.samples

    def announcing(self, count: int) -> bytes:
        data = bytearray(self.whole)
        first = max(data.find(b"Xing"), data.find(b"Info")) + 8
        data[first : first + 4] = struct.pack(">I", count)
        return bytes(data)


@pytest.mark.parametrize("mode", ["CONSTANT", "VARIABLE", "AVERAGE"])
@pytest.mark.parametrize("rate", [8000, 16_000, 22_050, 32_000, 44_100, 48_000])
def test_mp3_without_a_length_is_read_to_its_end(tmp_path: Path, mode: str, rate: int) -> None:
    mp3 = Mp3(rate, mode)
    assert frames_of(tmp_path, mp3.whole) == rate // 2
    assert frames_of(tmp_path, mp3.bare) == mp3.decoded
    assert measure(tmp_path / "x.wav", PreprocessOptions()) == mp3.decoded / rate


def test_mp3_with_a_wrong_length(tmp_path: Path) -> None:
    mp3 = Mp3()
    frames = len(mp3.starts) - 1  # beside the one that tells their number, which some encoders count
    for count in (0, 1, frames // 2, frames - 1, frames + 1):
        assert frames_of(tmp_path, mp3.announcing(count)) == mp3.decoded
    with pytest.raises(UnusableClipError) as caught:
        frames_of(tmp_path, mp3.announcing(frames + 2))
    assert str(caught.value) == (f"truncated: the file holds {frames} of {frames + 2} announced frames")
    assert frames_of(tmp_path, mp3.announcing(frames)) == FRAMES
    assert reason_of(tmp_path, mp3.whole[: mp3.starts[-5]]) == "truncated"
    assert frames_of(tmp_path, mp3.whole + mp3.whole) == 2 * mp3.decoded + mp3.samples


def test_mp3_among_tags_and_garbage(tmp_path: Path) -> None:
    mp3 = Mp3()
    id3 = b"ID3\x04\0\0\0\0\x10\0" + bytes(2048)
    ape = b"APETAGEX" + struct.pack("<IIII", 2000, 32, 0, 0) + bytes(8)
    for tail in (b"", b"TAG" + bytes(125), ape, bytes(1000)):
        assert frames_of(tmp_path, id3 + mp3.whole + tail) == FRAMES
        assert frames_of(tmp_path, mp3.whole + tail) == FRAMES
        assert frames_of(tmp_path, id3 + mp3.bare + tail) == mp3.decoded
        assert frames_of(tmp_path, mp3.bare + tail) == mp3.decoded
    assert frames_of(tmp_path, b"HTTP/1.1 200 OK\r\n\r\n" + mp3.whole) == FRAMES
    middle = mp3.starts[10] - mp3.starts[1]
    assert frames_of(tmp_path, mp3.bare[:middle] + b"garbage!" * 3000 + mp3.bare[middle:]) == mp3.decoded


def test_too_much_garbage_is_not_searched_for_ever(tmp_path: Path) -> None:
    garbage = b"ID3\x04\0\0\0\0\0\0" + b"\xff\xfb\x90\x00" * 150_000
    assert reason_of(tmp_path, garbage) == "not readable"


def test_frames_that_the_decoder_loses_are_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "inspect", lambda path: Source(path, least=FRAMES + 1))
    with pytest.raises(UnusableClipError) as caught:
        frames_of(tmp_path, encoded("WAV/PCM_16"))
    assert str(caught.value) == "damaged: 22050 of at least 22051 samples can be decoded"
    monkeypatch.setattr(decoding, "inspect", lambda path: Source(path, least=FRAMES))
    assert frames_of(tmp_path, encoded("WAV/PCM_16")) == FRAMES


def test_mp3_cut_within_a_frame(tmp_path: Path) -> None:
    mp3 = Mp3()
    for data in (mp3.whole, mp3.bare, b"ID3\x04\0\0\0\0\x10\0" + bytes(2048) + mp3.bare):
        assert reason_of(tmp_path, data[:-7]) == "truncated"


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ([np.nan], "at least 1 samples are NaN or infinite"),
        ([np.nan, np.inf, -np.inf], "at least 3 samples are NaN or infinite"),
        ([np.inf], "at least 1 samples are NaN or infinite"),
        ([-np.inf, 1e31], "at least 1 samples are NaN or infinite"),
        ([1e31], "samples reach 1e+31 × full scale"),
        ([-2e31, 1e31], "samples reach 2e+31 × full scale"),
        ([1.01e30], "samples reach 1e+30 × full scale"),
    ],
)
def test_samples_that_are_no_sound(tmp_path: Path, values: list[float], sentence: str) -> None:
    samples = np.r_[tone(), np.zeros(300_000)]  # more than one block
    samples[100] = 1e30
    assert frames_of(tmp_path, encoded("WAV/DOUBLE", samples)) == len(samples)
    for place in (100, 300_000):
        samples[place : place + len(values)] = values
        with pytest.raises(UnusableClipError) as caught:
            frames_of(tmp_path, encoded("WAV/DOUBLE", samples))
        assert str(caught.value) == f"not finite: {sentence}"
        samples[place : place + len(values)] = 0
