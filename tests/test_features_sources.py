"""The features stage on sources other than openSMILE's sets, and what reads their tables."""

import csv
import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
import yaml

from stages import features, fuse_features, preprocess
from stages.core.audio.shards import encode, write_shard
from stages.core.config.load import load
from stages.core.features import extract as extract_module
from stages.core.features.descriptors import open_descriptors
from stages.core.features.sources.source import open_source
from stages.core.prediction.extraction import RowExtractor
from stages.core.runtime.errors import UserError
from stages.core.runtime.files import digest_of
from stages.core.runtime.tables import blocks_of, origin_of, read_features
from tests.helpers import ROOT
from tests.test_features import CLIPS, write_audio

ORIGIN = {"preprocess": {"peak_db": -3.0, "trim": "none"}, "synthetic": True}
pytestmark = pytest.mark.usefixtures("project")
needs_voice = pytest.mark.skipif(not find_spec("resemblyzer"), reason="resemblyzer is not installed")
needs_pitch = pytest.mark.skipif(not find_spec("swift_f0"), reason="swift-f0 is not installed")


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> list:
    """Work is done in this process, where its calls can be counted."""
    calls: list = []

    def here(function, items, _):
        for key, argument in items:
            calls.append(key)
            yield key, function(argument)

    monkeypatch.setattr(extract_module, "parallel_map", here)
    return calls


def run(monkeypatch: pytest.MonkeyPatch, key: str, stage=features) -> None:
    monkeypatch.setattr("sys.argv", ["stage", key])
    stage.main()


def write_table(path: Path, clips: list[str], values: np.ndarray) -> None:
    pd.DataFrame(values, index=pd.Index(clips, name="clip_id"), columns=["energy", "rate"]).to_csv(path)


def quarantined(key: str) -> list[list[str]]:
    with Path(f"data/quarantine/{key}.csv").open() as file:
        return [list(row.values()) for row in csv.DictReader(file)]


@pytest.mark.parametrize(
    ("key", "source"),
    [
        pytest.param("voice", {"kind": "resemblyzer"}, marks=needs_voice),
        pytest.param("pitch", {"kind": "pitch"}, marks=needs_pitch),
    ],
)
def test_a_packaged_model_is_a_source_like_any_other(
    key: str, source: dict, set_parameters, monkeypatch, alone: list, capsys
) -> None:
    set_parameters(features={key: source})
    write_audio(CLIPS)
    run(monkeypatch, key)
    assert len(alone) == len(CLIPS)
    table = Path(f"data/features/{key}.parquet")
    clip_ids, names, values = read_features(table)
    assert clip_ids == list(CLIPS)
    assert len(names) == values.shape[1] > 20
    assert open_descriptors(Path(f"data/lld/{key}")).clip_ids == ()
    assert json.loads(Path(f"data/cards/{key}.json").read_text())["clips"] == len(CLIPS)
    first = table.read_bytes()
    alone.clear()
    run(monkeypatch, key)  # all of it comes from the cache
    assert alone == []
    assert table.read_bytes() == first
    assert "0 clips computed" in capsys.readouterr().out


@needs_pitch
@pytest.mark.usefixtures("alone")
def test_fused_sets_have_the_bits_of_their_tables_and_of_a_new_recording(set_parameters, monkeypatch) -> None:
    set_parameters(
        features={"pitch": {"kind": "pitch"}},
        fused_features={"both": ["egemaps", "pitch"]},
    )
    write_audio(CLIPS)
    for key in ("egemaps", "pitch"):
        run(monkeypatch, key)
    run(monkeypatch, "both", fuse_features)
    table = Path("data/features/both.parquet")
    _, names, values = read_features(table)
    parts = [read_features(Path(f"data/features/{key}.parquet"))[2] for key in ("egemaps", "pitch")]
    assert values.tobytes() == np.hstack(parts).tobytes()
    assert blocks_of(origin_of(table)) == {"egemaps": slice(0, 88), "pitch": slice(88, len(names))}
    soundfile.write("clip.wav", CLIPS["003"], 16000)
    origin = {**origin_of(table), **ORIGIN}
    extractor = RowExtractor(origin)
    row = extractor.row(Path("clip.wav"))
    assert row.shape == (len(names),)
    alone_rows = [
        RowExtractor({**part["origin"], **ORIGIN}).row(Path("clip.wav")) for part in origin["fused"]
    ]
    assert row.tobytes() == np.concatenate(alone_rows).tobytes()
    origin["fused"][1]["origin"]["fingerprint"] = "another"
    with pytest.raises(UserError, match=r"trained on features of pitch with other weights, versions"):
        RowExtractor(origin)


