import csv
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from stages import features
from stages.core.audio.shards import encode, write_shard
from stages.core.features import extract as extract_module
from stages.core.features import extractor as extractor_module
from stages.core.features.extractor import extract_clip
from stages.core.features.feature_sets import column_names
from stages.core.runtime.errors import UserError
from stages.core.runtime.parallel import Crash
from stages.core.runtime.tables import read_features
from tests.core.features.test_extractor import voice

pytestmark = pytest.mark.usefixtures("project")

CLIPS = {f"{number:03d}": voice(0.3 + number / 50, 120.0 + 20 * number, seed=number) for number in range(7)}


def write_audio(clips: dict[str, np.ndarray], shard: int = 4) -> None:
    ids = sorted(clips)
    for number, first in enumerate(range(0, len(ids), shard)):
        chosen = ids[first : first + shard]
        path = Path(f"data/audio/{number:04d}.parquet")
        write_shard(path, chosen, [encode(clips[clip_id]) for clip_id in chosen])


def run(monkeypatch, key: str = "egemaps") -> None:
    monkeypatch.setattr("sys.argv", ["features", key])
    features.main()


def written() -> dict[str, bytes]:
    files = [
        *Path("data/features").iterdir(),
        *Path("data/lld").rglob("*.*"),
        *Path("data/quarantine").iterdir(),
    ]
    return {str(path): path.read_bytes() for path in sorted(files)}


@pytest.fixture
def alone(monkeypatch):
    """A project whose work is done in this process, where its calls can be counted."""
    calls = []

    def one_by_one(function, items, _):
        for key, argument in items:
            calls.append(key)
            yield key, function(argument)

    monkeypatch.setattr(extract_module, "parallel_map", one_by_one)
    return calls


def test_tables_hold_what_the_package_gives(set_parameters, monkeypatch, capsys):
    set_parameters(compute={"processes": 2})
    write_audio(CLIPS)
    run(monkeypatch, "compare")
    clip_ids, names, values = read_features(Path("data/features/compare.parquet"))
    assert clip_ids == list(CLIPS)
    assert tuple(names) == column_names("ComParE_2016").functionals
    frames = pd.read_parquet("data/lld/compare/0000.parquet")
    assert tuple(frames.columns) == ("clip_id", *column_names("ComParE_2016").descriptors)
    assert (frames.dtypes[1:] == np.float32).all()
    assert list(frames["clip_id"].unique()) == list(CLIPS)
    for index, (clip_id, samples) in enumerate(CLIPS.items()):
        expected = extract_clip("ComParE_2016", samples)
        np.testing.assert_array_equal(values[index], expected.functionals)
        ours = frames.loc[frames["clip_id"] == clip_id].drop(columns="clip_id")
        np.testing.assert_array_equal(ours.to_numpy(), expected.descriptors)
    assert (
        "7 clips, 6373 functionals, 130 descriptors; 7 clips computed, 0 quarantined"
        in capsys.readouterr().out
    )


def test_second_run_computes_nothing_and_writes_the_same_bytes(alone, monkeypatch):
    write_audio(CLIPS)
    run(monkeypatch)
    first = written()
    alone.clear()
    run(monkeypatch)
    assert alone == []
    assert written() == first


def test_only_what_changed_is_computed(alone, monkeypatch):
    write_audio(CLIPS)
    run(monkeypatch)
    alone.clear()
    changed = CLIPS["003"].copy()
    changed[100] += 1
    clips = {**CLIPS, "003": changed, "0035": voice(0.4, seed=99)}
    write_audio(clips)
    run(monkeypatch)
    assert len(alone) == 2
    clip_ids, _, values = read_features(Path("data/features/egemaps.parquet"))
    assert clip_ids == sorted(clips)
    for clip_id, row in zip(clip_ids, values, strict=True):
        np.testing.assert_array_equal(row, extract_clip("eGeMAPSv02", clips[clip_id]).functionals)


def test_renamed_and_doubled_clips_are_not_computed_again(alone, monkeypatch):
    write_audio(CLIPS)
    run(monkeypatch)
    alone.clear()
    write_audio({"a": CLIPS["000"], "b": CLIPS["000"], **CLIPS})
    run(monkeypatch)
    assert alone == []
    assert len(read_features(Path("data/features/egemaps.parquet"))[0]) == 9


@pytest.mark.parametrize("what", ["set", "version", "rate"])
def test_whatever_decides_a_row_recomputes(alone, set_parameters, monkeypatch, what):
    write_audio(CLIPS)
    run(monkeypatch)
    alone.clear()
    if what == "set":
        set_parameters(features={"egemaps": "GeMAPSv01b"})
    elif what == "version":
        monkeypatch.setattr("opensmile.__version__", "0")
    else:
        monkeypatch.setattr(extractor_module, "SAMPLE_RATE", 8000)
    run(monkeypatch)
    assert len(alone) == len(CLIPS)


def test_unusable_clips_are_quarantined_and_stop_nothing(alone, monkeypatch, capsys):
    bad = {"0015": voice()[:100], "zzz": voice()[:1]}
    write_audio({**CLIPS, **bad})
    for expected_calls in (9, 0):  # the second run knows the faults from the cache
        alone.clear()
        run(monkeypatch)
        assert len(alone) == expected_calls
        clip_ids, _, values = read_features(Path("data/features/egemaps.parquet"))
        assert clip_ids == list(CLIPS)
        assert not np.isnan(values).any()
        with Path("data/quarantine/features-egemaps.csv").open() as file:
            rows = list(csv.DictReader(file))
        assert [(row["clip_id"], row["stage"], row["reason"]) for row in rows] == [
            ("0015", "features-egemaps", "too short"),
            ("zzz", "features-egemaps", "too short"),
        ]
        assert "2 quarantined" in capsys.readouterr().out


def test_a_crash_is_quarantined_and_tried_again_in_the_next_run(monkeypatch):
    write_audio(CLIPS)

    def one_by_one(function, items, _):
        for number, (key, argument) in enumerate(items):
            yield key, Crash("died") if number == 2 else function(argument)

    with monkeypatch.context() as patch:
        patch.setattr(extract_module, "parallel_map", one_by_one)
        run(patch)
    assert "002,features-egemaps,crash,died" in Path("data/quarantine/features-egemaps.csv").read_text()
    run(monkeypatch)
    assert len(read_features(Path("data/features/egemaps.parquet"))[0]) == len(CLIPS)


@pytest.mark.usefixtures("alone")
def test_shards_of_descriptors_leave_no_older_ones_behind(monkeypatch):
    write_audio(CLIPS)
    Path("data/lld/egemaps").mkdir(parents=True)
    Path("data/lld/egemaps/0007.parquet").write_bytes(b"of an earlier run")
    run(monkeypatch)
    assert [path.name for path in Path("data/lld/egemaps").iterdir()] == ["0000.parquet"]


def test_mistakes_of_the_user(monkeypatch):
    with pytest.raises(UserError, match=r"features has no 'egemap' \(did you mean egemaps\?\)"):
        run(monkeypatch, "egemap")
    with pytest.raises(UserError, match="data/audio"):
        run(monkeypatch)


@pytest.mark.usefixtures("alone")
def test_a_corpus_of_unusable_clips_stops(monkeypatch):
    write_audio({"a": voice()[:10]})
    with pytest.raises(UserError, match="openSMILE can use none of 1 clips"):
        run(monkeypatch)
