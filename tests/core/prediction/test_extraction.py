"""What training did is done again for a recording, also with what models said before."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from stages.core.audio.recording import Clip
from stages.core.bags.assignment import Assigner
from stages.core.bags.codebook import Activity, Codebook, Counting
from stages.core.bags.codebook_file import write_codebook
from stages.core.bags.weighting import finish
from stages.core.config.sources import OpenSmileSet
from stages.core.features.extractor import Features
from stages.core.prediction import extraction
from stages.core.prediction.extraction import RowExtractor, _BagMaker, _preprocessing
from stages.core.runtime.errors import UnusableClipError, UserError


def test_what_models_called_trim_silence() -> None:
    shape = {"peak_db": -3.0, "enhance": "none"}
    cut, whole = (_preprocessing({**shape, "trim_silence": value}) for value in (True, False))
    assert (cut.trim, cut.trim_db, whole.trim) == ("energy", -40.0, "none")
    assert _preprocessing({**shape, "trim": "energy", "trim_db": -12.0}).trim_db == -12.0


def test_frames_that_are_not_finite_count_nothing(tmp_path: Path) -> None:
    frames = np.random.default_rng(1).normal(size=(20, 3)).astype(np.float32)
    codebook = Codebook((frames[:5],), (Counting(2),))
    write_codebook(tmp_path / "codebook.txt", codebook)
    text = (tmp_path / "codebook.txt").read_text()
    bags = _BagMaker({"codebook": text, "layout": "joint", "normalize": "frames"}, ["a", "b", "c"])
    expected = finish(Assigner(codebook, [np.arange(3)]).count(frames, np.array([20])), codebook, "frames")[0]
    np.testing.assert_array_equal(bags.bag(frames), expected)
    damaged = np.insert(frames, [3, 20], [[np.nan] * 3, [0.0, np.nan, 0.0]], axis=0)
    np.testing.assert_array_equal(bags.bag(damaged), expected)


def test_quiet_frames_that_the_codebook_leaves_out_count_nothing(tmp_path: Path) -> None:
    frames = np.random.default_rng(1).normal(size=(30, 3)).astype(np.float32)
    codebook = Codebook((frames[:5],), (Counting(2),), activity=Activity(1, 0.25))
    write_codebook(tmp_path / "codebook.txt", codebook)
    text = (tmp_path / "codebook.txt").read_text()
    bags = _BagMaker({"codebook": text, "layout": "joint", "normalize": "none"}, ["a", "b", "c"])
    loud = frames[frames[:, 1] >= 0.25]
    assert 5 < len(loud) < 25
    counts = Assigner(codebook, [np.arange(3)]).count(loud, np.array([len(loud)]))
    np.testing.assert_array_equal(bags.bag(frames), finish(counts, codebook, "none")[0])
    assert bags.bag(frames).sum() == 2 * len(loud)


SHAPE = {"peak_db": -3.0, "trim": "none", "enhance": "none"}


@pytest.fixture
def extracted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Sources whose features are their name's length and a number; the names of those that were asked."""
    asked: list[str] = []

    def extract_from(source: OpenSmileSet, samples: np.ndarray) -> Features | UnusableClipError:
        asked.append(source.set)
        if len(samples) < 3:
            return UnusableClipError("too short", "3 samples at least")
        values = np.float32([len(source.set), len(samples)])
        return Features(values, np.tile(values, (4, 1)))

    def read_clip(path: Path, _: object) -> Clip | UnusableClipError:
        if path.stem == "missing":
            return UnusableClipError("missing", "no such file")
        note = "odd" if path.stem == "7" else ""
        return SimpleNamespace(samples=np.zeros(int(path.stem), np.int16), note=note)

    opened = SimpleNamespace(fingerprint="abc", frame_names=["a", "b"])
    monkeypatch.setattr(extraction, "extract_from", extract_from)
    monkeypatch.setattr(extraction, "open_source", lambda _: opened)
    monkeypatch.setattr(extraction, "read_clip", read_clip)
    return asked


def test_sets_stand_side_by_side_and_each_source_is_asked_once(extracted: list[str], tmp_path: Path) -> None:
    codebook = Codebook((np.float32([[10, 7], [99, 99]]),), (Counting(1),))
    write_codebook(tmp_path / "codebook.txt", codebook)
    bags = {"codebook": (tmp_path / "codebook.txt").read_text(), "layout": "joint", "normalize": "none"}
    parts = [
        {"feature_set": "ComParE_2016", "fingerprint": "abc"},
        {"feature_set": "eGeMAPSv02", "bags": bags},
        {"feature_set": "eGeMAPSv02"},
    ]
    extractor = RowExtractor({"preprocess": SHAPE, "fused": [{"origin": part} for part in parts]})
    assert extractor.row(Path("7.wav")).tolist() == [12, 7, 4, 0, 10, 7]
    assert extractor.note == "odd"
    assert extracted == ["ComParE_2016", "eGeMAPSv02"]
    loud = {"preprocess": SHAPE, "feature_set": "eGeMAPSv02", "bags": {**bags, "normalize": "loud"}}
    with pytest.raises(UserError, match="unknown normalization loud"):
        RowExtractor(loud)
    halves = Codebook((np.float32([[1], [2]]), np.float32([[3], [4]])), (Counting(1), Counting(1)))
    write_codebook(tmp_path / "halves.txt", halves)
    other = {**bags, "codebook": (tmp_path / "halves.txt").read_text()}
    with pytest.raises(UserError, match=r"groups of \[2\] columns, but the codebook has words of \[1, 1\]"):
        RowExtractor({"preprocess": SHAPE, "feature_set": "eGeMAPSv02", "bags": other})
    for name, reason in (("missing", "missing: no such file"), ("2", "too short: 3 samples at least")):
        with pytest.raises(UnusableClipError, match=reason):
            extractor.row(Path(f"{name}.wav"))
        assert extractor.note == ""


@pytest.mark.usefixtures("extracted")
def test_what_cannot_be_made_here_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = {"preprocess": SHAPE, "feature_set": "eGeMAPSv02"}
    with pytest.raises(UserError, match="features of opensmile with other weights, versions or a device"):
        RowExtractor({**whole, "fingerprint": "another"})
    for wrong in ({"feature_set": "eGeMAPSv02"}, {"preprocess": {"volume": 11}, **whole, "fused": 3}):
        with pytest.raises(UserError, match="the model says wrongly how its features were made"):
            RowExtractor(wrong)
    monkeypatch.setattr(extraction, "preparation", lambda _: {"packages": {"noisereduce": "3.0"}})
    there = {**SHAPE, "packages": {"noisereduce": "2.9"}}
    advice = r"noisereduce 2\.9, and 3\.0 is installed here; `pip install --no-deps noisereduce==2\.9`"
    with pytest.raises(UserError, match=advice):
        RowExtractor({**whole, "preprocess": there})
    RowExtractor({**whole, "preprocess": {**SHAPE, "packages": {"noisereduce": "3.0"}}})


def test_clips_of_a_second_and_of_an_hour_are_prepared_as_training_was() -> None:
    options = _preprocessing({**SHAPE, "peak_db": -6.0})
    assert (options.peak_db, options.min_seconds, options.max_seconds) == (-6.0, 0.001, 3600.0)
    with pytest.raises(ValueError, match="trim"):
        _preprocessing({**SHAPE, "trim": "both"})
