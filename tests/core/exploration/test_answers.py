"""What the page asks for, answer by answer, for three clips of which one has no sound."""

import base64
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from stages.core.audio.shards import ShardReader, decode, encode, write_shard
from stages.core.config.tasks import Task
from stages.core.exploration.answers import Answer, Exploration
from stages.core.exploration.clips import ClipTable
from stages.core.exploration.page import page
from stages.core.exploration.picture import spectrogram, waveform

TASKS = {
    "kind": Task("classification", ("Kind",), "uar"),
    "age": Task("regression", ("Age",), "mae"),
}
CLIPS = pd.DataFrame(
    {
        "clip_id": ["c", "a", "b"],
        "speaker": ["S1", "S2", "S1"],
        "split": "test",
        "seconds": [0.5, 0.25, 1.0],
        "Kind": ["cry", "laugh", None],
        "Age": [30.0, 40.0, np.nan],
    }
)


@pytest.fixture
def found(tmp_path: Path) -> Exploration:
    rng = np.random.default_rng(1)
    sound = {
        name: rng.integers(-9000, 9000, 4000 * number).astype(np.int16)
        for number, name in ((1, "a"), (2, "c"))
    }
    write_shard(tmp_path / "0000.parquet", ["a"], [encode(sound["a"])])
    write_shard(tmp_path / "0001.parquet", ["c"], [encode(sound["c"])])
    table = ClipTable.of(CLIPS, TASKS, {"kind": ["cry", "laugh"]})
    rows = {"clip_id": ["a", "b", "c"], "seed": 1}
    kinds = {"kind.cry": [0.123456, 0.5, 0.75], "kind.laugh": [0.876544, 0.5, 0.25]}
    ages = {"age.Age": [38.5, 21.0, 31.0]}
    runs = {
        "both": table.predictions(pd.DataFrame({**rows, **kinds, **ages})),
        "old": table.predictions(pd.DataFrame({**rows, **ages}).assign(seed=2).iloc[:2]),
    }
    return Exploration(table, runs, ShardReader(tmp_path), {"corpus": "toy", "notice": "nobody"})


def test_every_path_has_its_answer(found: Exploration) -> None:
    assert list(found.paths()) == [
        *("clips", "truth", "run/both", "run/old"),
        *("clip/0", "sound/0", "clip/1", "sound/1", "clip/2", "sound/2"),
    ]
    told = json.loads(found.answer("clips").content)
    assert told == {
        **found.table.description(),
        "corpus": "toy",
        "notice": "nobody",
        "runs": {"both": ["kind", "age"], "old": ["age"]},
    }
    assert (
        found.answer("clips").kind == "application/json" and b" " not in found.answer("truth").kind.encode()
    )
    truth = np.frombuffer(found.answer("truth").content, "<f4")
    np.testing.assert_array_equal(truth, np.array([1, np.nan, 0, 40, np.nan, 30], np.float32))
    old = np.frombuffer(found.answer("run/old").content, "<f4")
    np.testing.assert_array_equal(old, np.array([38.5, 21, np.nan, 1.5, np.nan, np.nan], np.float32))


def test_a_clip_has_its_own_sound_picture_and_figures(found: Exploration) -> None:
    for row, name in ((0, "a"), (2, "c")):
        sound = found.answer(f"sound/{row}")
        assert sound.kind == "audio/flac" and sound.content == found.audio.flac(name)
        samples, clip = decode(sound.content), json.loads(found.answer(f"clip/{row}").content)
        assert len(samples) == {"a": 4000, "c": 8000}[name]
        np.testing.assert_allclose(clip["waveform"], waveform(samples), atol=5e-4)
        picture, shown = spectrogram(samples), clip["spectrogram"]
        assert (shown["height"], shown["width"]) == picture.shape
        assert base64.b64decode(shown["levels"]) == picture.tobytes()
    assert json.loads(found.answer("clip/0").content)["runs"] == {
        "both": {"kind": [0.1235, 0.8765, 0.1235], "age": [38.5, 1.5]},
        "old": {"age": [38.5, 1.5]},
    }
    assert clip["runs"] == {
        "both": {"kind": [0.75, 0.25, 0.25], "age": [31.0, 1.0]},
        "old": {"age": [None, None]},
    }


@pytest.mark.parametrize(
    "path", ["clip/1", "sound/1", "sound/3", "clip/0000000000", "both", "run/", "clips/"]
)
def test_what_is_not_there_has_no_answer(found: Exploration, path: str) -> None:
    assert found.answer(path) is None


def test_a_page_carries_answers_as_text_and_nothing_loads_from_elsewhere() -> None:
    told, sound = Answer("application/json", b'{"a": "<b>"}'), Answer("audio/flac", b"\xff\0")
    answers = {"clips": told, "sound/0": sound}
    text = page(["clips", "sound/0", "none"], answers.get)
    carried = text.split('id="carried">')[1].split("</script>")[0]
    assert json.loads(carried) == {"clips": '{"a": "<b>"}', "sound/0": base64.b64encode(b"\xff\0").decode()}
    assert "<b>" not in text and "{{" not in text
    assert 'id="carried">null</script>' in page()
    policy = text.split('http-equiv="Content-Security-Policy" content="')[1].split('"')[0]
    assert policy.split("; ") == [
        "default-src 'none'",
        "style-src 'unsafe-inline'",
        "script-src 'unsafe-inline'",
        "connect-src 'self'",
        "img-src data:",
        "media-src blob:",
        "base-uri 'none'",
        "form-action 'none'",
    ]
