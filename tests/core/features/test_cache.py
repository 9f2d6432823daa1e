import sqlite3

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
        np.testing.assert_array_equal(cache.functionals(b"a"), FEATURES.functionals)
        np.testing.assert_array_equal(cache.descriptors(b"a", 2), FEATURES.descriptors)
        assert str(cache.fault(b"b")) == "too short: 3 samples"
        assert b"c" not in cache


def test_the_last_entry_counts(tmp_path):
    with Cache(tmp_path / "cache.sqlite") as cache:
        cache.put(b"a", UnusableClipError("too short", ""))
        cache.put(b"a", FEATURES)
        assert cache.fault(b"a") is None


def test_entries_outlive_a_process_that_never_closed(tmp_path):
    path = tmp_path / "cache.sqlite"
    cache = Cache(path)
    cache.put(b"a", FEATURES)
    copy = tmp_path / "copy.sqlite"
    for suffix in ("", "-wal"):  # what a killed process leaves on the disk
        copy.with_name(copy.name + suffix).write_bytes(path.with_name(path.name + suffix).read_bytes())
    with Cache(copy) as after:
        np.testing.assert_array_equal(after.functionals(b"a"), FEATURES.functionals)


def test_a_second_run_is_told_to_wait(tmp_path):
    with (
        Cache(tmp_path / "cache.sqlite") as cache,
        pytest.raises(UserError, match=r"cache\.sqlite is in use by another run"),
    ):
        cache.put(b"a", FEATURES)
        Cache(tmp_path / "cache.sqlite")


@pytest.mark.parametrize("content", [b"no database at all" * 100, b"SQLite format 3\0" + b"\1" * 5000])
def test_a_damaged_file_is_named(tmp_path, content):
    (tmp_path / "cache.sqlite").write_bytes(content)
    with pytest.raises(UserError, match=r"cache\.sqlite is damaged; delete it"):
        Cache(tmp_path / "cache.sqlite")


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


def test_an_entry_under_another_key_is_noticed(tmp_path):
    path = tmp_path / "cache.sqlite"
    with Cache(path) as cache:
        cache.put(b"a", FEATURES)
    file = sqlite3.connect(path)
    file.execute("UPDATE clips SET key = ?", (b"b",))
    file.commit()
    file.close()
    with Cache(path) as cache, pytest.raises(UserError, match="was damaged"):
        cache.functionals(b"b")


def test_any_damage_is_one_sentence_or_leaves_the_content_right(tmp_path):
    path = tmp_path / "cache.sqlite"
    rng = np.random.default_rng(2)
    clips = {bytes([key]) * 20: rng.normal(size=3000).astype(np.float32) for key in range(40)}
    with Cache(path) as cache:
        for key, values in clips.items():
            cache.put(key, Features(values, values.reshape(-1, 2)))
    whole = path.read_bytes()
    named = 0
    for _ in range(200):
        damaged = bytearray(whole)
        for index in rng.integers(0, len(whole), 4):
            damaged[index] ^= 1 << rng.integers(8)
        damaged[int(rng.integers(0, 16_384 * 3))] ^= 0xFF  # the first pages hold the schema and the tree
        path.write_bytes(damaged[: int(rng.choice([len(whole), rng.integers(1, len(whole))]))])
        try:
            with Cache(path) as cache:
                for key, values in clips.items():
                    if key in cache:
                        np.testing.assert_array_equal(cache.functionals(key), values)
                        np.testing.assert_array_equal(cache.descriptors(key, 2), values.reshape(-1, 2))
                cache.put(b"new", FEATURES)
        except UserError as error:
            named += 1
            assert "damaged" in str(error)
    assert named > 50


def test_a_file_of_an_older_version_is_emptied(tmp_path):
    path = tmp_path / "cache.sqlite"
    file = sqlite3.connect(path)
    file.execute(
        "CREATE TABLE clips "
        "(key BLOB PRIMARY KEY, functionals BLOB, descriptors BLOB, reason TEXT, detail TEXT)"
    )
    file.execute("INSERT INTO clips VALUES (?, ?, ?, NULL, NULL)", (b"a", b"\0" * 12, b"\0" * 40))
    file.commit()
    file.close()
    with Cache(path) as cache:
        assert b"a" not in cache
        cache.put(b"a", FEATURES)
        np.testing.assert_array_equal(cache.functionals(b"a"), FEATURES.functionals)


def test_other_errors_of_the_database_are_not_hidden(tmp_path):
    with pytest.raises(sqlite3.OperationalError, match="unable to open"):
        Cache(tmp_path)


def test_keys_stay_the_same_from_run_to_run():
    assert key_of(b"clip", "set").hex() == "baa2c3d882ce080bbabb06287a4e375033338de1"


def test_keys_depend_on_audio_and_fingerprint_apart():
    pairs = [(b"ab", "c"), (b"a", "bc"), (b"ab", "d"), (b"", "abc"), (b"b", "c")]
    assert len({key_of(*pair) for pair in pairs}) == len(pairs)
