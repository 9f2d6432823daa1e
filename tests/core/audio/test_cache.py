import os
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from stages.core.audio import cache as module
from stages.core.audio.cache import ClipCache, ConvertedClip, fingerprint, key_of
from stages.core.audio.recording import read_clip
from stages.core.config.data import PreprocessOptions
from stages.core.runtime.errors import UserError

OPTIONS = PreprocessOptions()
OTHERS = {
    "peak_db": -6.0,
    "enhance": "spectral",
    "trim": "energy",
    "trim_db": -30.0,
    "min_seconds": 0.2,
    "max_seconds": 30.0,
    "min_peak_db": -50.0,
    "max_clipped": 0.4,
}
CLIP = ConvertedClip(b"fLaC and so on", 1 / 3, 44_100, 2, "its channels cancel each other; channel 1 is used")


def test_clips_come_back_after_reopening(tmp_path: Path) -> None:
    with ClipCache(tmp_path / "deep", OPTIONS) as cache:
        cache.put(b"a", CLIP)
    with ClipCache(tmp_path / "deep", OPTIONS) as cache:
        assert b"a" in cache
        assert cache.clip(b"a") == CLIP
        assert b"b" not in cache


def test_each_option_has_clips_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "preparation", lambda _options: {})  # packages that may not be installed
    assert set(OTHERS) == {field.name for field in fields(PreprocessOptions)}
    changed = [replace(OPTIONS, **{name: value}) for name, value in OTHERS.items()]
    assert len({fingerprint(options) for options in [OPTIONS, *changed]}) == len(OTHERS) + 1
    with ClipCache(tmp_path, OPTIONS) as cache, ClipCache(tmp_path, changed[0]) as other:
        cache.put(b"a", CLIP)
        assert b"a" not in other


@pytest.mark.parametrize("what", ["package", "library", "source", "optional package"])
def test_what_else_decides_a_clip_changes_the_fingerprint(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = fingerprint(OPTIONS)
    assert before == fingerprint(OPTIONS)
    if what == "package":
        version = module.version
        monkeypatch.setattr(
            module, "version", lambda name: f"{version(name)}{'.1' if name == 'soxr' else ''}"
        )
    elif what == "library":
        monkeypatch.setattr(module.soundfile, "__libsndfile_version__", "0.1")
    elif what == "source":
        monkeypatch.setattr(module, "digest_of", lambda _path, _pattern: "another")
    else:
        monkeypatch.setattr(module, "preparation", lambda _options: {"packages": {"silero-vad": "0.1"}})
    assert fingerprint(OPTIONS) != before


def test_keys_stay_the_same_from_run_to_run(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"recording")
    key = key_of(tmp_path / "a.wav", "set")
    assert key is not None
    assert key.hex() == "60bd6b8365dd3a57d30668344d24feacd6dab5d0"


def test_a_key_is_of_bytes_extension_and_fingerprint_apart(tmp_path: Path) -> None:
    contents = {"a.wav": b"b", "a.wa": b"vb", "a": b".wavb", "b.wav": b"c", "long.wav": b"b" * 3_000_000}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    keys = {key_of(tmp_path / name, made_by) for name in contents for made_by in ("x", "y")}
    assert len(keys) == 2 * len(contents)
    (tmp_path / "renamed.wav").write_bytes(b"b")
    assert key_of(tmp_path / "renamed.wav", "x") == key_of(tmp_path / "a.wav", "x")


def test_bytes_without_a_header_are_told_apart_by_the_extension(tmp_path: Path) -> None:
    content = np.random.default_rng(0).bytes(20_000)
    lengths = {}
    for name in ("a.vox", "a.gsm"):
        (tmp_path / name).write_bytes(content)
        clip = read_clip(tmp_path / name, replace(OPTIONS, max_clipped=1))
        assert not isinstance(clip, Exception), clip
        lengths[key_of(tmp_path / name, "x")] = len(clip.samples)
    assert len(set(lengths.values())) == 2


def test_what_is_no_file_has_no_key(tmp_path: Path) -> None:
    (tmp_path / "folder.wav").mkdir()
    os.mkfifo(tmp_path / "pipe.wav")
    for name in ("folder.wav", "pipe.wav", "missing.wav", "missing/too.wav"):
        assert key_of(tmp_path / name, "x") is None


def test_names_that_are_no_unicode_have_keys(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"a.w\xff")
    path.write_bytes(b"recording")
    assert key_of(path, "x") is not None


def test_a_flipped_bit_is_noticed_and_the_clip_removed(tmp_path: Path) -> None:
    with ClipCache(tmp_path, OPTIONS) as cache:
        for key in (b"a", b"b"):
            cache.put(key, CLIP)
        path = tmp_path / f"{cache.fingerprint}.sqlite"
    damaged = bytearray(path.read_bytes())
    damaged[damaged.index(CLIP.flac) + 3] ^= 1
    path.write_bytes(damaged)
    with ClipCache(tmp_path, OPTIONS) as cache:
        good, bad = 0, 0
        for key in (b"a", b"b"):
            try:
                good += cache.clip(key) == CLIP
            except UserError as error:
                bad += 1
                assert "was damaged and has been removed; run the command again" in str(error)
                assert key not in cache
        assert (good, bad) == (1, 1)
