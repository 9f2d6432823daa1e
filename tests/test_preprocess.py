import csv
import json
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile

from stages import preprocess
from stages.core.audio import converting
from stages.core.audio.cache import ClipCache
from stages.core.audio.shards import origin_of_audio, read_shards
from stages.core.config.data import PreprocessOptions
from stages.core.config.load import load
from stages.core.runtime.compute import ComputeOptions
from stages.core.runtime.errors import UserError
from stages.core.runtime.parallel import parallel_map
from stages.core.runtime.quarantine import Fault
from tests.helpers import ROOT
from tests.helpers.corpora import COLUMNS, EMOTIONS, info_row, tone, write_info


def quarantine(project: Path) -> dict[str, str]:
    with (project / "data/quarantine/preprocess.csv").open(newline="") as file:
        return {row["clip_id"]: row["reason"] for row in csv.DictReader(file)}


def test_the_zoo_of_bad_clips(corpus: Path, project: Path) -> None:
    wav = corpus / "wav"
    rng = np.random.default_rng(0)
    rows = [info_row(number, number // 2) for number in range(24)]
    zoo: dict[str, tuple[np.ndarray, str]] = {
        "silent": (np.zeros(16_000), "PCM_16"),
        "constant": (np.full(16_000, 0.5), "PCM_16"),
        "one sample": (np.ones(1) * 0.5, "PCM_16"),
        "not finite": (np.r_[np.nan, tone()], "FLOAT"),
        "very long": (rng.normal(size=61 * 44_100) * 0.1, "PCM_16"),
    }
    for name, (samples, subtype) in zoo.items():
        soundfile.write(wav / f"{name}.wav", samples, 44_100, subtype=subtype)
    (wav / "empty.wav").touch()
    (wav / "text.wav").write_text("no sound at all " * 100)
    soundfile.write(wav / "flac inside.wav", tone(), 44_100, format="FLAC")
    soundfile.write(wav / "Ünïcode & spaces.wav", np.c_[tone(), tone()], 44_100)
    names = [*zoo, "empty", "text", "flac inside", "Ünïcode & spaces", "no file", "../../x"]
    write_info(corpus, [*rows, *(info_row(0, 3, File_ID=name) for name in names)])

    preprocess.main()

    assert quarantine(project) == {
        "../../x": "unsafe id",
        "constant": "constant",
        "empty": "empty",
        "no file": "missing",
        "not finite": "not finite",
        "one sample": "too short",
        "silent": "silent",
        "text": "not audio",
        "very long": "too long",
    }
    clips = json.loads((project / "metrics/corpus.json").read_text())["clips"]
    assert clips == {"listed": 35, "used": 26, "quarantined": 9}
    recordings = pd.read_parquet(project / "data/recordings.parquet")
    assert {*recordings["source_rate"]} >= {44_100}
    assert recordings["source_channels"].max() < 100
    assert list(recordings["clip_id"]) == sorted(recordings["clip_id"])
    assert [clip_id for clip_id, _ in read_shards(project / "data/audio")] == list(recordings["clip_id"])
    assert list(recordings.columns[:2]) == ["clip_id", "speaker"]
    assert {"Age", "Country", "seconds", "source_rate", "source_channels", "source_split", *EMOTIONS} <= set(
        recordings
    )


def written(project: Path) -> dict[str, bytes]:
    files = [*(project / "data").rglob("*.parquet"), *(project / "data").rglob("*.csv")]
    files += (project / "metrics").iterdir()
    return {str(path.relative_to(project)): path.read_bytes() for path in sorted(files)}


@pytest.fixture
def converted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Numbers of the recordings that are converted, with one process on a thread of this one."""
    numbers = []

    def noted(items: Iterable[tuple[int, Any]]) -> Iterator[tuple[int, Any]]:
        for number, argument in items:
            numbers.append(number)
            yield number, argument

    def mapped(
        function: Callable[..., Any], items: Iterable[tuple[int, Any]], compute: ComputeOptions
    ) -> Any:
        here = "threads" if compute.processes == 1 else "processes"
        return parallel_map(function, noted(items), compute, here=here)

    monkeypatch.setattr(converting, "parallel_map", mapped)
    return numbers


def test_the_same_bytes_whatever_the_processes_and_the_cache(
    corpus: Path,
    project: Path,
    set_parameters: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    converted: list[int],
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(preprocess, "CLIPS_PER_SHARD", 10)
    soundfile.write(corpus / "wav/00003.wav", np.c_[tone(), -tone()], 44_100)
    (corpus / "wav/00005.wav").write_text("no sound at all")
    outputs, said, numbers = [], [], []
    damage = {
        "a part": "DELETE FROM clips WHERE rowid % 3 = 0",
        "damaged": "UPDATE clips SET flac = substr(flac, 1, 99) WHERE rowid = 4",
    }
    cases = {"nothing": 1, "everything": 1, "a part": 2, "damaged": 1, "all but the damaged": 2}
    for kept, processes in cases.items():
        set_parameters(compute={"processes": processes})
        (store,) = (project / ".cache/audio").iterdir() if kept != "nothing" else [Path()]
        if kept in damage:
            file = sqlite3.connect(store)
            file.execute(damage[kept])
            file.commit()
            file.close()
        if kept == "damaged":
            with pytest.raises(UserError, match="was damaged and has been removed; run the command again"):
                preprocess.main()
            converted.clear()
            continue
        shutil.rmtree(project / "data/audio", ignore_errors=True)
        preprocess.main()
        outputs.append(written(project))
        said.append([line for line in capsys.readouterr().out.splitlines() if line.startswith("note: ")])
        numbers.append(len(converted))
        converted.clear()
    assert outputs[1:] == outputs[:1] * 3
    assert {f"data/audio/{number:04d}.parquet" for number in range(3)} <= set(outputs[0])
    assert b"00005,preprocess,not audio" in outputs[0]["data/quarantine/preprocess.csv"]
    assert said[1:] == said[:1] * 3
    assert len(said[0]) == 1
    assert "its channels cancel each other" in said[0][0]
    assert numbers == [24, 1, 1 + 7, 1 + 1]  # the recording that is no sound each time


def test_all_that_is_written_and_said(
    corpus: Path,
    project: Path,
    set_parameters: Callable[..., None],
    converted: list[int],
    capsys: pytest.CaptureFixture[str],
) -> None:
    set_parameters(compute={"processes": 1})
    other = {2: {"Age": "old"}, 9: {"Country": ""}, 10: {"Awe": ""}}
    rows = [info_row(number, number // 2, **other.get(number, {})) for number in range(24)]
    write_info(corpus, [{**row, "Mood": "good"} for row in reversed(rows)], [*COLUMNS, "Mood"])
    for number in (3, 7):
        voice = tone(pitch=50.0 * number)
        soundfile.write(corpus / f"wav/{number:05d}.wav", np.c_[voice, -voice], 44_100)
    (corpus / "wav/00005.wav").write_text("no sound at all")
    soundfile.write(corpus / "wav/00008.wav", tone(0.25, 8000), 8000)
    preprocess.main()
    used = [number for number in range(24) if number not in (2, 5)]
    assert converted == list(range(23))
    unused = "columns that no task uses: Mood; to learn them, declare a task"
    assert capsys.readouterr().out == (
        "note: 2 recordings, for example of clip 00003: its channels cancel each other; channel 1 is used\n"
        f"note: {unused}\nsynthetic: 22 of 24 clips usable, 2 quarantined\n"
    )
    assert (project / "data/quarantine/preprocess.csv").read_text() == (
        "clip_id,stage,reason,detail\n"
        "00002,labels,label is not a number,data_info.csv line 23: Age is 'old'\n"
        "00005,preprocess,not audio,text\n"
    )
    table = pd.read_parquet(project / "data/recordings.parquet")
    facts = ["seconds", "source_rate", "source_channels", "source_split"]
    assert list(table.columns) == ["clip_id", "speaker", *EMOTIONS, "Age", "Country", *facts]
    assert table["clip_id"].tolist() == [f"{number:05d}" for number in used]
    assert table["speaker"].tolist() == [f"S{number // 2}" for number in used]
    assert table["Age"].tolist() == [20 + number // 2 for number in used]
    special = {3: (0.5, 44_100, 2), 7: (0.5, 44_100, 2), 8: (0.25, 8000, 1)}
    for number, row in zip(used, table.itertuples(), strict=True):
        seconds, rate, channels = special.get(number, (0.4 + number / 100, 44_100, 1))
        assert (row.source_rate, row.source_channels) == (rate, channels)
        assert row.seconds == pytest.approx(seconds, abs=1e-3)
    # 19 tones of 0.4 s and more, 2.51 s in all, two of 0.5 s and one of 0.25 s
    assert json.loads((project / "metrics/corpus.json").read_text()) == {
        "name": "synthetic",
        "synthetic": False,
        "clips": {"listed": 24, "used": 22, "quarantined": 2},
        "reasons": {"label is not a number": 1, "not audio": 1},
        "speakers": 12,
        "seconds": 11.4,
        "labels": {"emotion": 21, "country": 21, "age": 22},
        "groups": {"Country": {"China": 5, "South Africa": 5, "United States": 5, "Venezuela": 6}},
        "warnings": [unused],
    }
    shard = project / "data/audio/0000.parquet"
    assert list((project / "data/audio").iterdir()) == [shard]
    assert origin_of_audio(project / "data/audio") == {
        "corpus": "synthetic",
        "synthetic": False,
        "preprocess": {"peak_db": -3.0, "trim": "none", "enhance": "none"},
    }


def test_faults_of_most_labels_stop_before_anything_is_converted(corpus: Path, project: Path) -> None:
    write_info(corpus, [info_row(number, number, Age="old" if number > 10 else 20) for number in range(24)])
    with pytest.raises(UserError, match="13 of 24 clips cannot be used, 13 of them label is not a number"):
        preprocess.main()
    assert not (project / ".cache").exists() and not (project / "data/audio").exists()


def test_a_changed_corpus_costs_its_changes_only(
    corpus: Path, set_parameters: Callable[..., None], converted: list[int], project: Path
) -> None:
    set_parameters(compute={"processes": 1})
    preprocess.main()
    converted.clear()
    soundfile.write(corpus / "wav/00004.wav", tone(1.0), 44_100)
    soundfile.write(corpus / "wav/00007b.wav", tone(1.1), 44_100)
    rows = [info_row(number, number // 2) for number in range(24)]
    write_info(corpus, [*rows, info_row(0, 3, File_ID="00007b")])
    preprocess.main()
    assert converted == [4, 8]
    changed = written(project)
    shutil.rmtree(project / ".cache")
    preprocess.main()
    assert written(project) == changed
    set_parameters(preprocess={"peak_db": -6})
    converted.clear()
    preprocess.main()
    assert converted == list(range(25))
    assert written(project) != changed


@pytest.mark.usefixtures("corpus")
def test_a_second_run_at_once_is_told_to_wait() -> None:
    with (
        ClipCache(preprocess.CACHE, PreprocessOptions()),
        pytest.raises(UserError, match=r"\.sqlite is in use by another run; wait until it ends"),
    ):
        preprocess.main()
    assert not Path("data/recordings.parquet").exists()


def test_a_corpus_of_faults_stops_at_once(corpus: Path) -> None:
    for path in list((corpus / "wav").iterdir())[:13]:
        path.write_bytes(b"")
    with pytest.raises(UserError, match=r"13 of 24 clips cannot be used, 13 of them empty"):
        preprocess.main()


def test_a_clip_without_a_speaker_has_none_and_counts_as_one(corpus: Path, project: Path) -> None:
    write_info(corpus, [info_row(number, number, Subject_ID="") for number in range(24)])
    preprocess.main()
    recordings = pd.read_parquet(project / "data/recordings.parquet")
    assert recordings["speaker"].isna().all()
    assert recordings["speaker"].dtype == recordings["clip_id"].dtype
    assert json.loads((project / "metrics/corpus.json").read_text())["speakers"] == 24


@pytest.mark.usefixtures("corpus")
def test_nothing_personal_in_the_metrics(project: Path) -> None:
    preprocess.main()
    text = (project / "metrics/corpus.json").read_text()
    assert "S1" not in text
    assert "00001" not in text


@pytest.mark.parametrize("change", ["another", "deleted", "of the same size"])
def test_a_recording_that_changes_while_it_is_read(
    corpus: Path, set_parameters: Callable[..., None], monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    set_parameters(compute={"processes": 1})
    path = corpus / "wav" / "00003.wav"
    convert = preprocess.convert_recordings

    def convert_beside_a_writer(*arguments: Any) -> Iterator[tuple[str, Any]]:
        if change == "deleted":
            path.unlink()
        elif change == "of the same size":
            before = path.stat()
            path.write_bytes(path.read_bytes()[:-1] + b"x")
            os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + 1_000_000))
        else:
            soundfile.write(path, tone(), 8_000)
        yield from convert(*arguments)

    monkeypatch.setattr(preprocess, "convert_recordings", convert_beside_a_writer)
    with pytest.raises(UserError, match="the recording of clip 00003 changed while the corpus was read; run"):
        preprocess.main()
    assert not Path("data/recordings.parquet").exists()


def test_recordings_that_hold_no_voice_are_named(
    corpus: Path, project: Path, set_parameters: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    wav = corpus / "wav"
    dither = np.random.default_rng(0).integers(-1, 2, 16_000).astype(np.int16)
    soundfile.write(wav / "00001.wav", dither, 16_000)
    soundfile.write(wav / "00002.wav", np.sign(tone()), 44_100)
    soundfile.write(wav / "00003.wav", np.c_[tone(), -tone()], 44_100)
    preprocess.main()
    assert quarantine(project) == {"00001": "too quiet", "00002": "clipped"}
    note = "note: 1 recordings, for example of clip 00003: its channels cancel each other; channel 1 is used"
    assert note in capsys.readouterr().out.splitlines()
    set_parameters(preprocess={"min_peak_db": -100, "max_clipped": 1})
    preprocess.main()
    assert quarantine(project) == {}


def test_a_clip_is_labelled_for_a_task_if_it_has_all_its_columns() -> None:
    parameters = load(ROOT / "params.yaml")
    columns = [*EMOTIONS, "Age", "Country"]
    clips = pd.DataFrame(1.0, index=range(3), columns=columns).assign(
        clip_id=list("abc"), speaker=list("xxy"), seconds=2.0, Country=["Peru", "Chad", None]
    )
    clips.loc[0, "Awe"] = np.nan
    corpus: Any = SimpleNamespace(name="c", synthetic=False, listed=4, warnings=["w"], notes=["n"])
    found = preprocess.summary(corpus, clips, [Fault("d", "preprocess", "silent", "all")], parameters)
    assert found["labels"] == {"emotion": 2, "country": 2, "age": 3}
    assert found["clips"] == {"listed": 4, "used": 3, "quarantined": 1}
    assert (found["speakers"], found["seconds"], found["reasons"]) == (2, 6.0, {"silent": 1})
    assert (found["groups"], found["warnings"]) == ({"Country": {"Chad": 1, "Peru": 1}}, ["w", "n"])
