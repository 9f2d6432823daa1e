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


def test_other_errors_of_the_database_are_not_hidden(tmp_path):
    with pytest.raises(sqlite3.OperationalError, match="unable to open"):
        Cache(tmp_path)


def test_keys_stay_the_same_from_run_to_run():
    assert key_of(b"clip", "set").hex() == "baa2c3d882ce080bbabb06287a4e375033338de1"


def test_keys_depend_on_audio_and_fingerprint_apart():
    pairs = [(b"ab", "c"), (b"a", "bc"), (b"ab", "d"), (b"", "abc"), (b"b", "c")]
    assert len({key_of(*pair) for pair in pairs}) == len(pairs)