@pytest.mark.parametrize(
    ("prepared", "package"),
    [
        ({"trim": "energy", "trim_db": -10.0}, "numpy"),
        ({"trim": "vad"}, "silero_vad"),
        ({"enhance": "spectral", "trim": "energy"}, "noisereduce"),
    ],
)
@pytest.mark.usefixtures("alone", "corpus")
def test_a_new_recording_is_trimmed_enhanced_and_cut_as_the_training_clips(
    set_parameters, monkeypatch, prepared: dict, package: str
) -> None:
    pytest.importorskip(package)
    thirds = {"kind": "opensmile", "set": "eGeMAPSv02", "windows": {"count": 3}}
    set_parameters(preprocess=prepared, features={"thirds": thirds}, compute={"processes": 1})
    preprocess.main()
    run(monkeypatch, "thirds")
    table = Path("data/features/thirds.parquet")
    clip_ids, _, values = read_features(table)
    extractor = RowExtractor(origin_of(table))
    for clip_id, row in list(zip(clip_ids, values, strict=True))[::8]:
        assert extractor.row(Path(f"data/synthetic/wav/{clip_id}.wav")).tobytes() == row.tobytes()
    origin = origin_of(table)
    if "packages" in origin["preprocess"]:
        origin["preprocess"]["packages"][package.replace("_", "-")] = "0.1"
        with pytest.raises(UserError, match=r"prepared with .* 0\.1, and .* is installed here"):
            RowExtractor(origin)


@pytest.mark.usefixtures("alone")
def test_a_fused_set_reads_the_tables_of_its_cards_alone(set_parameters, monkeypatch) -> None:
    set_parameters(
        external={"mine": {"kind": "table", "path": "mine.csv"}}, fused_features={"pair": ["egemaps", "mine"]}
    )
    write_audio(CLIPS)
    write_table(Path("mine.csv"), list(CLIPS), np.ones((len(CLIPS), 2)))
    run(monkeypatch, "egemaps")
    run(monkeypatch, "mine")
    run(monkeypatch, "pair", fuse_features)
    card = Path("data/cards/mine.json").read_bytes()
    write_table(Path("mine.csv"), list(CLIPS), np.zeros((len(CLIPS), 2)))
    run(monkeypatch, "mine")
    assert Path("data/cards/mine.json").read_bytes() != card
    Path("data/cards/mine.json").write_bytes(card)
    with pytest.raises(
        UserError, match=r"mine\.parquet is not the table that data/cards/mine\.json describes"
    ):
        run(monkeypatch, "pair", fuse_features)
    with pytest.raises(UserError, match=r"usage: .*fused_features in params\.yaml: all, pair"):
        run(monkeypatch, "pai", fuse_features)


