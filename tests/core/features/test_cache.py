import numpy as np
import pytest

from stages.core.features.cache import Cache, key_of
from stages.core.features.extractor import Features
from stages.core.runtime.errors import UnusableClipError, UserError

FEATURES = Features(np.arange(3, dtype=np.float32), np.arange(10, dtype=np.float32).reshape(5, 2))


def test_features_and_faults_come_back_after_reopening(tmp_path):
    path = tmp_path / "deep" / "cache.sqlite"
    with Cache(path) as cache:
        cache.put(b"a", FEATURES)
        cache.put(b"b", UnusableClipError("too short", "3 samples"))
    with Cache(path) as cache:
        assert b"a" in cache
        assert cache.fault(b"a") is None
        assert (cache.fault(b"b").reason, cache.fault(b"b").detail) == ("too short", "3 samples")
        np.testing.assert_array_equal(cache.functionals(b"a"), FEATURES.functionals)
        np.testing.assert_array_equal(cache.descriptors(b"a", 2), FEATURES.descriptors)
        assert str(cache.fault(b"b")) == "too short: 3 samples"
        assert b"c" not in cache


def test_the_last_entry_counts(tmp_path):
    with Cache(tmp_path / "cache.sqlite") as cache:
        cache.put(b"a", UnusableClipError("too short", ""))
        cache.put(b"a", FEATURES)
        assert cache.fault(b"a") is None


def test_a_flipped_bit_is_noticed_and_the_entry_computed_again(tmp_path):
    path = tmp_path / "cache.sqlite"
    rng = np.random.default_rng(1)
    large = Features(rng.normal(size=500).astype(np.float32), rng.normal(size=(90, 2)).astype(np.float32))
    with Cache(path) as cache:
        cache.put(b"a", large)
        cache.put(b"b", UnusableClipError("too short", "of a thousand samples"))
    whole = path.read_bytes()
    flips = {
        "functionals": large.functionals[100:110].tobytes(),
        "descriptors": large.descriptors[20:25].tobytes(),
        "fault": b"of a thousand",
    }
    for what, content in flips.items():
        damaged = bytearray(whole)
        damaged[whole.index(content) + 3] ^= 1
        path.write_bytes(damaged)
        with Cache(path) as cache:
            key = b"b" if what == "fault" else b"a"
            read = {"functionals": cache.functionals, "fault": cache.fault}.get(
                what, lambda key, opened=cache: opened.descriptors(key, 2)
            )
            with pytest.raises(UserError, match=r"cache\.sqlite was damaged and has been removed"):
                read(key)
            assert key not in cache
            assert {b"a", b"b"} - {key} <= {other for other in (b"a", b"b") if other in cache}


def test_keys_stay_the_same_from_run_to_run():
    assert key_of(b"clip", "set").hex() == "baa2c3d882ce080bbabb06287a4e375033338de1"


def test_keys_depend_on_audio_and_fingerprint_apart():
    pairs = [(b"ab", "c"), (b"a", "bc"), (b"ab", "d"), (b"", "abc"), (b"b", "c")]
    assert len({key_of(*pair) for pair in pairs}) == len(pairs)
    options = "0123456789abcdef-"  # of a model, whose weights follow
    assert key_of(b"clip", f"{options}0123456789abcdef") != key_of(b"clip", f"{options}0123456789abcdee")
