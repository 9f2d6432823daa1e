from pathlib import Path

import numpy as np
import pytest

from stages.core.audio.shards import encode, write_shard
from stages.core.config.sources import OpenSmileSet
from stages.core.features import extract as module
from stages.core.features.cache import Cache, key_of
from stages.core.features.extract import extract, extract_flac
from stages.core.features.extractor import Features, extract_clip, fingerprint
from stages.core.features.sources.source import SourceError
from stages.core.runtime.compute import ComputeOptions
from stages.core.runtime.parallel import Crash
from stages.core.runtime.quarantine import Fault
from tests.core.features.test_extractor import voice

SET, COMPUTE = OpenSmileSet("eGeMAPSv02"), ComputeOptions(3)


def test_each_clip_has_a_key_or_a_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clips = {"a": voice(0.3), "b": voice()[:9], "c": voice()[:9], "d": voice(0.4), "e": voice(0.3)}
    flacs = {clip_id: encode(samples) for clip_id, samples in clips.items()}
    for number, part in enumerate((("a", "b"), ("c", "d", "e"))):
        write_shard(tmp_path / f"audio/{number}.parquet", part, [flacs[clip_id] for clip_id in part])
    keys = {clip_id: key_of(flac, fingerprint("eGeMAPSv02")) for clip_id, flac in flacs.items()}

    def here(function, items, compute):
        assert compute is COMPUTE
        for key, flac in items:
            yield key, Crash("died") if flac == flacs["d"] else function(flac)

    monkeypatch.setattr(module, "parallel_map", here)
    short = ("features-x", "too short", "openSMILE gives no features of 9 samples at 16 kHz")
    faults = [Fault("b", *short), Fault("c", *short), Fault("d", "features-x", "crash", "died")]
    with Cache(tmp_path / "cache.sqlite") as cache:
        for computed in (3, 1):  # one of each two equal clips, and the crash again
            found = extract(tmp_path / "audio", SET, cache, "features-x", COMPUTE)
            assert list(found.keys.items()) == [("a", keys["a"]), ("e", keys["a"])]
            assert (found.faults, found.computed) == (faults, computed)
            assert keys["d"] not in cache
        np.testing.assert_array_equal(
            cache.functionals(keys["a"]), extract_clip("eGeMAPSv02", clips["a"]).functionals
        )


def test_a_worker_with_another_source_at_the_same_path_is_refused() -> None:
    found = extract_flac(SET, fingerprint("eGeMAPSv02"), encode(voice(0.3)))
    assert isinstance(found, Features)
    assert found.functionals.tobytes() == extract_clip("eGeMAPSv02", voice(0.3)).functionals.tobytes()
    with pytest.raises(
        SourceError, match=r"^a worker has another file at its path; copy it to all workers\.$"
    ):
        extract_flac(SET, fingerprint("GeMAPSv01b"), encode(voice(0.3)))