def test_a_table_joins_by_clip_id_and_missing_clips_are_quarantined(
    set_parameters, monkeypatch, capsys
) -> None:
    set_parameters(external={"mine": {"kind": "table", "path": "mine.csv"}})
    write_audio(CLIPS)
    have = [*sorted(CLIPS, reverse=True)[1:], "of another corpus"]
    values = np.arange(2 * len(have), dtype=float).reshape(-1, 2) / 7
    write_table(Path("mine.csv"), have, values)
    run(monkeypatch, "mine")
    clip_ids, names, found = read_features(Path("data/features/mine.parquet"))
    assert clip_ids == sorted(CLIPS)[:-1]
    assert names == ["energy", "rate"]
    assert found.tobytes() == values[:-1][::-1].astype(np.float32).tobytes()
    last = sorted(CLIPS)[-1]
    assert quarantined("features-mine") == [
        [last, "features-mine", "not in the table", "mine.csv has no row of this clip"]
    ]
    assert "1 rows of other clips, 1 clips quarantined" in capsys.readouterr().out
    with pytest.raises(
        UserError, match=r"features of mine\.csv were made elsewhere; new recordings have none"
    ):
        RowExtractor({**origin_of(Path("data/features/mine.parquet")), **ORIGIN})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("clip_id,energy\n000,1\n001,2\n", r"external\.mine: mine\.csv lacks 5 of 7 clips, 002 first"),
        ("clip_id,energy\n000,x\n", r"external\.mine: mine\.csv, line 2, column energy: x is not a finite"),
        ("clip_id,energy\n000.wav,1\n", r"external\.mine: mine\.csv names clips with the ending \.wav"),
        ("clip_id,energy\nother,1\n", r"external\.mine: mine\.csv has rows of other clips alone"),
    ],
)
def test_a_table_that_does_not_fit_is_one_sentence(
    set_parameters, monkeypatch, content: str, message: str
) -> None:
    set_parameters(external={"mine": {"kind": "table", "path": "mine.csv"}})
    write_audio(CLIPS)
    Path("mine.csv").write_text(content)
    with pytest.raises(UserError, match=message):
        run(monkeypatch, "mine")
    assert not Path("data/features/mine.parquet").exists()


def test_dvc_runs_the_stage_again_when_the_table_changes(set_parameters) -> None:
    """The stage as dvc.yaml has it, without its dependencies on code."""
    set_parameters(external={"mine": {"kind": "table", "path": "mine.csv"}})
    write_audio(CLIPS)
    write_table(Path("mine.csv"), list(CLIPS), np.ones((len(CLIPS), 2)))
    stage = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]["external"]
    stage["do"]["deps"] = [dep for dep in stage["do"]["deps"] if not dep.startswith("stages/")]
    assert "${item.path}" in stage["do"]["deps"]
    Path("dvc.yaml").write_text(yaml.safe_dump({"stages": {"external": stage}}))
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "DVC_NO_ANALYTICS": "1"}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"

    def dvc(*words: str) -> str:
        command = [sys.executable, "-m", "dvc", *words]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        return done.stdout + done.stderr

    subprocess.run(["git", "init", "--quiet"], check=True)
    dvc("init", "--quiet")
    dvc("repro", "external@mine")
    assert read_features(Path("data/features/mine.parquet"))[2].min() == 1
    assert "didn't change" in dvc("repro", "external@mine")
    write_table(Path("mine.csv"), list(CLIPS), np.full((len(CLIPS), 2), 5.0))
    assert "mine.csv" in dvc("status", "external@mine")
    dvc("repro", "external@mine")
    assert read_features(Path("data/features/mine.parquet"))[2].min() == 5


MADE = {"preprocess": {"peak_db": -3.0}, "synthetic": True, "corpus": "toy"}


@pytest.mark.usefixtures("alone")
def test_tables_say_how_they_were_made(set_parameters, monkeypatch, capsys) -> None:
    """A set, the same set in parts, and a table: origin, cache, card, frames, and what is printed."""
    halves = {"kind": "opensmile", "set": "GeMAPSv01b", "windows": {"count": 2}}
    set_parameters(
        features={"plain": "GeMAPSv01b", "halves": halves},
        external={"mine": {"kind": "table", "path": "m.csv"}},
    )
    ids = sorted(CLIPS)[:6]
    write_shard(Path("data/audio/0000.parquet"), ids, [encode(CLIPS[clip_id]) for clip_id in ids], MADE)
    write_table(Path("m.csv"), ids[1:4], np.ones((3, 2)))
    sources = load().sources
    prints = {key: open_source(sources[key]).fingerprint for key in ("plain", "halves")}
    prints["mine"] = digest_of(Path("m.csv"))
    windows = {"count": 2, "seconds": None, "hop": None, "pooling": None}
    sources_said = {
        "halves": {"set": "GeMAPSv01b", "windows": windows, "kind": "opensmile"},
        "mine": {"path": "m.csv", "ending": "", "kind": "table"},
    }
    said = {
        "plain": "GeMAPSv01b: 6 clips, 62 functionals, 18 descriptors; 6 clips computed, 0 quarantined\n",
        "halves": "GeMAPSv01b: 6 clips, 124 functionals, 0 descriptors; 6 clips computed, 0 quarantined\n",
        "mine": "mine: 3 clips, 2 columns of m.csv; 0 rows of other clips, 3 clips quarantined\n",
    }
    for key, line in said.items():
        run(monkeypatch, key)
        assert capsys.readouterr().out == line
        made_by = (
            {"feature_set": "GeMAPSv01b"}
            if key == "plain"
            else {"source": sources_said[key], "fingerprint": prints[key]}
        )
        table, frames = Path(f"data/features/{key}.parquet"), open_descriptors(Path(f"data/lld/{key}"))
        assert origin_of(table) == frames.origin == {**MADE, **made_by}
        assert frames.clip_ids == (tuple(ids) if key == "plain" else ())
        assert json.loads(Path(f"data/cards/{key}.json").read_text()) == {
            "clips": 3 if key == "mine" else 6,
            "columns": {"plain": 62, "halves": 124, "mine": 2}[key],
            "digest": digest_of(table),
        }
    assert sorted(path.name for path in Path(".cache/features").iterdir()) == sorted(
        f"GeMAPSv01b-{prints[key]}.sqlite" for key in ("plain", "halves")
    )
    assert [row[0] for row in quarantined("features-mine")] == [ids[0], ids[4], ids[5]]
    write_table(Path("m.csv"), ids[1:3], np.ones((2, 2)))  # more than half of the clips have no row
    with pytest.raises(
        UserError, match=r"^params\.yaml: external\.mine: m\.csv lacks 4 of 6 clips, 000 first; name"
    ):
        run(monkeypatch, "mine")


@pytest.mark.usefixtures("alone")
def test_clips_that_a_set_lacks_are_quarantined(set_parameters, monkeypatch, capsys) -> None:
    set_parameters(
        external={"mine": {"kind": "table", "path": "m.csv"}}, fused_features={"pair": ["mine", "egemaps"]}
    )
    write_audio(CLIPS)
    ids = sorted(CLIPS)
    write_table(Path("m.csv"), ids[2:], np.arange(10).reshape(5, 2))
    for key in ("egemaps", "mine"):
        run(monkeypatch, key)
    capsys.readouterr()
    run(monkeypatch, "pair", fuse_features)
    assert capsys.readouterr().out == "pair: mine + egemaps; 2 quarantined\n"
    assert quarantined("fused-pair") == [
        [clip_id, "fused-pair", "not in all sets", "no features of mine"] for clip_id in ids[:2]
    ]
    found, names, values = read_features(Path("data/features/pair.parquet"))
    assert (found, names[:3]) == (ids[2:], ["mine.energy", "mine.rate", "egemaps." + names[2][8:]])
    assert values[:, :2].tolist() == np.arange(10).reshape(5, 2).tolist()
    monkeypatch.setattr("sys.argv", ["fuse_features"])
    with pytest.raises(
        UserError, match=r"^usage: python -m stages\.fuse_features KEY, one of .*: all, pair\.$"
    ):
        fuse_features.main()


@pytest.mark.usefixtures("alone")
def test_a_source_that_can_use_no_clip_or_is_none_is_one_sentence(set_parameters, monkeypatch) -> None:
    set_parameters(features={"x": "eGeMAPS2"}, external={"own": {"kind": "opensmile", "path": "x.conf"}})
    write_audio({"a": CLIPS["000"][:10], "b": CLIPS["000"][:20]})
    for key, message in (
        (
            "x",
            r"^params\.yaml: features\.x: openSMILE has no feature set 'eGeMAPS2' \(did you mean eGeMAPS\?",
        ),
        (
            "own",
            r"^params\.yaml: external\.own: path x\.conf is no file; correct it, or put the file there\.$",
        ),
        ("owm", r"^params\.yaml: features has no 'owm' \(did you mean own\?\)\.$"),
        (
            "egemaps",
            r"^data/audio: openSMILE can use none of 2 clips "
            r"\(openSMILE gives no features of 10 samples at 16 kHz\)\.$",
        ),
    ):
        with pytest.raises(UserError, match=message):
            run(monkeypatch, key)
    assert not Path("data/features").exists() and not Path("data/cards").exists()
